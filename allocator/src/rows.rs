//! A thread's row: everything that only one thread writes.
//!
//! ```text
//!  row   tid, number, busy          who owns it, and the re-entry guard
//!        magazine, held, late       free slots (see slots.rs)
//!        parked + a record          the block whose inner realloc is running
//!        stacks, memo               the stack and the walks remembered
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
//!   allocations are not recorded then, its frees are, through `late`;
//! * `magazine[..held]` are free slots, each with the tick at which its block
//!   died, if the slot says that this has not been counted yet.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use core::cell::{Cell, UnsafeCell};
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering, compiler_fence};

use crate::epochs::{Epochs, Stamp};
use crate::late::Late;
use crate::os;
use crate::shadow::map_new;
use crate::slots::{BATCH, Record, Slab, Slot};
use crate::threads::Threads;
use crate::totals::ThreadTotals;
use crate::unwind::memo::Memo;
use crate::unwind::stacks::Stacks;

/// Free slots that a thread keeps: with two batches it neither gives nor takes
/// at every turn when it goes up and down around a batch's end.
const MAGAZINE: usize = 2 * BATCH;
/// Contexts that a thread finds without the shared table. 1,024 × 16 bytes
/// keep 95 % of the look-ups of the serde_json bench local.
const CACHE: usize = 1024;
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
    busy: AtomicBool,
    /// Entries of the magazine in use.
    held: AtomicU32,
    refills: Cell<u32>,
    pub(crate) late: Late,
    /// Slot index + 1, or 0.
    pub(crate) parked: AtomicU32,
    pub(crate) parked_words: [AtomicU64; 3],
    /// Allocations that could not be recorded.
    pub(crate) lost: AtomicU64,
    pub(crate) stacks: Stacks,
    /// Index (31..0) and death tick (63..32) of free slots, the last first used.
    magazine: [AtomicU64; MAGAZINE],
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
    /// The thread's number, shifted to its place in a record.
    #[inline(always)]
    pub(crate) fn thread(&self) -> u64 {
        self.thread.load(Ordering::Relaxed)
    }

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

    /// A free slot to record a block in. What it recorded before is added to
    /// the totals first.
    #[inline(always)]
    pub(crate) fn pop<'a>(
        &self,
        stamp: Stamp,
        slab: &'a Slab,
        late: &Late,
        threads: &Threads,
    ) -> Option<(u32, &'a Slot)> {
        let Some(top) = self.held.load(Ordering::Relaxed).checked_sub(1) else {
            return self.pop_slow(stamp, slab, late, threads);
        };
        let entry = self.magazine.get(top as usize)?.load(Ordering::Relaxed);
        let slot = slab.slot(entry as u32)?;
        let old = slot.load();
        if stamp.in_cut() && old.epoch() == stamp.epoch() {
            return self.pop_slow(stamp, slab, late, threads);
        }
        self.held.store(top, Ordering::Relaxed);
        self.count(old, (entry >> 32) as u32);
        Some((entry as u32, slot))
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
    fn pop_slow<'a>(
        &self,
        stamp: Stamp,
        slab: &'a Slab,
        late: &Late,
        threads: &Threads,
    ) -> Option<(u32, &'a Slot)> {
        // A thread often gets its name after its first allocations.
        let refills = self.refills.get();
        if refills < 4 {
            self.refills.set(refills.wrapping_add(1));
            threads.rename((self.thread() >> 48) as u16);
        }
        if stamp.in_cut() {
            // Slots whose blocks were born in this cut wait for its end.
            while let Some(top) = self.held.load(Ordering::Relaxed).checked_sub(1) {
                let entry = self.magazine.get(top as usize)?.load(Ordering::Relaxed);
                let old = slab.slot(entry as u32)?.load();
                if old.size() == 0 || old.epoch() != stamp.epoch() {
                    break;
                }
                self.held.store(top, Ordering::Relaxed);
                self.late.push(entry as u32, (entry >> 32) as u32, slab);
            }
        } else {
            self.drain(&self.late, slab, stamp);
            self.drain(late, slab, stamp);
        }
        if self.held.load(Ordering::Relaxed) == 0 {
            slab.take_batch(&mut |index| {
                self.put(index, 0);
                if let Some(slot) = slab.slot(index) {
                    slot.prefetch();
                }
            });
        }
        let top = self.held.load(Ordering::Relaxed).checked_sub(1)?;
        let entry = self.magazine.get(top as usize)?.load(Ordering::Relaxed);
        let slot = slab.slot(entry as u32)?;
        self.held.store(top, Ordering::Relaxed);
        self.count(slot.load(), (entry >> 32) as u32);
        Some((entry as u32, slot))
    }

    #[inline(always)]
    fn put(&self, index: u32, died: u32) {
        let held = self.held.load(Ordering::Relaxed);
        if let Some(place) = self.magazine.get(held as usize) {
            let entry = u64::from(index) | u64::from(died) << 32;
            place.store(entry, Ordering::Relaxed);
            self.held.store(held.wrapping_add(1), Ordering::Relaxed);
        }
    }

    /// Takes back a slot whose block died at `died`.
    #[inline(always)]
    pub(crate) fn push(&self, index: u32, died: u32, slab: &Slab, epochs: &Epochs) {
        if self.held.load(Ordering::Relaxed) as usize >= MAGAZINE {
            self.give_half(slab, epochs.stamp());
        }
        self.put(index, died);
    }

    /// Gives the older half of the magazine to all threads.
    #[cold]
    #[inline(never)]
    fn give_half(&self, slab: &Slab, stamp: Stamp) {
        let mut given = [0u32; BATCH];
        let mut count = 0usize;
        // They were freed long ago: all are asked for before the first is read.
        for entry in self.magazine.iter().take(BATCH) {
            if let Some(slot) = slab.slot(entry.load(Ordering::Relaxed) as u32) {
                slot.prefetch();
            }
        }
        for entry in self.magazine.iter().take(BATCH) {
            let entry = entry.load(Ordering::Relaxed);
            let (index, died) = (entry as u32, (entry >> 32) as u32);
            let Some(slot) = slab.slot(index) else {
                continue;
            };
            let old = slot.load();
            if stamp.in_cut() && old.size() != 0 && old.epoch() == stamp.epoch() {
                self.late.push(index, died, slab);
                continue;
            }
            self.count(old, died);
            slot.set_counted();
            if let Some(place) = given.get_mut(count) {
                *place = index;
                count = count.wrapping_add(1);
            }
        }
        for (i, entry) in self.magazine.iter().skip(BATCH).enumerate() {
            if let Some(place) = self.magazine.get(i) {
                place.store(entry.load(Ordering::Relaxed), Ordering::Relaxed);
            }
        }
        let rest = (self.held.load(Ordering::Relaxed) as usize).saturating_sub(BATCH);
        self.held.store(rest as u32, Ordering::Relaxed);
        slab.give_batch(given.get(..count).unwrap_or(&[]));
    }

    /// Puts the slots of a late list into the magazine.
    pub(crate) fn drain(&self, late: &Late, slab: &Slab, stamp: Stamp) {
        if late.is_empty() || stamp.in_cut() {
            return;
        }
        for (index, died) in late.take(slab) {
            if self.held.load(Ordering::Relaxed) as usize >= MAGAZINE {
                self.give_half(slab, stamp);
            }
            self.put(index, died);
        }
    }

    /// The free slots of the magazine and when their blocks died, for a
    /// snapshot of frozen tables.
    pub(crate) fn magazine(&self) -> impl Iterator<Item = (u32, u32)> {
        let held = (self.held.load(Ordering::Relaxed) as usize).min(MAGAZINE);
        self.magazine.iter().take(held).map(|entry| {
            let entry = entry.load(Ordering::Relaxed);
            (entry as u32, (entry >> 32) as u32)
        })
    }

    /// Keeps the record of a block while its inner realloc runs.
    #[inline(always)]
    pub(crate) fn park(&self, index: u32, record: Record) {
        for (to, from) in self.parked_words.iter().zip(record.0) {
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
        Some((index, Record(words)))
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
        let number = u64::from(threads.enter(tid));
        self.thread.store(number << 48, Ordering::Relaxed);
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
