//! What the measured programs do, the same in each of them.
//!
//! One program for each global allocator (`src/bin/`) calls [`run`]. What is
//! done is told by the arguments; the one line on standard output is the figure.
//!
//! ```text
//! PROGRAM json|churn|thread|threads|bursts DIVIDE    seconds
//! PROGRAM html DIVIDE FOLDER                  seconds
//! PROGRAM live BLOCKS                         resident bytes a block of 48 bytes
//! PROGRAM pairs KIND STACK DEPTH COUNT        nothing: a tool counts instructions
//! ```
//!
//! `DIVIDE` makes a workload that many times smaller, for profilers that take a
//! hundred times as long; what the workload keeps alive stays as large.

mod work {
    pub(crate) mod churn;
    pub(crate) mod html;
    pub(crate) mod json;
    pub(crate) mod live;
    pub(crate) mod pairs;
    pub(crate) mod threads;
}

use std::time::Instant;

use work::{churn, html, json, live, pairs, threads};

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
    let start = Instant::now();
    work();
    println!("{}", start.elapsed().as_secs_f64());
}
