//! `byvia`: the fields that refer to the block.
//!
//! `crawl::Request.meta`; a block held several ways carries all, joined by `, `.
//! Needs the references of an image whose memory was scanned.

use crate::partition::incoming::{Holders, Items};
use crate::partition::{About, Classes, Heap, Relation};
use std::borrow::Cow;

/// By referring field.
pub const RELATION: &Relation = &Relation {
    word: "via",
    name: "byvia",
    header: "Referred Via:",
    about: About::Referrers,
    classify,
};

fn classify(heap: Heap<'_>) -> Box<dyn Classes + '_> {
    Box::new(vias(heap))
}

/// The fields that refer to each block.
pub(crate) fn vias(heap: Heap<'_>) -> Holders<'_> {
    let labels = match &heap.image().references {
        Some(references) => &references.labels[..],
        None => &[],
    };
    let items = Items::new(labels.iter().map(|label| Cow::Borrowed(label.as_str())));
    let label = |references: &endler_snapshot::References, edge: usize| {
        references.edges.label.get(edge).map_or(0, |label| label.0)
    };
    Holders::new(heap, label, &items)
}
