//! The account of the resident memory, how full the heap's pages are, and who
//! pins the sparse ones, as text.

use super::number::{bytes, counted, percent, thousands};
use super::page::{Listing, Page, text};
use super::series::letter;
use super::table::{header, with_name};
use crate::fragmentation::{Account, Line, PINNED_BY, Pins, Verdict, bucket_name};
use crate::partition::names::file_name;
use endler_snapshot::{Cut, PAGE};
use std::fmt::Write as _;

/// Everything about one snapshot, or several in the order of time; the page is
/// that of the pinners. It ends with a line feed.
#[must_use]
pub fn fragmentation(accounts: &[Account<'_>], verdict: Option<&Verdict>, page: Page) -> String {
    let mut out = String::new();
    for (at, account) in accounts.iter().enumerate() {
        let prefix = match accounts.len() {
            1 => String::new(),
            _ => format!("{}: ", letter(at)),
        };
        let _ = writeln!(out, "{prefix}{}", head(account));
    }
    let Some(last) = accounts.last() else {
        return out;
    };
    if let Some(verdict) = verdict {
        let _ = write!(out, "\n{verdict}\n");
    }
    let _ = write!(out, "\n{}", lines(accounts));
    let _ = write!(out, "\n{}", occupancy(last));
    if last.pins.pages > 0 {
        let _ = write!(out, "\n{}\n", text(&last.pins, page));
    }
    out
}

fn head(account: &Account<'_>) -> String {
    let image = account.heap.image();
    let inner = &image.residency.inner;
    let name = match file_name(&image.process.exe) {
        "" => "the process",
        name => name,
    };
    let mut out = format!("{name} (pid {}): ", image.process.pid);
    if image.residency.mappings.is_empty() {
        out.push_str("its mappings could not be read when the snapshot was taken");
        return out;
    }
    let mappings = image.residency.mappings.len() as u64;
    let _ = write!(
        out,
        "{} resident in {}; {} live, {}",
        bytes(account.rss()),
        counted(mappings, "mapping"),
        counted(account.heap.len() as u64, "block"),
        bytes(account.requested)
    );
    let hidden = account.requested.saturating_sub(account.line(Line::Live));
    if hidden > 0 {
        let _ = write!(out, ", {} of it not resident", bytes(hidden));
    }
    if account.swapped > 0 {
        let _ = write!(out, "; swapped out {}", bytes(account.swapped));
    }
    if !inner.allocator.is_empty() {
        let _ = write!(out, "; inner allocator {}", inner.allocator);
    }
    let took = format!("{:.1} ms", inner.reading.0 as f64 / 1e6);
    match inner.statistics {
        Some(_) => {
            let _ = write!(out, ", its statistics read in {took}");
        }
        None if inner.reading.0 > 0 => {
            let _ = write!(out, ", which gave no statistics");
        }
        None => {}
    }
    if image.process.cut == Cut::Racing {
        out.push_str("; not of one instant");
    }
    out
}

/// The lines and their sum.
fn lines(accounts: &[Account<'_>]) -> String {
    let mut out = String::new();
    let several = accounts.len() > 1;
    for at in 0..accounts.len() {
        let title = if several {
            letter(at).to_string()
        } else {
            "Bytes".to_string()
        };
        let _ = write!(out, "{title:>14} {:>3} ", "%");
    }
    if several {
        let _ = write!(out, "{:>14} ", "Change");
    }
    let _ = writeln!(out, " Resident memory");
    let mut row = |name: &str, of: &dyn Fn(&Account<'_>) -> u64| {
        for account in accounts {
            let bytes = of(account);
            let share = percent(bytes as f64, account.rss() as f64);
            let _ = write!(out, "{bytes:>14} {share:>3} ");
        }
        if let [first, .., last] = accounts {
            let change = of(last).wrapping_sub(of(first)).cast_signed();
            let _ = write!(out, "{change:>+14} ");
        }
        let _ = writeln!(out, " {name}");
    };
    let told = accounts.iter().all(Account::knows_unrecorded);
    for line in Line::ALL {
        match line {
            Line::Unrecorded if !told && accounts.iter().all(|a| a.line(line) == 0) => {}
            Line::Kept if !told => row(
                "free, kept by the inner allocator, or C code's (not asked)",
                &|account| account.line(Line::Kept),
            ),
            line => row(line.name(), &|account| account.line(line)),
        }
    }
    row("all: the process's Rss", &|account| account.rss());
    out
}

fn occupancy(account: &Account<'_>) -> String {
    let of = &account.occupancy;
    let total = of.total();
    if total == 0 {
        return "Which pages of the heap are resident is not known.\n".to_string();
    }
    let mut out = format!(
        "Resident pages of the heap by occupancy (bytes requested, of {PAGE}): {} in all.\n",
        thousands(total)
    );
    let _ = writeln!(out, "{:>9} {:>3} {:>14}  Occupancy", "Pages", "%", "Bytes");
    for (bucket, pages) in of.pages.iter().enumerate() {
        let _ = writeln!(
            out,
            "{pages:>9} {:>3} {:>14}  {}",
            percent(*pages as f64, total as f64),
            pages.saturating_mul(PAGE),
            bucket_name(bucket)
        );
    }
    out
}

impl Listing for Pins {
    fn label(&self) -> String {
        format!(
            "Who pins sparse pages (a tenth live or less): {} of {} bytes on {}; without all of them \
             {} bytes would be free.",
            counted(self.count, "block"),
            self.size,
            counted(self.pages, "page"),
            self.returns()
        )
    }

    fn header(&self) -> String {
        let names: Vec<&str> = PINNED_BY.iter().map(|relation| relation.header).collect();
        header(
            " Index  Count     Size  Pages  Returns ",
            &names.join(" & "),
        )
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn row(&self, index: usize) -> String {
        let row = &self.rows[index];
        let numbers = format!(
            "{index:>6} {:>6} {:>8} {:>6} {:>8} ",
            row.count, row.size, row.pages, row.returns
        );
        with_name(&numbers, &row.names.join(" & "))
    }
}
