//! `bythread`: the thread that first allocated the block.

use crate::partition::names::thread_name;
use crate::partition::relation::{Interner, PerBlock};
use crate::partition::{About, Classes, Heap, NONE, Relation};

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
        .map(|t| interner.intern(thread_name(t)))
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
