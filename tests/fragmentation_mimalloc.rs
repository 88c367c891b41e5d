//! `endler fragmentation` on real processes with mimalloc inside: the same as
//! `fragmentation.rs`, as far as that allocator's statistics reach.
#![allow(missing_docs)]

mod process;
mod resident;

use resident::alone;

#[global_allocator]
static HEAP: endler::Heap<mimalloc::MiMalloc> = endler::Heap::wrapping(mimalloc::MiMalloc);

/// With the feature, the library's own reading; without it there is none.
use endler::inner::automatic as statistics;

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
        // Of mimalloc nothing tells them apart (README.md, limits): not joined.
        resident::a_map_is_outside_the_heap(taken, 0);
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
