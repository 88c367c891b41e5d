//! `byevidence`: how the type is known.

use crate::partition::relation::PerBlock;
use crate::partition::{About, Classes, Heap, Relation};
use endler_snapshot::Evidence;

/// By evidence: `stack`, `merged`, `field`, `neighbour`, `unknown`.
pub const RELATION: &Relation = &Relation {
    word: "evidence",
    name: "byevidence",
    header: "Evidence",
    about: About::Block,
    classify,
};

fn classify(heap: Heap<'_>) -> Box<dyn Classes + '_> {
    let names = Evidence::ALL.map(|e| e.as_str().into()).to_vec();
    Box::new(PerBlock {
        names,
        of: move |block| heap.evidence(block) as u32,
    })
}
