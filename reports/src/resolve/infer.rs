//! The type of a block from its stack: the rules.
//!
//! The stack is read as one chain of functions, from the allocator outwards.
//! 1. What stands below the allocator's entry is the allocator's business.
//! 2. The first function that [`containers`] describes is the birth.
//! 3. Functions further out refine it, as long as they speak of the same
//!    content and nothing but library code stands between.
//! 4. *Merged bodies*: the optimiser folds `grow_one<A>` and `grow_one<B>` of
//!    equal size into one, whose name is then right for only one of them. If
//!    the direct caller, another physical frame, is of the same family and
//!    speaks of another content, the caller is right.
//! 5. *Merged calls*: the optimiser makes one call of two and forgets where it
//!    came from. What was inlined next to it is the best guess ([`neighbours`]),
//!    or what the deserializer's visitor makes ([`containers`]).
//! 6. User code that calls the allocator itself: raw memory; the type whose
//!    method does it, or a generic argument, is what it holds if its size is
//!    the block's.
//!
//! Whatever no rule reaches is unknown, and says so. The rules and how often
//! each is right were measured: `tests/truth.rs` repeats it.
//!
//! [`neighbours`]: super::neighbours

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "tests")]
mod tests;

mod lists;

use endler_snapshot::{Evidence, LineOwner, StackEnd};

use super::containers::{self, Family, Form, Match, SizeRule};
use super::entries::SizedName;
use super::frames::Line;
use super::functions::{Function, Functions};
use super::owner::SHIMS;
use super::strings::is_cut;
use lists::{ALLOCATING, LEAVES, TRANSPARENT, USERS};

/// A function of the chain and the physical frame that it stands in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) line: Line,
    /// Position of the frame in the stack, innermost first.
    pub(super) frame: usize,
}

/// A type that the stack gives.
#[derive(Clone)]
pub(super) struct Typed {
    pub(super) form: Form,
    pub(super) content: String,
    pub(super) hasher: Option<String>,
    pub(super) size: Option<SizeRule>,
    pub(super) evidence: Evidence,
    /// The function where the block was born.
    pub(super) born: Line,
    /// The step that says no more about it, if there is one.
    ended: Option<usize>,
    family: Family,
}

/// What a stack tells.
pub(super) enum Verdict {
    Typed(Typed),
    /// Raw memory, and the types that it may hold.
    Raw(Vec<SizedName>),
    Unknown,
}

/// The functions of all stacks with what the containers' entries say.
pub(super) struct Rules<'f> {
    functions: &'f Functions,
    matches: Vec<Option<Match>>,
}

/// How far out the allocator's entry can stand.
const MAX_ALLOCATOR_STEPS: usize = 64;

impl<'f> Rules<'f> {
    /// Looks every function up in the entries, once.
    pub(super) fn new(functions: &'f Functions) -> Rules<'f> {
        Rules {
            functions,
            matches: functions.rows().iter().map(containers::matching).collect(),
        }
    }

    fn function(&self, step: &Step) -> Option<&'f Function> {
        self.functions.get(step.line.function)
    }

    fn matched(&self, step: &Step) -> Option<&Match> {
        self.matches.get(step.line.function.0 as usize)?.as_ref()
    }

    /// The first step outside the allocator: behind the outermost of
    /// `alloc::alloc`'s functions and rustc's shims, or at the first function
    /// that does nothing but call them, whatever wrappers around the allocator
    /// stand below; else behind the profiler's own code. All of these are
    /// leaves: they are not on the stack but for this very allocation.
    pub(super) fn start(&self, steps: &[Step]) -> usize {
        let mut start = 0;
        for (i, step) in steps.iter().enumerate().take(MAX_ALLOCATOR_STEPS) {
            let Some(function) = self.function(step) else {
                continue;
            };
            let entry = function.module == "alloc::alloc" || is_shim(function);
            let own = function.owner == LineOwner::Profiler && i == start;
            if entry || own {
                start = i + 1;
            } else if is_leaf(function) {
                start = i;
                break;
            }
        }
        start
    }

    /// Whether the allocator was called by way of `alloc::alloc` or a shim.
    fn is_entered(&self, steps: &[Step], start: usize) -> bool {
        let before = start.checked_sub(1).and_then(|i| steps.get(i));
        before.and_then(|s| self.function(s)).is_some()
    }

    /// The innermost line of user code from `start` on; of C code only if
    /// there is no Rust further out.
    pub(super) fn site(&self, steps: &[Step], start: usize) -> Option<usize> {
        let user = |rust: bool| {
            steps.iter().enumerate().skip(start).find_map(|(i, step)| {
                let function = self.function(step)?;
                (function.owner == LineOwner::User && (!rust || function.is_rust)).then_some(i)
            })
        };
        user(true).or_else(|| user(false))
    }

    /// Applies the rules to a chain whose first `start` steps are the
    /// allocator's.
    pub(super) fn infer(&self, steps: &[Step], start: usize, end: StackEnd) -> Verdict {
        let mut found: Option<Typed> = None;
        let mut last: Option<(usize, usize, &Match)> = None;
        let mut ended = None;
        // Whether two frames in a row spoke of the content.
        let mut confirmed = false;
        for (i, step) in steps.iter().enumerate().skip(start) {
            let Some(function) = self.function(step) else {
                continue;
            };
            let Some(matched) = self.matched(step) else {
                // It may have told the content, had its name an end: what stands
                // further out speaks of something else.
                if found.is_none() && is_cut(&function.name) {
                    return Verdict::Unknown;
                }
                if self.ends(function, found.is_some()) {
                    if found.is_none() {
                        return self.raw(steps, start, i, function);
                    }
                    ended = Some(i);
                    break;
                }
                continue;
            };
            match &mut found {
                None if matched.content.is_empty() => continue,
                // It may speak of what was found, or of a container of it.
                Some(typed) if matched.is_erased() && typed.family != Family::Table => {
                    if matched
                        .entry
                        .over
                        .iter()
                        .any(|(from, _)| *from == typed.form)
                    {
                        return Verdict::Unknown;
                    }
                    continue;
                }
                None => found = Some(birth(matched, step.line, Evidence::Stack)),
                Some(typed) => {
                    if !refine(typed, matched) {
                        let direct = last.is_some_and(|(at, frame, inner)| {
                            at + 1 == i && frame < step.frame && !inner.called_by_elements
                        });
                        if !direct || matched.entry.family != typed.family {
                            ended = Some(i);
                            break;
                        }
                        *typed = birth(matched, step.line, Evidence::Merged);
                        confirmed = false;
                    } else if !matched.content.is_empty() {
                        confirmed |= last.is_some_and(|(_, frame, _)| frame < step.frame);
                    }
                }
            }
            last = Some((i, step.frame, matched));
        }
        match found {
            // The stack was cut inside the container's own code: the body that
            // is named may be a merged one, and its caller is not known. Where its
            // callers as far as there are any say the same, it is a guess.
            Some(typed) if ended.is_none() && end == StackEnd::Truncated => match confirmed {
                true => Verdict::Typed(Typed {
                    evidence: Evidence::Neighbour,
                    ..typed
                }),
                false => Verdict::Unknown,
            },
            Some(typed) => Verdict::Typed(Typed { ended, ..typed }),
            None => Verdict::Unknown,
        }
    }

    /// The innermost step outside the allocator if the optimiser cut the calls
    /// below it away: it has no line, and nothing that says more stands below.
    pub(super) fn cut(&self, steps: &[Step], start: usize) -> Option<usize> {
        // Library code that knows no content: `finish_grow`, type-erased `reserve`.
        let is_erased = |step: &Step| {
            let library = |f: &Function| matches!(f.owner, LineOwner::Std | LineOwner::Container);
            self.function(step).is_some_and(library)
                && self.matched(step).is_none_or(|m| m.content.is_empty())
        };
        let at = steps.iter().skip(start).position(|s| !is_erased(s))? + start;
        let step = steps.get(at)?;
        let below = at.checked_sub(1).and_then(|i| steps.get(i));
        let innermost = below.is_none_or(|b| b.frame != step.frame);
        (innermost && step.line.line == 0).then_some(at)
    }

    /// Where a merged call hides who refines what was found: the optimiser left
    /// the content, `to_vec<u8>`, and cut away whether it was for a `String`.
    pub(super) fn hidden(&self, steps: &[Step], typed: &Typed) -> Option<usize> {
        let at = typed.ended?;
        let step = steps.get(at)?;
        let below = at.checked_sub(1).and_then(|i| steps.get(i))?;
        let user = self.function(step)?.owner == LineOwner::User;
        let is_cut = user && step.line.line == 0 && below.frame != step.frame;
        (is_cut && containers::is_bytes(typed.form, &typed.content)).then_some(at)
    }

    /// Whether a chain has a function of a container.
    pub(super) fn speaks(&self, steps: &[Step]) -> bool {
        steps.iter().any(|step| self.matched(step).is_some())
    }

    /// Rule 5, where nothing is left of the calls: what the visitor makes that a
    /// deserializer was called with.
    pub(super) fn visited(&self, steps: &[Step]) -> Option<Typed> {
        let frame = steps.first()?.frame;
        let inner = steps.iter().take_while(|s| s.frame == frame);
        inner.into_iter().find_map(|step| {
            let form = containers::visited(self.function(step)?)?;
            Some(Typed {
                form,
                content: "u8".to_owned(),
                hasher: None,
                size: None,
                evidence: Evidence::Neighbour,
                born: step.line,
                ended: None,
                family: Family::Sequence,
            })
        })
    }

    /// Rule 5: what a chain that stands near the call says, if it allocates.
    pub(super) fn neighbour(&self, steps: &[Step], end: StackEnd) -> Option<Typed> {
        let start = self.start(steps);
        let frame = steps.first()?.frame;
        let inner = steps.iter().take_while(|s| s.frame == frame);
        let mut functions = inner.filter_map(|s| self.function(s));
        if !functions.any(allocates) {
            return None;
        }
        match self.infer(steps, start, end) {
            Verdict::Typed(typed) => Some(Typed {
                evidence: Evidence::Neighbour,
                ..typed
            }),
            Verdict::Raw(_) | Verdict::Unknown => None,
        }
    }

    /// Whether a function that no entry describes ends the search for a birth,
    /// or for refinements.
    fn ends(&self, function: &Function, born: bool) -> bool {
        let below = |list: &[&str]| {
            list.iter().any(|m| {
                function
                    .module
                    .strip_prefix(m)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
            })
        };
        match function.owner {
            LineOwner::User => true,
            LineOwner::Profiler => born,
            LineOwner::Container => !below(&TRANSPARENT),
            LineOwner::Std => born && below(&USERS),
        }
    }

    /// Rule 6: the function at `at` called the allocator, if nothing stands
    /// between. A function's line 0 means that the optimiser cut calls away.
    fn raw(&self, steps: &[Step], start: usize, at: usize, function: &Function) -> Verdict {
        let direct = at == start && self.is_entered(steps, start) && function.has_debug;
        let Some(step) = steps.get(at).filter(|_| direct) else {
            return Verdict::Unknown;
        };
        let before = start.checked_sub(1).and_then(|i| steps.get(i));
        let inlined = before.is_some_and(|b| b.frame == step.frame);
        if step.line.line == 0 && !inlined {
            return Verdict::Unknown;
        }
        let mut held: Vec<SizedName> = function.method_of.iter().cloned().collect();
        held.extend(function.generics.iter().cloned());
        held.retain(|h| h.size.is_some_and(|s| s > 0));
        Verdict::Raw(held)
    }
}

fn is_shim(function: &Function) -> bool {
    SHIMS.contains(&function.name.as_str())
        || SHIMS.iter().any(|s| {
            function
                .name
                .strip_suffix(s)
                .is_some_and(|p| p.ends_with("::"))
        })
}

/// Whether the function does nothing but call the allocator.
fn is_leaf(function: &Function) -> bool {
    let base = function.name.split('<').next().unwrap_or_default();
    LEAVES
        .iter()
        .any(|(module, names)| function.module == *module && names.contains(&base))
}

/// Whether the function is one on the way to the allocator: most methods of
/// containers never call it.
fn allocates(function: &Function) -> bool {
    let base = function.name.split('<').next().unwrap_or_default();
    ALLOCATING
        .iter()
        .any(|(module, names)| function.module == *module && names.contains(&base))
}

fn birth(matched: &Match, line: Line, evidence: Evidence) -> Typed {
    Typed {
        form: matched.form,
        content: matched.content.clone(),
        hasher: matched.hasher.clone(),
        size: matched.size,
        evidence,
        born: line,
        ended: None,
        family: matched.entry.family,
    }
}

/// Lets a function further out refine what was found; false if it speaks of
/// another content.
fn refine(typed: &mut Typed, outer: &Match) -> bool {
    let becomes = outer
        .entry
        .over
        .iter()
        .find(|(from, _)| *from == typed.form);
    let same = outer.content.is_empty() || outer.content == typed.content;
    if !same {
        let Some((_, to)) = becomes.filter(|_| outer.entry.rewrites) else {
            return false;
        };
        typed.form = *to;
        typed.content.clone_from(&outer.content);
        typed.hasher = None;
        typed.size = None;
        return true;
    }
    if let Some((_, to)) = becomes {
        typed.form = *to;
    }
    if typed.hasher.is_none() {
        typed.hasher.clone_from(&outer.hasher);
    }
    true
}
