//! The table of live references, as Scrapy's `format_live_refs` prints it.

use std::fmt;
use std::time::Duration;

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

/// The table; it prints as trackref's, and ends with a line feed. Rows of the heap
/// end in `   heap`.
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
            globs.any(|glob| matches(glob, name) || matches(glob, last(name)))
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
        f.write_str("Live References\n\n")?;
        for row in &self.rows {
            let line = live::line(&row.name, row.count, row.oldest.as_secs());
            let mark = match row.source {
                Source::Tracked => "",
                Source::Heap => "   heap",
            };
            writeln!(f, "{}{mark}", line.trim_end_matches('\n'))?;
        }
        Ok(())
    }
}

/// Whether a glob of `*` and `?` matches a whole name.
pub(super) fn matches(glob: &str, name: &str) -> bool {
    let (glob, name): (Vec<char>, Vec<char>) = (glob.chars().collect(), name.chars().collect());
    // Where the last `*` stands, and how much of the name it has taken.
    let (mut at, mut of, mut star) = (0, 0, None);
    while of < name.len() {
        match glob.get(at) {
            Some('*') => {
                star = Some((at, of));
                at += 1;
            }
            Some(&c) if c == '?' || c == name[of] => (at, of) = (at + 1, of + 1),
            _ => {
                let Some((from, taken)) = star else {
                    return false;
                };
                star = Some((from, taken + 1));
                (at, of) = (from + 1, taken + 1);
            }
        }
    }
    glob[at..].iter().all(|&c| c == '*')
}
