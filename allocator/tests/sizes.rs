//! Requests of unusual sizes and alignments: each stands in the image once,
//! with the size that was asked for.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use support::{Block, alone, born_in, image, live};

thread_local! {
    static BUMPS: Cell<bool> = const { Cell::new(false) };
}

const ARENA: usize = 1 << 16;
/// From here on a request is a mapping that reserves nothing, so that the test
/// does not depend on the machine's memory.
const HUGE: usize = 1 << 31;

#[repr(align(4096))]
struct Arena(std::cell::UnsafeCell<[u8; ARENA]>);
// SAFETY: every byte is given to one caller.
unsafe impl Sync for Arena {}
static BYTES: Arena = Arena(std::cell::UnsafeCell::new([0; ARENA]));
static USED: AtomicUsize = AtomicUsize::new(0);

/// The system allocator; for a thread that asks for it, neighbouring bytes
/// without any gap.
struct Neighbours;

impl Neighbours {
    fn bump(layout: Layout) -> *mut u8 {
        let cut = |used: usize| Some(used.next_multiple_of(layout.align()) + layout.size());
        let used = USED
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, cut)
            .unwrap_or(ARENA);
        let at = used.next_multiple_of(layout.align());
        if at + layout.size() > ARENA {
            return std::ptr::null_mut();
        }
        BYTES.0.get().cast::<u8>().wrapping_add(at)
    }

    fn is_bumped(block: *mut u8) -> bool {
        (block as usize).wrapping_sub(BYTES.0.get() as usize) < ARENA
    }

    fn map(size: usize) -> *mut u8 {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let prot = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a fresh mapping.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), size, prot, flags, -1, 0) };
        if at == libc::MAP_FAILED {
            std::ptr::null_mut()
        } else {
            at.cast()
        }
    }
}

// SAFETY: blocks come from the arena, a mapping or the system, and go back there.
unsafe impl GlobalAlloc for Neighbours {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if BUMPS.get() {
            return Neighbours::bump(layout);
        }
        if layout.size() >= HUGE {
            return Neighbours::map(layout.size());
        }
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if BUMPS.get() {
            return Neighbours::bump(layout);
        }
        if layout.size() >= HUGE {
            return Neighbours::map(layout.size());
        }
        // SAFETY: the caller's contract.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if Neighbours::is_bumped(block) {
            return;
        }
        if layout.size() >= HUGE {
            // SAFETY: a mapping of that length.
            unsafe { libc::munmap(block.cast(), layout.size()) };
            return;
        }
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static HEAP: endler_allocator::Heap<Neighbours> = endler_allocator::Heap::wrapping(Neighbours);

/// All blocks of phase `phase` in a snapshot are `expect`, each once.
fn check(phase: &str, expect: &[Block]) {
    let _pause = endler_allocator::pause();
    let image = image();
    let got: Vec<_> = born_in(&image, phase)
        .iter()
        .map(|r| (r.addr, r.size))
        .collect();
    let mut expect: Vec<_> = expect.iter().map(|b| b.row()).collect();
    expect.sort_unstable();
    assert_eq!(got, expect, "phase {phase}");
    assert_eq!(image.figures.lost, 0);
}

#[test]
fn alignments_up_to_a_mebibyte() {
    alone("alignments_up_to_a_mebibyte", || {
        let mut blocks = Vec::with_capacity(100);
        endler_allocator::enter_phase("aligned");
        for shift in 0..=20 {
            for size in [1, 100, 4096, 40_000] {
                let block = Block::alloc(size, 1 << shift);
                assert!((block.at as usize).is_multiple_of(1 << shift));
                blocks.push(block);
            }
        }
        check("aligned", &blocks);
        blocks.iter().for_each(|b| b.free());
        check("aligned", &[]);
    });
}

#[test]
fn one_byte_one_page_and_no_bytes_at_all() {
    alone("one_byte_one_page_and_no_bytes_at_all", || {
        let mut blocks = Vec::with_capacity(1000);
        endler_allocator::enter_phase("small");
        for _ in 0..100 {
            blocks.push(Block::alloc(1, 1));
            blocks.push(Block::alloc(1, 4096));
            blocks.push(Block::alloc_zeroed(4096, 1));
            blocks.push(Block::alloc(4096, 4096));
            blocks.push(Block::alloc(4097, 1));
        }
        let units: Vec<()> = std::hint::black_box(vec![(); 1000]);
        let empty: Vec<[u64; 0]> = std::hint::black_box((0..1000).map(|_| []).collect());
        let nothing: Box<[u8]> = std::hint::black_box(Vec::new().into_boxed_slice());
        check("small", &blocks);
        assert_eq!((units.len(), empty.len(), nothing.len()), (1000, 1000, 0));
    });
}

/// Resident bytes of this process.
fn resident() -> u64 {
    let _pause = endler_allocator::pause();
    let statm = std::fs::read_to_string("/proc/self/statm").expect("the process's memory");
    let pages: u64 = statm
        .split(' ')
        .nth(1)
        .and_then(|n| n.parse().ok())
        .expect("a number");
    pages * 4096
}

#[test]
fn gibibytes_that_nobody_touches_cost_nothing() {
    alone("gibibytes_that_nobody_touches_cost_nothing", || {
        check("none", &[]);
        endler_allocator::enter_phase("huge");
        let before = resident();
        let blocks = [
            Block::alloc_zeroed(3 << 30, 16),
            Block::alloc(5 << 30, 4096),
            // The system's own, which must not be asked for as one to be zeroed.
            Block::alloc_zeroed(1 << 30, 16),
        ];
        assert!(blocks.iter().all(|b| !b.at.is_null()));
        let grown = resident().saturating_sub(before);
        assert!(
            grown < 4 << 20,
            "9 GiB that nobody touched took {grown} bytes"
        );
        check("huge", &blocks);
        let grown = resident().saturating_sub(before);
        assert!(grown < 16 << 20, "the snapshot touched {grown} bytes");
        blocks.iter().for_each(|b| b.free());
        check("huge", &[]);
    });
}

#[test]
fn neighbours_within_sixteen_bytes_are_told_apart() {
    alone("neighbours_within_sixteen_bytes_are_told_apart", || {
        let mut blocks = Vec::with_capacity(4000);
        endler_allocator::enter_phase("neighbours");
        BUMPS.set(true);
        for i in 0..3000 {
            blocks.push(Block::alloc(1 + i % 5, 1));
        }
        BUMPS.set(false);
        let touching =
            |pair: &[Block]| pair[0].addr() + pair[0].layout.size() as u64 == pair[1].addr();
        assert!(blocks.windows(2).all(touching), "no gap between two blocks");
        let granules: std::collections::HashSet<u64> = {
            let _pause = endler_allocator::pause();
            blocks.iter().map(|b| b.addr() >> 4).collect()
        };
        assert!(granules.len() < 700, "several blocks share 16 bytes");
        check("neighbours", &blocks);
        // A realloc (the inner one has none of its own) and frees in between.
        let mut left = Vec::with_capacity(4000);
        {
            let _pause = endler_allocator::pause();
            drop(granules);
        }
        BUMPS.set(true);
        for (i, block) in blocks.into_iter().enumerate() {
            match i % 3 {
                0 => block.free(),
                1 => left.push(block.realloc(block.layout.size() + 1).expect("room")),
                _ => left.push(block),
            }
        }
        BUMPS.set(false);
        left.retain(|block| {
            let kept = block.layout.size() != 3;
            if !kept {
                block.free();
            }
            kept
        });
        let image = image();
        let all = left
            .iter()
            .all(|b| live(&image, b.addr()).is_some_and(|r| (r.addr, r.size) == b.row()));
        assert!(all, "each is there with its size");
        let count = image
            .blocks
            .addr
            .iter()
            .filter(|a| Neighbours::is_bumped(a.0 as *mut u8))
            .count();
        assert_eq!(count, left.len(), "and nothing else");
        left.iter().for_each(|b| b.free());
    });
}
