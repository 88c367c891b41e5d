//! `report --json` and `report --by id --json`.

use super::Object;
use crate::graph::Retained;
use crate::partition::{By, Heap, Identity, Partition, Set, by};
use crate::render::Coverage;
use endler_snapshot::{Evidence, Nanos};
use std::io::{self, Write};

/// Seconds with a precision of milliseconds.
#[must_use]
pub(crate) fn seconds(nanos: Nanos) -> f64 {
    (nanos.0 / 1_000_000) as f64 / 1000.0
}

/// The whole object: what was seen, and the rows of `set` by a relation.
/// `snapshot` is the path as it was given, `top` how many rows at most.
pub fn report(
    out: &mut dyn Write,
    snapshot: &str,
    set: &Set<'_>,
    by: &By,
    top: Option<usize>,
) -> io::Result<()> {
    whole(out, snapshot, set, by, |object| {
        view(object, "rows", set, by, top)
    })
}

/// The rows of `set` block by block, each with what it retains: by
/// [`crate::holding::whole_graph`], so that what no root holds has a size as well.
pub fn report_retained(
    out: &mut dyn Write,
    snapshot: &str,
    set: &Set<'_>,
    retained: &Retained,
    top: Option<usize>,
) -> io::Result<()> {
    whole(out, snapshot, set, &by::ID.into(), |object| {
        identity(object, "rows", &set.by_id(), Some(retained), top)
    })
}

fn whole(
    out: &mut dyn Write,
    snapshot: &str,
    set: &Set<'_>,
    by: &By,
    rows: impl FnOnce(&mut Object<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let heap = set.heap();
    let coverage = Coverage::new(set);
    let mut object = Object::new(out)?;
    object
        .field("snapshot", snapshot)?
        .field("mode", heap.image().process.mode.as_str())?
        .field("objects", coverage.all.count)?
        .field("bytes", coverage.all.size)?
        .field("typed_objects", coverage.typed.count)?
        .field("typed_bytes", coverage.typed.size)?
        .field("lost", heap.image().figures.lost)?
        .field("by", by.word())?;
    rows(&mut object)?;
    object.end()?;
    out.write_all(b"\n")
}

/// A field with the rows of a set by a relation.
pub(crate) fn view(
    object: &mut Object<'_>,
    key: &str,
    set: &Set<'_>,
    by: &By,
    top: Option<usize>,
) -> io::Result<()> {
    if by.is_id() {
        identity(object, key, &set.by_id(), None, top)
    } else {
        partition(object, key, &set.by(by), top)
    }
}

/// A field with the rows of a partition.
fn partition(
    object: &mut Object<'_>,
    key: &str,
    of: &Partition<'_>,
    top: Option<usize>,
) -> io::Result<()> {
    let heap = of.heap();
    let rows = of.rows().iter().take(top.unwrap_or(usize::MAX));
    object.rows(key, rows, |out, row| {
        // Heapy right-aligns the names of sizes; that is layout, not name.
        out.field("name", of.name(row).trim_start())?;
        let types = of.type_row(row);
        if let Some(types) = types {
            holder_and_type(out, heap, types)?;
        }
        out.field("count", row.count)?
            .field("size", row.size.0)?
            .field("oldest_seconds", seconds(row.oldest))?;
        if types.is_some() {
            out.object("evidence", |out| {
                for (evidence, count) in Evidence::ALL.iter().zip(row.evidence) {
                    out.field(evidence.as_str(), count)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    })?;
    Ok(())
}

fn holder_and_type(
    out: &mut Object<'_>,
    heap: Heap<'_>,
    row: endler_snapshot::TypeRow,
) -> io::Result<()> {
    let holder = match heap.str(row.holder) {
        "" => crate::partition::UNKNOWN,
        holder => holder,
    };
    out.text("holder", holder)?
        .text("type", heap.str(row.held))?;
    Ok(())
}

/// A field with the rows of a list of blocks.
fn identity(
    object: &mut Object<'_>,
    key: &str,
    of: &Identity<'_>,
    retained: Option<&Retained>,
    top: Option<usize>,
) -> io::Result<()> {
    let heap = of.set().heap();
    let sites = (by::SITE.classify)(heap);
    let vias = by::vias(heap);
    let rows = (0..of.len().min(top.unwrap_or(usize::MAX))).filter_map(|i| of.row(i));
    object.rows(key, rows, |out, row| {
        let block = row.block.index();
        let blocks = &heap.image().blocks;
        let addr = blocks.addr.get(block).copied().unwrap_or_default();
        out.text("address", &addr.to_string())?
            .field(
                "serial",
                blocks.serial.get(block).copied().unwrap_or_default().0,
            )?
            .field("size", row.size.0)?
            .text("name", heap.type_name(block))?;
        holder_and_type(out, heap, heap.type_row(block))?;
        out.text("evidence", heap.evidence(block).as_str())?
            .field("via", vias.of(block).collect::<Vec<_>>())?
            .text("site", &sites.name(sites.of_block(block)))?
            .field("age_seconds", seconds(heap.age(block)))?;
        if let Some(retained) = retained {
            out.field("retained", retained.bytes(row.block.into()).0)?;
        }
        Ok(())
    })?;
    Ok(())
}
