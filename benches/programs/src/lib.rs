//! What the measured programs do, the same in each of them.
//!
//! One program for each global allocator (`src/bin/`) calls [`run`]. What is
//! done is told by the arguments; the one line on standard output is the figure.
//!
//! ```text
//! PROGRAM json|churn|thread|threads|bursts DIVIDE    seconds
//! PROGRAM html|crawl DIVIDE FOLDER            seconds
//! PROGRAM live BLOCKS                         resident bytes a block of 48 bytes
//! PROGRAM pairs KIND STACK DEPTH COUNT        nothing: a tool counts instructions
//! ```
//!
//! `DIVIDE` makes a workload that many times smaller, for profilers that take a
//! hundred times as long; what the workload keeps alive stays as large.

// The crawl of the example, without its dumps and tables: those are endler's.
#[allow(dead_code, reason = "the example prints more")]
#[path = "../../../examples/crawl/engine.rs"]
mod engine;
#[allow(dead_code, reason = "the example prints more")]
#[path = "../../../examples/crawl/frontier.rs"]
mod frontier;
#[allow(dead_code, reason = "the example prints more")]
#[path = "../../../examples/crawl/http.rs"]
mod http;
#[allow(dead_code, reason = "the example prints more")]
#[path = "../../../examples/crawl/items.rs"]
mod items;
#[allow(dead_code, reason = "the example prints more")]
#[path = "../../../examples/crawl/server.rs"]
mod server;
#[allow(dead_code, reason = "the example prints more")]
#[path = "../../../examples/crawl/site.rs"]
mod site;
#[path = "../../../examples/crawl/spiders/mod.rs"]
mod spiders;
mod work {
    pub(crate) mod churn;
    pub(crate) mod crawl;
    pub(crate) mod html;
    pub(crate) mod json;
    pub(crate) mod live;
    pub(crate) mod pairs;
    pub(crate) mod threads;
}

use std::time::Instant;

use work::{churn, crawl, html, json, live, pairs, threads};

/// Does what the arguments say.
pub fn run() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    if act(&args).is_none() {
        eprintln!("not understood: {args:?}; the arguments stand in src/lib.rs");
        std::process::exit(2);
    }
}

fn act(args: &[&str]) -> Option<()> {
    match *args {
        ["json", divide] => {
            let text = json::text();
            let times = divided(json::TIMES, divide)?;
            timed(|| json::parse(&text, times));
        }
        ["churn", divide] => {
            let times = divided(churn::TIMES, divide)?;
            timed(|| churn::replace(times));
        }
        ["thread", divide] => {
            let times = divided(threads::TIMES, divide)?;
            timed(|| threads::allocate(1, times));
        }
        ["threads", divide] => {
            let times = divided(threads::TIMES, divide)?;
            timed(|| threads::allocate(2, times));
        }
        ["bursts", divide] => {
            let times = divided(threads::TIMES, divide)?;
            timed(|| threads::bursts(times));
        }
        ["html", divide, folder] => {
            let times = divided(html::TIMES, divide)?;
            let pages = html::pages(folder.as_ref());
            timed(|| html::parse(&pages, times));
        }
        ["crawl", divide, folder] => {
            let pages = divided(crawl::PAGES, divide)?;
            let site = crawl::site(folder.as_ref());
            timed_once(|| crawl::crawl(&site, pages));
        }
        ["live", blocks] => println!("{}", live::bytes_per_block(blocks.parse().ok()?)),
        ["pairs", kind, stack, depth, count] => {
            pairs::run(
                kind.parse().ok()?,
                stack.parse().ok()?,
                depth.parse().ok()?,
                count.parse().ok()?,
            );
        }
        _ => return None,
    }
    Some(())
}

fn divided(times: u64, divide: &str) -> Option<u64> {
    Some(times.checked_div(divide.parse().ok()?)?.max(1))
}

/// Does the work once, so that tables and caches are warm, then once more
/// against the clock, and prints its wall time in seconds.
fn timed(work: impl Fn()) {
    work();
    timed_once(work);
}

/// Does the work once against the clock, and prints its wall time in seconds.
fn timed_once(work: impl Fn()) {
    let start = Instant::now();
    work();
    println!("{}", start.elapsed().as_secs_f64());
}
