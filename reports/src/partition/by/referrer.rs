//! `byreferrer`: the types of the blocks that refer to the block, and the roots.

use crate::partition::incoming::{Holders, Items};
use crate::partition::{About, Classes, Heap, Relation};
use std::borrow::Cow;

/// By the types of the referrers.
pub const RELATION: &Relation = &Relation {
    word: "referrer",
    name: "byreferrer",
    header: "Referrers by Type",
    about: About::Referrers,
    classify,
};

fn classify(heap: Heap<'_>) -> Box<dyn Classes + '_> {
    let image = heap.image();
    let (types, roots) = match (&image.resolution, &image.references) {
        (Some(resolution), Some(references)) => (&resolution.types[..], &references.roots[..]),
        (None, Some(references)) => (&[][..], &references.roots[..]),
        (_, None) => (&[][..], &[][..]),
    };
    // First the types, then the roots, then a block without a type.
    let unknown = types.len() + roots.len();
    let names = types.iter().map(|row| Cow::Borrowed(heap.str(row.name)));
    let names = names.chain(roots.iter().map(|root| Cow::Borrowed(root.name.as_str())));
    let items = Items::new(names.chain([Cow::Borrowed(crate::partition::UNKNOWN)]));
    let (blocks, types) = (heap.len(), types.len());
    let item = |references: &endler_snapshot::References, edge: usize| {
        let source = references.edges.source.get(edge).map_or(0, |s| s.index());
        let item = match source.checked_sub(blocks) {
            Some(root) => types + root,
            None => image
                .resolution
                .as_ref()
                .and_then(|r| r.block_type.get(source))
                .map_or(unknown, |row| row.index()),
        };
        item as u32
    };
    Box::new(Holders::new(heap, item, &items))
}
