//! `byholder`: how Rust owns the block, whatever it holds.

use crate::partition::relation::{Interner, PerBlock};
use crate::partition::{Classes, Heap, Relation, UNKNOWN};

/// By holder: `Box`, `Vec`, `HashMap`, `Raw`.
pub const RELATION: &Relation = &Relation {
    word: "holder",
    name: "byholder",
    header: "Holder",
    classify,
};

fn classify(heap: Heap<'_>) -> Box<dyn Classes + '_> {
    let mut interner = Interner::default();
    interner.intern(UNKNOWN);
    let (block_type, types) = match &heap.image().resolution {
        Some(r) => (&r.block_type[..], &r.types[..]),
        None => (&[][..], &[][..]),
    };
    let class: Vec<u32> = types
        .iter()
        .map(|row| match heap.str(row.holder) {
            "" => 0,
            holder => interner.intern(holder),
        })
        .collect();
    let of = move |block: usize| {
        block_type
            .get(block)
            .and_then(|t| class.get(t.index()))
            .copied()
            .unwrap_or(0)
    };
    Box::new(PerBlock {
        names: interner.names(),
        of,
    })
}
