//! The slots: what is known of each live block, and the free lists.
//!
//! ```text
//!  slot (24 bytes)        63            48 47                          0
//!    word 0               thread           address
//!    word 1               phase            size
//!    word 2               context (63..32) birth tick (31..0)
//!
//!  chunk = 65,536 slots, then 65,536 reuse counts (u32)       1.75 MiB
//!  slot index = chunk number << 16 | position
//!
//!  free lists, per thread:  active ──► slot ──► slot …   (at most BATCH)
//!                           spare  ──► a whole batch, or nothing
//!  shared:                  batches ──► batch ──► batch …   (lock-free stack)
//! ```
//!
//! A thread pops from and pushes to `active`; whole batches go to and come
//! from the shared stack, so the shared line is touched once in [`BATCH`]
//! operations of one kind. In a free slot word 0 links the slots of a batch
//! and word 1 links the batches (index plus one, 0 for none).
//!
//! Invariants:
//! * a slot is free, or recorded by one shadow entry, or parked by one row;
//! * `address(slot) << 17 >> 17` and `size` fit their 48 bits (checked when set);
//! * the serial `reuse << 32 | index` is never given twice: `reuse` rises by
//!   one each time the slot is popped.
//!
//! A free slot's words are links, not a record. Whether a slot is live is
//! asked of the shadow, never of the slot.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

use crate::shadow::install;

/// Slots in a chunk.
const CHUNK_SLOTS: usize = 1 << 16;
/// Chunks: 2^16 × 65,536 slots is more than a 32-bit index can name.
const MAX_CHUNKS: usize = 1 << 16;
/// Slots that move between a thread and the shared stack at a time.
/// Chosen so that one shared write is paid per 128 operations; larger batches
/// gained nothing on the two-thread churn of `benches/`.
pub(crate) const BATCH: u32 = 128;
/// Marks the end of a list: no slot has this index.
pub(crate) const NONE: u32 = u32::MAX;

/// No batch begins at or beyond this index, so that `NONE` is never given out.
const LAST_BATCH: u64 = NONE as u64 - BATCH as u64;

const LOW48: u64 = (1 << 48) - 1;

/// One record. See the module's drawing.
#[repr(C)]
pub(crate) struct Slot {
    word: [AtomicU64; 3],
}
const _: () = assert!(size_of::<Slot>() == 24);

/// What a slot says of a live block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) addr: u64,
    pub(crate) size: u64,
    pub(crate) thread: u16,
    pub(crate) phase: u16,
    pub(crate) context: u32,
    pub(crate) birth: u32,
}

impl Record {
    #[inline(always)]
    pub(crate) fn words(&self) -> [u64; 3] {
        [
            self.addr & LOW48 | (self.thread as u64) << 48,
            self.size & LOW48 | (self.phase as u64) << 48,
            (self.context as u64) << 32 | self.birth as u64,
        ]
    }

    #[inline(always)]
    pub(crate) fn from_words(words: [u64; 3]) -> Self {
        let [a, b, c] = words;
        Record {
            addr: a & LOW48,
            size: b & LOW48,
            thread: (a >> 48) as u16,
            phase: (b >> 48) as u16,
            context: (c >> 32) as u32,
            birth: c as u32,
        }
    }
}

impl Slot {
    #[inline(always)]
    pub(crate) fn store(&self, record: &Record) {
        let words = record.words();
        for (to, from) in self.word.iter().zip(words) {
            to.store(from, Ordering::Relaxed);
        }
    }

    /// Changes the context alone, in one store.
    #[inline(always)]
    pub(crate) fn set_context(&self, context: u32, birth: u32) {
        self.word[2].store(
            u64::from(context) << 32 | u64::from(birth),
            Ordering::Relaxed,
        );
    }

    #[inline(always)]
    pub(crate) fn load(&self) -> Record {
        let [a, b, c] = &self.word;
        Record::from_words([
            a.load(Ordering::Relaxed),
            b.load(Ordering::Relaxed),
            c.load(Ordering::Relaxed),
        ])
    }

    #[inline(always)]
    pub(crate) fn next(&self) -> u32 {
        self.word[0].load(Ordering::Relaxed) as u32
    }

    #[inline(always)]
    pub(crate) fn set_next(&self, next: u32) {
        self.word[0].store(u64::from(next), Ordering::Relaxed);
    }

    fn next_batch(&self) -> u32 {
        self.word[1].load(Ordering::Relaxed) as u32
    }

    fn set_next_batch(&self, next: u32) {
        self.word[1].store(u64::from(next), Ordering::Relaxed);
    }
}

/// 65,536 slots and their reuse counts.
#[repr(C)]
struct Chunk {
    slots: [Slot; CHUNK_SLOTS],
    reuse: [AtomicU32; CHUNK_SLOTS],
}

type Chunks = [AtomicPtr<Chunk>; MAX_CHUNKS];

/// Lines of their own for a word that threads write: what lies beside it they
/// read at every operation. (Two lines, since processors fetch pairs.)
#[repr(align(128))]
struct Apart(AtomicU64);

/// All slots, and the shared stack of free batches.
pub(crate) struct Slab {
    chunks: AtomicPtr<Chunks>,
    /// First index never used.
    fresh: Apart,
    /// Top of the shared stack: tag (63..32, against the ABA problem), first
    /// slot of the batch plus one (31..0, 0 for empty).
    batches: Apart,
}

impl Slab {
    pub(crate) const fn new() -> Self {
        Slab {
            chunks: AtomicPtr::new(core::ptr::null_mut()),
            fresh: Apart(AtomicU64::new(0)),
            batches: Apart(AtomicU64::new(0)),
        }
    }

    #[inline(always)]
    fn chunk(&self, index: u32) -> Option<&Chunk> {
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
        Some(unsafe { &*chunk })
    }

    /// The slot of an index that [`Slab::batch`] gave out.
    #[inline(always)]
    pub(crate) fn slot(&self, index: u32) -> Option<&Slot> {
        self.chunk(index)?.slots.get((index & 0xffff) as usize)
    }

    /// The slot, with its reuse count raised: for a pop.
    #[inline(always)]
    pub(crate) fn slot_reused(&self, index: u32) -> Option<&Slot> {
        let chunk = self.chunk(index)?;
        let at = (index & 0xffff) as usize;
        let reuse = chunk.reuse.get(at)?;
        reuse.store(
            reuse.load(Ordering::Relaxed).wrapping_add(1),
            Ordering::Relaxed,
        );
        chunk.slots.get(at)
    }

    /// The serial of the block that a slot records now.
    pub(crate) fn serial(&self, index: u32) -> u64 {
        let reuse = self
            .chunk(index)
            .and_then(|c| c.reuse.get((index & 0xffff) as usize))
            .map_or(0, |r| r.load(Ordering::Relaxed));
        u64::from(reuse) << 32 | u64::from(index)
    }

    /// A list of [`BATCH`] free slots, from the shared stack or fresh; none when
    /// memory is refused or the table is full.
    #[cold]
    #[inline(never)]
    pub(crate) fn batch(&self) -> Option<u32> {
        let mut top = self.batches.0.load(Ordering::Acquire);
        while let Some(first) = (top as u32).checked_sub(1) {
            // The batch may be taken by another thread between these lines; its
            // slot stays mapped, and the tag makes the exchange fail then.
            let below = self.slot(first)?.next_batch();
            let next = (top >> 32).wrapping_add(1) << 32 | u64::from(below);
            match self.batches.0.compare_exchange_weak(
                top,
                next,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return Some(first),
                Err(now) => top = now,
            }
        }
        self.fresh_batch()
    }

    fn fresh_batch(&self) -> Option<u32> {
        let first = self.fresh.0.load(Ordering::Relaxed);
        if first >= LAST_BATCH {
            return None;
        }
        // Map the chunk before the index is claimed, so that a refusal loses nothing.
        // SAFETY: once set, the directory stays mapped; it holds atomics only.
        let chunks: &Chunks = unsafe { &*install(&self.chunks)? };
        install(chunks.get((first >> 16) as usize)?)?;
        let first = self.fresh.0.fetch_add(u64::from(BATCH), Ordering::AcqRel);
        if first >= LAST_BATCH {
            return None;
        }
        install(chunks.get((first >> 16) as usize)?)?;
        let first = first as u32;
        for i in 0..BATCH {
            let index = first.wrapping_add(i);
            let next = if i == BATCH.wrapping_sub(1) {
                NONE
            } else {
                index.wrapping_add(1)
            };
            self.slot(index)?.set_next(next);
        }
        Some(first)
    }

    /// Gives a whole list back to all threads.
    #[cold]
    #[inline(never)]
    pub(crate) fn give_batch(&self, first: u32) {
        let Some(slot) = self.slot(first) else { return };
        let mut top = self.batches.0.load(Ordering::Acquire);
        loop {
            slot.set_next_batch(top as u32);
            let next = (top >> 32).wrapping_add(1) << 32 | u64::from(first.wrapping_add(1));
            match self.batches.0.compare_exchange_weak(
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
