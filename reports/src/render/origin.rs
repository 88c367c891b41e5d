//! Where one block comes from and what keeps it, as `oldest` tells it.

use crate::partition::{Heap, Relation, by};
use endler_snapshot::BlockId;
use std::fmt::Write as _;

/// The stack that allocated a block, and, where references are known, the path that
/// keeps it and the fields that refer to it. It ends with a line feed.
#[must_use]
pub fn origin(heap: Heap<'_>, block: BlockId) -> String {
    let name = |relation: &'static Relation| {
        let classes = (relation.classify)(heap);
        let name = classes.name(classes.of_block(block.index()));
        name.replace('\n', "\n  ")
    };
    let mut out = format!("Allocated in\n  {}\n", name(by::STACK));
    if heap.image().references.is_some() {
        let _ = write!(out, "\nKept by\n  {}\n", name(by::PATH));
        let _ = write!(out, "\nReferred via\n  {}\n", name(by::VIA));
    }
    out
}
