//! A snapshot while two threads allocate at full speed: every block that lived
//! before and after it is in it, once, with its right size and stack. (The same
//! with other allocators inside: `inner_jemalloc.rs`, `inner_mimalloc.rs`.)
//!
//! `ENDLER_SNAPSHOTS` says how many are taken.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use support::{alone, full_speed};

#[global_allocator]
static HEAP: endler_allocator::Heap = endler_allocator::Heap::system();

#[test]
fn what_lived_through_a_snapshot_is_in_it() {
    alone("what_lived_through_a_snapshot_is_in_it", full_speed::case);
}
