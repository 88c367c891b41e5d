//! A set cut into rows.

use super::{By, Classes, Heap, Set};
use endler_snapshot::{Bytes, Evidence, Nanos, Tick, TypeRow};
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// One row: the blocks of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    class: u32,
    /// Number of blocks.
    pub count: u64,
    /// Their requested bytes.
    pub size: Bytes,
    /// Sizes of the rows up to and with this one.
    pub cumulative: Bytes,
    /// Age of the oldest block at the copy.
    pub oldest: Nanos,
    /// Number of blocks by how their type is known, in [`Evidence::ALL`]'s order.
    pub evidence: [u64; Evidence::ALL.len()],
}

/// A set of blocks cut by a relation, largest row first, then by name.
///
/// ```text
///   rows:  class ──► Classes::name       set: the blocks that were cut
///          count, size, cumulative       row(i) = those of the set in class rows[i]
/// ```
/// The rows are disjoint, none is empty and together they are the set:
/// sum of `count` = set's count, `rows.last().cumulative` = set's size.
#[derive(Clone)]
pub struct Partition<'a> {
    set: Set<'a>,
    by: By,
    classes: Arc<dyn Classes + 'a>,
    rows: Vec<Row>,
    count: u64,
    size: Bytes,
}

impl fmt::Debug for Partition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partition")
            .field("by", &self.by)
            .field("rows", &self.rows)
            .finish()
    }
}

#[derive(Clone, Copy)]
struct Tally {
    count: u64,
    size: u64,
    born: Tick,
    evidence: [u64; Evidence::ALL.len()],
}

const EMPTY: Tally = Tally {
    count: 0,
    size: 0,
    born: Tick(u32::MAX),
    evidence: [0; Evidence::ALL.len()],
};

impl<'a> Partition<'a> {
    pub(crate) fn new(set: &Set<'a>, by: &By) -> Self {
        let heap = set.heap();
        let classes: Arc<dyn Classes + 'a> = by.classify(heap).into();
        let mut tallies = vec![EMPTY; classes.len()];
        for block in set.iter() {
            let Some(tally) = tallies.get_mut(classes.of_block(block) as usize) else {
                continue;
            };
            tally.count += 1;
            tally.size = tally.size.saturating_add(heap.size(block).0);
            tally.born = tally.born.min(heap.born(block));
            tally.evidence[heap.evidence(block) as usize] += 1;
        }
        let mut rows: Vec<Row> = (0u32..)
            .zip(&tallies)
            .filter(|(_, tally)| tally.count > 0)
            .map(|(class, tally)| Row {
                class,
                count: tally.count,
                size: Bytes(tally.size),
                cumulative: Bytes(0),
                oldest: heap.image().process.clock.age(tally.born),
                evidence: tally.evidence,
            })
            .collect();
        rows.sort_by(|a, b| {
            b.size
                .cmp(&a.size)
                .then_with(|| classes.order(a.class, b.class))
        });
        let (mut count, mut size) = (0u64, 0u64);
        for row in &mut rows {
            count += row.count;
            size = size.saturating_add(row.size.0);
            row.cumulative = Bytes(size);
        }
        Partition {
            set: set.clone(),
            by: by.clone(),
            classes,
            rows,
            count,
            size: Bytes(size),
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether the set was empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Number of blocks.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their requested bytes.
    #[must_use]
    pub fn size(&self) -> Bytes {
        self.size
    }

    /// The relation.
    #[must_use]
    pub fn by(&self) -> &By {
        &self.by
    }

    /// The set that was cut.
    #[must_use]
    pub fn set(&self) -> &Set<'a> {
        &self.set
    }

    /// The heap that the blocks lie in.
    #[must_use]
    pub fn heap(&self) -> Heap<'a> {
        self.set.heap()
    }

    /// The name of a row of this partition.
    #[must_use]
    pub fn name(&self, row: &Row) -> Cow<'_, str> {
        self.classes.name(row.class)
    }

    /// The type that a row of this partition is, where rows are types.
    #[must_use]
    pub fn type_row(&self, row: &Row) -> Option<TypeRow> {
        self.classes.type_row(row.class)
    }

    /// The blocks of row `index`; none past the end. O(blocks).
    #[must_use]
    pub fn row(&self, index: usize) -> Option<Set<'a>> {
        (index < self.rows.len()).then(|| self.range(index..index + 1))
    }

    /// The row of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<usize> {
        self.rows.iter().position(|row| self.name(row) == name)
    }

    /// The union of some rows, clamped to those that are there. O(blocks).
    #[must_use]
    pub fn range(&self, range: Range<usize>) -> Set<'a> {
        let end = range.end.min(self.rows.len());
        let rows = self.rows.get(range.start.min(end)..end).unwrap_or(&[]);
        if let [row] = rows {
            return self
                .set
                .filter(|block| self.classes.of_block(block) == row.class);
        }
        let mut wanted = vec![false; self.classes.len()];
        for row in rows {
            wanted[row.class as usize] = true;
        }
        self.set
            .filter(|block| wanted.get(self.classes.of_block(block) as usize) == Some(&true))
    }
}
