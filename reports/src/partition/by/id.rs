//! `byid`: every block its own class. Alone it makes a list
//! ([`crate::partition::Identity`]); in a product it splits the other relation.

use crate::partition::{About, Classes, Heap, Relation};
use std::borrow::Cow;

/// By identity: the address.
pub const RELATION: &Relation = &Relation {
    word: "id",
    name: "byid",
    header: "Block",
    about: About::Block,
    classify,
};

struct Blocks<'a>(Heap<'a>);

fn classify(heap: Heap<'_>) -> Box<dyn Classes + '_> {
    Box::new(Blocks(heap))
}

impl Classes for Blocks<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn of_block(&self, block: usize) -> u32 {
        block as u32
    }
    fn name(&self, class: u32) -> Cow<'_, str> {
        let addr = self
            .0
            .image()
            .blocks
            .addr
            .get(class as usize)
            .copied()
            .unwrap_or_default();
        Cow::Owned(addr.to_string())
    }
}
