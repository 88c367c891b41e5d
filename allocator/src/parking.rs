//! The place in a thread's row for the block whose inner realloc is running.
//!
//! Its record is taken out of the shadow meanwhile, since another thread may get
//! the old place before the realloc has returned; here a snapshot finds it.
//!
//! Invariant: `parked != 0` exactly while the row's thread runs an inner
//! realloc; the parked slot's own words are not read then, the copy here is.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use crate::slots::Record;
use crate::sync::{AtomicU64, Ordering, fence};

/// Times that a snapshot reads a place until it has one block's words.
const TRIES: u32 = 64;

/// Written by one thread. See the module's docs.
pub(crate) struct Parking {
    /// Slot index + 1, or 0 (31..0), and how often a block was parked here
    /// (63..32), so that a snapshot notices when another one is.
    parked: AtomicU64,
    words: [AtomicU64; 3],
}

impl Parking {
    /// Keeps the record of a block while its inner realloc runs.
    #[inline(always)]
    pub(crate) fn park(&self, index: u32, record: Record) {
        for (to, from) in self.words.iter().zip(record.0) {
            to.store(from, Ordering::Release);
        }
        let turn = (self.parked.load(Ordering::Relaxed) >> 32).wrapping_add(1);
        let index = u64::from(index.wrapping_add(1));
        self.parked.store(turn << 32 | index, Ordering::Release);
    }

    /// Ends [`Parking::park`], after the shadow has the block again.
    #[inline(always)]
    pub(crate) fn unpark(&self) {
        let turn = self.parked.load(Ordering::Relaxed) >> 32;
        self.parked.store(turn << 32, Ordering::Release);
    }

    /// Whether a block is parked.
    #[inline(always)]
    pub(crate) fn is_taken(&self) -> bool {
        self.parked.load(Ordering::Relaxed) as u32 != 0
    }

    /// The parked slot and its record, for a snapshot. Of a thread that parks
    /// one block after the other, none.
    pub(crate) fn parked(&self) -> Option<(u32, Record)> {
        let mut parked = self.parked.load(Ordering::Acquire);
        for _ in 0..TRIES {
            let index = (parked as u32).checked_sub(1)?;
            let [a, b, c] = &self.words;
            let words = [a, b, c].map(|w| w.load(Ordering::Relaxed));
            fence(Ordering::Acquire);
            let now = self.parked.load(Ordering::Acquire);
            if now == parked {
                return Some((index, Record(words)));
            }
            parked = now;
        }
        None
    }
}
