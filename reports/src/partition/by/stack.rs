//! `bystack`: the whole call stack, innermost frame first, a line a frame.
//!
//! Lines of std, containers and the profiler are folded away, and so are
//! frames without a name that lie outside the last line of the program's own
//! code (the C runtime's start). Of several lines of one dependency that call
//! each other (an async runtime polling) the innermost is left, and a line such
//! as `… tokio`. A stack that would fold to nothing is shown whole; `byframes`
//! shows every stack whole.

use crate::partition::names::{NONE, frame_name, line_name, program_crates};
use crate::partition::{About, Classes, Heap, Relation};
use endler_snapshot::{ContextId, FrameId, LineOwner, SourceLine, StrId};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// By stack.
pub const RELATION: &Relation = &Relation {
    word: "stack",
    name: "bystack",
    header: "Stack",
    about: About::Block,
    classify,
};

/// One line of a folded stack. The order is of no meaning, only equality is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Entry {
    /// Function, file, line.
    Line(u32, u32, u32),
    /// A frame that nothing is known about.
    Frame(u32),
    /// More lines of the dependency of the line before.
    More(u32),
}

struct Stacks<'a> {
    heap: Heap<'a>,
    class: Vec<u32>,
    /// Class 0 is the empty stack.
    stacks: Vec<Vec<Entry>>,
}

fn classify(heap: Heap<'_>) -> Box<dyn Classes + '_> {
    let program = program_crates(heap);
    stacks(heap, |context| fold(heap, &program, context))
}

/// The classes of stacks that show every frame.
pub(super) fn classify_whole(heap: Heap<'_>) -> Box<dyn Classes + '_> {
    stacks(heap, |context| whole(heap, context))
}

/// Contexts whose stacks are of the same entries are one class.
fn stacks<'a>(heap: Heap<'a>, of: impl Fn(ContextId) -> Vec<Entry>) -> Box<dyn Classes + 'a> {
    let mut known: BTreeMap<Vec<Entry>, u32> = BTreeMap::from([(Vec::new(), 0)]);
    let contexts = 0..u32::try_from(heap.image().contexts.len()).unwrap_or(u32::MAX);
    let class = contexts
        .map(|context| {
            let next = known.len() as u32;
            *known.entry(of(ContextId(context))).or_insert(next)
        })
        .collect();
    let mut stacks = vec![Vec::new(); known.len()];
    for (stack, class) in known {
        stacks[class as usize] = stack;
    }
    Box::new(Stacks {
        heap,
        class,
        stacks,
    })
}

fn fold(heap: Heap<'_>, program: &BTreeSet<&str>, context: ContextId) -> Vec<Entry> {
    let mut kept = Vec::new();
    let mut end = 0;
    let mut inner = "";
    for frame in heap.image().stacks.frames(heap.stack(context)) {
        let lines = heap.lines(frame);
        if lines.is_empty() {
            kept.push(Entry::Frame(frame.0));
        }
        for line in lines {
            if line.owner == LineOwner::User {
                let krate = heap.str(line.krate);
                let dependency =
                    !(krate.is_empty() || program.is_empty() || program.contains(krate));
                match kept.last() {
                    Some(Entry::More(_)) if dependency && krate == inner => {}
                    Some(Entry::Line(..)) if dependency && krate == inner => {
                        kept.push(Entry::More(line.krate.0));
                    }
                    _ => kept.push(Entry::Line(line.function.0, line.file.0, line.line)),
                }
                inner = krate;
                end = kept.len();
            }
        }
    }
    kept.truncate(end);
    if kept.is_empty() {
        whole(heap, context)
    } else {
        kept
    }
}

/// Every line but the profiler's own.
fn whole(heap: Heap<'_>, context: ContextId) -> Vec<Entry> {
    let mut all = Vec::new();
    for frame in heap.image().stacks.frames(heap.stack(context)) {
        let lines = heap.lines(frame);
        if lines.is_empty() {
            all.push(Entry::Frame(frame.0));
        }
        let shown = lines.iter().filter(|l| l.owner != LineOwner::Profiler);
        all.extend(shown.map(|l| Entry::Line(l.function.0, l.file.0, l.line)));
    }
    all
}

impl Stacks<'_> {
    fn text(&self, entry: Entry) -> String {
        let text = match entry {
            Entry::Line(function, file, line) => {
                let (function, file) = (StrId(function), StrId(file));
                line_name(
                    self.heap,
                    &SourceLine {
                        function,
                        file,
                        line,
                        ..SourceLine::default()
                    },
                )
            }
            Entry::Frame(frame) => frame_name(self.heap, FrameId(frame)),
            Entry::More(krate) => format!("… {}", self.heap.str(StrId(krate))),
        };
        if text.is_empty() {
            NONE.to_string()
        } else {
            text
        }
    }

    fn entries(&self, class: u32) -> &[Entry] {
        self.stacks.get(class as usize).map_or(&[], Vec::as_slice)
    }
}

impl Classes for Stacks<'_> {
    fn len(&self) -> usize {
        self.stacks.len()
    }
    fn of_block(&self, block: usize) -> u32 {
        self.of_context(self.heap.context(block).index())
            .unwrap_or(0)
    }
    fn of_context(&self, context: usize) -> Option<u32> {
        self.class.get(context).copied()
    }
    fn name(&self, class: u32) -> Cow<'_, str> {
        match self.entries(class) {
            [] => Cow::Borrowed(NONE),
            entries => Cow::Owned(
                entries
                    .iter()
                    .map(|&e| self.text(e))
                    .collect::<Vec<_>>()
                    .join("\n"),
            ),
        }
    }
    /// As the names' order, without making the part that two stacks share. A
    /// line feed sorts before whatever a line can hold. Entries that differ may
    /// have one text: `poll<A>` and `poll<B>` are both `poll`.
    fn order(&self, a: u32, b: u32) -> Ordering {
        let (a, b) = (self.entries(a), self.entries(b));
        a.iter()
            .zip(b)
            .filter(|(x, y)| x != y)
            .map(|(&x, &y)| self.text(x).cmp(&self.text(y)))
            .find(|order| order.is_ne())
            .unwrap_or_else(|| a.len().cmp(&b.len()))
    }
}
