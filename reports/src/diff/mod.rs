//! What changed between snapshots.
//!
//! Rows are matched by name, so two snapshots need not be of one process: two
//! runs, or two builds, can be compared. [`growth()`] says in one sentence what
//! grew most.

mod growth;
mod subtract;

pub use growth::{Growth, GrowthRow, TypeOwner, growth, growth_rows};
pub use subtract::{Diff, DiffRow, Point, subtract};

use crate::partition::{By, Heap, Partition, Set};

/// Compares two or more heaps, in the order of time, by a relation. O(blocks).
#[must_use]
pub fn diff(heaps: &[Heap<'_>], by: &By) -> Diff {
    let all: Vec<Set<'_>> = heaps.iter().map(|heap| heap.all()).collect();
    diff_sets(&all.iter().collect::<Vec<_>>(), by)
}

/// The same of sets, of one heap or of several.
#[must_use]
pub fn diff_sets(sets: &[&Set<'_>], by: &By) -> Diff {
    let partitions: Vec<Partition<'_>> = sets.iter().map(|set| set.by(by)).collect();
    let points: Vec<Vec<(String, Point)>> = partitions.iter().map(rows).collect();
    Diff {
        by: by.clone(),
        rows: subtract(&points),
    }
}

fn rows(of: &Partition<'_>) -> Vec<(String, Point)> {
    of.rows()
        .iter()
        .map(|row| {
            (
                of.name(row).into_owned(),
                Point {
                    count: row.count,
                    size: row.size.0,
                },
            )
        })
        .collect()
}
