//! Epochs: a block's identity across snapshots, without a counter per block.
//!
//! ```text
//!  epoch   0        1       2          3       4
//!          ├────────┤ clone ├──────────┤ clone ├────────►
//!          even: between    odd: while a cut is made
//! ```
//!
//! A block carries the epoch of its birth, which the hook reads from the word
//! that it reads for the phase anyway. Two blocks that used one slot one after
//! the other and that two snapshots saw were born in different epochs, because
//! a cut lies between them. So (epoch, slot) is the *serial* of section
//! "Clock and identity": never given twice among all the blocks that any
//! snapshot sees, and an allocation pays nothing for it.
//!
//! While a cut is made nobody can say on which side of it an event lies. A
//! slot whose block was born and freed in one cut is therefore not used again
//! before the cut is over (`Row::pop`).
//!
//! A slot has ten bits for the epoch. The rest follows from the birth tick: the
//! table of [`Epochs`] says when each half of 1,024 epochs began.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use crate::sync::{AtomicBool, AtomicU32, AtomicU64, Ordering, sized, yield_now};

/// Epochs that ten bits tell apart.
const WRAP: u32 = 1 << 10;
const HALF: u32 = WRAP / 2;
/// Halves that are dated: a million snapshots. Later ones share the last.
const DATED: usize = sized(4096, 2);

/// What a birth is stamped with: phase (63..48), epoch (41..32), and whether the
/// epoch is odd once more (0), where it is cheap to test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp(u64);

impl Stamp {
    const PHASE: u64 = 0xffff << 48;
    const EPOCH: u64 = 0x3ff << 32;

    #[cfg(test)]
    pub(crate) fn of(phase: u16, epoch: u16) -> Self {
        Stamp(u64::from(phase) << 48 | u64::from(epoch) << 32 & Self::EPOCH | u64::from(epoch & 1))
    }

    #[inline(always)]
    pub(crate) fn phase_bits(self) -> u64 {
        self.0 & Self::PHASE
    }

    #[inline(always)]
    pub(crate) fn epoch_bits(self) -> u64 {
        self.0 & Self::EPOCH
    }

    #[cfg(test)]
    pub(crate) fn phase(self) -> u16 {
        (self.0 >> 48) as u16
    }

    /// The last ten bits of the epoch.
    pub(crate) fn epoch(self) -> u16 {
        (self.0 >> 32) as u16 & 0x3ff
    }

    /// Whether a cut is being made.
    #[inline(always)]
    pub(crate) fn in_cut(self) -> bool {
        self.0 & 1 != 0
    }
}

/// The present phase and epoch, and when the epochs began.
pub(crate) struct Epochs {
    stamp: AtomicU64,
    count: AtomicU32,
    /// Tick at which the epoch `i * HALF` began.
    began: [AtomicU32; DATED],
    /// Held by the thread that makes a cut.
    cutting: AtomicBool,
}

impl Epochs {
    pub(crate) const fn new() -> Self {
        Epochs {
            stamp: AtomicU64::new(0),
            count: AtomicU32::new(0),
            began: [const { AtomicU32::new(0) }; DATED],
            cutting: AtomicBool::new(false),
        }
    }

    /// What a block that is born now is stamped with.
    #[inline(always)]
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp(self.stamp.load(Ordering::Relaxed))
    }

    /// Enters a phase; phases only rise.
    pub(crate) fn raise_phase(&self, phase: u16) {
        let phase = u64::from(phase) << 48;
        let _ = self
            .stamp
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |stamp| {
                Some(stamp & !Stamp::PHASE | phase.max(stamp & Stamp::PHASE))
            });
    }

    /// Runs `copy`, which makes a cut, in an epoch of its own. `now` is the
    /// tick. Cuts of several threads follow one another.
    pub(crate) fn cut<T>(&self, now: u32, copy: impl FnOnce() -> T) -> T {
        let free = |cutting: &AtomicBool| {
            cutting.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
        };
        while free(&self.cutting).is_err() {
            yield_now();
        }
        self.advance(now);
        let result = copy();
        self.advance(now);
        self.cutting.store(false, Ordering::Release);
        result
    }

    /// In a process that the host forked: the thread that was making a cut is
    /// not here.
    pub(crate) fn forked(&self, now: u32) {
        if self.stamp().in_cut() {
            self.advance(now);
        }
        self.cutting.store(false, Ordering::Release);
    }

    fn advance(&self, now: u32) {
        let next = self.count.load(Ordering::Relaxed).wrapping_add(1);
        let half = next.checked_div(HALF).unwrap_or(0) as usize;
        if next.is_multiple_of(HALF)
            && let Some(began) = self.began.get(half)
        {
            began.store(now, Ordering::Relaxed);
        }
        self.count.store(next, Ordering::Relaxed);
        let bits = u64::from(next) << 32 & Stamp::EPOCH | u64::from(next & 1);
        let _ = self
            .stamp
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |stamp| {
                Some(stamp & Stamp::PHASE | bits)
            });
    }

    /// The whole epoch of a block, from the ten bits of its slot and its birth.
    pub(crate) fn whole(&self, bits: u16, birth: u32) -> u32 {
        let count = self.count.load(Ordering::Relaxed);
        let halves = (count.checked_div(HALF).unwrap_or(0) as usize).min(DATED.wrapping_sub(1));
        let began = self.began.get(..=halves).unwrap_or(&[]);
        let half = began
            .partition_point(|tick| tick.load(Ordering::Relaxed) <= birth)
            .saturating_sub(1) as u32;
        // The epoch is within this half, or, by a tick's error, in one beside
        // it: of the 1,024 around the half's middle, the one with these bits.
        let lowest = half.wrapping_mul(HALF).wrapping_sub(HALF / 2);
        let whole = lowest.wrapping_add(u32::from(bits).wrapping_sub(lowest) % WRAP);
        if whole > count {
            u32::from(bits)
        } else {
            whole
        }
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_is_an_odd_epoch() {
        let epochs = Epochs::new();
        assert!(!epochs.stamp().in_cut());
        epochs.cut(1, || assert!(epochs.stamp().in_cut()));
        assert!(!epochs.stamp().in_cut());
        assert_eq!(epochs.stamp().epoch(), 2);
        epochs.raise_phase(7);
        epochs.cut(1, || {});
        assert_eq!((epochs.stamp().phase(), epochs.stamp().epoch()), (7, 4));
    }

    #[test]
    fn whole_epochs_follow_from_the_birth() {
        let mut born = Vec::new();
        let epochs = Epochs::new();
        let cuts = if cfg!(miri) { 1_200 } else { 20_000 };
        for cut in 0..cuts {
            let whole = epochs.count.load(Ordering::Relaxed);
            let stamp = epochs.stamp();
            born.push((stamp.epoch(), cut, whole));
            epochs.cut(cut, || {});
        }
        for (bits, tick, whole) in &born {
            assert_eq!(epochs.whole(*bits, *tick), *whole);
            // A tick read a moment before or after the stamp.
            assert_eq!(epochs.whole(*bits, tick.saturating_sub(1)), *whole);
            assert_eq!(epochs.whole(*bits, tick + 1), *whole);
        }
    }
}
