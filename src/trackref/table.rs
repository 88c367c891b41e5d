//! The table of live references, as Scrapy's `format_live_refs` prints it.

use std::fmt;
use std::time::Duration;

use endler_reports::filter::glob;
use endler_reports::render::live;

use super::object::age;
use super::registry::{counts, last};
use crate::Snapshot;

/// Where a row comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Source {
    /// [`super::Tracked`] objects, or values with an [`super::ObjectRef`].
    Tracked,
    /// Blocks of the heap, typed by where they were allocated.
    Heap,
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LiveRef {
    /// The type.
    pub name: String,
    /// Live objects, or blocks.
    pub count: u64,
    /// The age of the oldest.
    pub oldest: Duration,
    /// Where the row comes from.
    pub source: Source,
}

/// The table; it prints as trackref's, and ends with a line feed. Types are printed
/// without their paths, but for as much of them as tells two of one name apart. Rows
/// of the heap end in `   heap`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveRefs {
    rows: Vec<LiveRef>,
    ignored: Vec<String>,
}

impl LiveRefs {
    pub(super) fn tracked(globs: &[&str]) -> Self {
        let mut table = LiveRefs {
            rows: Vec::new(),
            ignored: globs.iter().map(|&glob| glob.to_owned()).collect(),
        };
        table.add(counts().into_iter().map(|(kind, count, made)| LiveRef {
            name: kind.name.to_owned(),
            count,
            oldest: age(made),
            source: Source::Tracked,
        }));
        table
    }

    fn add(&mut self, rows: impl Iterator<Item = LiveRef>) {
        let ignored = |name: &str| {
            let mut globs = self.ignored.iter();
            globs.any(|ignored| glob(ignored, name) || glob(ignored, last(name)))
        };
        let shown: Vec<LiveRef> = rows.filter(|row| !ignored(&row.name)).collect();
        self.rows.extend(shown);
        self.rows
            .sort_by(|a, b| (&a.name, a.source).cmp(&(&b.name, b.source)));
    }

    /// With every type of the heap besides: one table of both.
    #[must_use]
    pub fn with_heap(mut self, snapshot: &Snapshot) -> Self {
        if let Ok(types) = snapshot.by("type") {
            self.add(types.rows().iter().map(|row| LiveRef {
                name: types.name(row).into_owned(),
                count: row.count,
                oldest: Duration::from_nanos(row.oldest.0),
                source: Source::Heap,
            }));
        }
        self
    }

    /// The rows, sorted by name.
    #[must_use]
    pub fn rows(&self) -> &[LiveRef] {
        &self.rows
    }
}

impl fmt::Display for LiveRefs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.rows.iter().map(|row| live::Row {
            name: row.name.clone(),
            count: row.count,
            seconds: row.oldest.as_secs(),
            source: match row.source {
                Source::Tracked => live::Source::Tracked,
                Source::Heap => live::Source::Heap,
            },
        });
        f.write_str(&live::table(rows.collect()))
    }
}
