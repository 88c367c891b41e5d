//! The table of totals. It is ours; Heapy has none.

use super::page::Listing;
use super::table::{WIDTH, header, with_name_within};
use crate::partition::names::lifetime;
use crate::totals::{Sum, Totals};

impl Listing for Totals {
    fn label(&self) -> String {
        let mut sums = [Sum::default(); 4];
        for row in &self.rows {
            for (sum, part) in sums
                .iter_mut()
                .zip([row.allocated, row.freed, row.moved, row.live])
            {
                sum.count = sum.count.saturating_add(part.count);
                sum.size = sum.size.saturating_add(part.size);
            }
        }
        let [allocated, freed, moved, live] = sums;
        format!(
            "Totals since the start: {} allocations of {} bytes = {} live ({} bytes) + {} freed ({} bytes) \
             + {} moved by realloc ({} bytes).\n\
             Mean is the mean lifetime of the freed blocks; <1s is the percentage of them that lived less than a second.",
            allocated.count,
            allocated.size,
            live.count,
            live.size,
            freed.count,
            freed.size,
            moved.count,
            moved.size,
        )
    }

    fn header(&self) -> String {
        header(
            " Index Allocated        Bytes     Freed     Moved   Live     Size    Mean <1s ",
            &self.by.header(),
        )
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn row(&self, index: usize) -> String {
        let row = &self.rows[index];
        let mean = row.mean_lifetime().map_or("-".to_string(), lifetime);
        let short = match row.freed.count {
            0 => "-".to_string(),
            freed => super::number::percent(row.lifetimes[0] as f64, freed as f64),
        };
        let numbers = format!(
            "{index:>6} {:>9} {:>12} {:>9} {:>9} {:>6} {:>8} {mean:>7} {short:>3} ",
            row.allocated.count,
            row.allocated.size,
            row.freed.count,
            row.moved.count,
            row.live.count,
            row.live.size,
        );
        // Beside so many numbers a name needs more room than Heapy gives it.
        with_name_within(numbers.len() + WIDTH / 2, &numbers, &row.name)
    }
}
