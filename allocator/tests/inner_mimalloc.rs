//! With mimalloc inside: its small size classes put blocks closer together than 16 bytes.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use support::{alone, churn, full_speed, inner};

#[global_allocator]
static HEAP: endler_allocator::Heap<mimalloc::MiMalloc> =
    endler_allocator::Heap::wrapping(mimalloc::MiMalloc);

#[test]
fn books_equal_images_at_quiet_points() {
    alone(
        "books_equal_images_at_quiet_points",
        inner::books_equal_images,
    );
}

#[test]
fn snapshots_while_two_threads_work() {
    alone("snapshots_while_two_threads_work", || {
        churn::snapshots_during_moves(10)
    });
}

#[test]
#[cfg_attr(
    debug_assertions,
    ignore = "a minute in a debug build: .ci/run runs it in release"
)]
fn what_lived_through_a_snapshot_is_in_it() {
    alone("what_lived_through_a_snapshot_is_in_it", full_speed::case);
}
