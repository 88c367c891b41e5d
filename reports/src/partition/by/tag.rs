//! `bytag`: the tag that was set where the block was first allocated.

use crate::partition::relation::{Interner, PerBlock};
use crate::partition::{About, Classes, Heap, NONE, Relation};
use endler_snapshot::Tag;

/// By tag. `(none)` is what no scope, future or span of a tag allocated.
pub const RELATION: &Relation = &Relation {
    word: "tag",
    name: "bytag",
    header: "Tag",
    about: About::Block,
    classify,
};

fn classify(heap: Heap<'_>) -> Box<dyn Classes + '_> {
    of_tags(heap, |tag| tag.name.as_str())
}

/// Classes by what `name` says of a block's tag; those without one come under
/// [`NONE`].
pub(super) fn of_tags<'a>(heap: Heap<'a>, name: fn(&'a Tag) -> &'a str) -> Box<dyn Classes + 'a> {
    let image = heap.image();
    let mut interner = Interner::default();
    interner.intern(NONE);
    let tags: Vec<u32> = image
        .tags
        .iter()
        .map(|t| interner.intern(name(t)))
        .collect();
    let class =
        |tag: Option<endler_snapshot::TagId>| tag.and_then(|t| tags.get(t.index()).copied());
    let threads: Vec<u32> = image
        .threads
        .iter()
        .map(|thread| class(thread.tag).unwrap_or(0))
        .collect();
    let rows = &image.blocks.thread;
    let of = move |block: usize| {
        rows.get(block)
            .and_then(|t| threads.get(t.index()))
            .copied()
            .unwrap_or(0)
    };
    Box::new(PerBlock {
        names: interner.names(),
        of,
    })
}
