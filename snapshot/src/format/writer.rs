//! Writing sections. What their payload means is not known here.

use std::io::{self, Write};

use lz4_flex::block::{CompressTable, compress_into_with_table, get_maximum_output_size};

use super::header::{DONE, FILE_HEADER, HEADER, Header, Id, file_header};
use super::{MAX_PLAIN, MAX_ROWS};
use crate::error::Error;

/// Payloads shorter than this are stored as they are: LZ4 has little to gain,
/// and the end section's length must be known before it is written.
const WORTH_PACKING: usize = 64;

/// An image that cannot be written: the caller's mistake, not the file's.
pub(super) fn refused(what: String) -> Error {
    let what = format!("the image cannot be written, report this as a bug of endler: {what}");
    Error::Io(io::Error::new(io::ErrorKind::InvalidInput, what))
}

/// Writes sections one after the other.
pub(super) struct Writer<'a> {
    to: &'a mut dyn Write,
    /// The section being built.
    plain: Vec<u8>,
    /// Its header and payload as they go to the file, in one `write`.
    packed: Vec<u8>,
    table: CompressTable,
    sections: u64,
    written: u64,
}

impl<'a> Writer<'a> {
    /// Writes the file header.
    pub(super) fn new(to: &'a mut dyn Write) -> Result<Self, Error> {
        to.write_all(&file_header())?;
        Ok(Writer {
            to,
            plain: Vec::new(),
            packed: Vec::new(),
            table: CompressTable::large(),
            sections: 0,
            written: FILE_HEADER as u64,
        })
    }

    /// Writes a section of `rows` rows, 1 to [`MAX_ROWS`], that `fill` appends.
    pub(super) fn section(
        &mut self,
        id: Id,
        rows: usize,
        fill: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), Error> {
        self.plain.clear();
        fill(&mut self.plain);
        debug_assert!((1..=MAX_ROWS.min(self.plain.len())).contains(&rows));
        if self.plain.len() > MAX_PLAIN {
            let id = id.escape_ascii();
            return Err(refused(format!(
                "a text in section {id} is longer than 64 MiB"
            )));
        }
        let stored = self.pack();
        let payload = &self.packed[HEADER..HEADER + stored];
        // All three fit: MAX_ROWS and MAX_PLAIN are far below 4 Gi.
        let header = Header {
            id,
            rows: rows as u32,
            plain: self.plain.len() as u32,
            stored: stored as u32,
            payload_crc: crc32fast::hash(payload),
        };
        self.packed[..HEADER].copy_from_slice(&header.to_bytes());
        self.to.write_all(&self.packed[..HEADER + stored])?;
        self.sections += 1;
        self.written += (HEADER + stored) as u64;
        Ok(())
    }

    /// Puts the section being built behind the room for its header; returns
    /// the length that it takes.
    fn pack(&mut self) -> usize {
        let plain = &self.plain[..];
        self.packed
            .resize(HEADER + get_maximum_output_size(plain.len()), 0);
        let payload = &mut self.packed[HEADER..];
        if plain.len() >= WORTH_PACKING
            && let Ok(len) = compress_into_with_table(plain, payload, &mut self.table)
            && len < plain.len()
        {
            return len;
        }
        payload[..plain.len()].copy_from_slice(plain);
        plain.len()
    }

    /// Writes the end section and flushes.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        let sections = self.sections;
        let length = self.written + (HEADER + 16) as u64;
        self.section(DONE, 1, |out| {
            out.extend_from_slice(&sections.to_le_bytes());
            out.extend_from_slice(&length.to_le_bytes());
        })?;
        debug_assert_eq!(self.written, length);
        self.to.flush()?;
        Ok(())
    }
}
