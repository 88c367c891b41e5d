//! Partitions and block lists as Heapy's tables.

use super::coverage::Coverage;
use super::page::{Listing, Page, show};
use super::table::{Cells, Columns, IdTable, Rows, SetTable};
use crate::partition::names::age;
use crate::partition::{By, Identity, Partition, Set};
use std::borrow::Cow;

/// What the empty set prints.
pub const NOTHING: &str = "<Nothing>";

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl Rows for &Partition<'_> {
    fn len(&self) -> usize {
        Partition::len(self)
    }
    fn cells(&self, index: usize) -> Cells<'_> {
        let Some(row) = self.rows().get(index) else {
            return Cells {
                count: 0,
                size: 0,
                cumulative: 0,
                oldest: None,
                name: Cow::Borrowed(""),
            };
        };
        Cells {
            count: signed(row.count),
            size: signed(row.size.0),
            cumulative: signed(row.cumulative.0),
            oldest: Some(age(row.oldest)),
            name: self.name(row),
        }
    }
}

impl Rows for &Identity<'_> {
    fn len(&self) -> usize {
        Identity::len(self)
    }
    fn cells(&self, index: usize) -> Cells<'_> {
        let Some(row) = self.row(index) else {
            return Cells {
                count: 0,
                size: 0,
                cumulative: 0,
                oldest: None,
                name: Cow::Borrowed(""),
            };
        };
        Cells {
            count: 1,
            size: signed(row.size.0),
            cumulative: signed(row.cumulative.0),
            oldest: None,
            name: Cow::Owned(self.text(&row)),
        }
    }
}

/// The table of a partition.
#[must_use]
pub fn partition<'p, 'a>(of: &'p Partition<'a>, columns: Columns) -> SetTable<&'p Partition<'a>> {
    SetTable {
        count: signed(of.count()),
        size: signed(of.size().0),
        kind_header: of.by().header(),
        columns,
        rows: of,
    }
}

/// The table of a list of blocks.
#[must_use]
pub fn identity<'p, 'a>(of: &'p Identity<'a>) -> IdTable<&'p Identity<'a>> {
    let (kind_name, kind_header) = match of.kind() {
        Some(kind) => (format!("<{kind}>"), "Representation (limited)"),
        None => ("<mixed>".to_string(), "Brief"),
    };
    IdTable {
        count: signed(of.len() as u64),
        size: signed(of.size().0),
        kind_name,
        kind_header: kind_header.to_string(),
        rows: of,
    }
}

/// A page of a set by a relation, and the row at which the next one begins.
/// The empty set is [`NOTHING`].
#[must_use]
pub fn set(set: &Set<'_>, by: &By, columns: Columns, page: Page) -> (String, usize) {
    if set.count() == 0 {
        return (NOTHING.to_string(), 0);
    }
    if by.is_id() {
        let list = set.by_id();
        let table = identity(&list);
        return show(&table as &dyn Listing, page);
    }
    let rows = set.by(by);
    let table = partition(&rows, columns);
    show(&table, page)
}

/// A whole report: the lines on what is known of the set, a blank line, and a
/// page of its table. It ends with a line feed.
#[must_use]
pub fn report(of: &Set<'_>, by: &By, columns: Columns, page: Page) -> String {
    format!("{}\n{}\n", Coverage::new(of), set(of, by, columns, page).0)
}
