//! A thread's row: everything that only one thread writes.
//!
//! ```text
//!  row   tid, number, busy          who owns it, and the re-entry guard
//!        active, spare, deferred    free slots (see slots.rs)
//!        parked + a record          the block whose inner realloc is running
//!        stacks, memo               the stack and the last walk
//!        cache                      hash of a walk → context, direct-mapped
//!        totals                     frees by context
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
//!   allocations are not recorded then, its frees are, through `deferred`.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use core::cell::{Cell, UnsafeCell};
use core::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU16, AtomicU32, AtomicU64, Ordering, compiler_fence,
};

use crate::os;
use crate::shadow::map_new;
use crate::slots::{BATCH, NONE, Record, Slab};
use crate::threads::Threads;
use crate::totals::ThreadTotals;
use crate::unwind::stacks::Stacks;
use crate::unwind::walk::Memo;

/// Contexts that a thread finds without the shared table. 1,024 × 16 bytes
/// keep 95 % of the look-ups of the serde_json bench local.
const CACHE: usize = 1024;
const MAX_ROWS: usize = 1 << 16;
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
    tid: AtomicU32,
    pub(crate) number: AtomicU16,
    busy: AtomicBool,
    active: Cell<u32>,
    active_len: Cell<u32>,
    spare: Cell<u32>,
    refills: Cell<u32>,
    deferred: AtomicU32,
    /// Slot index + 1, or 0.
    pub(crate) parked: AtomicU32,
    pub(crate) parked_words: [AtomicU64; 3],
    /// Allocations that could not be recorded.
    pub(crate) lost: AtomicU64,
    pub(crate) stacks: Stacks,
    memo: UnsafeCell<Memo>,
    cache: [Cached; CACHE],
    pub(crate) totals: ThreadTotals,
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
        self.row.busy.store(false, Ordering::Relaxed);
    }
}

impl Row {
    /// Enters the profiler; none if the thread is inside already (a signal
    /// handler that allocates, or the profiler's own code).
    #[inline(always)]
    pub(crate) fn enter(&self) -> Option<Guard<'_>> {
        if self.busy.load(Ordering::Relaxed) {
            return None;
        }
        self.busy.store(true, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        Some(Guard { row: self })
    }

    /// A free slot to record a block in.
    #[inline(always)]
    pub(crate) fn pop(&self, slab: &Slab, threads: &Threads) -> Option<u32> {
        let index = self.active.get();
        if index == NONE {
            return self.pop_slow(slab, threads);
        }
        self.active.set(slab.slot(index)?.next());
        self.active_len.set(self.active_len.get().saturating_sub(1));
        Some(index)
    }

    #[cold]
    #[inline(never)]
    fn pop_slow(&self, slab: &Slab, threads: &Threads) -> Option<u32> {
        self.drain_deferred(slab);
        // A thread often gets its name after its first allocations.
        let refills = self.refills.get();
        if refills < 4 {
            self.refills.set(refills.wrapping_add(1));
            threads.rename(self.number.load(Ordering::Relaxed));
        }
        let mut index = self.active.get();
        if index == NONE {
            index = self.spare.replace(NONE);
        }
        if index == NONE {
            index = slab.batch()?;
        }
        self.active.set(slab.slot(index)?.next());
        self.active_len.set(BATCH.wrapping_sub(1));
        Some(index)
    }

    /// Takes back a slot that records nothing any more.
    #[inline(always)]
    pub(crate) fn push(&self, index: u32, slab: &Slab) {
        let Some(slot) = slab.slot(index) else { return };
        let len = self.active_len.get();
        if len >= BATCH {
            self.push_slow(slab);
        }
        slot.set_next(self.active.get());
        self.active.set(index);
        self.active_len.set(self.active_len.get().wrapping_add(1));
    }

    #[cold]
    #[inline(never)]
    fn push_slow(&self, slab: &Slab) {
        let full = self.active.replace(NONE);
        self.active_len.set(0);
        let spare = self.spare.replace(full);
        if spare != NONE {
            slab.give_batch(spare);
        }
    }

    /// Keeps a slot that was freed while the thread was inside the profiler.
    /// May run in a signal handler on top of any line of this module.
    #[cold]
    pub(crate) fn defer(&self, index: u32, slab: &Slab) {
        let Some(slot) = slab.slot(index) else { return };
        let mut top = self.deferred.load(Ordering::Relaxed);
        loop {
            slot.set_next(top);
            match self
                .deferred
                .compare_exchange(top, index, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return,
                Err(now) => top = now,
            }
        }
    }

    /// Puts the deferred slots into the free lists.
    pub(crate) fn drain_deferred(&self, slab: &Slab) {
        let mut index = self.deferred.swap(NONE, Ordering::AcqRel);
        while index != NONE {
            let Some(slot) = slab.slot(index) else { return };
            let next = slot.next();
            self.push(index, slab);
            index = next;
        }
    }

    /// Keeps the record of a block while its inner realloc runs.
    #[inline(always)]
    pub(crate) fn park(&self, index: u32, record: &Record) {
        for (to, from) in self.parked_words.iter().zip(record.words()) {
            to.store(from, Ordering::Relaxed);
        }
        self.parked.store(index.wrapping_add(1), Ordering::Release);
    }

    /// Ends [`Row::park`], after the shadow has the block again.
    #[inline(always)]
    pub(crate) fn unpark(&self) {
        self.parked.store(0, Ordering::Release);
    }

    /// The parked slot and its record, for a snapshot.
    pub(crate) fn parked(&self) -> Option<(u32, Record)> {
        let index = self.parked.load(Ordering::Acquire).checked_sub(1)?;
        let [a, b, c] = &self.parked_words;
        let words = [a, b, c].map(|w| w.load(Ordering::Relaxed));
        Some((index, Record::from_words(words)))
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
    pub(crate) fn set_busy(&self, busy: bool) -> bool {
        compiler_fence(Ordering::SeqCst);
        let before = self.busy.swap(busy, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        before
    }

    /// In a forked process: the row's thread has a new id.
    pub(crate) fn set_tid(&self, tid: u32) {
        self.tid.store(tid, Ordering::Release);
    }

    fn take_over(&self, tid: u32, threads: &Threads, sp: u64) {
        self.number.store(threads.enter(tid), Ordering::Relaxed);
        self.refills.set(0);
        // The former owner cannot have died inside an inner realloc and gone on.
        self.parked.store(0, Ordering::Relaxed);
        // SAFETY: the row has no other owner, and its guard is not given out yet.
        unsafe { &mut *self.memo.get() }.reset();
        self.stacks.find_own(tid, sp);
        self.set_busy(false);
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
        fresh.active.set(NONE);
        fresh.spare.set(NONE);
        fresh.deferred.store(NONE, Ordering::Relaxed);
        fresh.tid.store(tid, Ordering::Relaxed);
        fresh.take_over(tid, threads, sp);
        self.rows.get(at)?.store(row, Ordering::Release);
        Some(fresh)
    }
}
