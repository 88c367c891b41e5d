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

// The counts have one writer; only the directory is as the shared tables are.
use core::sync::atomic::{AtomicU32, AtomicU64};

use crate::contexts::MAX_CONTEXTS;
use crate::shadow::install;
use crate::sync::{AtomicPtr, Ordering};

const CHUNK: usize = 256;

/// The counts of one context in one thread: one cache line.
#[derive(Default)]
#[repr(C, align(64))]
pub(crate) struct Counts {
    pub(crate) freed: AtomicU64,
    pub(crate) freed_bytes: AtomicU64,
    pub(crate) lifetime_ticks: AtomicU64,
    pub(crate) moved: AtomicU64,
    pub(crate) moved_bytes: AtomicU64,
    /// Those of `freed` that lived a second or longer, by the bounds of
    /// `endler_snapshot::Totals::lifetimes` from the second bucket on, in ticks
    /// of 4 ms, so a bound is right to its tick.
    pub(crate) long: [AtomicU32; 5],
}
const _: () = assert!(size_of::<Counts>() == 64);

/// The first tick at which a block is `seconds` old.
const fn ticks(seconds: u64) -> u32 {
    (seconds
        .wrapping_mul(1_000_000_000)
        .wrapping_shr(crate::clock::SHIFT) as u32)
        .wrapping_add(1)
}

const SECOND: u32 = ticks(1);
const LONGER: [u32; 4] = [ticks(10), ticks(60), ticks(600), ticks(3600)];

/// The bucket of [`Counts::long`] of an age of a second or more.
fn bucket(age: u32) -> usize {
    LONGER.iter().filter(|bound| age >= **bound).count()
}

type Chunk = [Counts; CHUNK];

/// All counts of one thread. See the module's drawing.
pub(crate) struct ThreadTotals {
    directory: [AtomicPtr<Chunk>; MAX_CONTEXTS / CHUNK],
    /// Ends of blocks that could not be counted.
    pub(crate) lost: AtomicU64,
}

impl Counts {
    /// Adds the end of a block that lived less than a second.
    #[inline(always)]
    pub(crate) fn add_short(&self, size: u64, ticks: u32) {
        add(&self.freed, 1);
        add(&self.freed_bytes, size);
        add(&self.lifetime_ticks, u64::from(ticks));
    }

    #[inline(always)]
    pub(crate) fn add_freed(&self, size: u64, ticks: u32) {
        self.add_short(size, ticks);
        if ticks >= SECOND {
            self.add_long(ticks);
        }
    }

    #[cold]
    #[inline(never)]
    fn add_long(&self, ticks: u32) {
        if let Some(count) = self.long.get(bucket(ticks)) {
            count.store(
                count.load(Ordering::Relaxed).saturating_add(1),
                Ordering::Relaxed,
            );
        }
    }
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

    /// A block of `size` bytes was freed after `ticks`.
    #[inline(always)]
    pub(crate) fn freed(&self, context: u32, size: u64, ticks: u32) {
        match self.counts(context) {
            Some(counts) => counts.add_freed(size, ticks),
            None => self.lose(),
        }
    }

    /// Where the end of a block that lived less than a second is added
    /// ([`Counts::add_short`]), if the context has a place already.
    #[inline(always)]
    pub(crate) fn counts_at_once(&self, context: u32, ticks: u32) -> Option<&Counts> {
        let context = context as usize;
        let place = self.directory.get(context / CHUNK)?;
        let chunk = place.load(Ordering::Acquire);
        if chunk.is_null() || ticks >= SECOND {
            return None;
        }
        // SAFETY: as in `counts`.
        let chunk: &Chunk = unsafe { &*chunk };
        chunk.get(context % CHUNK)
    }

    /// A realloc took a block of `size` bytes away.
    #[inline(always)]
    pub(crate) fn moved(&self, context: u32, size: u64) {
        let Some(counts) = self.counts(context) else {
            return self.lose();
        };
        add(&counts.moved, 1);
        add(&counts.moved_bytes, size);
    }

    #[cold]
    #[inline(never)]
    fn lose(&self) {
        add(&self.lost, 1);
    }

    /// The counts of the contexts that have any, for a snapshot.
    pub(crate) fn for_each(&self, each: &mut impl FnMut(usize, &Counts)) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_fall_into_the_buckets_of_the_reports() {
        let check = |seconds: f64, expect: usize| {
            let counts = Counts::default();
            counts.add_freed(
                8,
                (seconds * 1e9 / f64::from(1u32 << crate::clock::SHIFT)) as u32,
            );
            let long: Vec<u32> = counts
                .long
                .iter()
                .map(|n| n.load(Ordering::Relaxed))
                .collect();
            let mut buckets = vec![1u32.saturating_sub(long.iter().sum())];
            buckets.extend(long);
            assert_eq!(
                buckets.iter().position(|n| *n == 1),
                Some(expect),
                "{seconds} s"
            );
        };
        for (seconds, bucket) in [(1.0, 0), (10.0, 1), (60.0, 2), (600.0, 3), (3600.0, 4)] {
            check(seconds - 0.01, bucket);
            check(seconds + 0.01, bucket + 1);
        }
    }
}
