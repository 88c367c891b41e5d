//! `diff --json`.

use super::Object;
use crate::diff::{Diff, DiffRow};
use std::io::{self, Write};

/// The whole object. `snapshots` are the paths as they were given. With two,
/// rows have both points and their difference; with more, all points.
pub fn diff(
    out: &mut dyn Write,
    snapshots: &[&str],
    of: &Diff,
    growth: Option<&str>,
    top: Option<usize>,
) -> io::Result<()> {
    let mut object = Object::new(out)?;
    object
        .field("snapshots", snapshots.to_vec())?
        .field("by", of.by.word())?
        .field("growth", growth)?;
    let rows = of.rows.iter().take(top.unwrap_or(usize::MAX));
    object.rows("rows", rows, |out, row| {
        out.field("name", row.name.trim_start())?;
        match row.points[..] {
            [_, _] => two(out, row),
            _ => many(out, row),
        }
    })?;
    object.end()?;
    out.write_all(b"\n")
}

fn two(out: &mut Object<'_>, row: &DiffRow) -> io::Result<()> {
    let (a, b) = (row.points[0], row.points[1]);
    out.field("count_a", a.count)?
        .field("size_a", a.size)?
        .field("count_b", b.count)?
        .field("size_b", b.size)?
        .field("count_delta", row.count_delta())?
        .field("size_delta", row.size_delta())?;
    Ok(())
}

fn many(out: &mut Object<'_>, row: &DiffRow) -> io::Result<()> {
    out.rows("points", &row.points, |out, point| {
        out.field("count", point.count)?.field("size", point.size)?;
        Ok(())
    })?;
    Ok(())
}
