//! Deep recursion: 100,000 frames, with an allocation at every level on the way
//! down and up.
//!
//! Every stack that is compared equals the innermost frames of `backtrace`'s,
//! and a walk costs what it costs in a shallow recursion: it ends at the depth
//! limit however deep the stack is.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use support::oracle::{self, Oracle};
use support::{Block, alone};

static HEAP: endler_allocator::Heap = endler_allocator::Heap::system();
#[global_allocator]
static ORACLE: Oracle = Oracle::over(&HEAP);

const DEEP: u32 = 100_000;

/// What happens at each level.
trait Visit {
    fn down(&mut self, level: u32);
    fn up(&mut self, level: u32);
}

/// Three functions that call one another, so that deep stacks differ.
#[inline(never)]
fn recurse<V: Visit>(visit: &mut V, level: u32) -> u64 {
    visit.down(level);
    let below = match level {
        0 => 0,
        _ if level % 7 == 3 => with_room(visit, level - 1),
        _ if level % 11 == 5 => in_a_closure(visit, level - 1),
        _ => recurse(visit, level - 1),
    };
    visit.up(level);
    below + u64::from(level)
}

#[inline(never)]
fn with_room<V: Visit>(visit: &mut V, level: u32) -> u64 {
    let mut room = [level; 40];
    std::hint::black_box(&mut room);
    recurse(visit, level) + u64::from(room[level as usize % 40])
}

#[inline(never)]
fn in_a_closure<V: Visit>(visit: &mut V, level: u32) -> u64 {
    let mut inner = || recurse(visit, level);
    std::hint::black_box(&mut inner)()
}

/// Blocks stay; at some levels `backtrace` is asked.
struct Compared;

impl Visit for Compared {
    #[inline(never)]
    fn down(&mut self, level: u32) {
        oracle::ask(level.is_multiple_of(61) || !(50..DEEP - 50).contains(&level));
        std::hint::black_box(Block::alloc(16, 8));
        oracle::ask(false);
    }
    #[inline(never)]
    fn up(&mut self, level: u32) {
        oracle::ask(level.is_multiple_of(67) || !(50..DEEP - 50).contains(&level));
        std::hint::black_box(Block::alloc(24, 8));
        oracle::ask(false);
    }
}

#[test]
fn stacks_of_a_hundred_thousand_frames() {
    alone("stacks_of_a_hundred_thousand_frames", || {
        oracle::begin();
        let thread = std::thread::Builder::new().stack_size(512 << 20);
        let deep = thread.spawn(|| {
            let sum = recurse(&mut Compared, DEEP);
            // Again on the same stack, which is known now.
            sum + recurse(&mut Compared, 3000) + recurse(&mut Compared, 10)
        });
        deep.expect("a thread").join().expect("goes down and up");
        let (image, tally) = oracle::tally();
        println!("{tally:?}");
        tally.check_all_whole(3000);
        assert!(
            tally.truncated > 3000,
            "most stacks are deeper than the limit"
        );
        assert!(image.blocks.len() > 2 * DEEP as usize, "each is recorded");
    });
}

/// Only counts: what the walks themselves cost is to be seen.
struct Churn;

impl Visit for Churn {
    #[inline(never)]
    fn down(&mut self, _: u32) {
        Block::alloc(16, 8).free();
    }
    #[inline(never)]
    fn up(&mut self, _: u32) {
        Block::alloc(24, 8).free();
    }
}

/// The thread's own processor time, in nanoseconds.
fn processor_time() -> u64 {
    let mut at = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: writes one timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut at) };
    at.tv_sec as u64 * 1_000_000_000 + at.tv_nsec as u64
}

/// The least time of some tries, for each allocation.
fn time_of(tries: u32, allocations: u32, mut body: impl FnMut()) -> u64 {
    let one = |_| {
        let before = processor_time();
        body();
        (processor_time() - before) / u64::from(allocations)
    };
    (0..tries).map(one).min().expect("a try").max(1)
}

/// As many allocations in both, so that the ratio is one walk's to another's. A
/// walk that went on to the end of the stack would cost a thousand times more.
#[test]
fn a_deep_walk_costs_what_a_shallow_one_does() {
    alone("a_deep_walk_costs_what_a_shallow_one_does", || {
        oracle::ask(false);
        let thread = std::thread::Builder::new().stack_size(512 << 20);
        let measured = thread.spawn(|| {
            oracle::ask(false);
            let deep = time_of(2, 2 * DEEP, || {
                recurse(&mut Churn, DEEP);
            });
            let shallow = time_of(2, 2 * DEEP, || {
                for _ in 0..DEEP / 100 {
                    recurse(&mut Churn, 100);
                }
            });
            (deep, shallow)
        });
        let (deep, shallow) = measured.expect("a thread").join().expect("measures");
        println!("{deep} ns an allocation, {shallow} in a shallow recursion");
        assert!(deep <= 20 * shallow, "{deep} ns against {shallow}");
    });
}
