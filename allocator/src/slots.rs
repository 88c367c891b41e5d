//! The slots: what is known of each live block, and the free slots.
//!
//! ```text
//!  slot (24 bytes)   63              48 47            42 41     32 31        0
//!    word 0          thread              address
//!    word 1          phase               size
//!    word 2          context (63..42)                    epoch     birth tick
//!
//!  chunk = 65,536 slots                                       1.5 MiB
//!  slot index = chunk number << 16 | position
//!
//!  free slots:  a thread's magazine   index and death tick, in an array (rows.rs)
//!               late lists            word 0 = next | death tick << 32  (late.rs)
//!               shared stack ──► batch ──► batch …              (lock-free)
//!                 leader: word 0 = next leader | item << 32
//!                         word 2 = item | item << 32 (first leader: next batch)
//! ```
//!
//! **A free does not touch the slot.** The index goes into the thread's
//! magazine with the time of death, and the record stays where it is until the
//! slot is used again: only then is its end added to the totals, by the thread
//! that writes the slot anyway. So a free costs one cache line (the shadow
//! entry), not two that wait for one another. `size != 0` in word 1 of a free
//! slot says that its block's end has not been counted yet.
//!
//! Threads pop from and push to their own magazine; [`BATCH`] slots at a time
//! come from and go to the shared stack, so the shared line is touched once in
//! as many operations of one kind. A batch names its slots in a few leaders, so
//! that taking it waits for a quarter as many cache misses as a plain list.
//!
//! Invariants:
//! * a slot is free, or recorded by one shadow entry, or parked by one row;
//! * `address << 17 >> 17` and `size` fit their 48 bits, contexts their 22;
//! * (epoch, index) names one block of all that any snapshot sees: see
//!   [`crate::epochs`].
//!
//! A free slot's words are no live record. Whether a slot is live is asked of
//! the shadow, never of the slot.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use crate::epochs::Stamp;
use crate::shadow::install;

/// Slots in a chunk.
const CHUNK_SLOTS: usize = 1 << 16;
/// Chunks: 2^16 × 65,536 slots is more than a 32-bit index can name.
const MAX_CHUNKS: usize = 1 << 16;
/// Slots that move between a thread and the shared stack at a time.
/// Chosen so that one shared write is paid per 128 operations; larger batches
/// gained nothing on the two-thread churn of `benches/`.
pub(crate) const BATCH: usize = 128;
/// Marks the end of a list: no slot has this index.
pub(crate) const NONE: u32 = u32::MAX;

/// No batch begins at or beyond this index, so that `NONE` is never given out.
pub(crate) const LAST_BATCH: u64 = if cfg!(test) {
    1 << 17
} else {
    NONE as u64 - BATCH as u64
};

const LOW48: u64 = (1 << 48) - 1;
const LOW42: u64 = (1 << 42) - 1;

/// One record. See the module's drawing.
#[repr(C)]
pub(crate) struct Slot {
    word: [AtomicU64; 3],
}
const _: () = assert!(size_of::<Slot>() == 24);

/// What a slot says of a live block: its three words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record(pub(crate) [u64; 3]);

impl Record {
    /// Of a block at `addr`, which lies in the 47 bits that the shadow covers,
    /// so that its size does too. `thread` is shifted to its place.
    #[inline(always)]
    pub(crate) fn new(
        addr: u64,
        size: u64,
        thread: u64,
        stamp: Stamp,
        context: u32,
        birth: u32,
    ) -> Self {
        Record([
            addr | thread,
            size | stamp.phase_bits(),
            u64::from(context) << 42 | stamp.epoch_bits() | u64::from(birth),
        ])
    }

    pub(crate) fn addr(self) -> u64 {
        self.0[0] & LOW48
    }

    #[inline(always)]
    pub(crate) fn size(self) -> u64 {
        self.0[1] & LOW48
    }

    pub(crate) fn thread(self) -> u16 {
        (self.0[0] >> 48) as u16
    }

    pub(crate) fn phase(self) -> u16 {
        (self.0[1] >> 48) as u16
    }

    #[inline(always)]
    pub(crate) fn context(self) -> u32 {
        (self.0[2] >> 42) as u32
    }

    /// The last ten bits of the epoch of birth.
    #[inline(always)]
    pub(crate) fn epoch(self) -> u16 {
        (self.0[2] >> 32) as u16 & 0x3ff
    }

    #[inline(always)]
    pub(crate) fn birth(self) -> u32 {
        self.0[2] as u32
    }

    /// The same block at another place.
    #[inline(always)]
    pub(crate) fn moved(self, addr: u64, size: u64) -> Self {
        let [a, b, c] = self.0;
        Record([a & !LOW48 | addr & LOW48, b & !LOW48 | size & LOW48, c])
    }

    /// The same block with another context.
    #[inline(always)]
    pub(crate) fn with_context(self, context: u32) -> Self {
        let [a, b, c] = self.0;
        Record([a, b, u64::from(context) << 42 | c & LOW42])
    }
}

impl Slot {
    #[inline(always)]
    pub(crate) fn store(&self, record: Record) {
        for (to, from) in self.word.iter().zip(record.0) {
            to.store(from, Ordering::Relaxed);
        }
    }

    /// Changes the context alone, in one store.
    #[inline(always)]
    pub(crate) fn set_context(&self, record: Record) {
        self.word[2].store(record.0[2], Ordering::Relaxed);
    }

    #[inline(always)]
    pub(crate) fn load(&self) -> Record {
        let [a, b, c] = &self.word;
        Record([
            a.load(Ordering::Relaxed),
            b.load(Ordering::Relaxed),
            c.load(Ordering::Relaxed),
        ])
    }

    /// Asks the cache for the slot, which is about to be used again.
    #[inline(always)]
    pub(crate) fn prefetch(&self) {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch touches nothing, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>((&raw const *self).cast()) };
    }

    /// Notes that the end of the free slot's block has been counted.
    pub(crate) fn set_counted(&self) {
        self.word[1].store(0, Ordering::Relaxed);
    }

    pub(crate) fn pair(&self, word: usize) -> (u32, u32) {
        let both = self
            .word
            .get(word)
            .map_or(u64::MAX, |w| w.load(Ordering::Relaxed));
        (both as u32, (both >> 32) as u32)
    }

    pub(crate) fn set_pair(&self, word: usize, low: u32, high: u32) {
        if let Some(word) = self.word.get(word) {
            word.store(u64::from(low) | u64::from(high) << 32, Ordering::Relaxed);
        }
    }
}

type Chunk = [Slot; CHUNK_SLOTS];
type Chunks = [AtomicPtr<Chunk>; MAX_CHUNKS];

/// All slots, and the shared stack of free batches. What is read at every
/// operation and what is written now and then stand on lines of their own.
#[repr(C, align(128))]
pub(crate) struct Slab {
    chunks: AtomicPtr<Chunks>,
    shared: Shared,
}

#[repr(C, align(128))]
struct Shared {
    /// First index never used.
    fresh: AtomicU64,
    /// Top of the shared stack: tag (63..32, against the ABA problem), first
    /// leader of the batch plus one (31..0, 0 for empty).
    batches: AtomicU64,
}

impl Slab {
    pub(crate) const fn new() -> Self {
        Slab {
            chunks: AtomicPtr::new(core::ptr::null_mut()),
            shared: Shared {
                fresh: AtomicU64::new(0),
                batches: AtomicU64::new(0),
            },
        }
    }

    /// The slot of an index that [`Slab::take_batch`] gave out.
    #[inline(always)]
    pub(crate) fn slot(&self, index: u32) -> Option<&Slot> {
        let chunks = self.chunks.load(Ordering::Acquire);
        if chunks.is_null() {
            return None;
        }
        // SAFETY: once set, the directory stays mapped; it holds atomics only.
        let chunks: &Chunks = unsafe { &*chunks };
        let chunk = chunks.get((index >> 16) as usize)?.load(Ordering::Acquire);
        if chunk.is_null() {
            return None;
        }
        // SAFETY: once set, a chunk stays mapped; it holds atomics only.
        let chunk: &Chunk = unsafe { &*chunk };
        chunk.get((index & 0xffff) as usize)
    }

    /// Slots given out so far, at most: no fewer than there are live blocks.
    pub(crate) fn given_out(&self) -> u64 {
        self.shared.fresh.load(Ordering::Relaxed)
    }

    /// Calls `each` for [`BATCH`] free slots, or fewer, from the shared stack
    /// or never used; false when memory is refused or the table is full.
    #[cold]
    #[inline(never)]
    pub(crate) fn take_batch(&self, each: &mut dyn FnMut(u32)) -> bool {
        let mut top = self.shared.batches.load(Ordering::Acquire);
        while let Some(first) = (top as u32).checked_sub(1) {
            let Some(slot) = self.slot(first) else {
                return false;
            };
            // The batch may be taken by another thread between these lines; its
            // slot stays mapped, and the tag makes the exchange fail then.
            let (_, below) = slot.pair(2);
            let next = (top >> 32).wrapping_add(1) << 32 | u64::from(below);
            match self.shared.batches.compare_exchange_weak(
                top,
                next,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => {
                    self.open(first, each);
                    return true;
                }
                Err(now) => top = now,
            }
        }
        self.fresh_batch(each)
    }

    /// The slots of a batch that is no longer on the stack.
    fn open(&self, first: u32, each: &mut dyn FnMut(u32)) {
        let mut leader = first;
        for _ in 0..BATCH {
            let Some(slot) = self.slot(leader) else {
                return;
            };
            let (next, a) = slot.pair(0);
            let (b, c) = slot.pair(2);
            let c = if leader == first { NONE } else { c };
            for item in [c, b, a, leader] {
                if item != NONE {
                    each(item);
                }
            }
            leader = next;
        }
    }

    fn fresh_batch(&self, each: &mut dyn FnMut(u32)) -> bool {
        let mut first = self.shared.fresh.load(Ordering::Relaxed);
        let step = BATCH as u64;
        loop {
            if first >= LAST_BATCH {
                return false;
            }
            // Map the chunk before the index is claimed, so that a refusal loses
            // nothing. A batch never spans two chunks.
            let Some(chunks) = install(&self.chunks) else {
                return false;
            };
            // SAFETY: once set, the directory stays mapped; it holds atomics only.
            let chunks: &Chunks = unsafe { &*chunks };
            if chunks
                .get((first >> 16) as usize)
                .and_then(install)
                .is_none()
            {
                return false;
            }
            match self.shared.fresh.compare_exchange(
                first,
                first.wrapping_add(step),
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => break,
                Err(now) => first = now,
            }
        }
        // The last given is the first used: they are used in rising order.
        for i in (0..BATCH as u32).rev() {
            each((first as u32).wrapping_add(i));
        }
        true
    }

    /// Gives slots, whose blocks' ends have been counted, to all threads.
    #[cold]
    #[inline(never)]
    pub(crate) fn give_batch(&self, items: &[u32]) {
        let mut items = items.iter().copied();
        let Some(first) = items.next() else { return };
        let mut item = || items.next().unwrap_or(NONE);
        let (mut leader, mut is_first) = (first, true);
        while leader != NONE {
            let Some(slot) = self.slot(leader) else {
                return;
            };
            let (a, b) = (item(), item());
            let c = if is_first { NONE } else { item() };
            let next = item();
            slot.set_counted();
            slot.set_pair(0, next, a);
            slot.set_pair(2, b, c);
            (leader, is_first) = (next, false);
        }
        let Some(slot) = self.slot(first) else { return };
        let (b, _) = slot.pair(2);
        let mut top = self.shared.batches.load(Ordering::Acquire);
        loop {
            slot.set_pair(2, b, top as u32);
            let next = (top >> 32).wrapping_add(1) << 32 | u64::from(first.wrapping_add(1));
            match self.shared.batches.compare_exchange_weak(
                top,
                next,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return,
                Err(now) => top = now,
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, clippy::indexing_slicing)]
mod tests;
