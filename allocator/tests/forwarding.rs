//! Each of the four methods of `GlobalAlloc` reaches the inner allocator once,
//! as it was called; null stays null, and a refused realloc changes nothing.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use support::{Block, alone, alone_in_mode, born_in, image, live};

/// What the inner allocator was asked.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Call {
    Alloc(Layout),
    Zeroed(Layout),
    Dealloc(usize, Layout),
    Realloc(usize, Layout, usize),
}

thread_local! {
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    static REFUSES: Cell<bool> = const { Cell::new(false) };
    static CALLS: Cell<[Option<Call>; 4]> = const { Cell::new([None; 4]) };
}

/// Notes its calls while it is watched, and refuses when told to.
struct Noting;

impl Noting {
    fn note(call: Call) -> bool {
        if WATCHED.get() {
            let mut calls = CALLS.get();
            let place = calls
                .iter_mut()
                .find(|c| c.is_none())
                .expect("at most four calls");
            *place = Some(call);
            CALLS.set(calls);
        }
        REFUSES.get()
    }
}

// SAFETY: every request goes to the system allocator as it is, or is refused.
unsafe impl GlobalAlloc for Noting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if Noting::note(Call::Alloc(layout)) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if Noting::note(Call::Zeroed(layout)) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's contract.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        Noting::note(Call::Dealloc(block as usize, layout));
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(block, layout) }
    }
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if Noting::note(Call::Realloc(block as usize, layout, size)) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's contract.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static HEAP: endler_allocator::Heap<Noting> = endler_allocator::Heap::wrapping(Noting);

/// The calls of the inner allocator during `body`.
fn watched<T>(body: impl FnOnce() -> T) -> (T, Vec<Call>) {
    CALLS.set([None; 4]);
    WATCHED.set(true);
    let result = body();
    WATCHED.set(false);
    (result, CALLS.get().into_iter().flatten().collect())
}

fn refused<T>(body: impl FnOnce() -> T) -> T {
    REFUSES.set(true);
    let result = body();
    REFUSES.set(false);
    result
}

fn every_call_arrives_once() {
    for (size, align) in [
        (1, 1),
        (24, 8),
        (100, 16),
        (5000, 64),
        (1, 4096),
        (300_000, 1 << 16),
    ] {
        let layout = Layout::from_size_align(size, align).expect("a layout");
        let (block, calls) = watched(|| Block::alloc(size, align));
        assert_eq!(calls, [Call::Alloc(layout)]);
        let (grown, calls) = watched(|| block.realloc(size * 3).expect("memory"));
        assert_eq!(calls, [Call::Realloc(block.at as usize, layout, size * 3)]);
        let (shrunk, calls) = watched(|| grown.realloc(size).expect("memory"));
        assert_eq!(
            calls,
            [Call::Realloc(grown.at as usize, grown.layout, size)]
        );
        let ((), calls) = watched(|| shrunk.free());
        assert_eq!(calls, [Call::Dealloc(shrunk.at as usize, layout)]);
        let (zeroed, calls) = watched(|| Block::alloc_zeroed(size, align));
        assert_eq!(calls, [Call::Zeroed(layout)]);
        let ((), calls) = watched(|| zeroed.free());
        assert_eq!(calls, [Call::Dealloc(zeroed.at as usize, layout)]);
    }
}

fn null_stays_null() {
    let (block, calls) = watched(|| refused(|| Block::alloc(48, 8)));
    assert!(block.at.is_null());
    assert_eq!(calls, [Call::Alloc(block.layout)]);
    let (block, calls) = watched(|| refused(|| Block::alloc_zeroed(48, 8)));
    assert!(block.at.is_null());
    assert_eq!(calls, [Call::Zeroed(block.layout)]);
    let kept = Block::alloc(48, 8);
    kept.mark(7);
    let (grown, calls) = watched(|| refused(|| kept.realloc(4800)));
    assert_eq!(grown, None);
    assert_eq!(calls, [Call::Realloc(kept.at as usize, kept.layout, 4800)]);
    assert_eq!(
        (kept.first_byte(), kept.last_byte()),
        (7, 7),
        "a refused realloc keeps the block"
    );
    kept.free();
}

#[test]
fn calls_arrive_once_when_all_is_recorded() {
    alone("calls_arrive_once_when_all_is_recorded", || {
        every_call_arrives_once();
        null_stays_null();
        assert_eq!(
            endler_allocator::mode(),
            Some(endler_allocator::Mode::Exact)
        );
    });
}

#[test]
fn calls_arrive_once_when_nothing_is_recorded() {
    alone_in_mode(
        "calls_arrive_once_when_nothing_is_recorded",
        Some("off"),
        || {
            every_call_arrives_once();
            null_stays_null();
            assert_eq!(endler_allocator::mode(), Some(endler_allocator::Mode::Off));
        },
    );
}

#[test]
fn what_was_refused_leaves_no_record() {
    alone("what_was_refused_leaves_no_record", || {
        endler_allocator::enter_phase("refused");
        let refused_ones = refused(|| (Block::alloc(48, 8), Block::alloc_zeroed(48, 8)));
        assert!(refused_ones.0.at.is_null() && refused_ones.1.at.is_null());
        let given = Block::alloc(40, 8);
        let rows: Vec<_> = born_in(&image(), "refused")
            .iter()
            .map(|r| (r.addr, r.size))
            .collect();
        assert_eq!(rows, [given.row()]);
    });
}

#[test]
fn a_refused_realloc_keeps_the_record() {
    alone("a_refused_realloc_keeps_the_record", || {
        let block = Block::alloc(48, 8);
        let before = live(&image(), block.addr()).expect("it lives");
        for _ in 0..1000 {
            assert_eq!(refused(|| block.realloc(1 << 20)), None);
        }
        let after = image();
        assert_eq!(live(&after, block.addr()), Some(before));
        assert_eq!(after.figures.lost, 0);
        block.free();
        assert_eq!(live(&image(), block.addr()), None);
    });
}
