//! What the spiders are after.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use endler::reports::render::number::thousands;
use serde_json::Value;

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

impl Item {
    /// The item as an object.
    pub(crate) fn json(&self) -> Value {
        serde_json::json!({
            "kind": self.kind,
            "title": self.title,
            "url": self.url,
            "status": self.status,
            "modified": self.modified,
            "found_on": self.found_on,
            "parts": self.parts,
            "words": self.words,
        })
    }
}

/// A file of items under way, one JSON object a line.
pub(crate) struct ItemFile {
    out: BufWriter<File>,
    kinds: BTreeMap<String, usize>,
}

impl ItemFile {
    /// Begins a file, in place of one that is there.
    pub(crate) fn create(file: &Path) -> io::Result<Self> {
        let out = BufWriter::new(File::create(file)?);
        let kinds = BTreeMap::new();
        Ok(ItemFile { out, kinds })
    }

    /// Adds an item, as [`Item::json`] gives it.
    pub(crate) fn put(&mut self, item: &Value) -> io::Result<()> {
        let kind = item["kind"].as_str().unwrap_or("unknown");
        match self.kinds.get_mut(kind) {
            Some(count) => *count += 1,
            None => drop(self.kinds.insert(kind.to_owned(), 1)),
        }
        writeln!(self.out, "{item}")
    }

    /// Ends the file and says how many items of which kind are in it.
    pub(crate) fn finish(mut self) -> io::Result<String> {
        self.out.flush()?;
        let mut kinds: Vec<_> = self.kinds.iter().collect();
        kinds.sort_by_key(|&(kind, count)| (Reverse(count), kind));
        let kinds = kinds
            .iter()
            .map(|&(kind, count)| format!("{kind} {}", thousands(*count as u64)));
        Ok(kinds.collect::<Vec<_>>().join(", "))
    }
}

/// Writes items to a file and says how many of which kind they were.
pub(crate) fn hand_over(items: Vec<Item>, file: &Path) -> io::Result<String> {
    let mut out = ItemFile::create(file)?;
    for item in items {
        out.put(&item.json())?;
    }
    out.finish()
}
