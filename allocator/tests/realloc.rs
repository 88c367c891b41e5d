//! A realloc keeps who a block is (serial, birth, phase, thread) and changes
//! where it is, how large, and who asked last; the totals add up.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use endler_snapshot::Image;
use support::{Block, Live, Random, alone, image, live, nap};

/// What the inner realloc does next on this thread.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Next {
    AsTheSystemLikes,
    InPlace,
    Moves,
    /// Moves, and has not returned yet while others use the old place.
    MovesSlowly,
    Refuses,
}

static OLD_IS_FREE: AtomicBool = AtomicBool::new(false);
static MAY_RETURN: AtomicBool = AtomicBool::new(false);

thread_local! {
    static NEXT: Cell<Next> = const { Cell::new(Next::AsTheSystemLikes) };
    /// Where in its cell a block begins.
    static OFFSET: Cell<usize> = const { Cell::new(0) };
}

const CELL: usize = 8192;
#[repr(align(4096))]
struct Cells(std::cell::UnsafeCell<[u8; 64 * CELL]>);
// SAFETY: every cell is given to one caller.
unsafe impl Sync for Cells {}
static CELLS: Cells = Cells(std::cell::UnsafeCell::new([0; 64 * CELL]));
/// A bit for each cell that is given out.
static TAKEN: AtomicU64 = AtomicU64::new(0);

/// The system allocator; for a thread that asks for it, cells of one size, in
/// which a block can grow in place.
struct Placing;

impl Placing {
    fn take_cell() -> *mut u8 {
        let first = |taken: u64| (taken != u64::MAX).then(|| taken | (taken + 1));
        let before = TAKEN.fetch_update(Ordering::AcqRel, Ordering::Relaxed, first);
        let cell = before.expect("a free cell").trailing_ones() as usize;
        CELLS.0.get().cast::<u8>().wrapping_add(cell * CELL)
    }

    fn cell(block: *mut u8) -> Option<usize> {
        let offset = (block as usize).wrapping_sub(CELLS.0.get() as usize);
        (offset < 64 * CELL).then_some(offset / CELL)
    }
}

// SAFETY: blocks come from the cells or the system, and go back there.
unsafe impl GlobalAlloc for Placing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if NEXT.get() != Next::AsTheSystemLikes {
            return Placing::take_cell().wrapping_add(OFFSET.get());
        }
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if let Some(cell) = Placing::cell(block) {
            TAKEN.fetch_and(!(1 << cell), Ordering::AcqRel);
            return;
        }
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(block, layout) }
    }
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        match NEXT.get() {
            // SAFETY: the caller's contract.
            Next::AsTheSystemLikes => unsafe { System.realloc(block, layout, size) },
            Next::InPlace => block,
            Next::Refuses => std::ptr::null_mut(),
            Next::Moves | Next::MovesSlowly => {
                let to = Placing::take_cell();
                // SAFETY: two cells, both at least that long.
                unsafe { to.copy_from_nonoverlapping(block, layout.size().min(size)) };
                // SAFETY: the caller's contract.
                unsafe { self.dealloc(block, layout) };
                if NEXT.get() == Next::MovesSlowly {
                    OLD_IS_FREE.store(true, Ordering::Release);
                    while !MAY_RETURN.load(Ordering::Acquire) {
                        nap(1);
                    }
                }
                to
            }
        }
    }
}

#[global_allocator]
static HEAP: endler_allocator::Heap<Placing> = endler_allocator::Heap::wrapping(Placing);

fn on_thread<T: Send>(name: &str, body: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().name(name.into());
        builder
            .spawn_scoped(scope, body)
            .expect("a thread")
            .join()
            .expect("no panic")
    })
}

/// A block of `size` bytes is made by one thread, and reallocated to `to` bytes
/// by another in a later phase: what the image says of it before and after.
fn before_and_after(next: Next, size: usize, to: usize) -> (Live, Live, Image) {
    endler_allocator::enter_phase("first");
    let block = on_thread("maker", || {
        NEXT.set(Next::InPlace);
        Block::alloc(size, 16)
    });
    block.mark(9);
    let before = live(&image(), block.addr()).expect("it lives");
    nap(50);
    endler_allocator::enter_phase("second");
    let (grown, fresh) = on_thread("grower", || {
        let fresh = Block::alloc(16, 16);
        NEXT.set(next);
        (block.realloc(to), fresh)
    });
    assert_eq!(grown.is_none(), next == Next::Refuses);
    let grown = grown.unwrap_or(block);
    assert_eq!(grown.first_byte(), 9);
    let image = image();
    let after = live(&image, grown.addr()).expect("it still lives");
    let fresh_row = live(&image, fresh.addr()).expect("it lives");
    assert!(fresh_row.born > before.born, "the clock goes on");
    assert_eq!(
        (fresh_row.thread.as_str(), fresh_row.phase.as_str()),
        ("grower", "second")
    );
    assert_eq!(
        (before.thread.as_str(), before.phase.as_str()),
        ("maker", "first")
    );
    grown.free();
    fresh.free();
    (before, after, image)
}

fn identity(live: &Live) -> (u64, u32, &str, &str) {
    (live.serial, live.born, &live.phase, &live.thread)
}

#[test]
fn in_place_moved_and_shrunk() {
    alone("in_place_moved_and_shrunk", || {
        for (next, size, to) in [
            (Next::InPlace, 100, 5000),
            (Next::InPlace, 5000, 100),
            (Next::InPlace, 100, 100),
            (Next::Moves, 100, 5000),
            (Next::Moves, 5000, 100),
            (Next::Moves, 100, 100),
        ] {
            let (before, after, image) = before_and_after(next, size, to);
            assert_eq!(identity(&after), identity(&before), "{next:?} {size} {to}");
            assert_eq!((before.size, after.size), (size as u64, to as u64));
            assert_ne!(after.context, before.context, "who asked last");
            assert_eq!(after.addr == before.addr, next == Next::InPlace);
            let old = live(&image, before.addr).is_some();
            assert_eq!(
                old,
                next == Next::InPlace,
                "nothing stays at the old address"
            );
        }
    });
}

#[test]
fn refused() {
    alone("refused", || {
        let (before, after, _) = before_and_after(Next::Refuses, 100, 5000);
        assert_eq!(after, before);
    });
}

/// Another thread gets the old place of a block before the inner realloc has
/// returned: the image has that thread's block, and nothing that overlaps it.
fn old_place_reused(offset: usize) {
    MAY_RETURN.store(false, Ordering::Release);
    OLD_IS_FREE.store(false, Ordering::Release);
    let all_but_two = |_| {
        NEXT.set(Next::InPlace);
        Block::alloc(CELL, 16)
    };
    let filled: Vec<Block> = (0..62).map(all_but_two).collect();
    let moving = Block::alloc(5000, 16);
    NEXT.set(Next::AsTheSystemLikes);
    std::thread::scope(|scope| {
        let mover = scope.spawn(|| {
            NEXT.set(Next::MovesSlowly);
            moving.realloc(6000).expect("a cell")
        });
        while !OLD_IS_FREE.load(Ordering::Acquire) {
            nap(1);
        }
        OFFSET.set(offset);
        NEXT.set(Next::InPlace);
        let reuse = Block::alloc(100, 16);
        NEXT.set(Next::AsTheSystemLikes);
        OFFSET.set(0);
        assert_eq!(
            reuse.addr(),
            moving.addr() + offset as u64,
            "the old place is reused"
        );
        let image = support::image_and_cost();
        MAY_RETURN.store(true, Ordering::Release);
        let (image, _) = image.expect("a snapshot without overlaps");
        let row = live(&image, reuse.addr()).expect("it lives");
        assert_eq!((row.addr, row.size), reuse.row());
        let moved = mover.join().expect("ends");
        let later = support::image();
        for block in [moved, reuse] {
            let row = live(&later, block.addr()).expect("it lives");
            assert_eq!((row.addr, row.size), block.row());
            block.free();
        }
    });
    filled.into_iter().for_each(Block::free);
}

#[test]
fn an_old_place_that_is_used_before_the_realloc_returns() {
    alone(
        "an_old_place_that_is_used_before_the_realloc_returns",
        || old_place_reused(0),
    );
}

#[test]
fn a_part_of_an_old_place_that_is_used_before_the_realloc_returns() {
    let test = "a_part_of_an_old_place_that_is_used_before_the_realloc_returns";
    alone(test, || old_place_reused(1024));
}

const SITES: [&str; 3] = ["site_alloc", "site_zeroed", "site_realloc"];

#[inline(never)]
fn site_alloc(size: usize) -> Block {
    Block::alloc(size, 8)
}

#[inline(never)]
fn site_zeroed(size: usize) -> Block {
    Block::alloc_zeroed(size, 8)
}

#[inline(never)]
fn site_realloc(block: Block, size: usize) -> Option<Block> {
    block.realloc(size)
}

/// Blocks and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sum {
    blocks: u64,
    bytes: u64,
}

impl Sum {
    fn add(&mut self, bytes: usize) {
        self.blocks += 1;
        self.bytes += bytes as u64;
    }
}

/// What happened at a site.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Counts {
    allocated: Sum,
    freed: Sum,
    moved: Sum,
}

fn moves(random: &mut Random, held: &mut Vec<(Block, usize)>, counts: &mut [Counts; 3]) {
    for _ in 0..20_000 {
        let size = 1 + random.below(3000);
        match random.below(9) {
            site @ 0..2 if held.len() < 1000 => {
                let block = if site == 0 {
                    site_alloc(size)
                } else {
                    site_zeroed(size)
                };
                counts[site].allocated.add(size);
                held.push((block, site));
            }
            2..5 if !held.is_empty() => {
                let at = random.below(held.len());
                let (block, site) = held[at];
                let grown = site_realloc(block, size).expect("memory");
                counts[site].moved.add(block.layout.size());
                counts[2].allocated.add(size);
                held[at] = (grown, 2);
            }
            5 if !held.is_empty() => {
                let (block, _) = held[random.below(held.len())];
                NEXT.set(Next::Refuses);
                assert_eq!(site_realloc(block, size), None);
                NEXT.set(Next::AsTheSystemLikes);
            }
            _ if !held.is_empty() => {
                let (block, site) = held.swap_remove(random.below(held.len()));
                counts[site].freed.add(block.layout.size());
                block.free();
            }
            _ => {}
        }
    }
}

/// The site that each context stands for, by the names of its frames.
fn sites(image: &Image) -> Vec<Option<usize>> {
    let mut known: HashMap<u64, Option<usize>> = HashMap::new();
    let mut site_of = |address: u64| {
        *known.entry(address).or_insert_with(|| {
            let mut found = None;
            backtrace::resolve((address - 1) as *mut _, |symbol| {
                let name = symbol
                    .name()
                    .map(|name| format!("{name:#}"))
                    .unwrap_or_default();
                let last = name.rsplit("::").next().unwrap_or_default();
                found = found.or(SITES.iter().position(|site| *site == last));
            });
            found
        })
    };
    let of_context = |context: &endler_snapshot::Context| {
        let mut frames = image.stacks.frames(context.stack);
        frames.find_map(|frame| site_of(image.frames[frame.index()].address.0))
    };
    image.contexts.iter().map(of_context).collect()
}

#[test]
fn totals_add_up_at_every_site() {
    alone("totals_add_up_at_every_site", || {
        let mut held = Vec::with_capacity(1000);
        let mut counts = [Counts::default(); 3];
        moves(&mut Random(1), &mut held, &mut counts);
        // On other threads too, one of which takes over the other's row.
        for seed in [2, 3] {
            on_thread("other", || moves(&mut Random(seed), &mut held, &mut counts));
        }
        let _pause = endler_allocator::pause();
        let image = image();
        let sites = sites(&image);
        let mut live = [Sum::default(); 3];
        for (context, size) in image.blocks.context.iter().zip(&image.blocks.size) {
            if let Some(site) = sites[context.index()] {
                live[site].add(size.0 as usize);
            }
        }
        let mut got = [Counts::default(); 3];
        for (site, totals) in sites.iter().zip(&image.totals) {
            let Some(site) = *site else { continue };
            let lifetimes: u64 = totals.lifetimes.iter().map(|n| u64::from(*n)).sum();
            assert_eq!(lifetimes, totals.freed, "every free has its lifetime");
            let got = &mut got[site];
            got.freed.blocks += totals.freed;
            got.freed.bytes += totals.freed_bytes.0;
            got.moved.blocks += totals.moved;
            got.moved.bytes += totals.moved_bytes.0;
        }
        for (got, live) in got.iter_mut().zip(live) {
            got.allocated.blocks = live.blocks + got.freed.blocks + got.moved.blocks;
            got.allocated.bytes = live.bytes + got.freed.bytes + got.moved.bytes;
        }
        for ((got, expect), site) in got.iter().zip(&counts).zip(SITES) {
            assert!(expect.allocated.blocks > 1000, "{site} was used");
            assert_eq!(got, expect, "{site}");
        }
        assert_eq!(
            live.iter().map(|sum| sum.blocks).sum::<u64>(),
            held.len() as u64
        );
    });
}
