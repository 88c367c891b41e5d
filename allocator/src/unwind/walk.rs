//! The walk, and the memo of the thread's last walk.
//!
//! ```text
//!  memo (a stack; entry 0 is the outermost frame)
//!    entry   sp      ip      bp      word   value       hash
//!            │       │       │       └──────┴─ the word that bp was loaded from
//!            │       └─ [sp - 8]               (or the return address again)
//!            └─ the stack pointer just after the return to ip
//! ```
//!
//! A frame's caller is a function of (ip, sp, bp) and of the words read on the
//! way. So when a frame of the present walk equals a remembered one in all
//! three, the frames outside it are the remembered ones exactly if their words
//! still hold what they held: two loads and two compares a frame instead of an
//! unwind, and the hash of the outer part is already known.
//!
//! Optimised code uses bp as any other register, so it often differs although
//! nothing outside depends on it: a frame's bp is compared only if a frame
//! outside it was reckoned from it before it was loaded anew (`bp_matters`).
//!
//! Cost on the machine of ARCHITECTURE.md: see the table there.
//!
//! Invariants of a memo of n entries:
//! * `entry[k].sp > entry[k + 1].sp`: the stack grows down;
//! * `entry[k].hash = mix(entry[k - 1].hash, entry[k].ip)` where `hash_valid`;
//! * the entries are consecutive frames of one walk of this thread.

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

/// Frames that a context keeps, innermost first. Types need 8 in optimised
/// builds and 16 in debug builds (reference measurements); sites need more.
pub(crate) const DEPTH: usize = 32;
/// Frames that the memo keeps, so that a deep stack is walked anew only once
/// it has moved by half the memo.
const MEMO: usize = 2 * DEPTH;
/// Set in a stored frame whose address is where a signal struck, not a return address.
pub(crate) const INTERRUPTED: u64 = 1 << 63;

/// How a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Complete = 0,
    Truncated = 1,
    Stuck = 2,
}

/// Registers at the start of a walk.
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
        unsafe { core::ptr::read_volatile(at as *const u64) }
    }
}

/// A frame: the address in it, and the registers just after the return to it.
#[derive(Clone, Copy, Default)]
struct Entry {
    sp: u64,
    ip: u64,
    bp: u64,
    /// Where `bp` was loaded from (or where `ip` was, if it was not loaded).
    word: u64,
    /// What that word held.
    value: u64,
    hash: u64,
    /// How the frame inside this one gave its stack pointer and bp.
    from: From,
    /// Whether a frame outside this one depends on this one's bp.
    bp_matters: bool,
}

/// What a step from a frame to its caller made of bp.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct From {
    /// The caller's stack pointer was reckoned from bp.
    based_on_bp: bool,
    /// The caller's bp was loaded from the stack.
    bp_restored: bool,
}

impl Entry {
    /// Whether the frame inside this one must have the same bp as before for
    /// this one to be the same.
    #[inline(always)]
    fn needs_inner_bp(&self) -> bool {
        self.from.based_on_bp | (!self.from.bp_restored & self.bp_matters)
    }
}

/// The thread's last walk. See the module's drawing.
pub(crate) struct Memo {
    entries: [Entry; MEMO],
    /// Frames of the present walk that are not in the memo, innermost first.
    fresh: [Entry; MEMO],
    len: usize,
    /// The last walk crossed a signal frame: nothing of it is compared again.
    crossed_signal: bool,
    end: End,
    generation: u32,
    /// The context found for exactly these entries, 0 for none.
    context: u32,
}

/// What a walk found.
pub(crate) struct Walked {
    /// Hash of the frames and the end.
    pub(crate) hash: u64,
    /// Number of frames, at most [`DEPTH`].
    pub(crate) len: u32,
    pub(crate) end: End,
    /// The context, if the stack is the same as at the last walk.
    pub(crate) same_as: u32,
}

#[inline(always)]
fn mix(hash: u64, ip: u64) -> u64 {
    let wide = u128::from(hash ^ ip).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    (wide >> 64) as u64 ^ wide as u64
}

const SEED: u64 = 0x2545_f491_4f6c_dd1d;

/// What stepping out of a frame gives.
enum Step {
    Caller(Entry),
    End(End),
}

impl Memo {
    pub(crate) fn reset(&mut self) {
        self.len = 0;
        self.end = End::Complete;
        self.context = 0;
        self.crossed_signal = false;
    }

    /// Remembers the context of the walk that was just made.
    #[inline(always)]
    pub(crate) fn set_context(&mut self, context: u32) {
        self.context = context;
    }

    /// The frames of the last walk, innermost first: `frame(0)` is the innermost.
    #[inline(always)]
    pub(crate) fn frame(&self, at: u32) -> u64 {
        let from_outside = self.len.wrapping_sub(1).wrapping_sub(at as usize);
        self.entries.get(from_outside).map_or(0, |e| e.ip)
    }

    /// Walks from `start` outwards; the frame of `start` itself is left out.
    #[inline(always)]
    pub(crate) fn walk<W: Words>(
        &mut self,
        start: Registers,
        stacks: &Stacks,
        rules: &RuleCache,
        objects: &Objects,
        words: &W,
    ) -> Walked {
        let foreign = !stacks.is_own(start.sp) || self.crossed_signal;
        if foreign || self.generation != objects.generation() {
            // Of another stack nothing may be compared: it may have been unmapped.
            self.reset();
            self.generation = objects.generation();
        }
        let mut walker = Walker {
            stacks,
            rules,
            objects,
            words,
            hi: stacks.bounds(start.sp).hi,
        };
        let mut at = Place {
            ip: start.ip,
            sp: start.sp,
            bp: start.bp,
        };
        let mut count = 0usize;
        // Entries from `top` inwards lie deeper in the stack than this walk is.
        let mut top = self.len;
        loop {
            let entry = match walker.step(at) {
                Step::Caller(entry) => entry,
                Step::End(end) => return self.finish(count, 0, end),
            };
            at = Place {
                ip: entry.ip,
                sp: entry.sp,
                bp: entry.bp,
            };
            while let Some(there) = top.checked_sub(1).and_then(|i| self.entries.get(i)) {
                if there.sp < at.sp {
                    top = top.wrapping_sub(1);
                    continue;
                }
                let bp = if there.bp_matters {
                    there.bp ^ at.bp
                } else {
                    0
                };
                if (there.sp ^ at.sp) | (there.ip ^ at.ip) | bp == 0 {
                    return self.join(walker, start, count, top);
                }
                break;
            }
            match self.fresh.get_mut(count) {
                Some(place) => *place = entry,
                None => return self.finish(MEMO, 0, End::Truncated),
            }
            count = count.wrapping_add(1);
        }
    }

    /// The walk met entry `top - 1`: compares the entries outside it, as many
    /// as a context wants.
    #[inline(always)]
    fn join<W: Words>(
        &mut self,
        walker: Walker<'_, W>,
        start: Registers,
        count: usize,
        top: usize,
    ) -> Walked {
        let wanted = DEPTH.saturating_sub(count).max(1);
        let lowest = top.saturating_sub(wanted);
        let mut differs = 0;
        for outer in self.entries.get(lowest..top.wrapping_sub(1)).unwrap_or(&[]) {
            differs |= walker.words.word(outer.sp.wrapping_sub(8)) ^ outer.ip;
            differs |= walker.words.word(outer.word) ^ outer.value;
        }
        let cut = lowest == 0 && self.end == End::Truncated && top.wrapping_add(count) < DEPTH;
        if differs != 0 || cut {
            return self.rewalk(walker, start);
        }
        self.finish(count, top, self.end)
    }

    /// Walks without the memo: where it did not hold.
    #[cold]
    #[inline(never)]
    fn rewalk<W: Words>(&mut self, mut walker: Walker<'_, W>, start: Registers) -> Walked {
        let mut at = Place {
            ip: start.ip,
            sp: start.sp,
            bp: start.bp,
        };
        walker.hi = walker.stacks.bounds(start.sp).hi;
        for count in 0..MEMO {
            let entry = match walker.step(at) {
                Step::Caller(entry) => entry,
                Step::End(end) => return self.finish(count, 0, end),
            };
            at = Place {
                ip: entry.ip,
                sp: entry.sp,
                bp: entry.bp,
            };
            if let Some(place) = self.fresh.get_mut(count) {
                *place = entry;
            }
        }
        self.finish(MEMO, 0, End::Truncated)
    }

    /// Makes the memo `kept` outer entries and `count` fresh inner ones, and
    /// hashes the innermost [`DEPTH`].
    #[inline(always)]
    fn finish(&mut self, count: usize, kept: usize, end: End) -> Walked {
        if count == 0 && kept == self.len && self.context != 0 {
            return Walked {
                hash: 0,
                len: 0,
                end,
                same_as: self.context,
            };
        }
        self.context = 0;
        self.end = end;
        let mut kept = kept;
        if kept.wrapping_add(count) > MEMO {
            // Forget the outermost entries, down to what a context needs.
            let keep = DEPTH.saturating_sub(count).max(1).min(kept);
            self.entries.copy_within(kept.wrapping_sub(keep)..kept, 0);
            kept = keep;
            self.end = End::Truncated;
        }
        let outer = kept.checked_sub(1).and_then(|i| self.entries.get(i));
        let mut hash = outer.map_or(SEED, |entry| entry.hash);
        let mut needed = outer.is_some_and(Entry::needs_inner_bp);
        let mut signal = false;
        let fresh = self.fresh.get(..count).unwrap_or(&[]).iter().rev();
        for (place, entry) in self.entries.iter_mut().skip(kept).zip(fresh) {
            *place = *entry;
            hash = mix(hash, entry.ip);
            place.hash = hash;
            place.bp_matters = needed;
            needed = place.needs_inner_bp();
            signal |= entry.ip & INTERRUPTED != 0;
        }
        self.crossed_signal |= signal;
        let len = kept.wrapping_add(count);
        self.len = len;
        if len > DEPTH || self.end == End::Truncated {
            return self.window();
        }
        Walked {
            hash: mix(hash, end as u64),
            len: len as u32,
            end,
            same_as: 0,
        }
    }

    /// The innermost [`DEPTH`] frames of a deeper stack: their hash must not
    /// depend on what lies outside them.
    fn window(&self) -> Walked {
        let end = if self.len > DEPTH {
            End::Truncated
        } else {
            self.end
        };
        let frames = self
            .entries
            .get(self.len.saturating_sub(DEPTH)..self.len)
            .unwrap_or(&[]);
        let hash = frames.iter().fold(SEED, |hash, entry| mix(hash, entry.ip));
        let len = frames.len() as u32;
        Walked {
            hash: mix(hash, end as u64),
            len,
            end,
            same_as: 0,
        }
    }
}

/// Where a walk stands.
#[derive(Clone, Copy)]
struct Place {
    ip: u64,
    sp: u64,
    bp: u64,
}

struct Walker<'a, W: Words> {
    stacks: &'a Stacks,
    rules: &'a RuleCache,
    objects: &'a Objects,
    words: &'a W,
    /// One past the end of the stack that is being walked.
    hi: u64,
}

impl<W: Words> Walker<'_, W> {
    /// The frame outside `at`.
    #[inline(always)]
    fn step(&mut self, at: Place) -> Step {
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
        let value = if bp_at == 0 { ip } else { bp };
        let from = From {
            based_on_bp,
            bp_restored: bp_at != 0,
        };
        Step::Caller(Entry {
            sp: cfa,
            ip,
            bp,
            word,
            value,
            from,
            ..Entry::default()
        })
    }

    #[cold]
    #[inline(never)]
    fn step_rare(&mut self, at: Place, rule: Rule) -> Step {
        let inside = |word: u64| word >= at.sp && word < self.hi.saturating_sub(7) && word & 7 == 0;
        match rule {
            Rule::End => Step::End(End::Complete),
            Rule::DerefBp { offset } => {
                let from = at.bp.wrapping_sub(u64::from(offset));
                if !inside(from) || !inside(at.bp) {
                    return Step::End(End::Stuck);
                }
                let cfa = self.words.word(from);
                if cfa <= at.sp || cfa > self.hi || cfa & 7 != 0 {
                    return Step::End(End::Stuck);
                }
                let (ip, bp) = (self.words.word(cfa.wrapping_sub(8)), self.words.word(at.bp));
                if ip == 0 {
                    return Step::End(End::Complete);
                }
                Step::Caller(Entry {
                    sp: cfa,
                    ip,
                    bp,
                    word: at.bp,
                    value: bp,
                    from: From {
                        based_on_bp: true,
                        bp_restored: true,
                    },
                    ..Entry::default()
                })
            }
            Rule::Signal => {
                // struct ucontext at sp: gregs begin at 40; RBP is 10, RSP 15, RIP 16.
                const RBP: u64 = 40 + 10 * 8;
                const RSP: u64 = 40 + 15 * 8;
                const RIP: u64 = 40 + 16 * 8;
                if !inside(at.sp) || !inside(at.sp.wrapping_add(RIP)) {
                    return Step::End(End::Stuck);
                }
                let read = |offset: u64| self.words.word(at.sp.wrapping_add(offset));
                let (ip, sp, bp) = (read(RIP), read(RSP), read(RBP));
                let bounds = self.stacks.bounds(sp);
                if ip == 0 || !bounds.holds(sp) || ip & INTERRUPTED != 0 {
                    return Step::End(End::Stuck);
                }
                self.hi = bounds.hi;
                let word = at.sp.wrapping_add(RBP);
                Step::Caller(Entry {
                    sp,
                    ip: ip | INTERRUPTED,
                    bp,
                    word,
                    value: bp,
                    from: From {
                        based_on_bp: true,
                        bp_restored: true,
                    },
                    ..Entry::default()
                })
            }
            _ => Step::End(End::Stuck),
        }
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, clippy::arithmetic_side_effects)]
mod tests;
