//! Blocks that only a raw word knows: into their middle, with a tag, behind their end,
//! or so that nobody could see it.

use endler_holding::{Meter, end, lost, plant};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};

#[global_allocator]
static HEAP: endler::Heap<Meter> = endler::Heap::wrapping(Meter);

const N: usize = 300;

struct Point {
    #[allow(dead_code, reason = "makes the second field's address another")]
    x: u64,
    y: u64,
}

static MIDDLES: [AtomicPtr<u64>; N] = [const { AtomicPtr::new(std::ptr::null_mut()) }; N];
static TAGGED: [AtomicUsize; N] = [const { AtomicUsize::new(0) }; N];
static ENDS: [AtomicPtr<u64>; N] = [const { AtomicPtr::new(std::ptr::null_mut()) }; N];
static MASKED: [AtomicUsize; N] = [const { AtomicUsize::new(0) }; N];
static HIGH: [AtomicUsize; N] = [const { AtomicUsize::new(0) }; N];
static LIST: AtomicPtr<Raw> = AtomicPtr::new(std::ptr::null_mut());

struct Raw {
    next: *mut Raw,
    text: *mut String,
}

fn held() {
    for i in 0..N {
        let point = Box::leak(Box::new(Point { x: 1, y: i as u64 }));
        MIDDLES[i].store(&mut point.y, Relaxed);
        let word = Box::into_raw(Box::new(i as u64)) as usize;
        TAGGED[i].store(word | 1, Relaxed);
    }
    // A list by hand, whose nodes and texts only raw pointers know.
    for i in 0..N {
        let text = Box::into_raw(Box::new(i.to_string()));
        let next = LIST.load(Relaxed);
        LIST.store(Box::into_raw(Box::new(Raw { next, text })), Relaxed);
    }
}

fn behind_their_end() {
    for end in &ENDS {
        // 1,000 bytes and not a round number more: behind the end is no other block's
        // first byte.
        let row = Box::leak(vec![3u64; 126].into_boxed_slice());
        end.store(row.as_mut_ptr_range().end, Relaxed);
    }
}

fn hidden() {
    for i in 0..N {
        let word = Box::into_raw(Box::new([i; 3])) as usize;
        MASKED[i].store(!word, Relaxed);
        let word = Box::into_raw(Box::new([i; 4])) as usize;
        HIGH[i].store(word | 0xbeef << 48, Relaxed);
    }
}

fn main() {
    plant(held);
    plant(|| lost(behind_their_end));
    plant(|| lost(hidden));
    end();
    let list = LIST.load(Relaxed);
    // SAFETY: the head was leaked whole and nobody frees it.
    let Raw { next, text } = unsafe { &*list };
    assert!(!next.is_null() && !text.is_null());
}
