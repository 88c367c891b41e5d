//! What happened at each context since the start, kept per thread.
//!
//! ```text
//!  row ─► directory (16,384 pointers) ─► chunk of 256 contexts × 64 bytes
//! ```
//!
//! A thread writes only its own counts, so no line is shared; a snapshot sums
//! the rows. Only frees and reallocs write here: `allocated = live + freed +
//! moved` follows, and an allocation pays nothing.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

use crate::contexts::MAX_CONTEXTS;
use crate::shadow::install;

const CHUNK: usize = 256;

/// The counts of one context in one thread: one cache line.
#[repr(C, align(64))]
pub(crate) struct Counts {
    pub(crate) freed: AtomicU64,
    pub(crate) freed_bytes: AtomicU64,
    pub(crate) moved: AtomicU64,
    pub(crate) moved_bytes: AtomicU64,
    pub(crate) lifetime_ticks: AtomicU64,
    /// By the bucket bounds of `endler_snapshot::Totals::lifetimes`, in ticks
    /// of 3 ms, so a bucket's bound is right to its tick.
    pub(crate) lifetimes: [AtomicU32; 6],
}
const _: () = assert!(size_of::<Counts>() == 64);

type Chunk = [Counts; CHUNK];

/// All counts of one thread. See the module's drawing.
pub(crate) struct ThreadTotals {
    directory: [AtomicPtr<Chunk>; MAX_CONTEXTS / CHUNK],
}

/// Adds without a locked instruction: the thread is the only writer.
#[inline(always)]
fn add(to: &AtomicU64, amount: u64) {
    to.store(
        to.load(Ordering::Relaxed).wrapping_add(amount),
        Ordering::Relaxed,
    );
}

impl ThreadTotals {
    #[inline(always)]
    fn counts(&self, context: u32) -> Option<&Counts> {
        let context = context as usize;
        let place = self.directory.get(context / CHUNK)?;
        let mut chunk = place.load(Ordering::Acquire);
        if chunk.is_null() {
            chunk = install(place)?;
        }
        // SAFETY: once set, a chunk stays mapped; it holds atomics only.
        let chunk: &Chunk = unsafe { &*chunk };
        chunk.get(context % CHUNK)
    }

    /// A block of `size` bytes was freed after `ticks`, in lifetime bucket `bucket`.
    #[inline(always)]
    pub(crate) fn freed(&self, context: u32, size: u64, ticks: u32, bucket: usize) {
        let Some(counts) = self.counts(context) else {
            return;
        };
        add(&counts.freed, 1);
        add(&counts.freed_bytes, size);
        add(&counts.lifetime_ticks, u64::from(ticks));
        if let Some(count) = counts.lifetimes.get(bucket) {
            count.store(
                count.load(Ordering::Relaxed).saturating_add(1),
                Ordering::Relaxed,
            );
        }
    }

    /// A realloc took a block of `size` bytes away.
    #[inline(always)]
    pub(crate) fn moved(&self, context: u32, size: u64) {
        let Some(counts) = self.counts(context) else {
            return;
        };
        add(&counts.moved, 1);
        add(&counts.moved_bytes, size);
    }

    /// The counts of the contexts that have any, for a snapshot.
    pub(crate) fn for_each(&self, mut each: impl FnMut(usize, &Counts)) {
        for (i, place) in self.directory.iter().enumerate() {
            let chunk = place.load(Ordering::Acquire);
            if chunk.is_null() {
                continue;
            }
            // SAFETY: as in `counts`.
            let chunk: &Chunk = unsafe { &*chunk };
            for (j, counts) in chunk.iter().enumerate() {
                each(i.wrapping_mul(CHUNK).wrapping_add(j), counts);
            }
        }
    }
}
