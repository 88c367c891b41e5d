//! scraper, which is html5ever, parses pages of a folder of HTML.
//!
//! The pages are in memory before the clock starts. Which they are depends on
//! the folder's contents alone: in the order of their paths, as many as fit
//! into [`MOST`] bytes.

use std::hint::black_box;
use std::path::{Path, PathBuf};

use scraper::Html;

/// How often all pages are parsed.
pub(crate) const TIMES: u64 = 4;
/// Bytes of all pages together.
const MOST: usize = 6_000_000;
/// Longer pages are left out, so that none is the whole selection.
const LONGEST: usize = 500_000;

/// The pages of a folder; ends the process if there are none.
pub(crate) fn pages(folder: &Path) -> Vec<String> {
    let mut paths = Vec::new();
    list(folder, &mut paths);
    paths.sort_unstable();
    let mut pages = Vec::new();
    let mut bytes = 0;
    for path in paths {
        let Ok(page) = std::fs::read_to_string(&path) else {
            continue;
        };
        if page.len() > LONGEST {
            continue;
        }
        bytes += page.len();
        if bytes > MOST {
            break;
        }
        pages.push(page);
    }
    if pages.is_empty() {
        eprintln!("no pages below {}", folder.display());
        std::process::exit(1);
    }
    pages
}

fn list(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        let path = entry.path();
        // A symbolic link is neither.
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => list(&path, paths),
            Ok(kind) if kind.is_file() && path.extension().is_some_and(|e| e == "html") => {
                paths.push(path);
            }
            _ => {}
        }
    }
}

/// Parses each page into a tree and drops it, `times` times.
pub(crate) fn parse(pages: &[String], times: u64) {
    for _ in 0..times {
        for page in pages {
            black_box(Html::parse_document(page));
        }
    }
}
