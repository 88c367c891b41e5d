//! Tables of rows as sections of columns.

use super::header::Id;
use super::residency::Head;
use super::tables::Numbers;
use super::tags::Head as TagHead;
use super::value::{Value, grow, put_column, take_column};
use super::varint::{Bad, Plain};
use super::writer::Writer;
use super::{MAX_ROWS, MAX_TEXT};
use crate::error::Error;
use crate::image::{Context, Figures, Frame, Module, Phase, Process, Tag, Thread, Totals};
use crate::references::{Count, Fill, Repeat, Root, Scan};
use crate::residency::{Mapping, PageRun};
use crate::resolution::{ModuleInfo, SourceLine, TypeRow};

/// A row type, and the order of its columns in the file.
pub(super) trait Row: Default {
    fn put(rows: &[Self], out: &mut Vec<u8>);
    fn take(rows: &mut [Self], from: &mut Plain<'_>) -> Result<(), Bad>;
    /// Bytes of text in the row.
    fn row_text(&self) -> usize;
}

/// Writes a table in as many sections as it needs.
pub(super) fn put_table<R: Row>(
    id: Id,
    mut rows: &[R],
    writer: &mut Writer<'_>,
) -> Result<(), Error> {
    while !rows.is_empty() {
        let mut text = 0usize;
        let fit = rows.iter().take(MAX_ROWS).take_while(|row| {
            text = text.saturating_add(row.row_text());
            text <= MAX_TEXT
        });
        // A row whose text alone is too much stands in a section of its own.
        let (now, later) = rows.split_at(fit.count().max(1));
        writer.section(id, now.len(), |out| R::put(now, out))?;
        rows = later;
    }
    Ok(())
}

/// Appends the rows of one section to a table.
pub(super) fn take_table<R: Row>(
    table: &mut Vec<R>,
    rows: usize,
    from: &mut Plain<'_>,
) -> Result<(), Bad> {
    R::take(grow(table, rows), from)
}

// A field's name cannot be given to a function; written as functions, each
// column would stand in three lists that could come apart.
macro_rules! columns {
    ($($row:ident { $($field:ident $(. $part:ident)?),+ })*) => {
        $(impl Row for $row {
            fn put(rows: &[Self], out: &mut Vec<u8>) {
                $(put_column(rows.iter().map(|row| &row.$field $(.$part)?), out);)+
            }
            fn take(rows: &mut [Self], from: &mut Plain<'_>) -> Result<(), Bad> {
                $(take_column(rows.iter_mut().map(|row| &mut row.$field $(.$part)?), from)?;)+
                Ok(())
            }
            fn row_text(&self) -> usize {
                0 $(+ self.$field $(.$part)?.text())+
            }
        })*
    };
}
columns! {
    Process {
        pid, mode, cut, taken, held, exe, sequence, phase, clock.nanos_per_tick, clock.now
    }
    Figures { lost, truncated, stuck, own, resident }
    Head { allocator, reading, statistics, mappings, runs }
    Mapping { start, end, kind, access, name, thread, rss, private_dirty, swap }
    PageRun { start, pages }
    Module { path, build_id, bias, start, end }
    Thread { tid, name, alive, stack_pointer }
    TagHead { untold, tags, threads }
    Tag { name, open }
    Phase { name, start }
    Frame { address, kind, module }
    Context { stack, tag, end }
    Totals { freed, freed_bytes, moved, moved_bytes, lifetime_ticks, lifetimes }
    SourceLine { function, file, line, krate, owner }
    TypeRow { name, holder, held }
    ModuleInfo { level, source }
    Scan { by_layout, by_word, unread, cut_short, roots, edges }
    Root { kind, name, thread }
    Numbers { counts, fills, repeats }
    Count { block, strong, weak, found, found_weak, found_other }
    Fill { block, length, unused, is_copy }
    Repeat { block, count, size }
}

impl Row for String {
    fn put(rows: &[Self], out: &mut Vec<u8>) {
        put_column(rows, out);
    }

    fn take(rows: &mut [Self], from: &mut Plain<'_>) -> Result<(), Bad> {
        take_column(rows, from)
    }

    fn row_text(&self) -> usize {
        self.len()
    }
}
