//! The reference pattern as Heapy prints it (`guppy/heapy/RefPat.py`).
//!
//! ```text
//! Reference Pattern by <Type>.
//!  0: _ --- [-] 200 Box<crawl::Order>: 0x7fca78dae490, 0x7fca78db4bd0...
//!  1: a      [-] 1 Vec<Box<crawl::Order>>: 0x7fca79241b00
//!  2: aa ---- [R] 1 static crawl::ORDERS
//! ```
//!
//! `[-]` its referrers stand below, `[^ 2]` they do at line 2, `[R]` nothing refers to
//! it: a root, or what nothing holds; `[+]` there is more than is shown.

use super::page::Listing;
use crate::graph::Mark;
use crate::holding::{PatternRow, ReferencePattern};

/// The width of a line, in characters; types that are wider have a line to themselves.
const WIDTH: usize = 80;

impl Listing for ReferencePattern {
    fn label(&self) -> String {
        match self.rows.is_empty() {
            true => super::view::NOTHING.into(),
            false => "Reference Pattern by <Type>.".into(),
        }
    }

    /// Heapy's has none.
    fn header(&self) -> String {
        String::new()
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn row(&self, index: usize) -> String {
        let Some(row) = self.rows.get(index) else {
            return String::new();
        };
        let mark = match row.mark {
            Mark::Seen(line) => format!("[^ {line}]"),
            Mark::Root => "[R]".into(),
            Mark::Stop => "[S]".into(),
            Mark::Expanded => "[-]".into(),
            Mark::More => "[+]".into(),
        };
        let fill = if index.is_multiple_of(2) { '-' } else { ' ' };
        let mut line = format!("{index:>2}: {} ", row.path);
        while line.chars().count() < 9 + row.depth as usize {
            line.push(fill);
        }
        let kind = row.kind.as_deref().unwrap_or("<several types>");
        line.push_str(&format!(" {mark} {} {kind}", row.count));
        if !row.addresses.is_empty() {
            line.push_str(": ");
            elements(&mut line, row);
        }
        line
    }
}

/// Adds addresses until the line is full.
fn elements(line: &mut String, row: &PatternRow) {
    let mut width = line.chars().count();
    for (at, address) in row.addresses.iter().enumerate() {
        let is_last = at as u64 + 1 == row.count;
        let text = match at {
            0 => format!("{:#x}", address.0),
            _ => format!(", {:#x}", address.0),
        };
        // Room for the dots, should others follow.
        let room = WIDTH - if is_last { 0 } else { 3 };
        if at > 0 && width + text.len() > room {
            break;
        }
        line.push_str(&text);
        width += text.len();
        if is_last {
            return;
        }
    }
    line.push_str("...");
}
