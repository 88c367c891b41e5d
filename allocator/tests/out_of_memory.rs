//! Out of memory (`RLIMIT_AS`): null stays null, a failed realloc keeps its block
//! and its record; where the profiler itself gets no memory the block is given
//! all the same, the loss is counted, and recording goes on when there is memory.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use endler_snapshot::{Cut, Image, StackId};
use support::sites::at_path;
use support::{Block, alone, image, live, nap};

thread_local! {
    /// What lies between the blocks of this thread; 0 for the system's blocks.
    static SPACING: Cell<usize> = const { Cell::new(0) };
    static REFUSES: Cell<bool> = const { Cell::new(false) };
}

/// The system allocator; for a thread that asks for it, blocks of a region that
/// was mapped beforehand, so that the only mappings are the profiler's.
struct Reserved;

const LEAF: usize = 16 << 20;
static START: AtomicUsize = AtomicUsize::new(0);
static NEXT: AtomicUsize = AtomicUsize::new(0);
static END: AtomicUsize = AtomicUsize::new(0);

impl Reserved {
    /// Reserves leaves, and lets this thread take blocks of them.
    fn begin(leaves: usize, spacing: usize) {
        let (len, prot) = ((leaves + 1) * LEAF, libc::PROT_READ | libc::PROT_WRITE);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a fresh mapping.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), len, prot, flags, -1, 0) };
        assert_ne!(at, libc::MAP_FAILED);
        let start = (at as usize).next_multiple_of(LEAF);
        START.store(start, Ordering::Relaxed);
        NEXT.store(start, Ordering::Relaxed);
        END.store(start + leaves * LEAF, Ordering::Relaxed);
        SPACING.set(spacing);
    }

    fn cut(size: usize) -> *mut u8 {
        let step = size.max(SPACING.get()).next_multiple_of(16);
        let at = NEXT.fetch_add(step, Ordering::Relaxed);
        assert!(
            at + step <= END.load(Ordering::Relaxed),
            "the region is full"
        );
        at as *mut u8
    }

    fn is_cut(block: *mut u8) -> bool {
        (START.load(Ordering::Relaxed)..END.load(Ordering::Relaxed)).contains(&(block as usize))
    }
}

// SAFETY: blocks come from the region or the system, and go back there.
unsafe impl GlobalAlloc for Reserved {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if SPACING.get() != 0 && !std::thread::panicking() {
            return Reserved::cut(layout.size());
        }
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if !Reserved::is_cut(block) {
            // SAFETY: the caller's contract.
            unsafe { System.dealloc(block, layout) }
        }
    }
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if REFUSES.get() {
            return std::ptr::null_mut();
        }
        if !Reserved::is_cut(block) {
            // SAFETY: the caller's contract.
            return unsafe { System.realloc(block, layout, size) };
        }
        let to = Reserved::cut(size);
        // SAFETY: two blocks, both at least that long.
        unsafe { to.copy_from_nonoverlapping(block, layout.size().min(size)) };
        to
    }
}

#[global_allocator]
static HEAP: endler_allocator::Heap<Reserved> = endler_allocator::Heap::wrapping(Reserved);

/// What this process has mapped now, in bytes.
fn mapped() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("a size");
    let pages = text.split(' ').next().and_then(|n| n.parse::<u64>().ok());
    pages.expect("pages") * 4096
}

fn limit(bytes: u64) {
    let limit = libc::rlimit {
        rlim_cur: bytes,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: sets this process's own limit.
    let failed = unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) };
    assert_eq!(failed, 0);
}

/// Runs `body` while no page more can be mapped.
fn without_memory<T>(body: impl FnOnce() -> T) -> T {
    limit(1 << 20);
    let result = body();
    limit(libc::RLIM_INFINITY);
    result
}

fn is_recorded(image: &Image, block: Block) -> bool {
    live(image, block.addr()).is_some_and(|row| (row.addr, row.size) == block.row())
}

/// An image for whose blocks nothing is taken from the region.
fn quiet_image() -> Image {
    let spacing = SPACING.replace(0);
    let image = image();
    SPACING.set(spacing);
    image
}

#[test]
fn a_host_that_gets_null_goes_on_and_loses_nothing() {
    alone("a_host_that_gets_null_goes_on_and_loses_nothing", || {
        const MUCH: usize = 4 << 30;
        let kept = Block::alloc(100_000, 16);
        kept.mark(7);
        let mut list = vec![5u8; 1000];
        let before = live(&image(), kept.addr()).expect("it lives");
        // Room for the profiler and for small blocks.
        limit(mapped() + (256 << 20));
        assert!(Block::alloc(MUCH, 16).at.is_null());
        assert!(Block::alloc_zeroed(MUCH, 16).at.is_null());
        assert_eq!(kept.realloc(MUCH), None);
        assert!(list.try_reserve(MUCH).is_err());
        assert!(Vec::<u64>::new().try_reserve_exact(MUCH / 8).is_err());
        let small = Block::alloc(77, 16);
        let limited = image();
        assert_eq!(limited.process.cut, Cut::Atomic, "a snapshot, too");
        limit(libc::RLIM_INFINITY);
        assert_eq!((kept.first_byte(), kept.last_byte()), (7, 7));
        assert!(list.len() == 1000 && list.iter().all(|byte| *byte == 5));
        for image in [limited, image()] {
            assert_eq!(live(&image, kept.addr()), Some(before.clone()));
            assert!(is_recorded(&image, small));
            assert_eq!(image.figures.lost, 0);
            let large = image.blocks.size.iter().filter(|s| s.0 >= MUCH as u64);
            assert_eq!(large.count(), 0, "a null is recorded");
        }
        let grown = kept.realloc(MUCH / 64).expect("there is memory again");
        assert_eq!(grown.first_byte(), 7);
        assert!(is_recorded(&image(), grown));
    });
}

#[test]
fn a_shadow_leaf_is_refused() {
    alone("a_shadow_leaf_is_refused", || {
        Reserved::begin(64, LEAF);
        let [kept, grown, freed] = [50, 60, 70].map(|size| Block::alloc(size, 16));
        let before = live(&quiet_image(), kept.addr()).expect("it lives");
        kept.mark(3);
        grown.mark(4);
        let lost: [Block; 6] = without_memory(|| {
            let mut lost = [kept; 6];
            for (i, block) in lost.iter_mut().enumerate() {
                *block = Block::alloc(100 + i, 16);
                block.mark(9);
            }
            lost[4] = Block::alloc_zeroed(300, 16);
            lost[0].free();
            // Of a lost one, of a recorded one, and refused.
            lost[1] = lost[1].realloc(400).expect("from the region");
            lost[5] = grown.realloc(600).expect("from the region");
            REFUSES.set(true);
            assert_eq!(kept.realloc(700), None);
            REFUSES.set(false);
            freed.free();
            lost
        });
        assert_eq!((kept.first_byte(), kept.last_byte()), (3, 3));
        assert_eq!((lost[1].first_byte(), lost[5].first_byte()), (9, 4));
        let after = quiet_image();
        assert_eq!(live(&after, kept.addr()), Some(before), "as it was");
        // Six, one zeroed, and two that a realloc moved.
        assert_eq!(after.figures.lost, 9);
        for block in lost.iter().chain([&grown, &freed]) {
            assert_eq!(live(&after, block.addr()), None, "{block:?}");
        }
        // There is memory again: for what is new, and for what was lost.
        let fresh = Block::alloc(800, 16);
        let found = lost[2].realloc(900).expect("from the region");
        lost[1].free();
        let last = quiet_image();
        assert!(is_recorded(&last, fresh) && is_recorded(&last, found));
        assert_eq!(last.figures.lost, 9);
    });
}

#[test]
fn a_chunk_of_slots_is_refused() {
    alone("a_chunk_of_slots_is_refused", || {
        const BLOCKS: usize = 80_000;
        let mut blocks: Vec<Block> = Vec::with_capacity(BLOCKS + 100);
        Reserved::begin(1, 16);
        blocks.push(Block::alloc(16, 16));
        without_memory(|| blocks.extend((1..BLOCKS).map(|_| Block::alloc(16, 16))));
        let full = quiet_image();
        let recorded = |image: &Image, blocks: &[Block]| {
            let found = blocks.iter().filter(|block| is_recorded(image, **block));
            found.count()
        };
        let held = recorded(&full, &blocks);
        // A chunk has 65,536 slots.
        assert!((60_000..=65_536).contains(&held), "{held}");
        assert_eq!(full.figures.lost, (BLOCKS - held) as u64);
        // Slots that come free are used, and a lost block is freed as any other.
        let (early, late) = (blocks[..50].to_vec(), blocks[BLOCKS - 50..].to_vec());
        without_memory(|| {
            early.iter().chain(&late).for_each(|block| block.free());
            blocks.extend((0..50).map(|_| Block::alloc(16, 16)));
        });
        let again = quiet_image();
        assert_eq!(recorded(&again, &blocks[BLOCKS..]), 50);
        assert_eq!(recorded(&again, &early), 0);
        assert_eq!(again.figures.lost, full.figures.lost);
        blocks.extend((0..50).map(|_| Block::alloc(16, 16)));
        let last = quiet_image();
        assert_eq!(recorded(&last, &blocks[BLOCKS..]), 100);
        assert_eq!(last.figures.lost, full.figures.lost);
    });
}

/// What a thread without a row is told, and how far it is.
static STEP: AtomicU32 = AtomicU32::new(0);
static GIVEN: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];

fn wait_for(step: u32) {
    while STEP.load(Ordering::SeqCst) < step {
        nap(1);
    }
}

/// A thread of C's, which allocates nothing before it is told to.
extern "C" fn without_row(_: *mut libc::c_void) -> *mut libc::c_void {
    let [first, second] = [0, 1].map(|n| Block {
        at: GIVEN[n].load(Ordering::SeqCst) as *mut u8,
        layout: Layout::from_size_align(64, 16).expect("a layout"),
    });
    SPACING.set(64);
    wait_for(1);
    let lost = [0; 3].map(|_| Block::alloc(64, 16));
    lost[0].free();
    first.free();
    let moved = second.realloc(65).expect("from the region");
    GIVEN[0].store(moved.at as usize, Ordering::SeqCst);
    STEP.store(2, Ordering::SeqCst);
    wait_for(3);
    let recorded = Block::alloc(66, 16);
    GIVEN[1].store(recorded.at as usize, Ordering::SeqCst);
    STEP.store(4, Ordering::SeqCst);
    wait_for(5);
    std::ptr::null_mut()
}

#[test]
fn a_thread_is_refused_its_row() {
    alone("a_thread_is_refused_its_row", || {
        Reserved::begin(1, 64);
        let [first, second] = [0; 2].map(|_| Block::alloc(64, 16));
        let before = live(&quiet_image(), second.addr()).expect("it lives");
        GIVEN[0].store(first.at as usize, Ordering::SeqCst);
        GIVEN[1].store(second.at as usize, Ordering::SeqCst);
        let mut thread: libc::pthread_t = 0;
        // SAFETY: a thread of a function that takes nothing.
        let failed = unsafe {
            let (attr, none) = (std::ptr::null(), std::ptr::null_mut());
            libc::pthread_create(&raw mut thread, attr, without_row, none)
        };
        assert_eq!(failed, 0);
        nap(50);
        without_memory(|| {
            STEP.store(1, Ordering::SeqCst);
            wait_for(2);
        });
        let refused = quiet_image();
        // Three blocks, and who asked for the realloc.
        assert_eq!(refused.figures.lost, 4);
        assert_eq!(live(&refused, first.addr()), None, "a free is not skipped");
        assert_eq!(live(&refused, second.addr()), None);
        let moved = live(&refused, GIVEN[0].load(Ordering::SeqCst) as u64).expect("it lives");
        assert_eq!((moved.serial, moved.size), (before.serial, 65));
        STEP.store(3, Ordering::SeqCst);
        wait_for(4);
        let last = quiet_image();
        let row = live(&last, GIVEN[1].load(Ordering::SeqCst) as u64).expect("recorded");
        assert_eq!((row.size, last.figures.lost), (66, 4));
        STEP.store(5, Ordering::SeqCst);
        // SAFETY: the thread that was made above.
        unsafe { libc::pthread_join(thread, std::ptr::null_mut()) };
    });
}

/// Paths of three steps by which [`at_path`] comes to different stacks.
fn paths() -> impl Iterator<Item = [usize; 3]> {
    (0..16usize.pow(3)).map(|n| [n & 15, n >> 4 & 15, n >> 8])
}

#[test]
fn a_chunk_of_totals_is_refused() {
    alone("a_chunk_of_totals_is_refused", || {
        const SIZE: usize = 48;
        let mut blocks: Vec<Block> = Vec::with_capacity(4096);
        let mut contexts: Vec<usize> = Vec::with_capacity(4096);
        let mut again: Vec<Block> = Vec::with_capacity(2 * 4096);
        Reserved::begin(1, SIZE);
        let (mut counted, mut lost) = (0, 0);
        // Without memory for the totals, and when there is some again. Ends are
        // counted when the slots are used again.
        for stage in 0..2 {
            blocks.clear();
            for path in paths() {
                at_path(&path, &mut || blocks.push(Block::alloc(SIZE, 16)));
            }
            let before = quiet_image();
            contexts.clear();
            contexts.extend(blocks.iter().map(|block| {
                let row = live(&before, block.addr()).expect("it lives");
                row.context as usize
            }));
            if stage == 0 {
                limit(1 << 20);
            }
            blocks.iter().for_each(|block| block.free());
            let path = [0, 0, 0];
            at_path(&path, &mut || {
                again.extend((0..blocks.len()).map(|_| Block::alloc(SIZE, 16)));
            });
            limit(libc::RLIM_INFINITY);
            let after = quiet_image();
            let freed = contexts.iter().map(|c| after.totals[*c].freed);
            let ends = freed.sum::<u64>() - counted;
            let lost_now = after.figures.lost - lost;
            assert_eq!(ends + lost_now, blocks.len() as u64, "stage {stage}");
            assert_eq!(lost_now > 1000, stage == 0, "{lost_now} are lost");
            (counted, lost) = (counted + ends, lost + lost_now);
        }
    });
}

#[test]
fn stacks_are_refused() {
    alone("stacks_are_refused", || {
        const SIZE: usize = 48;
        let mut blocks: Vec<Block> = Vec::with_capacity(100_000);
        Reserved::begin(1, SIZE);
        let without = |image: &Image, blocks: &[Block]| {
            let rows = blocks.iter().map(|block| {
                assert!(is_recorded(image, *block), "{block:?}");
                live(image, block.addr()).expect("it lives").context as usize
            });
            rows.filter(|c| image.contexts[*c].stack == StackId(0))
                .count()
        };
        // Up to near the end of the first page of 4,096 ids, and beyond it.
        let known = quiet_image().contexts.len();
        let room = 4096 - known - 20;
        for stage in 0..3 {
            let from = blocks.len();
            let (skipped, times) = [(0, 1), (room, 100), (0, 1)][stage];
            let taken = if stage == 0 { room } else { 4096 };
            if stage == 1 {
                limit(1 << 20);
            }
            for _ in 0..times {
                for path in paths().take(taken).skip(skipped) {
                    at_path(&path, &mut || blocks.push(Block::alloc(SIZE, 16)));
                }
            }
            limit(libc::RLIM_INFINITY);
            let image = quiet_image();
            let (lost, ids) = (without(&image, &blocks[from..]), image.contexts.len());
            assert_eq!(image.figures.lost, 0, "the blocks are recorded");
            match stage {
                0 => assert!(lost == 0 && (4000..4096).contains(&ids), "{ids} ids"),
                1 => {
                    assert!(lost > 1000, "{lost} have no stack");
                    assert!(ids <= 4096, "refusals have used up {ids} ids");
                }
                // There is memory again: the same stacks are kept.
                _ => {
                    assert_eq!(lost, 0);
                    assert!(ids < known + 4096 + 20, "{ids} ids");
                }
            }
        }
    });
}
