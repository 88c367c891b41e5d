//! Words of the stack and what they held, compared by fours.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::walk::Words;

/// Places are kept in a byte; tables of this length need no check.
pub(super) const BYTE: usize = 256;

/// Words are compared by fours, down from the innermost: so the lists begin with
/// words that always hold what they held.
const FOUR: usize = 4;
static ALWAYS: u64 = 0;

/// A word of the stack and what it held.
#[derive(Clone, Copy, Default)]
pub(super) struct Mark {
    pub(super) at: u64,
    pub(super) value: u64,
}

/// Words of the stack, by entry, behind [`FOUR`] that always hold.
pub(super) struct Marks([Mark; BYTE]);

impl Marks {
    pub(super) fn begin(&mut self) {
        let at = (&raw const ALWAYS) as u64;
        self.0.iter_mut().take(FOUR).for_each(|mark| {
            *mark = Mark { at, value: ALWAYS };
        });
    }

    #[inline(always)]
    pub(super) fn get(&self, k: usize) -> Option<&Mark> {
        self.0.get(k.wrapping_add(FOUR))
    }

    #[inline(always)]
    pub(super) fn get_mut(&mut self, k: usize) -> Option<&mut Mark> {
        self.0.get_mut(k.wrapping_add(FOUR))
    }

    /// Places of the words from entry `from` up to entry `to`, and of some
    /// further out, so that they are fours.
    pub(super) fn fours(from: usize, to: usize) -> (u8, u8) {
        let len = to.saturating_sub(from).next_multiple_of(FOUR);
        let end = to.wrapping_add(FOUR);
        (end.saturating_sub(len) as u8, end as u8)
    }

    /// Zero if the words at these places hold what they held.
    #[inline(always)]
    pub(super) fn differ<W: Words>(&self, (from, to): (u8, u8), words: &W) -> u64 {
        let one = |mark: &Mark| words.word(mark.at) ^ mark.value;
        if from == to {
            return 0;
        }
        let Some(marks) = self.0.get(usize::from(from)..usize::from(to)) else {
            return 1;
        };
        let mut differs = 0;
        for [a, b, c, d] in marks.as_chunks::<FOUR>().0 {
            differs |= one(a) | one(b) | one(c) | one(d);
        }
        differs
    }

    /// Moves the words of the entries `from..to` to the beginning.
    pub(super) fn shift(&mut self, from: usize, to: usize) {
        let range = from.wrapping_add(FOUR)..to.wrapping_add(FOUR);
        self.0.copy_within(range, FOUR);
    }

    /// The words of the entries `from..to`.
    pub(super) fn range(&self, from: usize, to: usize) -> &[Mark] {
        let range = from.wrapping_add(FOUR)..to.wrapping_add(FOUR);
        self.0.get(range).unwrap_or(&[])
    }
}
