//! The tables of unused room and of equal texts.

use super::number::{counted, percent};
use super::page::{Listing, Page, text};
use super::table::{header, with_name};
use crate::holding::Slack;

/// All three tables.
#[must_use]
pub fn slack(of: &Slack, page: Page) -> String {
    let mut out = text(&Unused(of), page);
    if !of.copies.is_empty() {
        out.push_str("\n\n");
        out.push_str(&text(&Copies(of), page));
    }
    if !of.repeats.is_empty() {
        out.push_str("\n\n");
        out.push_str(&text(&Repeats(of), page));
    }
    out
}

struct Unused<'s>(&'s Slack);
struct Copies<'s>(&'s Slack);
struct Repeats<'s>(&'s Slack);

impl Listing for Unused<'_> {
    fn label(&self) -> String {
        let all = &self.0.all;
        format!(
            "{} whose length is known: {} of {} bytes hold no element. Over are those that use \
             less than half.",
            counted(all.count, "container"),
            all.unused.0,
            all.size.0
        )
    }

    fn header(&self) -> String {
        header(
            " Index  Count     Size   Unused   %  Empty   Over ",
            &self.0.header,
        )
    }

    fn len(&self) -> usize {
        self.0.rows.len()
    }

    fn row(&self, index: usize) -> String {
        let Some(row) = self.0.rows.get(index) else {
            return String::new();
        };
        let numbers = format!(
            "{index:>6} {:>6} {:>8} {:>8} {:>3} {:>6} {:>6} ",
            row.count,
            row.size.0,
            row.unused.0,
            percent(row.unused.0 as f64, row.size.0 as f64),
            row.empty,
            row.oversized
        );
        with_name(&numbers, &row.name)
    }
}

impl Listing for Copies<'_> {
    fn label(&self) -> String {
        let (count, size) = self.0.copies.iter().fold((0, 0u64), |(count, size), row| {
            (count + row.count, size.saturating_add(row.size.0))
        });
        format!(
            "{} hold what another one holds as well: {size} bytes.",
            counted(count, "text")
        )
    }

    fn header(&self) -> String {
        header(" Index  Count     Size ", &self.0.header)
    }

    fn len(&self) -> usize {
        self.0.copies.len()
    }

    fn row(&self, index: usize) -> String {
        let Some(row) = self.0.copies.get(index) else {
            return String::new();
        };
        let numbers = format!("{index:>6} {:>6} {:>8} ", row.count, row.size.0);
        with_name(&numbers, &row.name)
    }
}

impl Listing for Repeats<'_> {
    fn label(&self) -> String {
        "The texts that take the most, each with all of its blocks.".into()
    }

    fn header(&self) -> String {
        header(" Index  Count     Size ", &self.0.header)
    }

    fn len(&self) -> usize {
        self.0.repeats.len()
    }

    fn row(&self, index: usize) -> String {
        let Some(row) = self.0.repeats.get(index) else {
            return String::new();
        };
        let numbers = format!("{index:>6} {:>6} {:>8} ", row.count, row.size.0);
        with_name(&numbers, &row.name)
    }
}
