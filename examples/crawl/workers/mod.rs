//! `--workers`: the spiders in processes that can be replaced.
//!
//! The answer that Scrapy's page on leaks plans for memory that is never given
//! back, leaked or not: a pool of worker processes. A process that has passed
//! `--recycle-at` is drained, and a new one goes on with what it has left.
//!
//! The parent serves the site and owns the frontier ([`ledger`]): it alone knows
//! what was found before, so no page is visited twice, and it has all that it
//! gave away until it is handed back, so none is lost with a process that
//! crashes. It writes items as they come and keeps addresses and titles alone.
//!
//! * [`protocol`]: the lines on the two pipes between parent and worker,
//! * [`worker`]: the worker's side,
//! * [`process`]: a worker as its parent has it,
//! * [`place`]: one process after the other,
//! * [`pool`]: the parent's side,
//! * [`summary`]: what it prints at the end,
//! * [`resident`]: how much of a process is resident.
//!
//! Each process is one of its own for endler: it has its own heap, answers its
//! own SIGUSR1, and its dumps are `endler.PID.…` with its id, which the parent
//! prints when it starts it. In none of them are the other's blocks.

mod ledger;
mod place;
mod pool;
mod process;
mod protocol;
mod resident;
mod summary;
mod worker;

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use endler::reports::render::number::thousands;

use crate::args::Args;
use crate::items::ItemFile;
use crate::server::Server;
use crate::site::Site;
use pool::Pool;
use resident::Resident;

pub(crate) use worker::run as work;

/// Crawls `pages` pages of `site` in worker processes, and prints how it went.
pub(crate) async fn run(site: Site, pages: usize, args: &Args) -> Result<(), Box<dyn Error>> {
    let site = Arc::new(site);
    let server = Server::start(Arc::clone(&site)).await?;
    let url = server.url();
    let items = ItemFile::create(&args.dumps.join("items.jsonl"))?;

    endler::phase("crawl");
    let began = Instant::now();
    let mut pool = Pool::start(&url, &site, args, pages, items)?;
    pool.crawl().await?;
    crate::say("crawl", began, &pool.progress());

    endler::phase("drain");
    let began = Instant::now();
    let over = pool.close().await?;
    crate::say(
        "drain",
        began,
        &format!(
            "{} requests dropped, {} second visits stay",
            thousands(over.dropped as u64),
            thousands(over.later as u64),
        ),
    );
    println!("\nItems: {}.\n", over.items);
    print!("{}", summary::table(&over.rows));
    println!();
    println!(
        "{}",
        summary::sentence(&over.rows, args.limit(), Resident::here()?)
    );
    Ok(())
}
