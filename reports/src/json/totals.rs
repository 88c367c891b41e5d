//! `report --totals --json`.

use super::Object;
use super::report::seconds;
use crate::partition::by;
use crate::totals::Totals;
use std::io::{self, Write};

/// The whole object. `snapshot` is the path as it was given.
pub fn totals(
    out: &mut dyn Write,
    snapshot: &str,
    of: &Totals,
    top: Option<usize>,
) -> io::Result<()> {
    let mut object = Object::new(out)?;
    object
        .field("snapshot", snapshot)?
        .field("by", of.by.word())?;
    let rows = of.rows.iter().take(top.unwrap_or(usize::MAX));
    object.rows("totals", rows, |out, row| {
        out.field("name", row.name.as_str())?
            .field("allocated_count", row.allocated.count)?
            .field("allocated_size", row.allocated.size)?
            .field("freed_count", row.freed.count)?
            .field("freed_size", row.freed.size)?
            .field("moved_count", row.moved.count)?
            .field("moved_size", row.moved.size)?
            .field("live_count", row.live.count)?
            .field("live_size", row.live.size)?
            .field("mean_lifetime_seconds", row.mean_lifetime().map(seconds))?
            .object("lifetimes", |out| {
                for (name, count) in by::AGES.iter().zip(row.lifetimes) {
                    out.field(name, count)?;
                }
                Ok(())
            })?;
        Ok(())
    })?;
    object.end()?;
    out.write_all(b"\n")
}
