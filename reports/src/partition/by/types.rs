//! `bytype`: the Rust type, with the holder that owns the block.

use crate::partition::relation::Interner;
use crate::partition::{About, Classes, Heap, Relation, UNKNOWN};
use endler_snapshot::{Resolution, TypeId, TypeRow};
use std::borrow::Cow;

/// By type: `Vec<crawl::Page>`.
pub const RELATION: &Relation = &Relation {
    word: "type",
    name: "bytype",
    header: "Type",
    about: About::Block,
    classify,
};

struct Types<'a> {
    block_type: &'a [TypeId],
    context_type: &'a [TypeId],
    /// The class of each type row; rows of one name share it.
    class: Vec<u32>,
    names: Vec<Cow<'a, str>>,
    /// The first type row of each class.
    rows: Vec<TypeRow>,
}

fn classify(heap: Heap<'_>) -> Box<dyn Classes + '_> {
    static NOTHING: &[TypeId] = &[];
    let mut interner = Interner::default();
    let mut rows = Vec::new();
    // Class 0: what an unresolved image, or a type id out of range, gives.
    interner.intern(UNKNOWN);
    rows.push(TypeRow::default());
    let Some(resolution) = &heap.image().resolution else {
        let names = interner.names();
        return Box::new(Types {
            block_type: NOTHING,
            context_type: NOTHING,
            class: Vec::new(),
            names,
            rows,
        });
    };
    let class = resolution
        .types
        .iter()
        .map(|row| class_of(resolution, row, &mut interner, &mut rows))
        .collect();
    Box::new(Types {
        block_type: &resolution.block_type,
        context_type: &resolution.context_type,
        class,
        names: interner.names(),
        rows,
    })
}

fn class_of<'a>(
    from: &'a Resolution,
    row: &TypeRow,
    interner: &mut Interner<'a>,
    rows: &mut Vec<TypeRow>,
) -> u32 {
    let name = match from.str(row.name) {
        "" => UNKNOWN,
        name => name,
    };
    let class = interner.intern(name);
    match rows.get_mut(class as usize) {
        Some(first) if first.name.0 == 0 => *first = *row,
        Some(_) => {}
        None => rows.push(*row),
    }
    class
}

impl Types<'_> {
    fn class_of_row(&self, row: Option<&TypeId>) -> u32 {
        row.and_then(|t| self.class.get(t.index()))
            .copied()
            .unwrap_or(0)
    }
}

impl Classes for Types<'_> {
    fn len(&self) -> usize {
        self.names.len()
    }
    fn of_block(&self, block: usize) -> u32 {
        self.class_of_row(self.block_type.get(block))
    }
    fn of_stack(&self, context: usize) -> Option<u32> {
        Some(self.class_of_row(self.context_type.get(context)))
    }
    fn name(&self, class: u32) -> Cow<'_, str> {
        let name = self.names.get(class as usize).map_or(UNKNOWN, |n| n);
        Cow::Borrowed(name)
    }
    fn type_row(&self, class: u32) -> Option<TypeRow> {
        self.rows.get(class as usize).copied()
    }
}
