//! What a tag's scope costs, what blocks pay for it, and how long live bytes take to count.
//!
//! ```text
//! cargo run --release -p endler-allocator --example tag_speed
//! valgrind --tool=callgrind tag_speed pairs 100000           # and 200000: the difference
//! valgrind --tool=callgrind tag_speed tagged 100000
//! ```
#![allow(missing_docs)]

use std::hint::black_box;
use std::time::Instant;

use endler_allocator::{Tag, live_bytes};

#[global_allocator]
static HEAP: endler_allocator::Heap = endler_allocator::Heap::system();

/// Allocates and frees as often as it is told.
#[inline(never)]
fn pairs(count: u64) {
    for _ in 0..count {
        drop(black_box(Box::new([0u8; 64])));
    }
}

fn at_depth(depth: u32, work: &mut dyn FnMut()) {
    if depth == 0 {
        work();
    } else {
        at_depth(black_box(depth - 1), work);
    }
    black_box(depth);
}

fn best_nanos(rounds: u64, mut work: impl FnMut()) -> f64 {
    let times = (0..7).map(|_| {
        let began = Instant::now();
        (0..rounds).for_each(|_| work());
        began.elapsed().as_nanos() as f64 / rounds as f64
    });
    times.fold(f64::INFINITY, f64::min)
}

fn main() {
    let mut args = std::env::args().skip(1);
    let mode = args.next().unwrap_or_default();
    let count = args.next().and_then(|n| n.parse().ok()).unwrap_or(100_000);
    match mode.as_str() {
        "pairs" => at_depth(8, &mut || pairs(count)),
        "tagged" => {
            let _scope = Tag::new("spider=books").enter();
            at_depth(8, &mut || pairs(count));
        }
        "scopes" => {
            let tag = Tag::new("spider=books");
            (0..count).for_each(|_| drop(black_box(tag.enter())));
        }
        _ => measure(),
    }
}

fn measure() {
    let named = best_nanos(1_000_000, || drop(Tag::new("spider=books").enter()));
    let tag = Tag::new("spider=books");
    let made = best_nanos(1_000_000, || drop(tag.enter()));
    let plain = best_nanos(10, || pairs(100_000)) / 100_000.0;
    let scope = tag.enter();
    let nested = best_nanos(1_000_000, || drop(tag.enter()));
    let tagged = best_nanos(10, || pairs(100_000)) / 100_000.0;
    drop(scope);
    println!(
        "a scope of a name: {named:.1} ns; of a tag that is kept: {made:.1} ns, in itself {nested:.1} ns"
    );
    println!("alloc and free of 64 bytes: {plain:.1} ns, under a tag {tagged:.1} ns");
    for millions in [0.1, 1.0] {
        let blocks: Vec<Box<[u8; 48]>> = (0..(millions * 1e6) as u64)
            .map(|_| Box::new([0; 48]))
            .collect();
        let look = best_nanos(1, || {
            black_box(live_bytes());
        });
        println!(
            "{millions} million live blocks are counted in {:.2} ms",
            look / 1e6
        );
        drop(blocks);
    }
}
