//! `byholder`: how Rust owns the block, whatever it holds.

use crate::partition::relation::Interner;
use crate::partition::{About, Classes, Heap, Relation, UNKNOWN};
use endler_snapshot::TypeId;
use std::borrow::Cow;

/// By holder: `Box`, `Vec`, `HashMap`, `Raw`.
pub const RELATION: &Relation = &Relation {
    word: "holder",
    name: "byholder",
    header: "Holder",
    about: About::Block,
    classify,
};

struct Holders<'a> {
    block_type: &'a [TypeId],
    context_type: &'a [TypeId],
    /// The class of each type row.
    class: Vec<u32>,
    names: Vec<Cow<'a, str>>,
}

fn classify(heap: Heap<'_>) -> Box<dyn Classes + '_> {
    let mut interner = Interner::default();
    interner.intern(UNKNOWN);
    let (block_type, context_type, types) = match &heap.image().resolution {
        Some(r) => (&r.block_type[..], &r.context_type[..], &r.types[..]),
        None => (&[][..], &[][..], &[][..]),
    };
    let class: Vec<u32> = types
        .iter()
        .map(|row| match heap.str(row.holder) {
            "" => 0,
            holder => interner.intern(holder),
        })
        .collect();
    Box::new(Holders {
        block_type,
        context_type,
        class,
        names: interner.names(),
    })
}

impl Holders<'_> {
    fn class_of(&self, row: Option<&TypeId>) -> u32 {
        row.and_then(|t| self.class.get(t.index()))
            .copied()
            .unwrap_or(0)
    }
}

impl Classes for Holders<'_> {
    fn len(&self) -> usize {
        self.names.len()
    }
    fn of_block(&self, block: usize) -> u32 {
        self.class_of(self.block_type.get(block))
    }
    fn of_stack(&self, context: usize) -> Option<u32> {
        Some(self.class_of(self.context_type.get(context)))
    }
    fn name(&self, class: u32) -> Cow<'_, str> {
        Cow::Borrowed(self.names.get(class as usize).map_or(UNKNOWN, |n| n))
    }
}
