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
//! Cost on the machine of ARCHITECTURE.md: see the table there.
//!
//! Invariants of a memo of n entries:
//! * `entry[k].sp > entry[k + 1].sp`: the stack grows down;
//! * `entry[k].hash = mix(entry[k - 1].hash, entry[k].ip)` where `hash_valid`;
//! * the entries are consecutive frames of one walk of this thread.

use core::cell::Cell;

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
}

/// The thread's last walk. See the module's drawing.
pub(crate) struct Memo {
    entries: [Cell<Entry>; MEMO],
    /// Frames of the present walk that are not in the memo, innermost first.
    fresh: [Cell<Entry>; MEMO],
    len: Cell<u32>,
    /// The last walk crossed a signal frame: nothing of it is compared again.
    crossed_signal: Cell<bool>,
    end: Cell<End>,
    generation: Cell<u32>,
    /// The context found for exactly these entries, 0 for none.
    context: Cell<u32>,
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
    Caller { entry: Entry },
    End(End),
}

impl Memo {
    pub(crate) fn reset(&self) {
        self.len.set(0);
        self.end.set(End::Complete);
        self.context.set(0);
        self.crossed_signal.set(false);
    }

    /// Remembers the context of the walk that was just made.
    #[inline(always)]
    pub(crate) fn set_context(&self, context: u32) {
        self.context.set(context);
    }

    #[inline(always)]
    fn entry(&self, at: usize) -> Entry {
        self.entries.get(at).map_or(Entry::default(), Cell::get)
    }

    #[inline(always)]
    fn put(&self, at: usize, entry: Entry) {
        if let Some(place) = self.entries.get(at) {
            place.set(entry);
        }
    }

    /// The frames of the last walk, innermost first: `frame(0)` is the innermost.
    #[inline(always)]
    pub(crate) fn frame(&self, at: u32) -> u64 {
        self.entry(
            (self.len.get() as usize)
                .wrapping_sub(1)
                .wrapping_sub(at as usize),
        )
        .ip
    }

    /// Walks from `start` outwards; the frame of `start` itself is left out.
    #[inline(always)]
    pub(crate) fn walk<W: Words>(
        &self,
        start: Registers,
        stacks: &Stacks,
        rules: &RuleCache,
        objects: &Objects,
        words: &W,
    ) -> Walked {
        let foreign = !stacks.is_own(start.sp) || self.crossed_signal.get();
        if foreign || self.generation.get() != objects.generation() {
            // Of another stack nothing may be compared: it may have been unmapped.
            self.reset();
            self.generation.set(objects.generation());
        }
        let mut walker = Walker {
            stacks,
            rules,
            objects,
            words,
            hi: stacks.bounds(start.sp).hi,
        };
        let mut count = 0usize;
        let mut at = Entry {
            sp: start.sp,
            ip: start.ip,
            bp: start.bp,
            ..Entry::default()
        };
        let known = self.len.get() as usize;
        // Entries from `top` inwards lie deeper in the stack than this walk is.
        let mut top = known;
        loop {
            match walker.step(&at) {
                Step::Caller { entry } => at = entry,
                Step::End(end) => return self.finish(count, 0, end),
            }
            while top > 0 && self.entry(top.wrapping_sub(1)).sp < at.sp {
                top = top.wrapping_sub(1);
            }
            if top > 0 {
                let there = self.entry(top.wrapping_sub(1));
                if there.sp == at.sp && there.ip == at.ip && there.bp == at.bp {
                    break;
                }
            }
            if let Some(place) = self.fresh.get(count) {
                place.set(at);
                count = count.wrapping_add(1);
            }
            if count == MEMO {
                return self.finish(count, 0, End::Truncated);
            }
        }
        // Entries 0..top may be this stack's: compare those that are wanted.
        let wanted = DEPTH.saturating_sub(count).max(1);
        let lowest = top.saturating_sub(wanted);
        let mut equal = top.wrapping_sub(1);
        while equal > lowest {
            let outer = self.entry(equal.wrapping_sub(1));
            let same_ip = words.word(outer.sp.wrapping_sub(8)) ^ outer.ip;
            let same_bp = words.word(outer.word) ^ outer.value;
            if same_ip | same_bp != 0 {
                break;
            }
            equal = equal.wrapping_sub(1);
        }
        if equal == lowest
            && (lowest > 0 || self.end.get() != End::Truncated || top.wrapping_add(count) >= DEPTH)
        {
            return self.finish(count, top, self.end.get());
        }
        self.rewalk(walker, start)
    }

    /// Walks without the memo: where it did not hold.
    #[cold]
    #[inline(never)]
    fn rewalk<W: Words>(&self, mut walker: Walker<'_, W>, start: Registers) -> Walked {
        let mut count = 0usize;
        let mut at = Entry {
            sp: start.sp,
            ip: start.ip,
            bp: start.bp,
            ..Entry::default()
        };
        walker.hi = walker.stacks.bounds(start.sp).hi;
        loop {
            match walker.step(&at) {
                Step::Caller { entry } => at = entry,
                Step::End(end) => return self.finish(count, 0, end),
            }
            if let Some(place) = self.fresh.get(count) {
                place.set(at);
            }
            count = count.wrapping_add(1);
            if count == MEMO {
                return self.finish(count, 0, End::Truncated);
            }
        }
    }

    /// Makes the memo `kept` outer entries and `count` fresh inner ones, and
    /// hashes the innermost [`DEPTH`].
    #[inline(always)]
    fn finish(&self, count: usize, kept: usize, end: End) -> Walked {
        if count == 0 && kept == self.len.get() as usize && self.context.get() != 0 {
            return Walked {
                hash: 0,
                len: 0,
                end,
                same_as: self.context.get(),
            };
        }
        self.context.set(0);
        self.end.set(end);
        let mut kept = kept;
        let mut end = end;
        let total = kept.wrapping_add(count);
        if total > MEMO {
            // Forget the outermost entries, down to what a context needs.
            let keep = DEPTH.saturating_sub(count).max(1).min(kept);
            let drop = kept.wrapping_sub(keep);
            for i in 0..keep {
                self.put(i, self.entry(i.wrapping_add(drop)));
            }
            kept = keep;
            end = End::Truncated;
            self.end.set(end);
        }
        let mut hash = match kept {
            0 => SEED,
            _ => self.entry(kept.wrapping_sub(1)).hash,
        };
        let mut at = kept;
        for i in (0..count).rev() {
            let mut entry = self.fresh.get(i).map_or(Entry::default(), Cell::get);
            hash = mix(hash, entry.ip);
            entry.hash = hash;
            if entry.ip & INTERRUPTED != 0 {
                self.crossed_signal.set(true);
            }
            self.put(at, entry);
            at = at.wrapping_add(1);
        }
        self.len.set(at as u32);
        if at > DEPTH || end == End::Truncated {
            // A window of a deeper stack: its hash must not depend on what lies outside.
            end = if at > DEPTH { End::Truncated } else { end };
            hash = SEED;
            for i in at.saturating_sub(DEPTH)..at {
                hash = mix(hash, self.entry(i).ip);
            }
        }
        let hash = mix(hash, end as u64);
        Walked {
            hash,
            len: at.min(DEPTH) as u32,
            end,
            same_as: 0,
        }
    }
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
    fn step(&mut self, at: &Entry) -> Step {
        // The instruction that a signal struck is looked up as itself.
        let ip = if at.ip & INTERRUPTED == 0 {
            at.ip
        } else {
            (at.ip & !INTERRUPTED).wrapping_add(1)
        };
        let (cfa, bp_at) = match self.rules.rule(ip, self.objects) {
            Rule::Sp { offset, saved } => (at.sp.wrapping_add(u64::from(offset)), saved),
            Rule::Bp { offset, saved } => (at.bp.wrapping_add(u64::from(offset)), saved),
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
        Step::Caller {
            entry: Entry {
                sp: cfa,
                ip,
                bp,
                word,
                value,
                hash: 0,
            },
        }
    }

    #[cold]
    #[inline(never)]
    fn step_rare(&mut self, at: &Entry, rule: Rule) -> Step {
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
                Step::Caller {
                    entry: Entry {
                        sp: cfa,
                        ip,
                        bp,
                        word: at.bp,
                        value: bp,
                        hash: 0,
                    },
                }
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
                Step::Caller {
                    entry: Entry {
                        sp,
                        ip: ip | INTERRUPTED,
                        bp,
                        word,
                        value: bp,
                        hash: 0,
                    },
                }
            }
            _ => Step::End(End::Stuck),
        }
    }
}
