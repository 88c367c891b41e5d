//! What a thread remembers of its walks, so that it seldom walks at all.
//!
//! ```text
//!  trunk (entry 0 is the outermost frame)        twigs (direct-mapped)
//!    entry   mark   where ip stands, ip            key: (ip, sp) of an inner frame
//!            rest   bp, its word, hash, stamp      words inside the trunk, to compare
//!            bps    words that bp came from        where it meets the trunk, context
//!
//!   outermost ──► e0 ─ e1 ─ e2 ─ e3 ─ e4 ─ e5      the last walk
//!                            └──── twig ──► a      a walk that left it at e2
//!                                  └──────► b
//! ```
//!
//! A frame's caller is a function of (ip, sp, bp) and of the words read on the
//! way. So when a frame of the present walk equals a remembered one in all
//! three, the frames outside it are the remembered ones exactly if their words
//! still hold what they held: a load and a compare a frame instead of an unwind.
//!
//! The *trunk* is the last walk that was made. A *twig* is a walk that met the
//! trunk at some entry: the words of its inner frames, that entry's stamp (which
//! changes when the entry or one outside it does), and the context. A program
//! allocates from the same places at the same depths again and again, so the
//! twig of (ip, sp) nearly always holds, and its context is the answer: no
//! unwind, no hash, no table.
//!
//! Optimised code uses bp as any other register, so it often differs although
//! nothing outside depends on it: a frame's bp, and the word that it was loaded
//! from, are compared only if a frame outside was reckoned from it before it
//! was loaded anew (`bp_matters`).
//!
//! Cost on the machine of ARCHITECTURE.md: see the table there.
//!
//! Invariants of a trunk of n entries:
//! * `mark[k].at > mark[k + 1].at`: the stack grows down;
//! * `rest[k].hash = mix(rest[k - 1].hash, mark[k].ip)`;
//! * the entries are consecutive frames of one walk of this thread;
//! * `stamps[k + 1]` is as it was only if entries `0..=k` are as they were; it
//!   is 0, which no twig has, from n + 1 on.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::cache::RuleCache;
use super::marks::{BYTE, Marks};
use super::objects::Objects;
use super::stacks::Stacks;
use super::twigs::{DEEPEST, Path, Twig, Twigs, WHOLE};
use super::walk::{End, Frame, Link, Registers, Step, Walker, Words};

/// Frames that a context keeps, innermost first. Types need 8 in optimised
/// builds and 16 in debug builds (reference measurements); sites need more.
pub(crate) const DEPTH: usize = 32;
/// Frames that the trunk keeps, so that a deep stack is walked anew only once
/// it has moved by half the trunk.
const TRUNK: usize = 2 * DEPTH;
const _: () = assert!(
    TRUNK < WHOLE as usize && TRUNK < BYTE,
    "places are kept in a byte"
);

/// The rest of an entry.
#[derive(Clone, Copy, Default)]
struct Rest {
    hash: u64,
    bp: u64,
    /// Where `bp` was loaded from, and what that word held.
    word: u64,
    value: u64,
    /// Entries outside this one whose bp matters: where this one's is in `bps`.
    bps: u8,
    /// Whether a frame outside this one depends on this one's bp.
    bp_matters: bool,
    link: Link,
}

/// A thread's memory of its walks. See the module's drawing.
pub(crate) struct Memo {
    /// Of the modules, when the trunk was walked; [`UNSURE`] if nothing of it
    /// may be compared again, because it hangs on more than its words.
    generation: u32,
    len: usize,
    stamp: u32,
    /// The last walk may be kept as a twig: where it met the trunk.
    met: u8,
    /// Frames of the last walk that were not in the trunk before.
    count: u8,
    end: End,
    stamps: [u32; BYTE],
    marks: Marks,
    /// The words of the entries whose bp matters, outermost first.
    bps: Marks,
    rests: [Rest; TRUNK],
    /// Frames of the present walk, innermost first.
    fresh: [Frame; TRUNK],
    twigs: Twigs,
}

/// No generation of the modules.
const UNSURE: u32 = u32::MAX;

/// What a walk found.
pub(crate) struct Walked {
    /// Hash of the frames and the end.
    pub(crate) hash: u64,
    /// Number of frames, at most [`DEPTH`].
    pub(crate) len: u32,
    pub(crate) end: End,
}

#[inline(always)]
fn mix(hash: u64, ip: u64) -> u64 {
    let wide = u128::from(hash ^ ip).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    (wide >> 64) as u64 ^ wide as u64
}

const SEED: u64 = 0x2545_f491_4f6c_dd1d;

impl Memo {
    /// Forgets everything: another thread's stack begins.
    pub(crate) fn reset(&mut self) {
        self.shorten(0);
        self.marks.begin();
        self.bps.begin();
        self.end = End::Complete;
        self.met = 0;
    }

    /// A stamp that no entry and no twig has.
    #[inline(always)]
    fn fresh_stamp(&mut self) -> u32 {
        self.stamp = self.stamp.wrapping_add(1);
        if self.stamp == 0 {
            self.twigs.clear();
            self.stamp = 1;
        }
        self.stamp
    }

    /// Forgets all but the outermost `len` entries.
    #[inline(always)]
    fn shorten(&mut self, len: usize) {
        let gone = len.wrapping_add(1)..self.len.wrapping_add(1);
        self.stamps.get_mut(gone).unwrap_or_default().fill(0);
        self.len = len;
    }

    /// The frames of the last walk that was not known, innermost first.
    #[inline(always)]
    pub(crate) fn frame(&self, at: u32) -> u64 {
        let from_outside = self.len.wrapping_sub(1).wrapping_sub(at as usize);
        self.marks.get(from_outside).map_or(0, |m| m.value)
    }

    /// The context of the stack from the frame `start` outwards, if it is
    /// remembered; else 0. About 35 instructions and 4 for each frame.
    #[inline(always)]
    pub(crate) fn known<W: Words>(&self, start: Registers, generation: u32, words: &W) -> u32 {
        if self.generation != generation {
            return 0;
        }
        // A twig's start lies in the thread's own stack, as its words do.
        let path = Path::first(start);
        match self.twigs.find(path, start) {
            Some(twig) if !twig.is_signpost() => self.holds(twig, start, words),
            Some(signpost) => {
                let path = path.behind(signpost, start, words);
                self.known_behind(path, start.ip, start.sp, start.bp, words)
            }
            None => 0,
        }
    }

    /// [`Memo::known`] behind a signpost. The registers are passed one by one, so that
    /// the fast path need not put them into memory.
    #[inline(never)]
    fn known_behind<W: Words>(&self, path: Path, ip: u64, sp: u64, bp: u64, words: &W) -> u32 {
        let (mut path, start) = (path, Registers { ip, sp, bp });
        for _ in 0..DEEPEST {
            match self.twigs.find(path, start) {
                Some(twig) if !twig.is_signpost() => return self.holds(twig, start, words),
                Some(signpost) => path = path.behind(signpost, start, words),
                None => return 0,
            }
        }
        0
    }

    /// The context of a twig if all its words are as they were; else 0.
    #[inline(always)]
    fn holds<W: Words>(&self, twig: &Twig, start: Registers, words: &W) -> u32 {
        let join = &twig.join;
        if join.met == WHOLE {
            let differs = twig.differs(start, words);
            return if differs == 0 { twig.context } else { 0 };
        }
        if self.stamps.get(usize::from(join.met)) != Some(&join.stamp) {
            return 0;
        }
        let differs = twig.differs(start, words)
            | self.marks.differ(join.marks, words)
            | self.bps.differ(join.bps, words);
        if differs == 0 { twig.context } else { 0 }
    }

    /// The walk of a stack that [`Memo::known`] does not know, frame by frame,
    /// until the trunk is met or the stack ends.
    #[inline(never)]
    pub(crate) fn walk<W: Words>(
        &mut self,
        start: Registers,
        stacks: &Stacks,
        rules: &RuleCache,
        objects: &Objects,
        words: &W,
    ) -> Walked {
        let mut walker = Walker::new(stacks, rules, objects, words, start.sp);
        if !stacks.is_own(start.sp) || self.generation != objects.generation() {
            // Of another stack nothing may be compared: it may have been unmapped.
            self.reset();
            self.generation = objects.generation();
        }
        // Each turn that gives nothing has made the trunk shorter.
        loop {
            walker.enter(start.sp);
            if let Some(walked) = self.walk_once(start, &mut walker) {
                // A foreign stack's walk has met no trunk, so no twig is made of it.
                return walked;
            }
        }
    }

    #[inline(always)]
    fn walk_once<W: Words>(
        &mut self,
        start: Registers,
        walker: &mut Walker<'_, W>,
    ) -> Option<Walked> {
        let mut frame = Frame::first(start);
        let mut count = 0usize;
        // Entries from `top` inwards lie deeper in the stack than this walk is.
        let mut top = self.len;
        loop {
            let at = frame.sp.wrapping_sub(8);
            while let Some(k) = top.checked_sub(1) {
                let there = self.marks.get(k)?;
                if there.at < at {
                    top = k;
                    continue;
                }
                let rest = self.rests.get(k)?;
                let bp = if rest.bp_matters {
                    rest.bp ^ frame.bp
                } else {
                    0
                };
                if (there.at ^ at) | (there.value ^ frame.ip) | bp == 0 {
                    return self.meet(walker, frame, count, top);
                }
                break;
            }
            let Some(place) = self.fresh.get_mut(count) else {
                return Some(self.finish(count, 0, End::Truncated));
            };
            // Field by field: a copy in larger pieces would wait for the stores.
            place.ip = frame.ip;
            place.value = frame.value;
            place.sp = frame.sp;
            place.word = frame.word;
            place.bp = frame.bp;
            place.link = frame.link;
            count = count.wrapping_add(1);
            match walker.step(&frame) {
                Step::Caller(caller) => frame = caller,
                Step::End(end) => return Some(self.finish(count, 0, end)),
            }
        }
    }

    /// The walk met entry `top - 1` in `frame`: compares the entries outside
    /// it, as many as a context wants. None if one differs; then the trunk is
    /// cut before it.
    #[inline(always)]
    fn meet<W: Words>(
        &mut self,
        walker: &Walker<'_, W>,
        frame: Frame,
        count: usize,
        top: usize,
    ) -> Option<Walked> {
        let lowest = top.saturating_sub(DEPTH.saturating_sub(count).max(1));
        // Why a walk was stuck may lie in what is not compared: try again.
        let stuck = lowest == 0 && self.end == End::Stuck;
        if stuck || lowest == 0 && self.end == End::Truncated && top.wrapping_add(count) < DEPTH {
            self.shorten(0);
            return None;
        }
        let met = top.wrapping_sub(1);
        let (marks, bps) = self.outside(lowest, met);
        let words = walker.words;
        if self.marks.differ(marks, words) | self.bps.differ(bps, words) != 0 {
            self.cut(lowest, met, words);
            return None;
        }
        // The entry is the same frame, reached from another one inside it.
        let rest = self.rests.get_mut(met)?;
        rest.bp = frame.bp;
        rest.word = frame.word;
        rest.value = frame.value;
        rest.link = frame.link;
        self.note_bp(met);
        Some(self.finish(count, top, self.end))
    }

    /// Places of the words of the entries from `lowest` up to `met`.
    #[inline(always)]
    fn outside(&self, lowest: usize, met: usize) -> ((u8, u8), (u8, u8)) {
        let bps = |k: usize| self.rests.get(k).map_or(0, |r| usize::from(r.bps));
        (
            Marks::fours(lowest, met),
            Marks::fours(bps(lowest), bps(met)),
        )
    }

    /// Cuts the trunk before the outermost of the entries that differs.
    #[cold]
    #[inline(never)]
    fn cut<W: Words>(&mut self, lowest: usize, met: usize, words: &W) {
        let differs = |k: &usize| {
            let (Some(mark), Some(rest)) = (self.marks.get(*k), self.rests.get(*k)) else {
                return true;
            };
            words.word(mark.at) != mark.value
                || rest.bp_matters && words.word(rest.word) != rest.value
        };
        // Words further out may have been compared as well (`Marks::fours`).
        let len = (0..met).find(differs).unwrap_or(lowest);
        self.shorten(len);
    }

    /// Writes where entry `k`'s bp came from, if that matters; how many entries
    /// up to `k` have such a word.
    #[inline(always)]
    fn note_bp(&mut self, k: usize) -> u8 {
        let Some(rest) = self.rests.get(k) else {
            return 0;
        };
        if !rest.bp_matters {
            return rest.bps;
        }
        if let Some(place) = self.bps.get_mut(usize::from(rest.bps)) {
            place.at = rest.word;
            place.value = rest.value;
        }
        rest.bps.wrapping_add(1)
    }

    /// Makes the trunk `kept` outer entries and `count` fresh inner ones, and
    /// hashes the innermost [`DEPTH`].
    #[inline(always)]
    fn finish(&mut self, count: usize, kept: usize, end: End) -> Walked {
        self.end = end;
        let mut kept = kept;
        if kept.wrapping_add(count) > TRUNK {
            kept = self.forget(kept, DEPTH.saturating_sub(count).max(1));
            self.end = End::Truncated;
        }
        self.met = kept as u8;
        self.count = count as u8;
        let stamp = self.fresh_stamp();
        let len = kept.wrapping_add(count);
        self.shorten(self.len.min(len));
        self.len = len;
        let (mut hash, mut needed, mut bps) = (SEED, false, 0);
        if let Some(k) = kept.checked_sub(1) {
            bps = self.note_bp(k);
            if let Some(rest) = self.rests.get(k) {
                hash = rest.hash;
                needed = needs_inner_bp(rest.link, rest.bp_matters);
            }
        }
        for i in (0..count).rev() {
            let k = kept.wrapping_add(count).wrapping_sub(i).wrapping_sub(1);
            let (Some(frame), Some(mark), Some(rest)) = (
                self.fresh.get(i),
                self.marks.get_mut(k),
                self.rests.get_mut(k),
            ) else {
                continue;
            };
            hash = mix(hash, frame.ip);
            mark.value = frame.ip;
            mark.at = frame.sp.wrapping_sub(8);
            rest.bp = frame.bp;
            rest.value = frame.value;
            rest.word = frame.word;
            rest.hash = hash;
            rest.link = frame.link;
            rest.bp_matters = needed;
            rest.bps = bps;
            needed = needs_inner_bp(frame.link, needed);
            if frame.link.unsure {
                self.generation = UNSURE;
            }
            if let Some(place) = self.stamps.get_mut(k.wrapping_add(1)) {
                *place = stamp;
            }
            bps = self.note_bp(k);
        }
        if self.len > DEPTH || self.end == End::Truncated {
            return self.window();
        }
        Walked {
            hash: mix(hash, end as u64),
            len: self.len as u32,
            end,
        }
    }

    /// Forgets the outermost of `kept` entries, down to `keep`; how many are left.
    #[cold]
    fn forget(&mut self, kept: usize, keep: usize) -> usize {
        let keep = keep.min(kept);
        let gone = kept.wrapping_sub(keep);
        self.marks.shift(gone, kept);
        self.rests.copy_within(gone..kept, 0);
        let stamp = self.fresh_stamp();
        let mut bps = 0;
        for k in 0..keep {
            if let Some(rest) = self.rests.get_mut(k) {
                rest.bps = bps;
            }
            if let Some(place) = self.stamps.get_mut(k.wrapping_add(1)) {
                *place = stamp;
            }
            bps = self.note_bp(k);
        }
        keep
    }

    /// The innermost [`DEPTH`] frames of a deeper stack: their hash must not
    /// depend on what lies outside them.
    #[inline(never)]
    fn window(&self) -> Walked {
        let end = if self.len > DEPTH {
            End::Truncated
        } else {
            self.end
        };
        let frames = self.marks.range(self.len.saturating_sub(DEPTH), self.len);
        let hash = frames.iter().fold(SEED, |hash, mark| mix(hash, mark.value));
        Walked {
            hash: mix(hash, end as u64),
            len: frames.len() as u32,
            end,
        }
    }
}

/// Whether the frame inside an entry must have the same bp as before for the
/// entry to be the same.
#[inline(always)]
fn needs_inner_bp(link: Link, bp_matters: bool) -> bool {
    link.based_on_bp | (!link.bp_restored & bp_matters)
}

mod keep;

#[cfg(test)]
#[allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests;
