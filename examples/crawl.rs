//! A crawler with a memory leak, and endler to find it.
//!
//! ```text
//! cargo run --release --example crawl
//! ```
//!
//! It crawls a site that it serves itself on loopback. One of its three spiders
//! has the fault that Scrapy's documentation calls by far the most common cause
//! of leaks: its requests carry the response that they were found in, so that
//! response lives as long as they do. `--fault SPIDER` moves the fault,
//! `--fixed` takes it away.
//!
//! With `--console` it can be asked meanwhile (`endler attach PID`). With
//! `--workers N --recycle-at MIB` the spiders run in processes that are replaced
//! when they have grown, which bounds what the fault costs and does not find it.
//!
//! The two lines that a service needs for endler stand in `HEAP` and `main`. At
//! the end of each phase the process sends itself the signal that an operator
//! would send; what it prints at the end is read back from the files of those
//! dumps.

#[path = "crawl/args.rs"]
mod args;
#[path = "crawl/dumps.rs"]
mod dumps;
#[path = "crawl/engine.rs"]
mod engine;
#[path = "crawl/frontier.rs"]
mod frontier;
#[path = "crawl/http.rs"]
mod http;
#[path = "crawl/items.rs"]
mod items;
#[path = "crawl/progress.rs"]
mod progress;
#[path = "crawl/server.rs"]
mod server;
#[path = "crawl/site.rs"]
mod site;
#[path = "crawl/spiders/mod.rs"]
mod spiders;
#[path = "crawl/tables.rs"]
mod tables;
#[path = "crawl/workers/mod.rs"]
mod workers;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use endler::reports::render::number::thousands;

use args::Args;
use dumps::Dumps;
use engine::Crawl;
use progress::Progress;
use server::Server;
use site::Site;
use spiders::Spiders;

// `benches/` measures the crawl without endler as well.
#[cfg(not(crawl_alone))]
#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("crawl: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), Box<dyn Error>> {
    if let Some(url) = &args.worker_of {
        return workers::work(url, &args).await;
    }
    endler::on_signal(libc::SIGUSR1, &args.dumps)?;
    let console = args.console().map(endler::console::serve).transpose()?;
    if console.is_some() {
        eprintln!("The console: endler attach {}", std::process::id());
    }
    let recording = !std::env::var("ENDLER").is_ok_and(|mode| mode.starts_with("off"));

    let root = args.site.clone().unwrap_or_else(Site::default_root);
    let site = Site::open(&root).map_err(|e| format!("cannot serve {}: {e}", root.display()))?;
    let pages = args.pages.min(site.len());
    println!(
        "Crawling {} of the {} pages in {}.",
        thousands(pages as u64),
        thousands(site.len() as u64),
        root.display()
    );
    match args.faulty().and_then(|name| name.to_possible_value()) {
        Some(name) => println!(
            "The requests of spider `{}` keep their response.\n",
            name.get_name()
        ),
        None => println!("No request keeps its response.\n"),
    }
    if args.workers.is_some() {
        return workers::run(site, pages, &args).await;
    }

    let dumps = Dumps::new(args.dumps.clone());
    let server = Server::start(Arc::new(site)).await?;
    // On the heap, as a service keeps its state.
    let mut crawl = Box::new(Crawl::new(&server.url(), Spiders::new(args.faulty()))?);
    let mut taken = Vec::new();

    endler::phase("seed");
    let began = Instant::now();
    crawl.seed().await?;
    say("seed", began, &crawl.progress());
    if recording {
        taken.push(dumps.take("seed").await?);
    }

    endler::phase("crawl");
    let began = Instant::now();
    let progress = Progress::new(pages);
    let show = |crawl: &Crawl| progress.show(crawl.pages, crawl.waiting());
    crawl.run(pages, show).await?;
    progress.done();
    say("crawl", began, &crawl.progress());
    if recording {
        taken.push(dumps.take("crawl").await?);
    }

    endler::phase("drain");
    let began = Instant::now();
    let (dropped, items) = crawl.close();
    let kinds = items::hand_over(items, &args.dumps.join("items.jsonl"))?;
    say(
        "drain",
        began,
        &format!(
            "{} requests dropped, {} second visits stay",
            thousands(dropped as u64),
            thousands(crawl.later() as u64),
        ),
    );
    if recording {
        taken.push(dumps.take("drain").await?);
    }

    println!("\nItems: {kinds}.");
    match &taken[..] {
        [seed, crawl, drain] => tables::print(seed, crawl, drain)?,
        _ => println!("endler is off (ENDLER): no dumps, no tables."),
    }
    if console.is_some() {
        eprintln!("\nThe heap can still be asked. Enter ends.");
        std::io::stdin().read_line(&mut String::new())?;
    }
    Ok(())
}

fn say(phase: &str, began: Instant, text: &str) {
    println!("{phase:<6} {:6.2} s  {text}", began.elapsed().as_secs_f64());
}
