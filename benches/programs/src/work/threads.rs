//! Threads that do nothing but allocate and free boxes of 64 bytes: each box at
//! once, or in bursts, so that caches of free blocks and records overflow.
//!
//! Each does the same amount of work, so where threads share nothing two take
//! as long as one.

use std::hint::black_box;

/// Boxes of each thread.
pub(crate) const TIMES: u64 = 5_000_000;

/// `threads` threads make and free `times` boxes each.
pub(crate) fn allocate(threads: usize, times: u64) {
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                for i in 0..times {
                    black_box(Box::new([i; 8]));
                }
            });
        }
    });
}

/// Boxes that are alive at a burst's end.
const BURST: u64 = 1000;

/// Two threads make and free `times` boxes each, a burst before the first is freed.
pub(crate) fn bursts(times: u64) {
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut held: Vec<Box<[u64; 8]>> = Vec::with_capacity(BURST as usize);
                for _ in 0..times.div_ceil(BURST) {
                    held.extend((0..BURST).map(|i| Box::new([i; 8])));
                    black_box(&mut held).clear();
                }
            });
        }
    });
}
