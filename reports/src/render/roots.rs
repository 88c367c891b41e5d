//! The table of roots.

use super::number::counted;
use super::page::Listing;
use super::table::with_name;
use crate::holding::RootTable;

impl Listing for RootTable {
    fn label(&self) -> String {
        format!(
            "What goes if one lets go, of {}. What several keep together: {}, {} bytes.",
            counted(self.roots, "root"),
            counted(self.shared_count, "block"),
            self.shared_size.0
        )
    }

    fn header(&self) -> String {
        " Index  Count Retained Root".into()
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn row(&self, index: usize) -> String {
        let Some(row) = self.rows.get(index) else {
            return String::new();
        };
        let numbers = format!("{index:>6} {:>6} {:>8} ", row.count, row.size.0);
        // The name of a row for a whole thread says which.
        let thread = match row.thread.as_str() {
            "" => String::new(),
            thread if row.name.ends_with(thread) => String::new(),
            thread => format!(" (thread {thread})"),
        };
        with_name(&numbers, &format!("{}{thread}", row.name))
    }
}
