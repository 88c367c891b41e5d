//! What the variables of functions on the stacks hold.
//!
//! A variable that debug information places in a frame is scanned by its type: what
//! it points to is called after it, `stack crawl::run.queue`, and each is a root of
//! its own. It may have been moved out of, so its edges stay guesses, which no owner
//! is outranked by; a block that has no type otherwise gets one as a guess. Where a
//! variable owns a block, references and other words on the same stack say no more.

use std::collections::HashSet;

use endler_snapshot::{Addr, Image, ThreadId};

use super::ThreadSpan;
use super::compile::{Spot, Via};
use super::edges::{GUESS, Kind};
use super::labels::{FastMap, NONE};
use super::roots::{Root, RootKind};
use super::run::{Context, Scanner, Source};
use super::stacks::Stacks;
use super::unwind::Frame;
use crate::layout::containers::Split;
use crate::layout::files;
use crate::layout::locals::{Base, Place, locals};
use crate::resolve::strings::FixedMap;

/// Blocks that variables of a thread point to: whether one of them owns it.
#[derive(Default)]
pub(super) struct Spoken(FastMap<u64, bool>);

impl Spoken {
    fn key(thread: ThreadId, block: u32) -> u64 {
        (u64::from(thread.0) << 32) | u64::from(block)
    }

    /// Whether a variable of the thread points to the block.
    pub(super) fn has(&self, thread: ThreadId, block: u32) -> bool {
        self.0.contains_key(&Self::key(thread, block))
    }

    fn is_owned(&self, thread: ThreadId, block: u32) -> bool {
        self.0.get(&Self::key(thread, block)) == Some(&true)
    }
}

/// A variable at an address of the code.
struct Known {
    /// `stack crawl::run.queue`.
    name: String,
    place: Place,
    of: crate::layout::TypeIx,
}

impl Scanner<'_, '_> {
    /// Scans the variables of all frames. Gives what they point to.
    pub(super) fn locals(
        &mut self,
        image: &Image,
        sources: &[files::Source<'_>],
        threads: &[ThreadSpan],
        stacks: &Stacks,
        roots: &mut Vec<Root>,
    ) -> Spoken {
        let known = self.known(image, sources, stacks);
        let mut spoken = Spoken::default();
        let first = self.root_edges.len();
        for (span, frames) in threads.iter().zip(&stacks.frames) {
            let mut taken: HashSet<(u64, String)> = HashSet::new();
            for frame in frames {
                for one in known.get(&frame.address).into_iter().flatten() {
                    let Some(at) = self.address(frame, one.place) else {
                        continue;
                    };
                    // A function that was inlined twice has two entries for one place.
                    if taken.insert((at, one.name.clone())) {
                        let _ = self.local(one, at, span, roots, &mut spoken);
                    }
                }
            }
        }
        let thread = |root: u32| roots.get(root as usize).and_then(|r| r.thread);
        self.root_edges.retain_from(first, |root, block, kind| {
            let owns = matches!(kind, Kind::Own | Kind::Shared);
            owns || !thread(root).is_some_and(|t| spoken.is_owned(t, block))
        });
        spoken
    }

    /// The variables of the user's functions at each address of a frame.
    fn known(
        &mut self,
        image: &Image,
        sources: &[files::Source<'_>],
        stacks: &Stacks,
    ) -> FixedMap<u64, Vec<Known>> {
        let mut known = FixedMap::default();
        let mut all: Vec<u64> = stacks.frames.iter().flatten().map(|f| f.address).collect();
        all.sort_unstable();
        all.dedup();
        for (source, file) in sources.iter().zip(0u16..) {
            let Some(module) = image.modules.get(source.module) else {
                continue;
            };
            let from = all.partition_point(|&a| a < module.start.0);
            let to = all.partition_point(|&a| a < module.end.0);
            let here = all.get(from..to).unwrap_or_default();
            let look_ups: Vec<u64> = here
                .iter()
                .map(|a| a.wrapping_sub(source.bias).wrapping_sub(1))
                .collect();
            let scopes = locals(&mut self.book.layouts, file, &look_ups);
            for (&address, scope) in here.iter().zip(scopes) {
                let Some(functions) = stacks.functions.get(&address) else {
                    continue;
                };
                // The names are of another count where one has none.
                if functions.len() != scope.functions {
                    continue;
                }
                let named = scope.locals.into_iter().filter_map(|local| {
                    let function = functions.get(local.depth).filter(|f| f.is_user)?;
                    Some(Known {
                        name: format!("stack {}.{}", function.shown, local.name),
                        place: local.place,
                        of: local.of,
                    })
                });
                known.insert(address, named.collect());
            }
        }
        known
    }

    /// Where a variable lies; none if what its place is relative to is not known.
    fn address(&self, frame: &Frame, place: Place) -> Option<u64> {
        let base = match place.base {
            // As it will be when the call has returned.
            Base::Stack => frame.slot.wrapping_add(8),
            Base::Frame => frame.rbp?,
            Base::Cfa => frame.cfa?,
        };
        let at = base.checked_add_signed(place.offset)?;
        if !place.is_indirect {
            return Some(at);
        }
        let mut word = [0; 8];
        self.memory.read(Addr(at), &mut word).ok()?;
        Some(u64::from_le_bytes(word))
    }

    fn local(
        &mut self,
        one: &Known,
        at: u64,
        span: &ThreadSpan,
        roots: &mut Vec<Root>,
        spoken: &mut Spoken,
    ) -> Option<()> {
        let size = self.book.layouts.size(one.of)?;
        let until = at.checked_add(size)?;
        if at < span.stack_pointer.0 || until > span.stack_end.0 {
            return None;
        }
        let spot = Spot::new(Via::Always(one.name.clone()));
        let program = self.book.program(one.of, &spot, Split::All);
        if program.is_empty() {
            return None;
        }
        let context = Context {
            source: Source::Root(u32::try_from(roots.len()).unwrap_or(u32::MAX)),
            label: NONE,
            always: true,
            guess: GUESS,
            again: false,
            local: true,
        };
        let before = self.root_edges.len();
        self.with_bytes(at, program.size, |scanner, bytes| {
            scanner.steps(&program.ops, bytes, 0, &context);
        });
        self.drain();
        let found = before..self.root_edges.len();
        if found.is_empty() {
            return None;
        }
        for edge in found {
            let block = *self.root_edges.target.get(edge)?;
            let owns = matches!(self.root_edges.kind(edge), Kind::Own | Kind::Shared);
            *spoken.0.entry(Spoken::key(span.thread, block)).or_default() |= owns;
        }
        roots.push(Root {
            name: one.name.clone(),
            kind: RootKind::Stack,
            thread: Some(span.thread),
            address: Addr(at),
        });
        Some(())
    }
}
