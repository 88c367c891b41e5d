//! The first thread's stack, which grows while it is used: past the limit that
//! stood when the thread first allocated, too.
//!
//! No test harness: the harness runs its cases on threads of its own.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use support::Block;
use support::oracle::{self, Oracle};

static HEAP: endler_allocator::Heap = endler_allocator::Heap::system();
#[global_allocator]
static ORACLE: Oracle = Oracle::over(&HEAP);

const MIB: u64 = 1 << 20;

fn set_limit(bytes: u64) -> bool {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: writes one limit.
    unsafe { libc::getrlimit(libc::RLIMIT_STACK, &raw mut limit) };
    limit.rlim_cur = bytes;
    // SAFETY: reads one limit.
    bytes <= limit.rlim_max && unsafe { libc::setrlimit(libc::RLIMIT_STACK, &raw const limit) } == 0
}

#[inline(never)]
fn down(depth: u32) -> u32 {
    let mut room = [depth; 500];
    std::hint::black_box(&mut room);
    oracle::ask(depth.is_multiple_of(17));
    std::hint::black_box(Block::alloc(24, 8));
    let below = match depth {
        0 => 0,
        _ => down(std::hint::black_box(depth - 1)),
    };
    oracle::ask(depth.is_multiple_of(19));
    std::hint::black_box(Block::alloc(40, 8));
    oracle::ask(true);
    below + room[depth as usize % 500]
}

fn main() {
    oracle::begin();
    down(20);
    let grown = set_limit(96 * MIB);
    // Some 2.2 KB a frame: within 8 MiB, and far beyond.
    let frames = if grown { 30_000 } else { 2_000 };
    if !grown {
        println!("not run here: a main stack beyond its first limit (the hard limit is lower)");
    }
    down(frames);
    down(40);
    let (image, tally) = oracle::tally();
    println!("{tally:?}");
    tally.check_all_whole(200);
    assert!(image.blocks.len() > 2 * frames as usize, "each is recorded");
    println!("test the_main_stack_grows ... ok");
}
