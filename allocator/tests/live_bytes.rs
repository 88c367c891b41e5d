//! Live bytes, counted while the process goes on, are a snapshot's.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use endler_allocator::live_bytes;
use support::{Block, Random, alone, alone_in_mode, image};

#[global_allocator]
static HEAP: endler_allocator::Heap = endler_allocator::Heap::system();

fn counted() -> u64 {
    live_bytes().expect("it records").0
}

#[test]
fn in_a_quiet_process_they_are_exact() {
    alone("in_a_quiet_process_they_are_exact", || {
        let mut random = Random(5);
        let mut blocks: Vec<Block> = Vec::with_capacity(20_000);
        for round in 0..10 {
            for _ in 0..2000 {
                blocks.push(Block::alloc(1 + random.below(3000), 8));
            }
            for _ in 0..1000 {
                blocks.swap_remove(random.below(blocks.len())).free();
                let at = random.below(blocks.len());
                blocks[at] = blocks[at].realloc(1 + random.below(3000)).expect("memory");
            }
            let (before, image, after) = (counted(), image(), counted());
            let bytes = image.blocks.total_size().0;
            assert_eq!((before, after), (bytes, bytes), "round {round}");
        }
    });
}

static STOP: AtomicBool = AtomicBool::new(false);

/// Beside threads that each hold at most so many bytes more.
#[test]
fn beside_others_they_are_off_by_what_these_do() {
    alone("beside_others_they_are_off_by_what_these_do", || {
        const ROOM: u64 = 64 * 1000;
        let held: Vec<Block> = (0..10_000).map(|_| Block::alloc(1000, 8)).collect();
        let base = counted();
        let looks = AtomicU64::new(0);
        std::thread::scope(|scope| {
            let handles: Vec<_> = (0..2u64)
                .map(|seed| {
                    scope.spawn(move || {
                        let mut random = Random(seed);
                        let mut own: Vec<Block> = Vec::with_capacity(64);
                        while !STOP.load(Ordering::Relaxed) {
                            if own.len() == 64 {
                                own.drain(..).for_each(Block::free);
                            }
                            own.push(Block::alloc(1 + random.below(1000), 8));
                        }
                        own.drain(..).for_each(Block::free);
                    })
                })
                .collect();
            for _ in 0..300 {
                let now = counted();
                // A slot that is used again during the count may be counted twice over.
                let (least, most) = (base, base + 2 * (2 * ROOM + (16 << 10)));
                assert!((least..=most).contains(&now), "{now} beside {base}");
                looks.fetch_add(1, Ordering::Relaxed);
            }
            STOP.store(true, Ordering::Relaxed);
            handles.into_iter().for_each(|t| t.join().expect("ran"));
        });
        assert_eq!(looks.into_inner(), 300);
        drop(held);
    });
}

#[test]
fn without_a_recording_nobody_knows() {
    let test = "without_a_recording_nobody_knows";
    alone_in_mode(test, Some("off"), || assert_eq!(live_bytes(), None));
}
