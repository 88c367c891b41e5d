//! Live references: for every type how many there are and how old the oldest
//! is, as Scrapy's `trackref` prints it (`format_live_refs`).

use crate::partition::{Heap, Partition, by};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Where a row of [`table`] comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Objects that the program registers itself.
    Tracked,
    /// Blocks of the heap. Such rows are marked.
    Heap,
}

/// A row of [`table`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The type's whole name.
    pub name: String,
    /// How many are alive.
    pub count: u64,
    /// Whole seconds since the oldest was made.
    pub seconds: u64,
    /// Where the row comes from.
    pub source: Source,
}

/// trackref's table of some rows, sorted by the names that it prints: those without
/// their paths, where that tells them apart. It ends with a line feed.
#[must_use]
pub fn table(rows: Vec<Row>) -> String {
    let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    let mut lines: Vec<(String, &Row)> = short_names(&names).into_iter().zip(&rows).collect();
    lines.sort_by(|a, b| (&a.0, &a.1.name, a.1.source).cmp(&(&b.0, &b.1.name, b.1.source)));
    let mut out = String::from("Live References\n\n");
    for (name, row) in lines {
        let line = line(&name, row.count, row.seconds);
        let mark = match row.source {
            Source::Tracked => "",
            Source::Heap => "   heap",
        };
        let _ = writeln!(out, "{}{mark}", line.trim_end_matches('\n'));
    }
    out
}

/// Types' names without their paths; those that two types share have as much of the
/// path as tells them apart.
#[must_use]
pub fn short_names(names: &[&str]) -> Vec<String> {
    let mut out: Vec<String> = names.iter().map(|name| short(name, 1)).collect();
    let mut open: Vec<usize> = (0..names.len()).collect();
    // A path has as many segments as it is long at the most; each round shows one more.
    for segments in 2.. {
        let mut wholes: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for &at in &open {
            wholes.entry(&out[at]).or_default().insert(names[at]);
        }
        let shared = |at: &usize| wholes.get(&*out[*at]).is_some_and(|whole| whole.len() > 1);
        let still: Vec<usize> = open.iter().copied().filter(shared).collect();
        let mut longer = false;
        for &at in &still {
            let name = short(names[at], segments);
            longer |= name != out[at];
            out[at] = name;
        }
        open = still;
        if !longer {
            break;
        }
    }
    out
}

/// A type's name with the last so many segments of each path in it:
/// `Page<Text>` of `crawl::Page<crawl::Text>`.
#[must_use]
pub fn short(name: &str, segments: usize) -> String {
    let is_path = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '{' | '}' | '#');
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while !rest.is_empty() {
        let end = rest.find(|c| !is_path(c)).unwrap_or(rest.len());
        let (path, behind) = rest.split_at(end);
        let from = path.rmatch_indices("::").nth(segments.saturating_sub(1));
        // `::` at the very end is none's separator: it goes on behind a bracket.
        out.push_str(&path[from.map_or(0, |(at, _)| at + 2)..]);
        let next = behind.find(is_path).unwrap_or(behind.len());
        out.push_str(&behind[..next]);
        rest = &behind[next..];
    }
    out
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_paths() {
        let check = |name: &str, segments, expect: &str| {
            assert_eq!(short(name, segments), expect, "{name}");
        };
        check("crawl::http::Page", 1, "Page");
        check("crawl::http::Page", 2, "http::Page");
        check("crawl::http::Page", 9, "crawl::http::Page");
        check("Vec<crawl::Page>", 1, "Vec<Page>");
        check("a::M<b::K, (c::V, &d::str)>", 1, "M<K, (V, &str)>");
        check("[a::b::T; 4]", 1, "[T; 4]");
        check("dyn a::Spider", 1, "dyn Spider");
        check("a::run::{closure#0}", 1, "{closure#0}");
        check("", 1, "");
        check("Ünï::Cödé", 1, "Cödé");
    }

    #[test]
    fn as_much_path_as_tells_them_apart() {
        let check = |names: &[&str], expect: &[&str]| assert_eq!(short_names(names), expect);
        check(&["a::Page", "b::Item"], &["Page", "Item"]);
        check(
            &["a::x::Page", "b::y::Page", "c::Item"],
            &["x::Page", "y::Page", "Item"],
        );
        check(
            &["a::x::Page", "b::x::Page", "a::y::Page"],
            &["a::x::Page", "b::x::Page", "y::Page"],
        );
        // One type twice is no second type.
        check(&["a::Page", "a::Page"], &["Page", "Page"]);
        check(&["Page", "a::Page"], &["Page", "a::Page"]);
        check(&["V<a::T>", "V<b::T>"], &["V<a::T>", "V<b::T>"]);
    }
}
