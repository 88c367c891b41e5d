//! Three snapshots or more beside each other. The table is ours; Heapy has none.

use super::page::Listing;
use super::table::{header, with_name};
use crate::diff::{Diff, DiffRow};

/// The rows that changed, with every point, and the change from first to last.
#[derive(Debug)]
pub struct Series<'a> {
    rows: Vec<&'a DiffRow>,
    header: String,
    points: usize,
}

impl<'a> Series<'a> {
    /// The table of a difference.
    #[must_use]
    pub fn new(diff: &'a Diff) -> Self {
        let rows: Vec<&DiffRow> = diff.rows.iter().filter(|row| row.changed()).collect();
        let points = diff.rows.first().map_or(0, |row| row.points.len());
        Series {
            rows,
            header: diff.by.header(),
            points,
        }
    }
}

/// What the snapshot at `index` is called: `A` to `Z`, then its number from 1.
#[must_use]
pub fn letter(index: usize) -> String {
    match u8::try_from(index) {
        Ok(i @ 0..26) => char::from(b'A' + i).to_string(),
        _ => (index + 1).to_string(),
    }
}

impl Listing for Series<'_> {
    fn label(&self) -> String {
        let last = letter(self.points.saturating_sub(1));
        format!(
            "Change over {} snapshots, A to {last}, largest absolute change of size first.",
            self.points
        )
    }

    fn header(&self) -> String {
        let points: String = (0..self.points)
            .map(|i| {
                format!(
                    "{:>8} {:>10} ",
                    format!("Count {}", letter(i)),
                    format!("Size {}", letter(i))
                )
            })
            .collect();
        header(&format!(" Index {points}{:>11} ", "Change"), &self.header)
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn row(&self, index: usize) -> String {
        let row = self.rows[index];
        let points: String = row
            .points
            .iter()
            .map(|p| format!("{:>8} {:>10} ", p.count, p.size))
            .collect();
        with_name(
            &format!("{index:>6} {points}{:>+11} ", row.size_delta()),
            &row.name,
        )
    }
}
