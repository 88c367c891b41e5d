//! The difference of tables, by Heapy's rules (`Part.py`, `Stat.__sub__`).

use crate::partition::By;
use crate::render::table::{Cells, DiffTable, Rows};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A row at one point in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Point {
    /// Number of blocks.
    pub count: u64,
    /// Their requested bytes.
    pub size: u64,
}

/// A row at each point in time; zero where it was not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffRow {
    /// The row's name in every partition.
    pub name: String,
    /// One for each snapshot, in the order given. Never empty.
    pub points: Vec<Point>,
}

impl DiffRow {
    /// Blocks more at the last point than at the first.
    #[must_use]
    pub fn count_delta(&self) -> i64 {
        delta(&self.points, |p| p.count)
    }

    /// Bytes more at the last point than at the first.
    #[must_use]
    pub fn size_delta(&self) -> i64 {
        delta(&self.points, |p| p.size)
    }

    /// Whether any two points differ.
    #[must_use]
    pub fn changed(&self) -> bool {
        self.points.windows(2).any(|w| w[0] != w[1])
    }
}

fn delta(points: &[Point], of: fn(&Point) -> u64) -> i64 {
    match points {
        [first, .., last] => of(last).wrapping_sub(of(first)).cast_signed(),
        _ => 0,
    }
}

/// Compared tables, largest absolute change of size from first to last first.
#[derive(Clone, Debug)]
pub struct Diff {
    /// The relation.
    pub by: By,
    /// Every row of every table, unchanged ones too.
    pub rows: Vec<DiffRow>,
}

/// Matches the rows of tables by name and sorts them by absolute change of size.
///
/// Ties keep the last table's order, then that of rows that are only in the
/// tables before it, as Heapy keeps them.
#[must_use]
pub fn subtract(tables: &[Vec<(String, Point)>]) -> Vec<DiffRow> {
    let mut rows: Vec<DiffRow> = Vec::new();
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, table) in tables.iter().enumerate().rev() {
        for (name, point) in table {
            let row = *known.entry(name).or_insert_with(|| {
                rows.push(DiffRow {
                    name: name.clone(),
                    points: vec![Point::default(); tables.len()],
                });
                rows.len() - 1
            });
            let sum = &mut rows[row].points[at];
            sum.count = sum.count.saturating_add(point.count);
            sum.size = sum.size.saturating_add(point.size);
        }
    }
    rows.sort_by_key(|row| std::cmp::Reverse(row.size_delta().unsigned_abs()));
    rows
}

impl Diff {
    /// The sum of all rows at each point.
    #[must_use]
    pub fn totals(&self) -> Vec<Point> {
        let mut totals = vec![Point::default(); self.rows.first().map_or(0, |r| r.points.len())];
        for row in &self.rows {
            for (sum, point) in totals.iter_mut().zip(&row.points) {
                sum.count = sum.count.saturating_add(point.count);
                sum.size = sum.size.saturating_add(point.size);
            }
        }
        totals
    }

    /// Heapy's difference table of the last point and the first. The operation
    /// is called by the letters of the snapshots: `B-A` where the first is A.
    #[must_use]
    pub fn table(&self, letters: [&'static str; 2]) -> DiffTable<DeltaRows<'_>> {
        let mut cumulative = 0i64;
        let mut count = 0i64;
        let rows: Vec<(&DiffRow, i64)> = self
            .rows
            .iter()
            .filter(|row| row.count_delta() != 0 || row.size_delta() != 0)
            .map(|row| {
                cumulative = cumulative.saturating_add(row.size_delta());
                count = count.saturating_add(row.count_delta());
                (row, cumulative)
            })
            .collect();
        let first = self.totals().first().copied().unwrap_or_default();
        DiffTable {
            letters,
            count,
            size: cumulative,
            b_count: first.count.cast_signed(),
            b_size: first.size.cast_signed(),
            kind_header: self.by.header(),
            rows: DeltaRows(rows),
        }
    }
}

/// The changed rows with their running sum.
#[derive(Debug)]
pub struct DeltaRows<'a>(Vec<(&'a DiffRow, i64)>);

impl Rows for DeltaRows<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn cells(&self, index: usize) -> Cells<'_> {
        let (row, cumulative) = self.0[index];
        Cells {
            count: row.count_delta(),
            size: row.size_delta(),
            cumulative,
            oldest: None,
            name: Cow::Borrowed(&row.name),
        }
    }
}
