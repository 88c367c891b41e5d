//! `endler fragmentation` on real processes with jemalloc inside: the same as
//! `fragmentation.rs`, as far as that allocator's statistics reach.
#![allow(missing_docs)]

mod process;
mod resident;

use resident::alone;

#[global_allocator]
static HEAP: endler::Heap<tikv_jemallocator::Jemalloc> =
    endler::Heap::wrapping(tikv_jemallocator::Jemalloc);

/// With the feature, the library's own reading; without it, a function of the program's.
#[cfg(feature = "jemalloc")]
use endler::inner::automatic as statistics;

#[cfg(not(feature = "jemalloc"))]
fn statistics() -> Option<endler::InnerStatistics> {
    use tikv_jemalloc_ctl::{epoch, stats};
    let bytes = |count: usize| Some(endler::Bytes(count as u64));
    epoch::advance().ok()?;
    Some(endler::InnerStatistics {
        allocated: stats::allocated::read().ok().and_then(bytes),
        resident: stats::resident::read().ok().and_then(bytes),
        ..endler::InnerStatistics::default()
    })
}

#[test]
fn pinners_are_named() {
    alone("pinners_are_named", |taken| {
        endler::inner_statistics(statistics);
        resident::pinners_are_named(taken);
    });
}

#[test]
fn a_leak_is_a_leak() {
    alone("a_leak_is_a_leak", |taken| {
        endler::inner_statistics(statistics);
        resident::a_leak_is_a_leak(taken);
    });
}

#[test]
fn a_cache_of_steady_size_is_fragmentation() {
    alone("a_cache_of_steady_size_is_fragmentation", |taken| {
        endler::inner_statistics(statistics);
        resident::a_cache_of_steady_size_is_fragmentation(taken);
    });
}

#[test]
fn a_map_is_outside_the_heap() {
    alone("a_map_is_outside_the_heap", |taken| {
        endler::inner_statistics(statistics);
        // What jemalloc says is resident is the most that it can be.
        resident::a_map_is_outside_the_heap(taken, 2);
    });
}

#[test]
fn a_deep_stack_is_outside_the_heap() {
    alone("a_deep_stack_is_outside_the_heap", |taken| {
        endler::inner_statistics(statistics);
        resident::a_deep_stack_is_outside_the_heap(taken);
    });
}

#[test]
fn nothing_grows() {
    alone("nothing_grows", |taken| {
        endler::inner_statistics(statistics);
        resident::nothing_grows(taken);
    });
}
