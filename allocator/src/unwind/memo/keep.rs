//! How a walk becomes a twig.

use super::super::twigs::{CHECKS, DEEPEST, Join, Kept, Path, Twig, WHOLE};
use super::super::walk::{End, Registers, Words};
use super::{DEPTH, Memo, UNSURE};

/// Words of a walk, and what they held.
struct List {
    /// The walk's first frame ends here.
    sp: u64,
    words: [(u64, u64); 2 * CHECKS],
    len: usize,
}

impl List {
    fn new(start: Registers) -> Self {
        List {
            sp: start.sp,
            words: [(0, 0); 2 * CHECKS],
            len: 0,
        }
    }

    fn add(&mut self, at: u64, value: u64) {
        // What stands there is the start's own: its ip, or a bp that no frame has
        // loaded anew. Both are compared as they are.
        if at == self.sp.wrapping_sub(8) {
            return;
        }
        if let Some(place) = self.words.get_mut(self.len) {
            *place = (at, value);
            self.len = self.len.wrapping_add(1);
        }
    }

    /// Whether no word lies below `sp`, where nothing keeps it.
    fn is_above(&self, sp: u64) -> bool {
        let mut words = self.words.iter().take(self.len);
        words.all(|(at, _)| *at >= sp)
    }
}

impl Memo {
    /// Keeps the last walk, which was not known, with its context.
    #[inline(never)]
    pub(crate) fn remember<W: Words>(&mut self, context: u32, words: &W) {
        let (met, count) = (usize::from(self.met), usize::from(self.count));
        if met == 0 || self.generation == UNSURE || context == 0 || self.end == End::Stuck {
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
        let Some((mark, rest)) = entry(0) else { return };
        let bp_matters = rest.bp_matters;
        let start = Registers {
            ip: mark.value,
            sp: mark.at.wrapping_add(8),
            bp: rest.bp,
        };
        let mut list = List::new(start);
        // The start's own ip and bp are compared as they are; the entry that was
        // met has its mark in the trunk, but its bp came by this way.
        for i in 1..count.wrapping_add(1) {
            let Some((mark, rest)) = entry(i) else { return };
            if i != count {
                list.add(mark.at, mark.value);
            }
            if rest.bp_matters {
                list.add(rest.word, rest.value);
            }
        }
        let own = list.len;
        self.add_outside(&mut list, lowest, met);
        let (join, len) = match list.is_above(start.sp) {
            true if list.len <= CHECKS => (Join::whole(), list.len),
            _ => (join, own),
        };
        let mut kept = Kept {
            checks: list.words.get(..len).unwrap_or(&[]),
            bp_matters,
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
            let holds = |join: &Join| {
                join.met == WHOLE || stamps.get(usize::from(join.met)) == Some(&join.stamp)
            };
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

    /// Adds the trunk's words.
    fn add_outside(&self, list: &mut List, lowest: usize, met: usize) {
        let inner = met.wrapping_sub(1);
        for k in (lowest..met).rev() {
            let (Some(mark), Some(rest)) = (self.marks.get(k), self.rests.get(k)) else {
                continue;
            };
            list.add(mark.at, mark.value);
            if rest.bp_matters && k != inner {
                list.add(rest.word, rest.value);
            }
        }
    }
}
