//! Slots that could not go into a magazine when their block was freed.
//!
//! A list linked through word 0 of the slots (next | death tick << 32), whose
//! other words stay: the end of the block is counted when the list is taken.
//! Anyone may push, at any time; whoever takes, takes all.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use crate::slots::Slab;
use crate::sync::{AtomicU32, Ordering};

/// Slots that were freed where no magazine could be touched: inside the
/// profiler (by a signal handler), or on a thread without a row.
pub(crate) struct Late(AtomicU32);

impl Late {
    pub(crate) const fn new() -> Self {
        // Zero is the empty list, so that zeroed memory is one: index plus one.
        Late(AtomicU32::new(0))
    }

    /// Keeps a slot. May run in a signal handler on top of any line.
    #[cold]
    #[inline(never)]
    pub(crate) fn push(&self, index: u32, died: u32, slab: &Slab) {
        let Some(slot) = slab.slot(index) else { return };
        let mut top = self.0.load(Ordering::Relaxed);
        loop {
            slot.set_pair(0, top, died);
            let next = index.wrapping_add(1);
            match self
                .0
                .compare_exchange(top, next, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return,
                Err(now) => top = now,
            }
        }
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    /// Empties the list: its slots and when their blocks died.
    pub(crate) fn take<'a>(&self, slab: &'a Slab) -> LateSlots<'a> {
        LateSlots {
            slab,
            next: self.0.swap(0, Ordering::AcqRel),
        }
    }

    /// The list as it stands, for a snapshot of frozen tables.
    pub(crate) fn look<'a>(&self, slab: &'a Slab) -> LateSlots<'a> {
        LateSlots {
            slab,
            next: self.0.load(Ordering::Acquire),
        }
    }
}

/// The slots of a [`Late`] list with their death ticks.
pub(crate) struct LateSlots<'a> {
    slab: &'a Slab,
    next: u32,
}

impl Iterator for LateSlots<'_> {
    type Item = (u32, u32);

    fn next(&mut self) -> Option<(u32, u32)> {
        let index = self.next.checked_sub(1)?;
        let (next, died) = self.slab.slot(index)?.pair(0);
        self.next = next;
        Some((index, died))
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn late_lists_keep_slots_and_deaths() {
        let slab = Slab::new();
        let mut fresh = Vec::new();
        assert!(slab.take_fresh(&mut |index| fresh.push(index)));
        let late = Late::new();
        for (died, index) in fresh.iter().take(5).enumerate() {
            late.push(*index, died as u32, &slab);
        }
        let looked: Vec<_> = late.look(&slab).collect();
        let taken: Vec<_> = late.take(&slab).collect();
        assert_eq!(looked, taken);
        let expect: Vec<_> = (0..5).rev().map(|i| (fresh[i as usize], i)).collect();
        assert_eq!(taken, expect);
        assert!(late.is_empty());
    }
}
