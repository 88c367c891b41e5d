//! Walks that a thread remembers beside its trunk: see [`super::memo`].
//!
//! ```text
//!  twig (384 bytes, six cache lines)
//!    start: ip, sp   path   bp and its mask   stamp, context
//!    met, marks, bps                     which entries of the trunk go on from here
//!    offsets from the start's sp, values (at most 26 words to compare)
//! ```
//!
//! A stack of few words is *whole* in its twig and needs no trunk: whatever other
//! walks are made meanwhile, it holds. A deeper one goes on in the trunk.
//!
//! A stack is first looked for by its innermost frame. Where several stacks
//! want that place by turns (many pass through a frame like
//! `RawVec::finish_grow` at one depth), the twig becomes a *signpost*: it says
//! which word of the stack tells them apart, and what that word holds leads to
//! the next place, [`DEEPEST`] times at most.
//!
//! A walk with more words than a twig holds is not kept: the next one from its
//! place goes through the trunk, which by then is that walk itself.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::walk::{Registers, Words};

/// Twigs of a thread, in pairs: 96 KiB of address space, touched as it is used.
const TWIGS: usize = 256;
pub(super) const CHECKS: usize = 26;
/// Times that two stacks fight for one place before it is a signpost.
const FIGHTS: u8 = 4;
/// Signposts that may stand one behind another.
pub(super) const DEEPEST: usize = 4;

/// A stack's innermost frame.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Key {
    ip: u64,
    sp: u64,
}

impl Key {
    #[inline(always)]
    fn of(start: Registers) -> Self {
        Key {
            ip: start.ip,
            sp: start.sp,
        }
    }
}

/// Where a stack's twig stands: a hash of its innermost frame and of the words
/// that signposts asked for.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Path(u64);

impl Path {
    #[inline(always)]
    pub(super) fn first(start: Registers) -> Self {
        Path((start.ip ^ start.sp.rotate_left(20)).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// The path behind a signpost.
    #[inline(always)]
    pub(super) fn behind<W: Words>(self, signpost: &Twig, start: Registers, words: &W) -> Self {
        let word = words.word(start.sp.wrapping_add(u64::from(signpost.look)));
        Path((self.0 ^ word.rotate_left(20)).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    #[inline(always)]
    fn place(self) -> u8 {
        (self.0 >> 56) as u8
    }
}

/// In [`Join::met`]: the twig has all words of its stack.
pub(super) const WHOLE: u8 = u8::MAX;

/// Which part of the trunk a twig goes on with.
#[derive(Clone, Copy, Default)]
pub(super) struct Join {
    /// The stamp of entry `met - 1`.
    pub(super) stamp: u32,
    /// One more than the entry that was met; 0 in a signpost; [`WHOLE`].
    pub(super) met: u8,
    /// The words to compare in the trunk's two lists.
    pub(super) marks: (u8, u8),
    pub(super) bps: (u8, u8),
}

impl Join {
    pub(super) fn whole() -> Self {
        Join {
            met: WHOLE,
            ..Join::default()
        }
    }
}

/// See the module's drawing.
#[repr(C, align(64))]
pub(super) struct Twig {
    start: Key,
    path: Path,
    bp: u64,
    /// All ones if the start's bp matters.
    mask: u64,
    pub(super) join: Join,
    pub(super) context: u32,
    /// In a signpost: how far from the start's sp the word lies that tells stacks
    /// apart. A stack of the same start held it before, so it can be read.
    look: u32,
    checks: u8,
    fights: u8,
    offsets: [u32; CHECKS],
    values: [u64; CHECKS],
}
const _: () = assert!(size_of::<Twig>() == 384);

impl Twig {
    /// Whether the place only says which word to look at.
    #[inline(always)]
    pub(super) fn is_signpost(&self) -> bool {
        self.join.met == 0
    }

    /// Zero if the words inside the trunk hold what they held.
    #[inline(always)]
    pub(super) fn differs<W: Words>(&self, start: Registers, words: &W) -> u64 {
        let mut differs = (self.bp ^ start.bp) & self.mask;
        let checks = usize::from(self.checks);
        let (Some(offsets), Some(values)) = (self.offsets.get(..checks), self.values.get(..checks))
        else {
            return 1;
        };
        let one =
            |offset: u32, value: u64| words.word(start.sp.wrapping_add(u64::from(offset))) ^ value;
        // `keep` makes them an even number.
        let (offsets, values) = (offsets.as_chunks::<2>().0, values.as_chunks::<2>().0);
        for ([a, b], [c, d]) in offsets.iter().zip(values) {
            differs |= one(*a, *c) | one(*b, *d);
        }
        differs
    }
}

impl Twig {
    /// Where the first word lies that another stack with the same start does not
    /// hold. Words come from the inside out, return addresses before bps.
    fn apart<W: Words>(&self, start: Registers, words: &W) -> Option<u32> {
        let checks = self.offsets.iter().zip(&self.values);
        let mut checks = checks.take(usize::from(self.checks));
        let differs = |(offset, value): &(&u32, &u64)| {
            words.word(start.sp.wrapping_add(u64::from(**offset))) != **value
        };
        checks.find(differs).map(|(offset, _)| *offset)
    }
}

/// All twigs of a thread.
pub(super) struct Twigs {
    twigs: [Twig; TWIGS],
    /// Which of a pair gives way next.
    turn: u32,
}

impl Twigs {
    /// The twig or signpost of a stack: it stands at its path's place or beside it.
    #[inline(always)]
    pub(super) fn find(&self, path: Path, start: Registers) -> Option<&Twig> {
        let is = |twig: &Twig| {
            (twig.path.0 ^ path.0) | (twig.start.ip ^ start.ip) | (twig.start.sp ^ start.sp) == 0
        };
        let place = path.place();
        let twig = self.twigs.get(usize::from(place))?;
        if is(twig) {
            return Some(twig);
        }
        let twig = self.twigs.get(usize::from(place ^ 1))?;
        is(twig).then_some(twig)
    }

    /// No twig holds any more: the stamps begin anew.
    #[cold]
    pub(super) fn clear(&mut self) {
        for twig in &mut self.twigs {
            twig.start = Key::default();
        }
    }

    /// The twig that a stack has, or the one that gives way to it: the first
    /// that does not hold, or either in turn.
    fn place_for(&mut self, path: Path, start: Key, holds: impl Fn(&Join) -> bool) -> &mut Twig {
        let place = usize::from(path.place());
        let is = |at: usize, what: &dyn Fn(&Twig) -> bool| self.twigs.get(at).is_some_and(what);
        let is_of = |t: &Twig| t.path == path && t.start == start;
        let is_free = |t: &Twig| !t.is_signpost() && !holds(&t.join) || t.start == Key::default();
        let mut at = [place, place ^ 1].into_iter();
        let found = at.clone().find(|at| is(*at, &is_of));
        let at = found.or_else(|| at.find(|at| is(*at, &is_free)));
        self.turn ^= 1;
        let at = at.unwrap_or(place ^ self.turn as usize);
        // The place is eight bits, so it is there.
        let at = at % TWIGS;
        #[expect(clippy::indexing_slicing, reason = "masked to the length")]
        &mut self.twigs[at]
    }

    /// Keeps a walk, if its words fit. `holds` tells whether what stands there
    /// for the same start still holds; then the two fight, and after a few times
    /// the place becomes a signpost: true.
    pub(super) fn keep<W: Words>(
        &mut self,
        path: Path,
        registers: Registers,
        kept: &Kept<'_>,
        words: &W,
        holds: impl Fn(&Join) -> bool,
    ) -> bool {
        let start = Key::of(registers);
        let twig = self.place_for(path, start, &holds);
        let same = twig.path == path && twig.start == start;
        let fights = match (same, same && holds(&twig.join)) {
            (true, true) => twig.fights.saturating_add(1),
            (true, false) => twig.fights,
            (false, _) => 0,
        };
        let apart = if fights >= FIGHTS && kept.may_be_signpost {
            twig.apart(registers, words)
        } else {
            None
        };
        twig.start = Key::default();
        twig.path = path;
        twig.fights = fights;
        if let Some(look) = apart {
            twig.join = Join::default();
            twig.look = look;
            twig.start = start;
            return true;
        }
        if kept.checks.len() > CHECKS {
            return false;
        }
        let places = twig.offsets.iter_mut().zip(&mut twig.values);
        let even = kept.checks.len().next_multiple_of(2);
        let checks = kept.checks.iter().chain(kept.checks.last()).take(even);
        for ((offset, value), (at, word)) in places.zip(checks) {
            let Ok(from_start) = u32::try_from(at.wrapping_sub(registers.sp)) else {
                return false;
            };
            (*offset, *value) = (from_start, *word);
        }
        twig.checks = even as u8;
        twig.bp = registers.bp;
        twig.mask = if kept.bp_matters { u64::MAX } else { 0 };
        twig.join = kept.join;
        twig.context = kept.context;
        twig.start = start;
        false
    }
}

/// What [`Twigs::keep`] keeps.
pub(super) struct Kept<'a> {
    /// Words inside the trunk, and what they held.
    pub(super) checks: &'a [(u64, u64)],
    /// Whether the start's bp must be the same.
    pub(super) bp_matters: bool,
    pub(super) join: Join,
    pub(super) context: u32,
    pub(super) may_be_signpost: bool,
}
