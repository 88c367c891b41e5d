//! A snapshot changes nothing in what it looks at: after many of them the same
//! stack is still one context, and each loaded file is known once.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use support::{Block, alone, image, live};

#[global_allocator]
static HEAP: endler_allocator::Heap = endler_allocator::Heap::system();

#[test]
fn one_stack_stays_one_context() {
    alone("one_stack_stays_one_context", || {
        let mut contexts = Vec::new();
        for _ in 0..10 {
            let block = Block::alloc(100, 8);
            contexts.push(live(&image(), block.addr()).expect("it lives").context);
        }
        contexts.dedup();
        assert_eq!(contexts.len(), 1, "one call of one function: {contexts:?}");
    });
}

#[test]
fn each_loaded_file_is_known_once() {
    alone("each_loaded_file_is_known_once", || {
        for _ in 0..10 {
            let block = Block::alloc(100, 8);
            let image = image();
            block.free();
            let mut paths: Vec<&str> = image.modules.iter().map(|m| m.path.as_str()).collect();
            paths.sort_unstable();
            let all = paths.clone();
            paths.dedup();
            assert_eq!(all, paths);
            let exe = std::env::current_exe().expect("a path");
            assert!(paths.contains(&exe.to_str().expect("text")), "{paths:?}");
        }
    });
}

#[test]
fn the_profiler_does_not_grow_by_being_asked() {
    alone("the_profiler_does_not_grow_by_being_asked", || {
        let figures = || {
            let block = Block::alloc(100, 8);
            let image = image();
            block.free();
            (
                image.contexts.len(),
                image.frames.len(),
                image.figures.own.0,
            )
        };
        let early = (0..3)
            .fold(None, |_, _| Some(figures()))
            .expect("three snapshots");
        let late = (0..40)
            .fold(None, |_, _| Some(figures()))
            .expect("forty more");
        assert!(
            late.0 <= early.0 + 20,
            "contexts: {} then {}",
            early.0,
            late.0
        );
        assert!(
            late.1 <= early.1 + 20,
            "frames: {} then {}",
            early.1,
            late.1
        );
        assert!(
            late.2 <= early.2 + (64 << 10),
            "bytes: {} then {}",
            early.2,
            late.2
        );
    });
}
