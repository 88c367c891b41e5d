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
//!  free slots:  magazines    index and death tick, in an array        (depot.rs)
//!               late lists   word 0 = next | death tick << 32         (late.rs)
//! ```
//!
//! **A free does not touch the slot.** The index goes into the thread's
//! magazine with the time of death, and the record stays where it is until the
//! slot is used again: only then is its end added to the totals, by the thread
//! that writes the slot anyway. So a free costs one cache line (the shadow
//! entry), not two that wait for one another. `size != 0` in word 1 of a free
//! slot says that its block's end has not been counted yet.
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

use crate::epochs::Stamp;
use crate::shadow::install;
use crate::sync::{AtomicPtr, AtomicU64, Ordering, sized};

/// Slots in a chunk.
const CHUNK_SLOTS: usize = sized(1 << 16, 8);
/// Chunks: 2^16 × 65,536 slots is more than a 32-bit index can name.
const MAX_CHUNKS: usize = sized(1 << 16, 1);
/// Slots that a thread claims at a time when none is free anywhere.
pub(crate) const FRESH: usize = sized(64, 2);
/// None are claimed at or beyond this index: what names a slot plus one fits 32 bits.
pub(crate) const LAST: u64 = if cfg!(test) {
    1 << 17
} else {
    u32::MAX as u64 - FRESH as u64
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
            // In order behind what ended the slot's former block: see `look`.
            to.store(from, Ordering::Release);
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

    pub(crate) fn pair(&self, word: usize) -> (u32, u32) {
        let both = self
            .word
            .get(word)
            .map_or(u64::MAX, |w| w.load(Ordering::Relaxed));
        (both as u32, (both >> 32) as u32)
    }

    pub(crate) fn set_pair(&self, word: usize, low: u32, high: u32) {
        if let Some(word) = self.word.get(word) {
            word.store(u64::from(low) | u64::from(high) << 32, Ordering::Release);
        }
    }
}

type Chunk = [Slot; CHUNK_SLOTS];
type Chunks = [AtomicPtr<Chunk>; MAX_CHUNKS];

/// All slots. What is read at every operation and what is written now and then
/// stand on lines of their own.
#[repr(C, align(128))]
pub(crate) struct Slab {
    chunks: AtomicPtr<Chunks>,
    shared: Shared,
}

#[repr(C, align(128))]
struct Shared {
    /// First index never used.
    fresh: AtomicU64,
}

impl Slab {
    pub(crate) const fn new() -> Self {
        Slab {
            chunks: AtomicPtr::new(core::ptr::null_mut()),
            shared: Shared {
                fresh: AtomicU64::new(0),
            },
        }
    }

    /// The slot of an index that [`Slab::take_fresh`] gave out.
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

    /// Calls `each` for [`FRESH`] slots that were never used; false when memory is
    /// refused or the table is full.
    #[cold]
    #[inline(never)]
    pub(crate) fn take_fresh(&self, each: &mut dyn FnMut(u32)) -> bool {
        let mut first = self.shared.fresh.load(Ordering::Relaxed);
        let step = FRESH as u64;
        loop {
            if first >= LAST {
                return false;
            }
            // Map the chunk before the index is claimed, so that a refusal loses
            // nothing. They never span two chunks.
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
        for i in (0..FRESH as u32).rev() {
            each((first as u32).wrapping_add(i));
        }
        true
    }
}

#[cfg(test)]
#[allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests;
