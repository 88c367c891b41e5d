//! An allocator that asks the `backtrace` crate for the stack of each block,
//! and compares what endler recorded with it, frame for frame.
//!
//! It stands over endler's `Heap`: after each allocation the stack is traced
//! once more and kept beside the block's address. The blocks that still live
//! are compared with an image.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};
use std::ffi::c_void;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use endler_snapshot::{Addr, FrameKind, Image, StackEnd};

/// Frames that endler keeps of a stack.
pub(crate) const DEPTH: usize = 32;
/// Frames that `backtrace` is asked for: more than endler can have kept.
const ASKED: usize = DEPTH + 8;

/// The stack of a block as `backtrace` told it, innermost first.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) frames: Vec<u64>,
    /// Whether that is all of it.
    pub(crate) whole: bool,
}

/// Address of a block, and the frames outside [`alloc_and_trace`].
static STACKS: Mutex<Option<HashMap<u64, Seen>>> = Mutex::new(None);

/// Of so many allocations of a thread one is asked about, after the first ones.
static EVERY: AtomicU32 = AtomicU32::new(1);
/// Whether a block that was asked about is kept when it is freed.
static KEEPS: AtomicBool = AtomicBool::new(false);
/// Allocations of each thread that are asked about whatever [`EVERY`] says.
const FIRST: u32 = 500;

thread_local! {
    static COUNT: Cell<u32> = const { Cell::new(0) };
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    static ASKING: Cell<bool> = const { Cell::new(true) };
}

/// The global allocator of a test: endler's, and the question beside it.
pub(crate) struct Oracle {
    heap: &'static (dyn GlobalAlloc + Sync),
}

impl Oracle {
    pub(crate) const fn over(heap: &'static (dyn GlobalAlloc + Sync)) -> Self {
        Oracle { heap }
    }
}

/// How a block comes to be.
#[derive(Clone, Copy)]
enum Birth {
    New(Layout),
    Zeroed(Layout),
    /// From another one, with a new size.
    From(*mut u8, Layout, usize),
}

#[inline(never)]
fn alloc_and_trace(heap: &dyn GlobalAlloc, birth: Birth) -> *mut u8 {
    let block = match birth {
        // SAFETY: the caller's contract.
        Birth::New(layout) => unsafe { heap.alloc(layout) },
        // SAFETY: the caller's contract.
        Birth::Zeroed(layout) => unsafe { heap.alloc_zeroed(layout) },
        // SAFETY: the caller's contract.
        Birth::From(block, layout, size) => unsafe { heap.realloc(block, layout, size) },
    };
    if block.is_null() || !ASKING.get() || !is_one_of_many() || INSIDE.replace(true) {
        return block;
    }
    if let Some(stacks) = STACKS.lock().expect("not poisoned").as_mut() {
        stacks.insert(block as u64, trace());
    }
    INSIDE.set(false);
    block
}

/// A block is about to end: forgets it, or says that it has to stay.
fn has_to_stay(block: *mut u8) -> bool {
    if INSIDE.replace(true) {
        return false;
    }
    let mut stays = false;
    if let Some(stacks) = STACKS.lock().expect("not poisoned").as_mut() {
        if KEEPS.load(Ordering::Relaxed) {
            stays = stacks.contains_key(&(block as u64));
        } else {
            stacks.remove(&(block as u64));
        }
    }
    INSIDE.set(false);
    stays
}

#[inline(always)]
fn is_one_of_many() -> bool {
    let count = COUNT.get();
    COUNT.set(count.wrapping_add(1));
    count < FIRST || count.is_multiple_of(EVERY.load(Ordering::Relaxed))
}

/// The frames outside [`alloc_and_trace`].
#[inline(never)]
fn trace() -> Seen {
    let own = alloc_and_trace as *const () as *mut c_void;
    let mut outside = false;
    let mut frames = Vec::new();
    // SAFETY: one thread's own stack; the crate's cache is not used by a trace.
    unsafe {
        backtrace::trace_unsynchronized(|frame| {
            // Where a thread's first function has no caller, `backtrace` says 0.
            if outside && !frame.ip().is_null() {
                frames.push(frame.ip() as u64);
            }
            outside |= frame.symbol_address() == own;
            frames.len() < ASKED
        });
    }
    let whole = frames.len() < ASKED;
    Seen { frames, whole }
}

// SAFETY: forwards to endler's allocator.
unsafe impl GlobalAlloc for Oracle {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let layout = std::hint::black_box(layout);
        std::hint::black_box(alloc_and_trace(self.heap, Birth::New(layout)))
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let layout = std::hint::black_box(layout);
        std::hint::black_box(alloc_and_trace(self.heap, Birth::Zeroed(layout)))
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if !has_to_stay(block) {
            // SAFETY: the caller's contract.
            unsafe { self.heap.dealloc(block, layout) }
        }
    }
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !has_to_stay(block) {
            let birth = std::hint::black_box(Birth::From(block, layout, size));
            return std::hint::black_box(alloc_and_trace(self.heap, birth));
        }
        // SAFETY: the caller's contract says that this is a layout.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        let to = std::hint::black_box(alloc_and_trace(self.heap, Birth::New(wanted)));
        if !to.is_null() {
            // SAFETY: both are blocks of at least so many bytes, and not the same one.
            unsafe { to.copy_from_nonoverlapping(block, size.min(layout.size())) };
        }
        to
    }
}

/// Begins to ask.
pub(crate) fn begin() {
    quietly(|| *STACKS.lock().expect("not poisoned") = Some(HashMap::new()));
}

/// Begins to ask about one allocation of so many, whose blocks then stay, so that
/// a program's short-lived blocks are compared too.
pub(crate) fn begin_sampling(every: u32) {
    EVERY.store(every, Ordering::Relaxed);
    KEEPS.store(true, Ordering::Relaxed);
    begin();
}

/// Runs `body` without a question: its blocks are recorded by endler alone.
pub(crate) fn quietly<T>(body: impl FnOnce() -> T) -> T {
    let before = ASKING.replace(false);
    let inside = INSIDE.replace(true);
    let result = body();
    INSIDE.set(inside);
    ASKING.set(before);
    result
}

/// Whether this thread's blocks are asked about from now on.
pub(crate) fn ask(asking: bool) {
    ASKING.set(asking);
}

/// What a comparison gave.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Recorded stacks that `backtrace` tells alike: whole, up to the depth
    /// limit, or up to where the walk says that it could not go on.
    pub(crate) equal: u32,
    /// Of these, cut at the depth limit.
    pub(crate) truncated: u32,
    /// Of these, cut where the walk could not go on, frames outside unknown.
    pub(crate) stuck: u32,
    /// Of these, where `backtrace` went on.
    pub(crate) shorter: u32,
    /// Of these, with a frame that a signal struck.
    pub(crate) interrupted: u32,
    /// The outermost frames of these.
    pub(crate) stuck_at: BTreeSet<u64>,
    /// All others, for the failure's message.
    pub(crate) wrong: Vec<String>,
}

impl Tally {
    /// Fails if a stack was wrong, or fewer than `least` were compared.
    #[track_caller]
    pub(crate) fn check(&self, least: u32) {
        let wrong = &self.wrong;
        assert!(
            wrong.is_empty(),
            "{} stacks are wrong, the first: {}",
            wrong.len(),
            wrong[0]
        );
        assert!(self.equal >= least, "few stacks were compared: {self:?}");
    }

    /// As [`Tally::check`], and every walk went on to its end or the depth limit.
    #[track_caller]
    pub(crate) fn check_all_whole(&self, least: u32) {
        self.check(least);
        assert_eq!(self.stuck, 0, "walks that could not go on: {self:?}");
    }
}

/// Ends the asking: the stacks that `backtrace` told.
pub(crate) fn end() -> HashMap<u64, Seen> {
    let stacks = quietly(|| STACKS.lock().expect("not poisoned").take());
    stacks.expect("begun")
}

/// Compares the blocks that live in `image`.
pub(crate) fn compare(image: &Image, stacks: &HashMap<u64, Seen>) -> Tally {
    let mut tally = Tally::default();
    for (addr, seen) in stacks {
        if image.blocks.addr.binary_search(&Addr(*addr)).is_ok() {
            compare_one(image, *addr, seen, &mut tally);
        }
    }
    tally
}

fn compare_one(image: &Image, addr: u64, seen: &Seen, tally: &mut Tally) {
    let (ours, end) = recorded(image, addr).expect("a block of the image");
    let interrupted = ours.iter().any(|(_, kind)| *kind == FrameKind::Interrupted);
    let ours: Vec<u64> = ours.into_iter().map(|(address, _)| address).collect();
    let expect = &seen.frames;
    // Frames inside the wrapper come first and are not compared.
    let Some(skip) = ours.iter().position(|f| Some(f) == expect.first()) else {
        let what = format!("{end:?} {ours:x?} does not meet {expect:x?}");
        return tally.wrong.push(what);
    };
    let rest = &ours[skip..];
    let same = match end {
        StackEnd::Complete => seen.whole && rest == expect,
        StackEnd::Truncated => expect.starts_with(rest) && ours.len() == DEPTH,
        StackEnd::Stuck => expect.starts_with(rest),
    };
    if !same {
        let what = format!("{end:?} {rest:x?} is not {expect:x?}");
        return tally.wrong.push(what);
    }
    tally.equal += 1;
    tally.truncated += u32::from(end == StackEnd::Truncated);
    if end == StackEnd::Stuck {
        tally.stuck += 1;
        tally.shorter += u32::from(rest.len() < expect.len());
        tally.stuck_at.extend(ours.last());
    }
    tally.interrupted += u32::from(interrupted);
}

/// The frames that endler recorded for the block at `addr`, innermost first.
pub(crate) fn recorded(image: &Image, addr: u64) -> Option<(Vec<(u64, FrameKind)>, StackEnd)> {
    let row = image.blocks.addr.binary_search(&Addr(addr)).ok()?;
    let context = image.contexts[image.blocks.context[row].index()];
    let frames = image.stacks.frames(context.stack).map(|f| {
        let frame = image.frames[f.index()];
        (frame.address.0, frame.kind)
    });
    Some((frames.collect(), context.end))
}

/// This process's image, and the comparison with all that was asked since
/// [`begin`].
pub(crate) fn tally() -> (Image, Tally) {
    quietly(|| {
        let image = super::image();
        let stacks = end();
        let tally = compare(&image, &stacks);
        (image, tally)
    })
}
