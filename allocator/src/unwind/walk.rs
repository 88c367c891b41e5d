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
use super::objects::Objects;
use super::rule::Rule;
use super::stacks::Stacks;

/// Set in a stored frame whose address is where a signal struck, not a return address.
pub(crate) const INTERRUPTED: u64 = 1 << 63;

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

/// What a walk needs to know.
pub(super) struct Walker<'a, W: Words> {
    pub(super) stacks: &'a Stacks,
    pub(super) rules: &'a RuleCache,
    pub(super) objects: &'a Objects,
    pub(super) words: &'a W,
    /// One past the end of the stack that is being walked.
    pub(super) hi: u64,
}

impl<W: Words> Walker<'_, W> {
    /// The frame outside `at`.
    #[inline(always)]
    pub(super) fn step(&mut self, at: &Frame) -> Step {
        // The instruction that a signal struck is looked up as itself.
        let ip = if at.ip & INTERRUPTED == 0 {
            at.ip
        } else {
            (at.ip & !INTERRUPTED).wrapping_add(1)
        };
        let (cfa, bp_at, based_on_bp) = match self.rules.rule(ip, self.objects) {
            Rule::Sp { offset, saved } => (at.sp.wrapping_add(u64::from(offset)), saved, false),
            Rule::Bp { offset, saved } => (at.bp.wrapping_add(u64::from(offset)), saved, true),
            other => return self.step_rare(at, other),
        };
        // Both words that are read lie in [at.sp, cfa), below the stack's end.
        if cfa <= at.sp || cfa > self.hi || cfa & 7 != 0 {
            return Step::End(End::Stuck);
        }
        let ip_at = cfa.wrapping_sub(8);
        let ip = self.words.word(ip_at);
        let (bp, word) = if bp_at == 0 {
            (at.bp, ip_at)
        } else {
            let word = cfa.wrapping_sub(u64::from(bp_at));
            if word < at.sp {
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

    #[cold]
    #[inline(never)]
    fn rare(&mut self, at: &Frame, rule: Rule, caller: &mut Frame) -> Option<End> {
        let inside = |word: u64| word >= at.sp && word < self.hi.saturating_sub(7) && word & 7 == 0;
        match rule {
            Rule::End => Some(End::Complete),
            Rule::DerefBp { offset } => {
                let from = at.bp.wrapping_sub(u64::from(offset));
                if !inside(from) || !inside(at.bp) {
                    return Some(End::Stuck);
                }
                let cfa = self.words.word(from);
                if cfa <= at.sp || cfa > self.hi || cfa & 7 != 0 {
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
                // struct ucontext at sp: gregs begin at 40; RBP is 10, RSP 15, RIP 16.
                const RBP: u64 = 40 + 10 * 8;
                const RSP: u64 = 40 + 15 * 8;
                const RIP: u64 = 40 + 16 * 8;
                if !inside(at.sp) || !inside(at.sp.wrapping_add(RIP)) {
                    return Some(End::Stuck);
                }
                let read = |offset: u64| self.words.word(at.sp.wrapping_add(offset));
                let (ip, sp, bp) = (read(RIP), read(RSP), read(RBP));
                let bounds = self.stacks.bounds(sp);
                if ip == 0 || !bounds.holds(sp) || ip & INTERRUPTED != 0 {
                    return Some(End::Stuck);
                }
                self.hi = bounds.hi;
                caller.sp = sp;
                caller.ip = ip | INTERRUPTED;
                caller.bp = bp;
                None
            }
            _ => Some(End::Stuck),
        }
    }
}
