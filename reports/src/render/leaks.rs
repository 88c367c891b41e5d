//! The table of lost blocks.

use super::number::counted;
use super::page::Listing;
use super::table::with_name;
use crate::graph::LeakKind;
use crate::holding::LeakTable;
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
