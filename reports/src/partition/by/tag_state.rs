//! `bytagstate`: whether the block's tag has ended, so that the block outlives it.

use super::tag::of_tags;
use crate::partition::{About, Classes, Heap, Relation};

/// The name of blocks that outlive their tag.
pub(crate) const ENDED: &str = "ended";

/// By the state of the block's tag: `open` while a scope of it is, or a future or span
/// of it alive, else `ended`; `(none)` without a tag.
pub const RELATION: &Relation = &Relation {
    word: "tagstate",
    name: "bytagstate",
    header: "Tag State",
    about: About::Block,
    classify,
};

fn classify(heap: Heap<'_>) -> Box<dyn Classes + '_> {
    of_tags(heap, |tag| if tag.open { "open" } else { ENDED })
}
