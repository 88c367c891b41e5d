//! The program that is stepped: an allocator without a lock, its books, the
//! handler, and what it does in its windows.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::{Cell, UnsafeCell};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::steps;
use super::support::{Block, image};

const ARENA: usize = 256 << 20;
/// A size that the inner allocator refuses.
const REFUSED: usize = 77_777;

#[repr(align(4096))]
struct Bytes(UnsafeCell<[u8; ARENA]>);
// SAFETY: every byte is given to one caller.
unsafe impl Sync for Bytes {}
static BYTES: Bytes = Bytes(UnsafeCell::new([0; ARENA]));
static USED: AtomicUsize = AtomicUsize::new(0);

/// Cuts blocks from an arena and never uses one again; safe in signal handlers.
pub(crate) struct Arena;

impl Arena {
    fn cut(layout: Layout) -> *mut u8 {
        let (size, align) = (layout.size(), layout.align());
        if size == REFUSED {
            return std::ptr::null_mut();
        }
        // In one instruction: a loop that a handler disturbs at every turn never ends.
        let used = USED.fetch_add(size + align - 1, Ordering::Relaxed);
        let at = used.next_multiple_of(align);
        if at + size > ARENA {
            return std::ptr::null_mut();
        }
        BYTES.0.get().cast::<u8>().wrapping_add(at)
    }
}

// SAFETY: every block is cut from the arena once, which is zeroed.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Arena::cut(layout)
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Arena::cut(layout)
    }
    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if size <= layout.size() {
            return block;
        }
        // SAFETY: a layout of the caller's.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        let grown = Arena::cut(wanted);
        if !grown.is_null() {
            // SAFETY: two blocks of at least that size.
            unsafe { std::ptr::copy_nonoverlapping(block, grown, layout.size()) };
        }
        grown
    }
}

/// Requests that were granted.
static REQUESTS: AtomicU64 = AtomicU64::new(0);

fn granted(block: Block) -> Block {
    assert!(!block.at.is_null());
    REQUESTS.fetch_add(1, Ordering::Relaxed);
    block
}

fn regrown(block: Block, size: usize) -> Block {
    granted(block.realloc(size).expect("room"))
}

const RING: usize = 32;
const KEPT: usize = 4096;

/// What lives. One thread writes it: the program, or the handler on top of it,
/// each its own part.
struct Books {
    /// The handler's, and blocks that the program gave it.
    ring: [Cell<Option<Block>>; RING],
    turn: Cell<usize>,
    /// The program's own; the first of each round is of [`site`].
    kept: [Cell<Option<Block>>; KEPT],
    count: Cell<usize>,
}
// SAFETY: a process of one thread; see above.
unsafe impl Sync for Books {}
static BOOKS: Books = Books {
    ring: [const { Cell::new(None) }; RING],
    turn: Cell::new(0),
    kept: [const { Cell::new(None) }; KEPT],
    count: Cell::new(0),
};

fn keep(block: Block) {
    let count = BOOKS.count.get();
    BOOKS.kept[count].set(Some(block));
    BOOKS.count.set(count + 1);
}

/// Reallocates one block of the ring, and puts another one in the place of the
/// next.
extern "C" fn handler(_: i32) {
    let turn = BOOKS.turn.get();
    BOOKS.turn.set(turn + 1);
    let place = |n: usize| &BOOKS.ring[(2 * turn + n) % RING];
    let (grown, replaced) = (place(0), place(1));
    let size = 1 + turn * 7 % 60;
    grown.set(Some(match grown.get() {
        Some(block) => regrown(block, size),
        None => granted(Block::alloc(size, 8)),
    }));
    if let Some(block) = replaced.get() {
        block.free();
    }
    replaced.set(Some(granted(if turn.is_multiple_of(2) {
        Block::alloc(size, 1)
    } else {
        Block::alloc_zeroed(size, 16)
    })));
    steps::handled();
}

fn install() {
    // SAFETY: zeroed is a valid sigaction.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as *const () as usize;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: the handler takes the signal's number.
    let failed = unsafe { libc::sigaction(steps::SIGNAL, &raw const action, std::ptr::null_mut()) };
    assert_eq!(failed, 0);
}

/// The one place whose blocks are all of one stack.
#[inline(never)]
fn site() -> Block {
    granted(Block::alloc(48, 16))
}

/// A block of a stack that no other path makes.
#[inline(never)]
fn left(path: usize, depth: u32) -> Block {
    std::hint::black_box(deeper(path, depth))
}

#[inline(never)]
fn right(path: usize, depth: u32) -> Block {
    std::hint::black_box(deeper(path, depth))
}

#[inline(always)]
fn deeper(path: usize, depth: u32) -> Block {
    match (depth, path & 1) {
        (0, _) => granted(Block::alloc(20, 4)),
        (_, 0) => left(path >> 1, depth - 1),
        _ => right(path >> 1, depth - 1),
    }
}

/// Every method, at every size class of their effects.
#[inline(never)]
fn operations(round: usize) {
    let first = site();
    let zeroed = granted(Block::alloc_zeroed(33, 1));
    let grown = regrown(zeroed, 100);
    assert_eq!(grown.realloc(REFUSED), None);
    let shrunk = regrown(grown, 50);
    let path = left(round ^ 0xa5a, 12);
    shrunk.free();
    if round.is_multiple_of(8) && BOOKS.count.get() + 2 < KEPT {
        keep(first);
        keep(regrown(path, 61));
    } else {
        first.free();
        path.free();
    }
}

fn give_to_the_handler() {
    for place in BOOKS.ring.iter().filter(|place| place.get().is_none()) {
        place.set(Some(granted(Block::alloc(24, 8))));
    }
}

/// The image equals the books.
fn check() {
    let _pause = endler_allocator::pause();
    let image = image();
    let book: std::collections::HashMap<u64, u64> = BOOKS
        .ring
        .iter()
        .chain(&BOOKS.kept)
        .filter_map(Cell::get)
        .map(Block::row)
        .collect();
    let rows = image.blocks.addr.iter().zip(&image.blocks.size);
    let ghosts: Vec<_> = rows
        .filter(|(addr, size)| book.get(&addr.0) != Some(&size.0))
        .take(5)
        .collect();
    assert_eq!(ghosts, [], "blocks that are not, or of another size");
    let (lost, lives) = (image.figures.lost, image.blocks.len() as u64);
    let ended: u64 = image.totals.iter().map(|t| t.freed + t.moved).sum();
    assert_eq!(
        lives + ended + lost,
        REQUESTS.load(Ordering::Relaxed),
        "{lives} live, {ended} ended, {lost} lost"
    );
    assert!(
        book.len() as u64 <= lives + lost,
        "{} in the book, {lives} live, {lost} lost",
        book.len()
    );
    assert!(lost <= 2 * steps::times_handled(), "{lost} lost");
    // What the handler did has changed no stack of the program.
    let of_site =
        |n: usize| Some(super::support::live(&image, BOOKS.kept[2 * n].get()?.addr())?.context);
    let sites: Vec<u32> = (0..BOOKS.count.get() / 2).filter_map(of_site).collect();
    assert!(sites.windows(2).all(|pair| pair[0] == pair[1]), "{sites:?}");
    let own = |t: &&endler_snapshot::Thread| t.alive && t.tid == std::process::id();
    let numbers = image
        .threads
        .iter()
        .filter(|t| t.tid == std::process::id())
        .count();
    assert!(
        numbers <= 1,
        "one thread has {numbers} numbers: {:?}",
        image.threads.iter().find(own)
    );
}

/// The programs.
pub(crate) mod run {
    use std::sync::atomic::AtomicBool;

    use super::*;

    /// Whether the image is compared at the end, which takes a while.
    pub(crate) static CHECKS: AtomicBool = AtomicBool::new(true);

    /// The first operations of a thread, perhaps of the process.
    pub(crate) fn first() {
        install();
        steps::halt(1);
        let block = site();
        steps::halt(0);
        assert_eq!(
            endler_allocator::mode(),
            Some(endler_allocator::Mode::Exact)
        );
        block.free();
        operations(0);
        if CHECKS.load(Ordering::Relaxed) {
            check();
        }
    }

    pub(crate) fn another_thread_allocates() {
        extern "C" fn work(nothing: *mut libc::c_void) -> *mut libc::c_void {
            operations(1);
            nothing
        }
        let none: *mut libc::c_void = std::ptr::null_mut();
        let mut thread = 0;
        // Not by std, which would allocate on this thread.
        // SAFETY: a thread that is joined below.
        let failed = unsafe { libc::pthread_create(&raw mut thread, none.cast(), work, none) };
        assert_eq!(failed, 0);
        // SAFETY: joins it.
        let failed = unsafe { libc::pthread_join(thread, std::ptr::null_mut()) };
        assert_eq!(failed, 0);
    }

    /// A thread's free slots run over, so that a magazine of them is given to all
    /// threads, and run out, so that they are taken again. Of the 1,000
    /// operations those are stepped that do it, and some around them.
    pub(crate) fn refilling() {
        install();
        let mut blocks = [None; 330];
        let mut live = 0;
        let mut turn = |wanted: usize, stepped: bool| {
            if stepped {
                steps::halt(1);
            }
            while live != wanted {
                if live < wanted {
                    blocks[live] = Some(granted(Block::alloc(16, 16)));
                    live += 1;
                } else {
                    live -= 1;
                    blocks[live].take().into_iter().for_each(Block::free);
                }
            }
            if stepped {
                steps::halt(0);
            }
        };
        // 320 slots are taken, 64 at a time, and 20 of them are left. A thread
        // keeps at most two magazines of 126: when one is full the next one is
        // loaded, then the first given; when one is empty the spare is loaded, then
        // the depot's, then fresh ones are taken.
        for (wanted, stepped) in [
            (300, false),
            (195, false),
            (192, true),
            (69, false),
            (66, true),
            (67, false),
            (70, true),
            (193, false),
            (196, true),
            (319, false),
            (322, true),
        ] {
            turn(wanted, stepped);
        }
        turn(0, false);
        if CHECKS.load(Ordering::Relaxed) {
            check();
        }
    }

    /// What is done in the windows is done once before, so that no rule and no
    /// page is new to the hook in them.
    #[inline(never)]
    fn rounds(count: usize) {
        install();
        for round in 0..count + 1 {
            give_to_the_handler();
            if round > 0 {
                steps::halt(1);
            }
            operations(round);
            if round > 0 {
                steps::halt(0);
            }
            if round % 4096 == 100 {
                check();
            }
        }
        check();
    }

    pub(crate) fn working_once() {
        rounds(1);
    }

    pub(crate) fn working() {
        rounds(steps::windows());
    }
}
