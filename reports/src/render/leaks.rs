//! The tables of lost blocks, of cycles, and of counts that do not fit.

use super::number::counted;
use super::page::Listing;
use super::table::with_name;
use crate::graph::LeakKind;
use crate::holding::{CountTable, CycleTable, LeakTable};
use crate::partition::names::age;

impl Listing for LeakTable {
    fn label(&self) -> String {
        let what = format!(
            "{} that nothing refers to any more. Total size = {} bytes.",
            counted(self.count, "block"),
            self.size.0
        );
        if self.count == 0 {
            return "Every block can be reached from a static, a thread-local or a stack.".into();
        }
        if self.confirmed {
            format!("Leaked: {what} All snapshots agree.")
        } else {
            format!(
                "Unreachable now: {what}\n\
                 A register of a waiting thread may still hold one of them; give a later snapshot \
                 of the process as well: what both find unreachable is leaked."
            )
        }
    }

    fn header(&self) -> String {
        " Index  Count     Size Indirect     Size   Oldest Type, Site".into()
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn row(&self, index: usize) -> String {
        let Some(row) = self.rows.get(index) else {
            return String::new();
        };
        let numbers = format!(
            "{index:>6} {:>6} {:>8} {:>8} {:>8} {:>8} ",
            row.count,
            row.size.0,
            row.indirect_count,
            row.indirect_size.0,
            age(row.oldest)
        );
        let cycle = match row.kind {
            LeakKind::Direct => "",
            LeakKind::Cycle => "a cycle with ",
        };
        with_name(&numbers, &format!("{cycle}{}, {}", row.name, row.site))
    }
}

impl Listing for CycleTable {
    fn label(&self) -> String {
        let cycles = self.rows.iter().map(|row| row.count).sum();
        format!(
            "{} of Rc and Arc, which nothing frees. The field that closes each would be a Weak.",
            counted(cycles, "cycle")
        )
    }

    fn header(&self) -> String {
        " Index Cycles  Count     Size   Oldest Closing Field, Type, Site".into()
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn row(&self, index: usize) -> String {
        let Some(row) = self.rows.get(index) else {
            return String::new();
        };
        let numbers = format!(
            "{index:>6} {:>6} {:>6} {:>8} {:>8} ",
            row.count,
            row.blocks,
            row.size.0,
            age(row.oldest)
        );
        let state = if row.is_lost { "lost" } else { "still held" };
        let (closing, name, site) = (&row.closing, &row.name, &row.site);
        with_name(&numbers, &format!("{closing}, {name}, {site} ({state})"))
    }
}

impl Listing for CountTable {
    fn label(&self) -> String {
        let wrong = self.rows.iter().map(|row| row.count).sum();
        format!(
            "Counts of {} do not fit the pointers that were found, of {} that were looked at. A \
             count is lost where an Rc or Arc was forgotten, or where the pointer lies in memory \
             that is no heap, static or stack.",
            counted(wrong, "block"),
            self.compared
        )
    }

    fn header(&self) -> String {
        " Index  Count     Size     By   Oldest What, Type, Site".into()
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn row(&self, index: usize) -> String {
        let Some(row) = self.rows.get(index) else {
            return String::new();
        };
        let numbers = format!(
            "{index:>6} {:>6} {:>8} {:>6} {:>8} ",
            row.count,
            row.size.0,
            row.by,
            age(row.oldest)
        );
        let what = row.mismatch.as_str();
        with_name(&numbers, &format!("{what}, {}, {}", row.name, row.site))
    }
}
