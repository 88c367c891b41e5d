//! Live references: for every type how many there are and how old the oldest
//! is, as Scrapy's `trackref` prints it (`format_live_refs`).

use crate::partition::{Heap, Partition, by};
use std::fmt::Write as _;

/// One line of the table: name, count, whole seconds of age.
pub fn line(name: &str, count: u64, oldest_seconds: u64) -> String {
    format!("{name:<30} {count:>6}   oldest: {oldest_seconds}s ago\n")
}

/// The table of all types, sorted by name. It ends with a line feed.
#[must_use]
pub fn live_references(heap: Heap<'_>) -> String {
    of(&heap.all().by(&by::TYPE.into()))
}

/// The table of a partition's rows, sorted by name.
#[must_use]
pub fn of(partition: &Partition<'_>) -> String {
    let mut rows: Vec<_> = partition
        .rows()
        .iter()
        .map(|row| (partition.name(row), row))
        .collect();
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    let mut out = String::from("Live References\n\n");
    for (name, row) in rows {
        let _ = out.write_str(&line(&name, row.count, row.oldest.0 / 1_000_000_000));
    }
    out
}
