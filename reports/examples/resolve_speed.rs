//! How long the types of a snapshot take, and how much memory:
//! `cargo run --release -p endler-reports --example resolve_speed SNAPSHOT`.
//!
//! The snapshot's own answers are thrown away, and found anew from the debug
//! information of the program that it names. `tests/large.sh` runs it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use endler_reports::load;
use endler_reports::resolve::{Options, resolve};
use endler_snapshot::Evidence;

/// The system's allocator, which also counts the bytes that live, and the most that
/// lived at once.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is forwarded to `System` unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(live, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, address: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(address, layout) }
    }
}

#[global_allocator]
static HEAP: Counting = Counting;

fn main() {
    let path = std::env::args_os().nth(1).expect("the path of a snapshot");
    let mut image = load(Path::new(&path)).expect("a snapshot");
    image.resolution = None;
    let before = LIVE.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    let begin = Instant::now();
    let warnings = resolve(&mut image, &Options::default());
    let took = begin.elapsed();
    let most = MOST.load(Ordering::Relaxed) - before;
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
