//! The tables of [`Residency`]: one row of heads, mappings, runs of pages.
//!
//! A process without mappings is possible (nothing could be read), so the head
//! says how many rows the two tables have: a file that has lost one is noticed.

use super::header::Id;
use super::table::{put_table, take_table};
use super::value::Value;
use super::varint::{Bad, Plain};
use super::writer::Writer;
use crate::error::Error;
use crate::ids::Nanos;
use crate::residency::{Inner, InnerStatistics, Residency};

/// The one row of `RSID`.
#[derive(Default)]
pub(super) struct Head {
    pub(super) allocator: String,
    pub(super) reading: Nanos,
    pub(super) statistics: Option<InnerStatistics>,
    pub(super) mappings: u64,
    pub(super) runs: u64,
}

/// What was read so far.
#[derive(Default)]
pub(super) struct Part {
    heads: Vec<Head>,
    residency: Residency,
}

pub(super) const RSID: Id = *b"RSID";
pub(super) const MAPS: Id = *b"MAPS";
pub(super) const PAGS: Id = *b"PAGS";

pub(super) fn put_residency(of: &Residency, writer: &mut Writer<'_>) -> Result<(), Error> {
    let head = Head {
        allocator: of.inner.allocator.clone(),
        reading: of.inner.reading,
        statistics: of.inner.statistics,
        mappings: of.mappings.len() as u64,
        runs: of.pages.len() as u64,
    };
    put_table(RSID, std::slice::from_ref(&head), writer)?;
    put_table(MAPS, &of.mappings, writer)?;
    put_table(PAGS, &of.pages, writer)
}

impl Part {
    pub(super) fn take(&mut self, id: Id, rows: usize, from: &mut Plain<'_>) -> Result<(), Bad> {
        match id {
            MAPS => take_table(&mut self.residency.mappings, rows, from),
            PAGS => take_table(&mut self.residency.pages, rows, from),
            _ => take_table(&mut self.heads, rows, from),
        }
    }

    /// What a file of `version` said.
    pub(super) fn into_residency(self, version: u32) -> Result<Residency, Bad> {
        let mut residency = self.residency;
        if version < 2 && self.heads.is_empty() {
            return Ok(Residency::default());
        }
        let Ok([head]) = <[Head; 1]>::try_from(self.heads) else {
            return Err(Bad("it does not have one head of its mappings"));
        };
        let found = (
            residency.mappings.len() as u64,
            residency.pages.len() as u64,
        );
        if found != (head.mappings, head.runs) {
            return Err(Bad("mappings or pages are missing"));
        }
        residency.inner = Inner {
            allocator: head.allocator,
            reading: head.reading,
            statistics: head.statistics,
        };
        Ok(residency)
    }
}

impl Value for InnerStatistics {
    fn put(&self, before: &mut u64, out: &mut Vec<u8>) {
        for (_, field) in self.named() {
            field.put(before, out);
        }
    }

    fn take(&mut self, before: &mut u64, from: &mut Plain<'_>) -> Result<(), Bad> {
        let fields = [
            &mut self.allocated,
            &mut self.cached,
            &mut self.active,
            &mut self.resident,
            &mut self.mapped,
            &mut self.retained,
            &mut self.metadata,
        ];
        for field in fields {
            Value::take(field, before, from)?;
        }
        Ok(())
    }
}
