//! A thread's row: everything that only one thread writes.
//!
//! ```text
//!  row   tid, number, busy          who owns it, and the re-entry guard
//!        pair, cold, late           free slots (see depot.rs)
//!        parked + a record          the block whose inner realloc is running
//!        stacks, memo               the stack and the walks remembered
//!        cache                      hash of a walk → context, direct-mapped
//!        totals                     frees by context
//!        own, scopes                its own number, and the tags that are set
//! ```
//!
//! A thread finds its row through a `const` thread-local without a destructor,
//! which needs no allocation and outlives every other thread-local. There is
//! no exit hook: a row whose thread is gone (`tgkill` says so, or a new thread
//! has its id) is taken over by the next thread, with its free slots and its
//! totals, which go on counting.
//!
//! Invariants:
//! * a live thread's row has its `tid`; no two rows have one `tid`;
//! * `parked != 0` exactly while the row's thread runs an inner realloc; the
//!   parked slot's own words are not read then, the copy beside it is;
//! * `busy` is set while the row's thread is inside the profiler: its
//!   allocations are not recorded then, its frees are, through `late`.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use core::cell::{Cell, UnsafeCell};
use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, AtomicU64, Ordering, compiler_fence};

use crate::clock::Seen;
use crate::depot::{Depot, Magazine, Pair, Room};
use crate::epochs::Stamp;
use crate::late::Late;
use crate::os;
use crate::parking::Parking;
use crate::scopes::{Open, Scopes};
use crate::shadow::map_new;
use crate::slots::{Record, Slab, Slot};
use crate::threads::Threads;
use crate::totals::ThreadTotals;
use crate::unwind::memo::Memo;
use crate::unwind::stacks::Stacks;

/// How far ahead the cache is asked for slots that were freed long ago: some
/// twenty misses can be under way at a time.
const AHEAD: u32 = 12;
/// Contexts that a thread finds without the shared table. 1,024 × 16 bytes
/// keep 95 % of the look-ups of the serde_json bench local.
const CACHE: usize = 1024;
/// What `busy` says: outside the profiler, in the hook, or in a `Pause`.
pub(crate) const OUTSIDE: u8 = 0;
const IN_HOOK: u8 = 1;
pub(crate) const PAUSED: u8 = 2;
pub(crate) const MAX_ROWS: usize = if cfg!(test) { 64 } else { 1 << 16 };
/// Rows that a new thread asks about before it makes its own.
const PROBES: u32 = 16;

/// A cached context: the hash of a walk, and its id.
#[derive(Default)]
pub(crate) struct Cached {
    hash: Cell<u64>,
    context: Cell<u32>,
}

/// See the module's drawing. Only its owner touches the `Cell`s.
#[repr(C, align(128))]
pub(crate) struct Row {
    /// The thread's number, shifted to its place in a record.
    thread: AtomicU64,
    tid: AtomicU32,
    busy: AtomicU8,
    /// Rounds of the loaded magazine, from the lowest, whose slots are in no
    /// cache of this thread.
    cold: Cell<u32>,
    pub(crate) pair: Pair,
    refills: Cell<u32>,
    pub(crate) late: Late,
    parking: Parking,
    /// The time, as the thread saw it last.
    pub(crate) seen: Seen,
    /// Allocations that could not be recorded.
    pub(crate) lost: AtomicU64,
    pub(crate) stacks: Stacks,
    /// The address of the thread's control block.
    control_block: AtomicU64,
    memo: UnsafeCell<Memo>,
    cache: [Cached; CACHE],
    pub(crate) totals: ThreadTotals,
    /// The thread's own number; `thread` is another one while a tag is set.
    own: AtomicU32,
    pub(crate) scopes: Scopes,
}

/// Proof that the calling thread is inside the profiler, and its row.
///
/// While it lives, allocations of this thread are not recorded.
pub(crate) struct Guard<'a> {
    pub(crate) row: &'a Row,
}

impl Guard<'_> {
    /// The thread's last walk.
    #[inline(always)]
    pub(crate) fn memo(&mut self) -> &mut Memo {
        // SAFETY: one guard of a row lives at a time, only the row's thread
        // makes guards, and the memo is borrowed through the guard alone.
        unsafe { &mut *self.row.memo.get() }
    }
}

impl Drop for Guard<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        compiler_fence(Ordering::SeqCst);
        // For the thread that takes the row over when this one is dead.
        self.row.busy.store(OUTSIDE, Ordering::Release);
    }
}

/// Where free slots come from when a thread has none.
#[derive(Clone, Copy)]
pub(crate) struct Free<'a> {
    pub(crate) slab: &'a Slab,
    pub(crate) depot: &'a Depot,
    /// Those that were freed on threads without a row.
    pub(crate) late: &'a Late,
    pub(crate) threads: &'a Threads,
}

/// Asks the cache for the slot that will be popped [`AHEAD`] after `at`.
#[inline(always)]
fn prefetch(magazine: &Magazine, at: u32, slab: &Slab) {
    let round = at.checked_sub(AHEAD).and_then(|at| magazine.round(at));
    if let Some(slot) = round.and_then(|round| slab.slot(round as u32)) {
        slot.prefetch();
    }
}

impl Row {
    /// The thread's number, shifted to its place in a record.
    #[inline(always)]
    pub(crate) fn thread(&self) -> u64 {
        self.thread.load(Ordering::Relaxed)
    }

    /// The thread's own number, which stands for it without a tag.
    pub(crate) fn own(&self) -> u16 {
        self.own.load(Ordering::Relaxed) as u16
    }

    /// Opens a scope: from here on blocks bear its number. Its place; none if too many
    /// are open.
    pub(crate) fn open_scope(&self, scope: Open) -> Option<u32> {
        let at = self.scopes.open(scope)?;
        self.bear_innermost();
        Some(at)
    }

    /// Closes the scope at a place: blocks bear what the innermost one says that is left.
    pub(crate) fn close_scope(&self, at: u32) {
        self.scopes.close(at);
        self.bear_innermost();
    }

    fn bear_innermost(&self) {
        let number = self.scopes.innermost().map_or(self.own(), |s| s.number);
        self.thread
            .store(u64::from(number) << 48, Ordering::Relaxed);
    }

    /// Enters the profiler; none if the thread is inside already (a signal
    /// handler that allocates, or the profiler's own code).
    #[inline(always)]
    pub(crate) fn enter(&self) -> Option<Guard<'_>> {
        if self.busy.load(Ordering::Relaxed) != OUTSIDE {
            return None;
        }
        self.busy.store(IN_HOOK, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        Some(Guard { row: self })
    }

    /// A free slot to record a block in. What it recorded before is added to
    /// the totals first.
    #[inline(always)]
    pub(crate) fn pop<'a>(&self, stamp: Stamp, free: Free<'a>) -> Option<(u32, &'a Slot)> {
        let Some((magazine, (round, below))) = self
            .pair
            .loaded()
            .and_then(|magazine| Some((magazine, magazine.top()?)))
        else {
            return self.pop_slow(stamp, free);
        };
        let slot = free.slab.slot(round as u32)?;
        let old = slot.load();
        if stamp.in_cut() && old.epoch() == stamp.epoch() {
            return self.pop_slow(stamp, free);
        }
        magazine.shorten(below);
        if below < self.cold.get() {
            prefetch(magazine, below, free.slab);
        }
        self.count(old, (round >> 32) as u32);
        Some((round as u32, slot))
    }

    /// [`Row::pop`] outside a cut, if that needs no call: else none, and nothing is done.
    /// What is read anew is so that few registers are needed.
    #[inline(always)]
    pub(crate) fn pop_at_once<'a>(&self, slab: &'a Slab) -> Option<(u32, &'a Slot)> {
        let (round, _) = self.pair.loaded()?.top()?;
        let (index, died) = (round as u32, (round >> 32) as u32);
        let slot = slab.slot(index)?;
        let old = slot.load();
        let age = died.saturating_sub(old.birth());
        let counts = match old.size() {
            0 => None,
            _ => Some(self.totals.counts_at_once(old.context(), age)?),
        };
        let below = self.pair.loaded()?.drop_top();
        if below < self.cold.get() {
            prefetch(self.pair.loaded()?, below, slab);
        }
        if let Some(counts) = counts {
            counts.add_short(old.size(), age);
        }
        Some((index, slot))
    }

    /// Where the thread's next free slot goes, if there is room.
    #[inline(always)]
    pub(crate) fn room(&self) -> Option<Room<'_>> {
        self.pair.loaded()?.room()
    }

    /// Adds the end of a free slot's block to the totals, unless that was done.
    #[inline(always)]
    fn count(&self, old: Record, died: u32) {
        if old.size() != 0 {
            let age = died.saturating_sub(old.birth());
            self.totals.freed(old.context(), old.size(), age);
        }
    }

    #[cold]
    #[inline(never)]
    fn pop_slow<'a>(&self, stamp: Stamp, free: Free<'a>) -> Option<(u32, &'a Slot)> {
        // A thread often gets its name after its first allocations.
        let refills = self.refills.get();
        if refills < 4 {
            self.refills.set(refills.wrapping_add(1));
            free.threads.rename(self.own());
        }
        if !stamp.in_cut() {
            self.drain(&self.late, free);
            self.drain(free.late, free);
        }
        loop {
            let loaded = self.pair.loaded();
            let Some((magazine, (round, below))) = loaded.and_then(|m| Some((m, m.top()?))) else {
                self.refill(free)?;
                continue;
            };
            let (index, died) = (round as u32, (round >> 32) as u32);
            let slot = free.slab.slot(index)?;
            let old = slot.load();
            magazine.shorten(below);
            if stamp.in_cut() && old.size() != 0 && old.epoch() == stamp.epoch() {
                // Its block was born in this cut: the slot waits for its end.
                self.late.push(index, died, free.slab);
                continue;
            }
            self.count(old, died);
            return Some((index, slot));
        }
    }

    /// Loads a magazine that is not empty.
    fn refill(&self, free: Free<'_>) -> Option<()> {
        if !self.pair.reload(free.depot) {
            if !self.pair.make_room(free.depot) {
                return None;
            }
            let loaded = self.pair.loaded()?;
            let taken = free.slab.take_fresh(&mut |index| {
                loaded.put(index, 0);
            });
            return taken.then_some(());
        }
        let loaded = self.pair.loaded()?;
        let held = loaded.held();
        self.cold.set(held);
        for at in held.saturating_sub(AHEAD)..held {
            prefetch(loaded, at.wrapping_add(AHEAD), free.slab);
        }
        Some(())
    }

    /// Takes back a slot whose block died at `died`.
    #[inline(always)]
    pub(crate) fn push(&self, index: u32, died: u32, slab: &Slab, depot: &Depot) {
        let loaded = self.pair.loaded();
        if !loaded.is_some_and(|magazine| magazine.put(index, died)) {
            self.push_slow(index, died, slab, depot);
        }
    }

    #[cold]
    #[inline(never)]
    fn push_slow(&self, index: u32, died: u32, slab: &Slab, depot: &Depot) {
        let put = |magazine: &Magazine| magazine.put(index, died);
        if self.pair.make_room(depot) {
            self.cold.set(0);
            if self.pair.loaded().is_some_and(put) {
                return;
            }
        }
        self.late.push(index, died, slab);
    }

    /// Puts the slots of a late list into magazines.
    pub(crate) fn drain(&self, late: &Late, free: Free<'_>) {
        if late.is_empty() {
            return;
        }
        for (index, died) in late.take(free.slab) {
            self.push(index, died, free.slab, free.depot);
        }
    }

    /// Keeps the record of a block while its inner realloc runs.
    #[inline(always)]
    pub(crate) fn park(&self, index: u32, record: Record) {
        self.parking.park(index, record);
    }

    /// Ends [`Row::park`], after the shadow has the block again.
    #[inline(always)]
    pub(crate) fn unpark(&self) {
        self.parking.unpark();
    }

    /// Whether a block is parked.
    #[inline(always)]
    pub(crate) fn is_parked(&self) -> bool {
        self.parking.is_taken()
    }

    /// The parked slot and its record, for a snapshot.
    pub(crate) fn parked(&self) -> Option<(u32, Record)> {
        self.parking.parked()
    }

    /// The context last found for a walk of this hash.
    #[inline(always)]
    pub(crate) fn cached(&self, hash: u64) -> Option<u32> {
        let entry = self.cache.get(hash as usize % CACHE)?;
        (entry.hash.get() == hash && entry.context.get() != 0).then(|| entry.context.get())
    }

    #[inline(always)]
    pub(crate) fn remember(&self, hash: u64, context: u32) {
        if let Some(entry) = self.cache.get(hash as usize % CACHE) {
            entry.hash.set(hash);
            entry.context.set(context);
        }
    }

    /// Marks the thread as inside the profiler for long; what was set before.
    pub(crate) fn set_busy(&self, busy: u8) -> u8 {
        compiler_fence(Ordering::SeqCst);
        let before = self.busy.swap(busy, Ordering::AcqRel);
        compiler_fence(Ordering::SeqCst);
        before
    }

    /// Whether the profiler's own code runs on the thread, outside the hook.
    #[cold]
    pub(crate) fn is_paused(&self) -> bool {
        self.busy.load(Ordering::Relaxed) == PAUSED
    }

    /// In a forked process: the row's thread has a new id.
    pub(crate) fn set_tid(&self, tid: u32) {
        self.tid.store(tid, Ordering::Release);
    }

    /// For a snapshot: the owner's id, the end of its stack or 0, the address of
    /// its control block.
    pub(crate) fn stack(&self) -> (u32, u64, u64) {
        let tid = self.tid.load(Ordering::Acquire);
        let block = self.control_block.load(Ordering::Relaxed);
        (tid, self.stacks.end(), block)
    }

    fn take_over(&self, tid: u32, threads: &Threads, sp: u64) {
        // What the former owner wrote last is ordered before what is written here.
        self.set_busy(IN_HOOK);
        let number = threads.enter(tid);
        self.own.store(u32::from(number), Ordering::Relaxed);
        self.scopes.clear();
        self.bear_innermost();
        self.refills.set(0);
        // The former owner cannot have died inside an inner realloc and gone on.
        self.parking.unpark();
        self.pair.take_over();
        self.cold.set(0);
        // SAFETY: the row has no other owner, and its guard is not given out yet.
        unsafe { &mut *self.memo.get() }.reset();
        self.stacks.find_own(tid, sp);
        let block = os::thread_control_block();
        self.control_block.store(block, Ordering::Relaxed);
        self.set_busy(OUTSIDE);
    }
}

/// All rows.
pub(crate) struct Rows {
    rows: [AtomicPtr<Row>; MAX_ROWS],
    count: AtomicU32,
    cursor: AtomicU32,
}

impl Rows {
    pub(crate) const fn new() -> Self {
        Rows {
            rows: [const { AtomicPtr::new(core::ptr::null_mut()) }; MAX_ROWS],
            count: AtomicU32::new(0),
            cursor: AtomicU32::new(0),
        }
    }

    /// The rows made so far.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Row> {
        let count = (self.count.load(Ordering::Acquire) as usize).min(MAX_ROWS);
        // SAFETY: a row that stands in the table stays mapped for ever.
        self.rows
            .iter()
            .take(count)
            .filter_map(|r| unsafe { r.load(Ordering::Acquire).as_ref() })
    }

    /// A row for the calling thread, which must have none: a dead thread's, or
    /// a new one; none when memory is refused or all rows are in use.
    pub(crate) fn claim(&self, threads: &Threads, sp: u64) -> Option<&Row> {
        let tid = os::thread_id();
        let count = self.count.load(Ordering::Acquire).min(MAX_ROWS as u32);
        let start = self.cursor.fetch_add(PROBES, Ordering::Relaxed);
        for probe in 0..count.min(PROBES) {
            let at = start.wrapping_add(probe).checked_rem(count)? as usize;
            // SAFETY: as in `iter`.
            let Some(row) = (unsafe { self.rows.get(at)?.load(Ordering::Acquire).as_ref() }) else {
                continue;
            };
            let owner = row.tid.load(Ordering::Acquire);
            // A row with this thread's own id is a dead thread's too: ids of
            // live threads differ, and this thread has no row.
            let dead = owner == tid || !os::thread_is_alive(owner);
            let claimed = dead
                && row
                    .tid
                    .compare_exchange(owner, tid, Ordering::AcqRel, Ordering::Relaxed)
                    .is_ok();
            if claimed {
                row.take_over(tid, threads, sp);
                return Some(row);
            }
        }
        if count as usize >= MAX_ROWS {
            return None;
        }
        // Mapped first, so that a refusal uses up no place.
        let row = map_new::<Row>()?;
        let at = self.count.fetch_add(1, Ordering::AcqRel) as usize;
        if at >= MAX_ROWS {
            self.count.store(MAX_ROWS as u32, Ordering::Release);
            // SAFETY: nobody else has seen it.
            unsafe { os::unmap(row.cast(), size_of::<Row>()) };
            return None;
        }
        // SAFETY: zeroed memory is a valid `Row` (all its fields are integers
        // and pointers in cells), and nobody else has seen it.
        let fresh = unsafe { &*row };
        fresh.tid.store(tid, Ordering::Relaxed);
        fresh.take_over(tid, threads, sp);
        self.rows.get(at)?.store(row, Ordering::Release);
        Some(fresh)
    }
}
