//! How long the types of a snapshot take, and how much memory:
//! `cargo run --release -p endler-reports --example resolve_speed SNAPSHOT`.
//!
//! The snapshot's own answers are thrown away, and found anew from the debug
//! information of the program that it names. `tests/large.sh` runs it.

#[path = "../tests/hostile_debug/counting.rs"]
mod counting;

use std::path::Path;
use std::time::Instant;

use endler_reports::load;
use endler_reports::resolve::{Options, resolve};
use endler_snapshot::Evidence;

fn main() {
    let path = std::env::args_os().nth(1).expect("the path of a snapshot");
    let mut image = load(Path::new(&path)).expect("a snapshot");
    image.resolution = None;
    let begin = Instant::now();
    let (warnings, most) = counting::counted(|| resolve(&mut image, &Options::default()));
    let took = begin.elapsed();
    for warning in warnings {
        println!("{warning}");
    }
    let names = image.resolution.as_ref().expect("it was just resolved");
    let known = names.block_evidence.iter();
    let known = known.filter(|e| **e != Evidence::Unknown).count();
    println!(
        "{} blocks, {} stacks of {} frames: resolved in {:.2} s, at most {} MB of heap more; {:.2} % typed",
        image.blocks.len(),
        image.contexts.len(),
        image.frames.len(),
        took.as_secs_f64(),
        most / 1_000_000,
        known as f64 * 100.0 / image.blocks.len().max(1) as f64,
    );
}
