//! The hook: what happens beside each call of the inner allocator.
//!
//! Rules of this file: remove the record before the inner free or realloc,
//! insert it after the inner alloc, put it back if a realloc gives null. Never
//! panic, lock, block, format or allocate from the host. A free is never
//! skipped, not even inside the guard. What cannot be recorded is counted.
//!
//! The statics of the recorder stand here; all else are plain structs.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use core::sync::atomic::AtomicUsize;

use crate::clock::Start;
use crate::contexts::{Contexts, Frames, Stack};
use crate::depot::Depot;
use crate::epochs::Epochs;
use crate::inner_name::InnerName;
use crate::late::Late;
use crate::mode::Mode;
use crate::os;
use crate::pause::pause;
use crate::phases::Phases;
use crate::rows::{Free, Guard, Row, Rows};
use crate::shadow::Shadow;
use crate::slots::{Record, Slab};
use crate::state;
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use crate::tags::Tags;
use crate::threads::Threads;
use crate::unwind::cache::RuleCache;
use crate::unwind::memo::Memo;
use crate::unwind::objects::Objects;
use crate::unwind::walk::{OwnStack, Registers, Words};

/// Everything that the recorder knows.
pub(crate) struct Recorder {
    pub(crate) shadow: Shadow,
    pub(crate) slab: Slab,
    pub(crate) depot: Depot,
    pub(crate) rows: Rows,
    pub(crate) threads: Threads,
    pub(crate) contexts: Contexts,
    pub(crate) rules: RuleCache,
    pub(crate) objects: Objects,
    pub(crate) start: Start,
    pub(crate) epochs: Epochs,
    pub(crate) phases: Phases,
    pub(crate) tags: Tags,
    /// Slots of blocks that were freed on threads without a row.
    pub(crate) late: Late,
    /// Allocations of threads that have no row, which could not be recorded.
    pub(crate) lost: AtomicU64,
    /// Set by the first thread that decides the mode.
    deciding: AtomicU32,
    /// The process that records.
    process: AtomicU32,
    /// The wrapped allocator's.
    pub(crate) inner: InnerName,
}

/// The recorder of this process. Its bytes are all zero at the start, so it
/// takes no room in the binary.
pub(crate) static RECORDER: Recorder = Recorder {
    shadow: Shadow::new(),
    slab: Slab::new(),
    depot: Depot::new(),
    rows: Rows::new(),
    threads: Threads::new(),
    contexts: Contexts::new(),
    rules: RuleCache::new(),
    objects: Objects::new(),
    start: Start::new(),
    epochs: Epochs::new(),
    phases: Phases::new(),
    tags: Tags::new(),
    late: Late::new(),
    lost: AtomicU64::new(0),
    deciding: AtomicU32::new(0),
    process: AtomicU32::new(0),
    inner: InnerName::new(),
};

/// Where its threads find free slots.
pub(crate) const FREE: Free<'static> = Free {
    slab: &RECORDER.slab,
    depot: &RECORDER.depot,
    late: &RECORDER.late,
    threads: &RECORDER.threads,
};

// SAFETY: all fields are atomics or structs of atomics, but for the `Cell`s of
// the rows, which only the row's own thread touches (see rows.rs).
unsafe impl Sync for Recorder {}

/// A thread that is getting its row: nothing is recorded meanwhile.
const CLAIMING: usize = 1;

thread_local! {
    /// The thread's row: 0 for none yet, [`CLAIMING`], or its address. Const
    /// and without a destructor, so it needs no allocation and never ends.
    static ROW: AtomicUsize = const { AtomicUsize::new(0) };
}

/// Decides the mode at the first allocation of the process, which goes to an
/// allocator of the type `inner`.
#[cold]
#[inline(never)]
pub(crate) fn decide(default: Mode, inner: &'static str) -> u8 {
    if RECORDER.deciding.swap(1, Ordering::AcqRel) == 0 {
        RECORDER.inner.set(inner);
        let mode = state::decide(default);
        if mode == Mode::Exact {
            RECORDER.start.begin();
            RECORDER.objects.begin(&RECORDER.rules);
            RECORDER.process.store(os::process_id(), Ordering::Relaxed);
            // SAFETY: the handler touches only this thread's row.
            unsafe { libc::pthread_atfork(None, None, Some(forked)) };
        }
        state::set(mode as u8);
    }
    // Another thread is deciding: its state counts from the next call on.
    match state::now() {
        state::UNDECIDED => {
            lose_request(None);
            state::OFF
        }
        state => state,
    }
}

/// In a process that the host forked: the one thread left has a new id.
extern "C" fn forked() {
    RECORDER.process.store(os::process_id(), Ordering::Relaxed);
    RECORDER.epochs.forked(RECORDER.start.tick());
    let own = row_if_any().inspect(|row| row.set_tid(os::thread_id()));
    // The other threads do not exist here, and no realloc of theirs ever ends:
    // where their blocks stand now nobody knows. Nor does any scope.
    for row in RECORDER.rows.iter() {
        if !own.is_some_and(|own| core::ptr::eq(own, row)) {
            row.unpark();
            row.scopes.clear();
        }
    }
}

/// What `pthread_atfork` would have done, in a process that came from a raw
/// `clone`, which runs no such handler. For a snapshot, on the thread that asks
/// for it: in such a process that is the one that was cloned.
pub fn notice_fork() {
    let recording = state::now() == state::EXACT;
    if recording && RECORDER.process.load(Ordering::Relaxed) != os::process_id() {
        forked();
    }
}

#[inline(always)]
pub(crate) fn row_if_any() -> Option<&'static Row> {
    let at = ROW.with(|row| row.load(Ordering::Relaxed));
    if at <= CLAIMING {
        return None;
    }
    // SAFETY: the thread-local holds the address of a row of RECORDER, which
    // stays mapped for ever.
    Some(unsafe { &*(at as *const Row) })
}

/// The calling thread's row, made if need be.
#[inline(always)]
pub(crate) fn row() -> Option<&'static Row> {
    match row_if_any() {
        Some(row) => Some(row),
        None => claim_row(),
    }
}

#[cold]
#[inline(never)]
fn claim_row() -> Option<&'static Row> {
    let relaxed = Ordering::Relaxed;
    // In one instruction: a signal handler may have got the row a moment ago.
    if ROW
        .with(|row| row.compare_exchange(0, CLAIMING, relaxed, relaxed))
        .is_err()
    {
        return row_if_any();
    }
    let row = RECORDER.rows.claim(&RECORDER.threads, Registers::here().sp);
    let at = row.map_or(0, |row| (&raw const *row) as usize);
    ROW.with(|row| row.store(at, relaxed));
    row
}

struct MemoFrames<'a>(&'a Memo);

impl Frames for MemoFrames<'_> {
    fn frame(&self, at: u32) -> u64 {
        self.0.frame(at)
    }
}

/// The context of the stack whose innermost frame is `start`.
#[inline(always)]
fn context(guard: &mut Guard<'_>, start: Registers) -> u32 {
    let generation = RECORDER.objects.generation();
    match guard.memo().known(start, generation, &OwnStack) {
        0 => context_slow(guard, start.ip, start.sp, start.bp),
        context => context,
    }
}

/// Walks the stack. The registers are passed one by one, so that the fast path
/// need not put them into memory.
#[cold]
#[inline(never)]
fn context_slow(guard: &mut Guard<'_>, ip: u64, sp: u64, bp: u64) -> u32 {
    let start = Registers { ip, sp, bp };
    let row = guard.row;
    let memo = guard.memo();
    let (rules, objects) = (&RECORDER.rules, &RECORDER.objects);
    let walked = memo.walk(start, &row.stacks, rules, objects, &OwnStack);
    let generation = objects.generation();
    let hash = walked.hash ^ u64::from(generation).wrapping_mul(0xd6e8_feb8_6659_fd93);
    let context = row.cached(hash).unwrap_or_else(|| {
        let frames = MemoFrames(memo);
        let stack = Stack {
            hash,
            frames: &frames,
            len: walked.len,
            end: walked.end,
            generation,
            tag: 0,
        };
        let context = RECORDER.contexts.intern(&stack);
        row.remember(hash, context);
        context
    });
    memo.remember(context, &OwnStack);
    context
}

/// The frame that asked for a block, as the methods of [`crate::Heap`] know it:
/// the registers at the return from the method.
#[derive(Clone, Copy)]
pub(crate) struct Caller {
    sp: u64,
    bp: u64,
}

impl Caller {
    /// The caller of a function that was entered with the stack pointer `sp - 8`.
    #[inline(always)]
    pub(crate) fn new(sp: u64, bp: u64) -> Self {
        Caller { sp, bp }
    }

    #[inline(always)]
    fn registers(self) -> Registers {
        let ip = OwnStack.word(self.sp.wrapping_sub(8));
        Registers {
            ip,
            sp: self.sp,
            bp: self.bp,
        }
    }
}

/// Records a block that the inner allocator just gave.
#[inline(always)]
pub(crate) fn insert(block: *mut u8, size: usize, caller: Caller) {
    let mut context = 0;
    if let Some(row) = row_if_any()
        && let Some(mut guard) = row.enter()
    {
        context = context_at_once(guard.memo(), caller);
        if context != 0 && record_at_once(&guard, block as u64, size, context).is_some() {
            return;
        }
    }
    insert_slow(block, size, caller, context);
}

/// The context of a stack that is remembered; else 0. A function of its own, which needs
/// no register but those that its callers have given up.
#[inline(never)]
fn context_at_once(memo: &Memo, caller: Caller) -> u32 {
    let generation = RECORDER.objects.generation();
    memo.known(caller.registers(), generation, &OwnStack)
}

/// Records a block if nothing is new: no cut is made, the moment and the address have
/// been seen, and a free slot is at hand. Else none, and nothing is done.
#[inline(always)]
fn record_at_once(guard: &Guard<'_>, addr: u64, size: usize, context: u32) -> Option<()> {
    let row = guard.row;
    let stamp = RECORDER.epochs.stamp();
    if stamp.in_cut() || !RECORDER.start.is_as_seen(&row.seen) {
        return None;
    }
    let entry = RECORDER.shadow.get(addr)?;
    let (index, slot) = row.pop_at_once(&RECORDER.slab)?;
    let (size, thread, born) = (size as u64, row.thread(), row.seen.tick());
    slot.store(Record::new(addr, size, thread, stamp, context, born));
    entry.set(index);
    Some(())
}

/// [`insert`] when something is new. `context` is 0 if the stack is.
#[cold]
#[inline(never)]
fn insert_slow(block: *mut u8, size: usize, caller: Caller, context: u32) {
    let Some(row) = row() else {
        return lose_request(None);
    };
    let Some(mut guard) = row.enter() else {
        return lose_request(Some(row));
    };
    let context = match context {
        0 => {
            let Registers { ip, sp, bp } = caller.registers();
            context_slow(&mut guard, ip, sp, bp)
        }
        context => context,
    };
    let born = RECORDER.start.tick_seen(&row.seen);
    if !try_insert(&guard, block as u64, size, context, born) {
        lose(&guard);
    }
}

/// [`insert`] for the methods that are called less.
#[inline(never)]
pub(crate) fn insert_too(block: *mut u8, size: usize, caller: Caller) {
    insert(block, size, caller);
}

/// A request that was not recorded, since this thread is inside the profiler or
/// has no row. The profiler's own are nobody's loss; those of a signal handler
/// that struck the hook are the host's.
#[cold]
#[inline(never)]
fn lose_request(row: Option<&Row>) {
    if !row.is_some_and(Row::is_paused) {
        RECORDER.lost.fetch_add(1, Ordering::Relaxed);
    }
}

#[cold]
fn lose(guard: &Guard<'_>) {
    let lost = &guard.row.lost;
    lost.store(
        lost.load(Ordering::Relaxed).wrapping_add(1),
        Ordering::Relaxed,
    );
}

#[inline(always)]
fn try_insert(guard: &Guard<'_>, addr: u64, size: usize, context: u32, born: u32) -> bool {
    let Some(entry) = RECORDER.shadow.get_or_map(addr) else {
        return false;
    };
    let row = guard.row;
    let stamp = RECORDER.epochs.stamp();
    let Some((index, slot)) = row.pop(stamp, FREE) else {
        return false;
    };
    slot.store(Record::new(
        addr,
        size as u64,
        row.thread(),
        stamp,
        context,
        born,
    ));
    entry.set(index);
    true
}

/// Forgets a block that the inner allocator is about to take back, if nothing is new:
/// see [`record_at_once`]. Else false, and nothing is done.
#[inline(always)]
pub(crate) fn remove_at_once(addr: *mut u8) -> bool {
    let entry = RECORDER.shadow.get(addr as u64);
    let Some((entry, index)) = entry.and_then(|entry| Some((entry, entry.load()?))) else {
        return true;
    };
    let Some(row) = row_if_any() else {
        return false;
    };
    let Some(_guard) = row.enter() else {
        return false;
    };
    if !RECORDER.start.is_as_seen(&row.seen) {
        return false;
    }
    let Some(room) = row.room() else {
        return false;
    };
    entry.clear();
    room.put(index, row.seen.tick());
    true
}

/// Forgets a block that the inner allocator is about to take back.
#[inline(always)]
pub(crate) fn remove(addr: *mut u8) {
    let Some(index) = RECORDER
        .shadow
        .get(addr as u64)
        .and_then(|entry| entry.take())
    else {
        return;
    };
    free_slot(index);
}

/// Gives a slot back that records nothing any more.
#[inline(always)]
fn free_slot(index: u32) {
    let tick = || RECORDER.start.tick();
    let Some(row) = row() else {
        return RECORDER.late.push(index, tick(), &RECORDER.slab);
    };
    let Some(guard) = row.enter() else {
        return row.late.push(index, tick(), &RECORDER.slab);
    };
    let died = RECORDER.start.tick_seen(&row.seen);
    guard.row.push(index, died, &RECORDER.slab, &RECORDER.depot);
}

/// A block whose inner realloc is running.
pub(crate) struct Parked {
    index: u32,
    record: Record,
    /// Whether the thread was inside the profiler already, so that the row's
    /// parking place is not ours.
    inside: bool,
}

/// Takes a block's record out before its inner realloc.
#[inline(never)]
pub(crate) fn park(addr: *mut u8) -> Option<Parked> {
    let entry = RECORDER.shadow.get(addr as u64)?;
    let index = entry.load()?;
    let record = RECORDER.slab.slot(index)?.load();
    // A realloc within a realloc (an inner allocator that allocates) finds the
    // row's place taken and does without.
    let guard = row()
        .and_then(Row::enter)
        .filter(|guard| !guard.row.is_parked());
    if let Some(guard) = &guard {
        guard.row.park(index, record);
    }
    entry.take();
    Some(Parked {
        index,
        record,
        inside: guard.is_none(),
    })
}

/// Ends a realloc that failed: the block stays as it was.
#[cold]
#[inline(never)]
pub(crate) fn put_back(parked: Parked) {
    if let Some(entry) = RECORDER.shadow.get(parked.record.addr()) {
        entry.set(parked.index);
    }
    if let Some(row) = row_if_any().filter(|_| !parked.inside) {
        row.unpark();
    }
}

/// Ends a realloc that succeeded: the block keeps its serial, birth, thread and
/// phase, and takes the new address, size and context.
#[inline(never)]
pub(crate) fn moved(parked: &Parked, addr: *mut u8, size: usize, caller: Caller) {
    // At once, before the walk: another thread may have got the old place.
    let recorded = finish_move(parked, addr as u64, size);
    let row = row_if_any();
    let Some(row) = row.filter(|_| !parked.inside) else {
        // The block is right, but nobody has noted who asked.
        if recorded {
            lose_request(row);
        }
        return;
    };
    row.unpark();
    // Not recorded at its new place, it has ended as a free ends.
    if !recorded {
        return;
    }
    let Some(mut guard) = row.enter() else {
        return;
    };
    let context = context(&mut guard, caller.registers());
    guard
        .row
        .totals
        .moved(parked.record.context(), parked.record.size());
    if let Some(slot) = RECORDER.slab.slot(parked.index) {
        slot.set_context(parked.record.with_context(context));
    }
}

#[inline(always)]
fn finish_move(parked: &Parked, addr: u64, size: usize) -> bool {
    let Some(slot) = RECORDER.slab.slot(parked.index) else {
        return false;
    };
    match RECORDER.shadow.get_or_map(addr) {
        Some(entry) => {
            slot.store(parked.record.moved(addr, size as u64));
            entry.set(parked.index);
            true
        }
        None => {
            // No memory for the new place: the record is lost, and counted.
            RECORDER.lost.fetch_add(1, Ordering::Relaxed);
            let died = RECORDER.start.tick();
            RECORDER.late.push(parked.index, died, &RECORDER.slab);
            false
        }
    }
}

/// What Rust calls the type of the wrapped allocator; empty before the first
/// allocation.
#[must_use]
pub fn inner_allocator() -> &'static str {
    RECORDER.inner.get()
}

/// The mode that the process runs in; none before its first allocation.
#[must_use]
pub fn mode() -> Option<Mode> {
    match state::now() {
        state::OFF => Some(Mode::Off),
        state::EXACT => Some(Mode::Exact),
        _ => None,
    }
}

/// Enters a named phase: blocks born from now on belong to it.
pub fn enter_phase(name: &str) {
    let _pause = pause();
    let now = RECORDER.start.tick();
    RECORDER.phases.enter(name, now, &RECORDER.epochs);
}
