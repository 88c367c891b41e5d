//! The tables that are columns in memory too: blocks, their types, stacks, edges.

use std::ops::Range;

use super::MAX_ROWS;
use super::header::Id;
use super::value::{Value, grow, put_column, put_differences, take_column, take_difference};
use super::varint::{Bad, Plain, put_varint};
use super::writer::Writer;
use crate::error::Error;
use crate::ids::{Addr, LineId, Serial, TagId, TypeId};
use crate::image::{Blocks, StackTrie};
use crate::references::Edges;
use crate::resolution::Resolution;

/// Writes `rows` rows in sections that `fill` appends, a range at a time.
fn put_ranges(
    id: Id,
    rows: usize,
    writer: &mut Writer<'_>,
    fill: impl Fn(Range<usize>, &mut Vec<u8>),
) -> Result<(), Error> {
    for start in (0..rows).step_by(MAX_ROWS) {
        let range = start..rows.min(start + MAX_ROWS);
        writer.section(id, range.len(), |out| fill(range, out))?;
    }
    Ok(())
}

/// Appends the rows of one section to a column.
pub(super) fn take_more<V: Value + Default>(
    column: &mut Vec<V>,
    rows: usize,
    from: &mut Plain<'_>,
) -> Result<(), Bad> {
    take_column(grow(column, rows), from)
}

pub(super) fn put_blocks(id: Id, blocks: &Blocks, writer: &mut Writer<'_>) -> Result<(), Error> {
    put_ranges(id, blocks.len(), writer, |range, out| {
        put_addresses(&blocks.addr[range.clone()], out);
        put_column(&blocks.size[range.clone()], out);
        put_column(&blocks.context[range.clone()], out);
        put_column(&blocks.born[range.clone()], out);
        put_serials(&blocks.serial[range.clone()], out);
        put_column(&blocks.thread[range.clone()], out);
        put_column(&blocks.phase[range], out);
    })
}

pub(super) fn take_blocks(
    blocks: &mut Blocks,
    rows: usize,
    from: &mut Plain<'_>,
) -> Result<(), Bad> {
    take_addresses(grow(&mut blocks.addr, rows), from)?;
    take_more(&mut blocks.size, rows, from)?;
    take_more(&mut blocks.context, rows, from)?;
    take_more(&mut blocks.born, rows, from)?;
    take_serials(grow(&mut blocks.serial, rows), from)?;
    take_more(&mut blocks.thread, rows, from)?;
    take_more(&mut blocks.phase, rows, from)
}

/// Appends strictly rising addresses. Allocators align, so the low bits that
/// are 0 in every difference are left out: with 16 bytes of alignment a
/// neighbour up to 2 KiB away takes one byte.
fn put_addresses(rows: &[Addr], out: &mut Vec<u8>) {
    let differences = || {
        rows.windows(2)
            .map(|pair| pair[1].0.wrapping_sub(pair[0].0))
    };
    // 63 where there is no difference at all: any shift would do.
    let shift = differences()
        .fold(0, |all, one| all | one)
        .trailing_zeros()
        .min(63);
    put_varint(rows.first().map_or(0, |first| first.0), out);
    out.push(shift as u8);
    for difference in differences() {
        put_varint(difference >> shift, out);
    }
}

fn take_addresses(rows: &mut [Addr], from: &mut Plain<'_>) -> Result<(), Bad> {
    let mut at = from.varint()?;
    let shift = from.byte()?;
    if shift > 63 {
        return Err(Bad("addresses cannot be shifted so far"));
    }
    if let Some((first, rest)) = rows.split_first_mut() {
        *first = Addr(at);
        for row in rest {
            let difference = from.varint()?;
            if difference > u64::MAX >> shift {
                return Err(Bad("an address is longer than 64 bits"));
            }
            at = at
                .checked_add(difference << shift)
                .ok_or(Bad("an address is longer than 64 bits"))?;
            *row = Addr(at);
        }
    }
    Ok(())
}

/// Slots are given out in order while a heap grows, so neighbours differ
/// little; epochs are small and mostly alike.
fn put_serials(rows: &[Serial], out: &mut Vec<u8>) {
    put_differences(rows.iter().map(|serial| serial.0 as u32), out);
    for serial in rows {
        put_varint(serial.0 >> 32, out);
    }
}

fn take_serials(rows: &mut [Serial], from: &mut Plain<'_>) -> Result<(), Bad> {
    let mut before = 0;
    for serial in &mut *rows {
        serial.0 = u64::from(take_difference(&mut before, from)?);
    }
    for serial in rows {
        serial.0 |= u64::from(from.varint32()?) << 32;
    }
    Ok(())
}

pub(super) fn put_stacks(id: Id, stacks: &StackTrie, writer: &mut Writer<'_>) -> Result<(), Error> {
    put_ranges(id, stacks.parent.len(), writer, |range, out| {
        put_column(&stacks.parent[range.clone()], out);
        put_column(&stacks.frame[range], out);
    })
}

pub(super) fn take_stacks(
    stacks: &mut StackTrie,
    rows: usize,
    from: &mut Plain<'_>,
) -> Result<(), Bad> {
    take_more(&mut stacks.parent, rows, from)?;
    take_more(&mut stacks.frame, rows, from)
}

pub(super) fn put_thread_tags(
    id: Id,
    tags: &[Option<TagId>],
    writer: &mut Writer<'_>,
) -> Result<(), Error> {
    put_ranges(id, tags.len(), writer, |range, out| {
        put_column(&tags[range], out)
    })
}

pub(super) fn put_edges(id: Id, edges: &Edges, writer: &mut Writer<'_>) -> Result<(), Error> {
    put_ranges(id, edges.len(), writer, |range, out| {
        put_column(&edges.source[range.clone()], out);
        put_column(&edges.target[range.clone()], out);
        put_column(&edges.label[range.clone()], out);
        put_column(&edges.kind[range], out);
    })
}

pub(super) fn take_edges(
    edges: &mut Edges,
    rows: usize,
    from: &mut Plain<'_>,
    version: u32,
) -> Result<(), Bad> {
    take_more(&mut edges.source, rows, from)?;
    if version < 3 {
        let mut offsets: Vec<u32> = Vec::new();
        take_more(&mut offsets, rows, from)?;
    }
    take_more(&mut edges.target, rows, from)?;
    take_more(&mut edges.label, rows, from)?;
    take_more(&mut edges.kind, rows, from)
}

pub(super) fn put_types(
    id: Id,
    resolution: &Resolution,
    writer: &mut Writer<'_>,
) -> Result<(), Error> {
    put_ranges(id, resolution.block_type.len(), writer, |range, out| {
        put_column(&resolution.block_type[range.clone()], out);
        put_column(&resolution.block_evidence[range], out);
    })
}

pub(super) fn take_types(
    resolution: &mut Resolution,
    rows: usize,
    from: &mut Plain<'_>,
) -> Result<(), Bad> {
    take_more(&mut resolution.block_type, rows, from)?;
    take_more(&mut resolution.block_evidence, rows, from)
}

pub(super) fn put_frame_lines(id: Id, ends: &[u32], writer: &mut Writer<'_>) -> Result<(), Error> {
    put_ranges(id, ends.len(), writer, |range, out| {
        put_differences(ends[range].iter().copied(), out);
    })
}

pub(super) fn take_frame_lines(
    ends: &mut Vec<u32>,
    rows: usize,
    from: &mut Plain<'_>,
) -> Result<(), Bad> {
    let mut before = 0;
    for end in grow(ends, rows) {
        *end = take_difference(&mut before, from)?;
    }
    Ok(())
}

pub(super) fn put_sites(
    id: Id,
    sites: &[Option<LineId>],
    writer: &mut Writer<'_>,
) -> Result<(), Error> {
    put_ranges(id, sites.len(), writer, |range, out| {
        put_column(&sites[range], out)
    })
}

pub(super) fn take_sites(
    sites: &mut Vec<Option<LineId>>,
    rows: usize,
    from: &mut Plain<'_>,
) -> Result<(), Bad> {
    take_more(sites, rows, from)
}

pub(super) fn put_context_types(
    id: Id,
    types: &[TypeId],
    writer: &mut Writer<'_>,
) -> Result<(), Error> {
    put_ranges(id, types.len(), writer, |range, out| {
        put_column(&types[range], out)
    })
}

pub(super) fn take_context_types(
    types: &mut Vec<TypeId>,
    rows: usize,
    from: &mut Plain<'_>,
) -> Result<(), Bad> {
    take_more(types, rows, from)
}
