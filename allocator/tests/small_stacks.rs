//! A thread with the smallest stack that there is allocates, through code that
//! no one has walked before: the hook finds room, and the stack is whole.
//!
//! Met in regex-syntax's own tests, which give a thread one KiB; the C library
//! makes that 16 KiB and its thread-locals. Coroutines have as little.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use std::hint::black_box;

use support::{Block, alone, image, live};

#[global_allocator]
static HEAP: endler_allocator::Heap = endler_allocator::Heap::system();

/// Eight functions whose return addresses are met for the first time.
#[inline(never)]
fn nested<const DEPTH: u8>() -> Block {
    let block = match DEPTH {
        0 => Block::alloc(100, 8),
        1 => nested::<0>(),
        2 => nested::<1>(),
        3 => nested::<2>(),
        _ => nested::<3>(),
    };
    black_box(block)
}

#[test]
fn the_smallest_stack() {
    alone("the_smallest_stack", || {
        let small = std::thread::Builder::new()
            .name("small".into())
            .stack_size(1);
        let thread = small.spawn(|| {
            // Larger than the room that any one call of this test leaves unused.
            let block = nested::<4>();
            let texts: Vec<String> = (0..20).map(|i| format!("{i} of {}", 20)).collect();
            (block, texts.concat().len())
        });
        let (block, length) = thread.expect("a thread").join().expect("it lives");
        assert_eq!(length, 10 * 7 + 10 * 8);
        let image = image();
        let row = live(&image, block.addr()).expect("the block is recorded");
        assert_eq!((row.addr, row.size), block.row());
        assert_eq!(row.thread, "small");
    });
}
