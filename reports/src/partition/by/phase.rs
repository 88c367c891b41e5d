//! `byphase`: the phase in which the block was first allocated.

use crate::partition::relation::{Interner, PerBlock};
use crate::partition::{About, Classes, Heap, NONE, Relation};

/// By phase. `(none)` is the time before the first `phase()` call.
pub const RELATION: &Relation = &Relation {
    word: "phase",
    name: "byphase",
    header: "Phase",
    about: About::Block,
    classify,
};

fn classify(heap: Heap<'_>) -> Box<dyn Classes + '_> {
    let mut interner = Interner::default();
    interner.intern(NONE);
    let phases = heap.image().phases.iter();
    let class: Vec<u32> = phases.map(|p| interner.intern(p.name.as_str())).collect();
    let rows = &heap.image().blocks.phase;
    let of = move |block: usize| {
        rows.get(block)
            .and_then(|p| class.get(p.index()))
            .copied()
            .unwrap_or(0)
    };
    Box::new(PerBlock {
        names: interner.names(),
        of,
    })
}
