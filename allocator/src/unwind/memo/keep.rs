//! How a walk becomes a twig.

use super::super::twigs::{DEEPEST, Join, Kept, Path, Twig};
use super::super::walk::{Registers, Words};
use super::{DEPTH, Memo, TRUNK, UNSURE};

impl Memo {
    /// Keeps the last walk, which was not known, with its context.
    #[inline(never)]
    pub(crate) fn remember<W: Words>(&mut self, context: u32, words: &W) {
        let (met, count) = (usize::from(self.met), usize::from(self.count));
        if met == 0 || self.generation == UNSURE || context == 0 {
            return;
        }
        let lowest = met.saturating_sub(DEPTH.saturating_sub(count).max(1));
        // The word of the met entry's own bp came by this way: it is the twig's.
        let (_, bps) = self.outside(lowest.min(met.wrapping_sub(1)), met.wrapping_sub(1));
        let (marks, _) = self.outside(lowest, met);
        let join = Join {
            stamp: self.stamps.get(met).copied().unwrap_or(0),
            met: met as u8,
            marks,
            bps,
        };
        let entry = |i: usize| {
            let k = self.len.wrapping_sub(1).wrapping_sub(i);
            Some((self.marks.get(k)?, self.rests.get(k)?))
        };
        let mut checks = [(0u64, 0u64); 2 * TRUNK];
        let mut len = 0usize;
        let mut check = |at: u64, value: u64| {
            if let Some(place) = checks.get_mut(len) {
                *place = (at, value);
                len = len.wrapping_add(1);
            }
        };
        // The start's own ip and bp are compared as they are; the entry that was
        // met has its mark in the trunk, but its bp came by this way.
        for i in 1..count.wrapping_add(1) {
            let Some((mark, rest)) = entry(i) else { return };
            if i != count {
                check(mark.at, mark.value);
            }
            if rest.bp_matters {
                check(rest.word, rest.value);
            }
        }
        let Some((mark, rest)) = entry(0) else { return };
        let start = Registers {
            ip: mark.value,
            sp: mark.at.wrapping_add(8),
            bp: rest.bp,
        };
        let mut kept = Kept {
            checks: checks.get(..len).unwrap_or(&[]),
            bp_matters: rest.bp_matters,
            join,
            context,
            may_be_signpost: true,
        };
        // At the first place that is no signpost, as `known` will look for it.
        let mut path = Path::first(start);
        for level in 0..=DEEPEST {
            kept.may_be_signpost = level < DEEPEST;
            let there = self.twigs.find(path, start);
            if let Some(signpost) = there.filter(|twig| Twig::is_signpost(twig)) {
                path = path.behind(signpost, start, words);
                continue;
            }
            let stamps = &self.stamps;
            let holds = |join: &Join| stamps.get(usize::from(join.met)) == Some(&join.stamp);
            if !self.twigs.keep(path, start, &kept, words, holds) {
                return;
            }
            // The new signpost is met in the next turn.
            let Some(signpost) = self.twigs.find(path, start) else {
                return;
            };
            path = path.behind(signpost, start, words);
        }
    }
}
