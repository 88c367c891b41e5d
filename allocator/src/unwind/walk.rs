//! One step of a walk: from a frame to its caller, by the rule of its address.
//!
//! Every word that is read lies between the frame's stack pointer and the end
//! of the stack, and stack pointers only rise: a walk ends after finitely many
//! steps, whatever the stack holds, and never reads outside it.
//!
//! What is remembered from walk to walk stands in [`super::memo`].

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::cache::RuleCache;
use super::cfi::ucontext::{RBP, RIP, RSP};
use super::objects::{Object, Objects};
use super::rule::Rule;
use super::stacks::Stacks;
use crate::os;

/// Set in a stored frame whose address is where a signal struck, not a return address.
pub(crate) const INTERRUPTED: u64 = 1 << 63;

const PAGE_MASK: u64 = 4095;

/// How a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Complete = 0,
    Truncated = 1,
    Stuck = 2,
}

/// The registers just after the return to `ip`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Registers {
    pub(crate) ip: u64,
    pub(crate) sp: u64,
    pub(crate) bp: u64,
}

impl Registers {
    /// The registers of the calling function.
    #[inline(always)]
    pub(crate) fn here() -> Self {
        let (ip, sp, bp): (u64, u64, u64);
        // SAFETY: reads registers only.
        unsafe {
            core::arch::asm!(
                "lea {ip}, [rip]", "mov {sp}, rsp", "mov {bp}, rbp",
                ip = out(reg) ip, sp = out(reg) sp, bp = out(reg) bp,
                options(nomem, nostack, preserves_flags),
            );
        }
        Registers { ip, sp, bp }
    }
}

/// The words of the walked stack.
pub(crate) trait Words {
    /// The word at `at`, which is 8-aligned and within the stack's bounds.
    fn word(&self, at: u64) -> u64;
    /// Whether the page that holds `at` can be read.
    fn readable(&self, at: u64) -> bool;
}

/// The calling thread's own stack.
pub(crate) struct OwnStack;

impl Words for OwnStack {
    #[inline(always)]
    fn word(&self, at: u64) -> u64 {
        // SAFETY: the walk only asks for aligned words between its stack
        // pointer and the stack's end, which are mapped; volatile, because the
        // frames that own them may keep other types there.
        unsafe { crate::os::stack_word(at) }
    }

    fn readable(&self, at: u64) -> bool {
        os::readable(at)
    }
}

/// How the frame inside another one gave its stack pointer and bp.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Link {
    /// The stack pointer was reckoned from the inner frame's bp.
    pub(super) based_on_bp: bool,
    /// bp was loaded from the stack.
    pub(super) bp_restored: bool,
    /// It hangs on more words than two: it may not be remembered.
    pub(super) unsure: bool,
}

/// A frame: the address in it, and the registers just after the return to it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Frame {
    pub(super) sp: u64,
    pub(super) ip: u64,
    pub(super) bp: u64,
    /// Where `bp` was loaded from (or where `ip` was, if it was not loaded).
    pub(super) word: u64,
    /// What that word held.
    pub(super) value: u64,
    pub(super) link: Link,
}

impl Frame {
    /// The frame that a walk starts from.
    #[inline(always)]
    pub(super) fn first(start: Registers) -> Self {
        Frame {
            sp: start.sp,
            ip: start.ip,
            bp: start.bp,
            word: start.sp.wrapping_sub(8),
            value: start.ip,
            link: Link {
                based_on_bp: false,
                bp_restored: true,
                unsure: false,
            },
        }
    }
}

/// What stepping out of a frame gives.
pub(super) enum Step {
    Caller(Frame),
    End(End),
}

impl Step {
    /// Puts the caller there, or tells the end.
    fn put(self, caller: &mut Frame) -> Option<End> {
        match self {
            Step::End(end) => Some(end),
            Step::Caller(frame) => {
                *caller = frame;
                None
            }
        }
    }
}

/// The return address that a frame's rule is looked up by. The instruction that
/// a signal struck is looked up as itself.
#[inline(always)]
fn lookup_ip(at: &Frame) -> u64 {
    if at.ip & INTERRUPTED == 0 {
        at.ip
    } else {
        (at.ip & !INTERRUPTED).wrapping_add(1)
    }
}

/// What a walk needs to know.
pub(super) struct Walker<'a, W: Words> {
    pub(super) stacks: &'a Stacks,
    pub(super) rules: &'a RuleCache,
    pub(super) objects: &'a Objects,
    pub(super) words: &'a W,
    /// One past the end of what may be read of the stack that is being walked.
    hi: u64,
    /// One past that stack's end, where the walk has yet to ask before it reads
    /// on ([`Walker::reach`]); 0 on the thread's own stack.
    end: u64,
    /// The file that was asked for last ([`RuleCache::ask`]).
    sure: Option<Object>,
}

impl<'a, W: Words> Walker<'a, W> {
    /// A walk that begins at the stack pointer `sp`.
    pub(super) fn new(
        stacks: &'a Stacks,
        rules: &'a RuleCache,
        objects: &'a Objects,
        words: &'a W,
        sp: u64,
    ) -> Self {
        let (hi, end) = (0, 0);
        let mut walker = Walker {
            stacks,
            rules,
            objects,
            words,
            hi,
            end,
            sure: None,
        };
        walker.enter(sp);
        walker
    }

    /// The walk goes on at `sp`, on whichever stack that is; false if on none.
    pub(super) fn enter(&mut self, sp: u64) -> bool {
        let bounds = self.stacks.bounds(sp);
        (self.hi, self.end) = if self.stacks.is_own(sp) {
            (bounds.hi, 0)
        } else {
            (sp & !PAGE_MASK, bounds.hi)
        };
        bounds.holds(sp)
    }

    /// Whether the words below `to` may be read. What is known of a stack that
    /// is not the thread's own may be of one that was unmapped since: each page
    /// is asked for, once a walk, and the bounds anew where they seem too narrow.
    #[cold]
    #[inline(never)]
    fn reach(&mut self, sp: u64, to: u64) -> bool {
        if to > self.end && self.end != 0 {
            self.end = self.stacks.bounds_anew(sp).hi;
        }
        if to > self.end {
            return false;
        }
        while self.hi < to {
            if !self.words.readable(self.hi) {
                return false;
            }
            self.hi = self.hi.wrapping_add(PAGE_MASK).wrapping_add(1);
        }
        true
    }

    /// The frame outside `at`.
    #[inline(always)]
    pub(super) fn step(&mut self, at: &Frame) -> Step {
        let (cfa, bp_at, based_on_bp) = match self.rules.rule(lookup_ip(at), self.objects) {
            Rule::Sp { offset, saved } => (at.sp.wrapping_add(u64::from(offset)), saved, false),
            Rule::Bp { offset, saved } => (at.bp.wrapping_add(u64::from(offset)), saved, true),
            other => return self.step_rare(at, other),
        };
        self.step_to(at, cfa, bp_at, based_on_bp)
    }

    /// The frame outside `at`, which begins at `cfa` and has saved its caller's
    /// bp `bp_at` below that (0: not saved).
    #[inline(always)]
    fn step_to(&mut self, at: &Frame, cfa: u64, bp_at: u32, based_on_bp: bool) -> Step {
        // Both words that are read lie in [at.sp, cfa), below the stack's end.
        if cfa <= at.sp || cfa > self.hi && !self.reach(at.sp, cfa) || cfa & 7 != 0 {
            return Step::End(End::Stuck);
        }
        let ip_at = cfa.wrapping_sub(8);
        let ip = self.words.word(ip_at);
        let (bp, word) = if bp_at == 0 {
            (at.bp, ip_at)
        } else {
            let word = cfa.wrapping_sub(u64::from(bp_at));
            if word < at.sp && !self.in_red_zone(at, word) {
                return Step::End(End::Stuck);
            }
            (self.words.word(word), word)
        };
        if ip == 0 {
            return Step::End(End::Complete);
        }
        Step::Caller(Frame {
            sp: cfa,
            ip,
            bp,
            word,
            value: if bp_at == 0 { ip } else { bp },
            link: Link {
                based_on_bp,
                bp_restored: bp_at != 0,
                unsure: false,
            },
        })
    }

    /// Whether a word below the stack pointer still holds what it held: where a
    /// signal struck just behind a `pop`, tables may say that the register lies
    /// where it was popped from. The kernel leaves 128 bytes there alone.
    #[cold]
    #[inline(never)]
    fn in_red_zone(&self, at: &Frame, word: u64) -> bool {
        at.ip & INTERRUPTED != 0
            && word >= at.sp.wrapping_sub(128)
            && word & 7 == 0
            && self.words.readable(word)
    }

    /// The rare rules. What they give is copied field by field, so that the
    /// frames of the common rules can stay in registers.
    #[inline(always)]
    fn step_rare(&mut self, at: &Frame, rule: Rule) -> Step {
        let mut caller = Frame::default();
        match self.rare(at, rule, &mut caller) {
            Some(end) => Step::End(end),
            None => Step::Caller(Frame {
                sp: caller.sp,
                ip: caller.ip,
                bp: caller.bp,
                word: caller.word,
                value: caller.value,
                link: Link {
                    based_on_bp: true,
                    bp_restored: true,
                    unsure: true,
                },
            }),
        }
    }

    /// Whether the word at `word` lies on the stack, outside the frame `at`.
    fn inside(&mut self, at: &Frame, word: u64) -> bool {
        let end = word.wrapping_add(8);
        word >= at.sp && word & 7 == 0 && end > word && (end <= self.hi || self.reach(at.sp, end))
    }

    #[cold]
    #[inline(never)]
    fn rare(&mut self, at: &Frame, rule: Rule, caller: &mut Frame) -> Option<End> {
        match rule {
            Rule::End => Some(End::Complete),
            Rule::Ask => match self.rules.ask(lookup_ip(at), self.objects, &mut self.sure) {
                // Asked for already: there is none.
                Rule::Ask => Some(End::Stuck),
                found => self.rare(at, found, caller),
            },
            // Not rare, but asked for.
            Rule::Sp { offset, saved } => {
                let cfa = at.sp.wrapping_add(u64::from(offset));
                self.step_to(at, cfa, saved, false).put(caller)
            }
            Rule::Bp { offset, saved } => {
                let cfa = at.bp.wrapping_add(u64::from(offset));
                self.step_to(at, cfa, saved, true).put(caller)
            }
            Rule::DerefBp { offset } => {
                let from = at.bp.wrapping_sub(u64::from(offset));
                if !self.inside(at, from) || !self.inside(at, at.bp) {
                    return Some(End::Stuck);
                }
                let cfa = self.words.word(from);
                if cfa <= at.sp || cfa & 7 != 0 || !self.inside(at, cfa.wrapping_sub(8)) {
                    return Some(End::Stuck);
                }
                caller.sp = cfa;
                caller.ip = self.words.word(cfa.wrapping_sub(8));
                caller.bp = self.words.word(at.bp);
                if caller.ip == 0 {
                    return Some(End::Complete);
                }
                None
            }
            Rule::Signal => {
                if !self.inside(at, at.sp) || !self.inside(at, at.sp.wrapping_add(RIP)) {
                    return Some(End::Stuck);
                }
                let read = |offset: u64| self.words.word(at.sp.wrapping_add(offset));
                let (ip, sp, bp) = (read(RIP), read(RSP), read(RBP));
                if ip == 0 || ip & INTERRUPTED != 0 || !self.enter(sp) {
                    return Some(End::Stuck);
                }
                caller.sp = sp;
                caller.ip = ip | INTERRUPTED;
                caller.bp = bp;
                None
            }
            Rule::Stuck => Some(End::Stuck),
        }
    }
}
