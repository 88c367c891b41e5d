//! Room that containers have and do not use, and texts that are there twice.
//!
//! What a container's length is, its owner says; a block whose owner is not known is
//! left out. Of a hash table the one bucket in eight that it keeps empty is no slack.

use crate::partition::{By, Heap, Set};
use endler_snapshot::{BlockId, Bytes, References};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Containers of one class of a relation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlackRow {
    /// The class.
    pub name: String,
    /// How many.
    pub count: u64,
    /// The bytes of their blocks.
    pub size: Bytes,
    /// Those of them that hold no element.
    pub unused: Bytes,
    /// Containers that hold nothing and have a block.
    pub empty: u64,
    /// Those of the others that use less than half of their block.
    pub oversized: u64,
}

/// Texts of one class that another block holds as well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopyRow {
    /// The class.
    pub name: String,
    /// How many, without the first of each text.
    pub count: u64,
    /// Their bytes.
    pub size: Bytes,
}

/// One text that several blocks hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepeatRow {
    /// The first of the blocks.
    pub block: BlockId,
    /// The class of the first.
    pub name: String,
    /// How many blocks.
    pub count: u64,
    /// Their bytes.
    pub size: Bytes,
}

/// What a heap could do without.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slack {
    /// The relation that rows are made by, as a header.
    pub header: String,
    /// All containers whose length is known.
    pub all: SlackRow,
    /// The most unused bytes first, then by name.
    pub rows: Vec<SlackRow>,
    /// The most bytes first, then by name.
    pub copies: Vec<CopyRow>,
    /// The most bytes first, then by block.
    pub repeats: Vec<RepeatRow>,
}

/// The slack of a set; none if the image has no references. O(blocks).
#[must_use]
pub fn slack(set: &Set<'_>, by: &By) -> Option<Slack> {
    let heap = set.heap();
    let references = heap.image().references.as_ref()?;
    let classes = by.classify(heap);
    let mut rows: BTreeMap<u32, SlackRow> = BTreeMap::new();
    let mut copies: BTreeMap<u32, CopyRow> = BTreeMap::new();
    let mut all = SlackRow::default();
    let mut members = set.iter().peekable();
    let mut is_member = |block: usize| {
        while members.next_if(|&member| member < block).is_some() {}
        members.peek() == Some(&block)
    };
    for fill in &references.fills {
        let block = fill.block.index();
        if !is_member(block) {
            continue;
        }
        let size = heap.size(block);
        let class = classes.of_block(block);
        for row in [&mut all, rows.entry(class).or_default()] {
            row.count += 1;
            row.size.0 = row.size.0.saturating_add(size.0);
            row.unused.0 = row.unused.0.saturating_add(fill.unused.0);
            match fill.length {
                0 => row.empty += 1,
                _ => row.oversized += u64::from(fill.unused.0 > size.0 / 2),
            }
        }
        if fill.is_copy {
            let row = copies.entry(class).or_default();
            row.count += 1;
            row.size.0 = row.size.0.saturating_add(size.0);
        }
    }
    let name = |class: u32| classes.name(class).into_owned();
    let mut rows: Vec<SlackRow> = rows
        .into_iter()
        .filter(|(_, row)| row.unused.0 > 0)
        .map(|(class, row)| SlackRow {
            name: name(class),
            ..row
        })
        .collect();
    rows.sort_by(|a, b| (Reverse(a.unused), &a.name).cmp(&(Reverse(b.unused), &b.name)));
    let mut copies: Vec<CopyRow> = copies
        .into_iter()
        .map(|(class, row)| CopyRow {
            name: name(class),
            ..row
        })
        .collect();
    copies.sort_by(|a, b| (Reverse(a.size), &a.name).cmp(&(Reverse(b.size), &b.name)));
    let repeats = repeats(heap, references, set, &|block| {
        name(classes.of_block(block))
    });
    Some(Slack {
        header: by.header(),
        all,
        rows,
        copies,
        repeats,
    })
}

/// The texts whose first block is in the set.
fn repeats(
    heap: Heap<'_>,
    references: &References,
    set: &Set<'_>,
    name: &dyn Fn(usize) -> String,
) -> Vec<RepeatRow> {
    let mut is_member = vec![false; heap.len()];
    for block in set.iter() {
        if let Some(is) = is_member.get_mut(block) {
            *is = true;
        }
    }
    let here = references.repeats.iter();
    let here = here.filter(|repeat| is_member.get(repeat.block.index()) == Some(&true));
    let mut rows: Vec<RepeatRow> = here
        .map(|repeat| RepeatRow {
            block: repeat.block,
            name: name(repeat.block.index()),
            count: repeat.count,
            size: repeat.size,
        })
        .collect();
    rows.sort_by_key(|row| (Reverse(row.size), row.block));
    rows
}
