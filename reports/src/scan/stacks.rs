//! Threads' stacks, cut into frames: what lies in one is called after its
//! function.
//!
//! Of an inlined chain the innermost function of the user's counts: that is
//! whose variable it most likely is.

use endler_snapshot::{Image, LineOwner, Memory};

use super::ThreadSpan;
use super::raw::Piece;
use super::roots::RootKind;
use super::segments::{Ranges, without};
use super::unwind::{Frame, Unwinder, maps};
use crate::layout::files::Source;
use crate::resolve::elf::Elf;
use crate::resolve::frames::{Line, Tables, look_up};
use crate::resolve::functions::Functions;
use crate::resolve::strings::{FixedMap, Strings};

/// One function of an inlined chain.
pub(super) struct Called {
    pub(super) shown: String,
    pub(super) is_user: bool,
}

/// The frames of all threads' stacks.
#[derive(Default)]
pub(super) struct Stacks {
    /// Of each thread, innermost first.
    pub(super) frames: Vec<Vec<Frame>>,
    /// The functions that return addresses lie in, outermost first.
    pub(super) functions: FixedMap<u64, Vec<Called>>,
}

/// Walks all threads' stacks.
pub(super) fn walk(
    image: &Image,
    memory: &dyn Memory,
    sources: &[Source<'_>],
    threads: &[ThreadSpan],
) -> Stacks {
    if threads.iter().all(|t| t.stack_end <= t.stack_pointer) {
        return Stacks::default();
    }
    let maps = maps(image, sources);
    let parsed: Vec<Option<Elf<'_>>> = maps
        .iter()
        .map(|m| m.as_deref().and_then(Elf::parse))
        .collect();
    let elfs: Vec<Option<&Elf<'_>>> = parsed
        .iter()
        .enumerate()
        .map(|(position, elf)| {
            let source = sources.iter().find(|s| s.module == position);
            source.map(|s| &s.elf).or(elf.as_ref())
        })
        .collect();
    let unwinder = Unwinder::new(image, memory, &elfs);
    let stacks: Vec<Vec<Frame>> = threads.iter().map(|t| unwinder.frames(t)).collect();
    Stacks {
        functions: functions(image, &elfs, &stacks),
        frames: stacks,
    }
}

/// Each frame as a piece of memory. What lies behind a stack, as far as it is the thread's
/// `thread_locals`, has pieces of its own.
pub(super) fn pieces(
    stacks: &Stacks,
    threads: &[ThreadSpan],
    thread_locals: &Ranges,
) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (span, frames) in threads.iter().zip(&stacks.frames) {
        let mut from = span.stack_pointer.0;
        let mut name = "stack".to_owned();
        let mut add = |from: u64, until: u64, name: &str| {
            if from < until {
                pieces.push(Piece {
                    from,
                    until,
                    name: name.to_owned(),
                    kind: RootKind::Stack,
                    thread: Some(span.thread),
                    lists_chunks: false,
                });
            }
        };
        for frame in frames {
            // Below a return address lies the function that was called.
            add(from, frame.slot, &name);
            from = frame.slot + 8;
            name = match stacks.functions.get(&frame.address).and_then(|f| shown(f)) {
                Some(function) => format!("stack {function}"),
                None => "stack".to_owned(),
            };
        }
        // Where the last frame ends is known by its base alone. What lies behind it
        // is that of functions that the walk did not reach.
        let end = frames.last().and_then(|f| f.cfa).unwrap_or(from);
        add(from, end.min(span.stack_end.0), &name);
        let rest = (end.max(from), span.stack_end.0);
        let own = thread_locals
            .get(&span.thread)
            .map_or(&[][..], Vec::as_slice);
        without(rest, own, &mut |from, until| add(from, until, "stack"));
    }
    pieces
}

/// The functions that return addresses lie in.
fn functions(
    image: &Image,
    elfs: &[Option<&Elf<'_>>],
    stacks: &[Vec<Frame>],
) -> FixedMap<u64, Vec<Called>> {
    let mut names = FixedMap::default();
    let mut tables = Tables {
        strings: Strings::new(),
        functions: Functions::default(),
    };
    let mut all: Vec<u64> = stacks.iter().flatten().map(|f| f.address).collect();
    all.sort_unstable();
    all.dedup();
    for (module, elf) in image.modules.iter().zip(elfs) {
        let Some(elf) = elf else {
            continue;
        };
        let from = all.partition_point(|&a| a < module.start.0);
        let to = all.partition_point(|&a| a < module.end.0);
        let Some(here) = all.get(from..to).filter(|h| !h.is_empty()) else {
            continue;
        };
        let look_ups: Vec<u64> = here
            .iter()
            .map(|a| a.wrapping_sub(module.bias).wrapping_sub(1))
            .collect();
        let chains = look_up(elf, &[&module.path], &look_ups, &mut tables).chains;
        for (&address, chain) in here.iter().zip(&chains) {
            names.insert(address, called(chain, &tables));
        }
    }
    names
}

fn called(chain: &[Line], tables: &Tables) -> Vec<Called> {
    let functions = chain
        .iter()
        .rev()
        .filter_map(|l| tables.functions.get(l.function));
    functions
        .map(|function| Called {
            shown: tables.strings.get(function.shown).to_owned(),
            is_user: function.owner == LineOwner::User,
        })
        .collect()
}

/// The innermost function of the user's, else the outermost.
fn shown(functions: &[Called]) -> Option<&str> {
    let user = functions.iter().rev().find(|f| f.is_user);
    Some(&user.or_else(|| functions.first())?.shown)
}
