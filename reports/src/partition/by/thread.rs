//! `bythread`: the thread that first allocated the block.

use crate::partition::relation::{Interner, PerBlock};
use crate::partition::{About, Classes, Heap, NONE, Relation};
use endler_snapshot::Thread;
use std::borrow::Cow;

/// By thread: its name, or `tid N`. Threads of one name are one row.
pub const RELATION: &Relation = &Relation {
    word: "thread",
    name: "bythread",
    header: "Thread",
    about: About::Block,
    classify,
};

fn classify(heap: Heap<'_>) -> Box<dyn Classes + '_> {
    let mut interner = Interner::default();
    interner.intern(NONE);
    let class: Vec<u32> = heap
        .image()
        .threads
        .iter()
        .map(|t| interner.intern(name(t)))
        .collect();
    let rows = &heap.image().blocks.thread;
    let of = move |block: usize| {
        rows.get(block)
            .and_then(|t| class.get(t.index()))
            .copied()
            .unwrap_or(0)
    };
    Box::new(PerBlock {
        names: interner.names(),
        of,
    })
}

fn name(thread: &Thread) -> Cow<'_, str> {
    match (thread.name.as_str(), thread.tid) {
        // The row that gathers the threads beyond the table.
        ("", 0) => Cow::Borrowed(NONE),
        ("", tid) => Cow::Owned(format!("tid {tid}")),
        (name, _) => Cow::Borrowed(name),
    }
}
