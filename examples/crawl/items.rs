//! What the spiders are after.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use endler::reports::render::number::thousands;

/// Something read from a page.
#[derive(Debug)]
pub(crate) struct Item {
    /// `struct`, `chapter`, `error code`, …
    pub kind: &'static str,
    /// The page's title.
    pub title: String,
    /// Where it stands.
    pub url: String,
    /// HTTP status of the page.
    pub status: u16,
    /// When the page was last changed, as its server says.
    pub modified: Option<String>,
    /// The title of the page that led there.
    pub found_on: String,
    /// Names below it: methods of a type, sections of a chapter.
    pub parts: Vec<String>,
    /// Words of running text.
    pub words: usize,
}

/// Writes items to a file, one JSON object a line, and says how many of which
/// kind they were.
pub(crate) fn hand_over(items: Vec<Item>, file: &Path) -> io::Result<String> {
    let mut kinds: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut out = BufWriter::new(File::create(file)?);
    for item in items {
        *kinds.entry(item.kind).or_default() += 1;
        let line = serde_json::json!({
            "kind": item.kind,
            "title": item.title,
            "url": item.url,
            "status": item.status,
            "modified": item.modified,
            "found_on": item.found_on,
            "parts": item.parts,
            "words": item.words,
        });
        writeln!(out, "{line}")?;
    }
    out.flush()?;
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|&(kind, count)| (Reverse(count), kind));
    let kinds = kinds
        .iter()
        .map(|&(kind, count)| format!("{kind} {}", thousands(count as u64)));
    Ok(kinds.collect::<Vec<_>>().join(", "))
}
