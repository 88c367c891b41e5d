//! Reading sections: lengths and checksums. What the payload means is not known
//! here. Nothing is believed before its checksum and its bounds were looked at.

use lz4_flex::block::decompress_into;

use super::header::{DONE, FILE_HEADER, HEADER, Header, Id, word};
use super::varint::Bad;
use super::{MAGIC, VERSION};
use crate::error::Error;

/// One section, unpacked.
pub(super) struct Section<'r> {
    pub(super) id: Id,
    pub(super) rows: usize,
    pub(super) plain: &'r [u8],
    /// Where its payload stands in the file.
    payload_at: u64,
    /// Whether the file holds the payload as it is.
    is_plain: bool,
}

impl Section<'_> {
    /// The error for what is wrong at byte `at` of the unpacked payload.
    pub(super) fn corrupt(&self, at: usize, bad: Bad) -> Error {
        let id = self.id.escape_ascii();
        let (offset, place) = if self.is_plain {
            (self.payload_at + at as u64, String::new())
        } else {
            (self.payload_at, format!(", unpacked byte {at}"))
        };
        Error::Corrupt {
            offset,
            what: format!("in section {id}{place}: {}", bad.0),
        }
    }
}

/// Reads sections one after the other, up to and with the end section.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    version: u32,
    at: usize,
    sections: u64,
    plain: Vec<u8>,
}

impl<'a> Reader<'a> {
    /// Checks the file header.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, Error> {
        let Some(header) = bytes.first_chunk::<FILE_HEADER>() else {
            let whole = MAGIC.iter().zip(bytes).all(|(a, b)| a == b);
            return Err(if whole {
                truncated(bytes)
            } else {
                Error::NotASnapshot
            });
        };
        if header[..8] != MAGIC {
            return Err(Error::NotASnapshot);
        }
        if word(header, 12) != crc32fast::hash(&header[..12]) {
            return Err(corrupt(
                8,
                Bad("the checksum of the file header does not fit"),
            ));
        }
        match word(header, 8) {
            // A section that came later is absent in an older file.
            version @ 1..=VERSION => Ok(Reader {
                bytes,
                version,
                at: FILE_HEADER,
                sections: 0,
                plain: Vec::new(),
            }),
            0 => Err(corrupt(8, Bad("there is no version 0"))),
            found => Err(Error::Version {
                found,
                newest: VERSION,
            }),
        }
    }

    /// The version that the file is of.
    pub(super) fn version(&self) -> u32 {
        self.version
    }

    /// The next section, `None` after the end section was read and checked.
    pub(super) fn next(&mut self) -> Result<Option<Section<'_>>, Error> {
        let start = self.at;
        let rest = self.bytes.get(start..).unwrap_or_default();
        let header = rest
            .first_chunk::<HEADER>()
            .ok_or_else(|| truncated(self.bytes))?;
        let header = Header::from_bytes(header).map_err(|bad| corrupt(start, bad))?;
        header.check().map_err(|bad| corrupt(start, bad))?;
        let payload_at = start + HEADER;
        let payload = rest
            .get(HEADER..HEADER + header.stored as usize)
            .ok_or_else(|| truncated(self.bytes))?;
        if crc32fast::hash(payload) != header.payload_crc {
            return Err(corrupt(
                payload_at,
                Bad("the checksum of a section does not fit"),
            ));
        }
        self.at = payload_at + payload.len();
        if header.id == DONE {
            return self.end(payload, payload_at).map(|()| None);
        }
        self.sections += 1;
        let is_plain = header.plain == header.stored;
        let plain = if is_plain {
            payload
        } else {
            self.plain.clear();
            self.plain.resize(header.plain as usize, 0);
            match decompress_into(payload, &mut self.plain) {
                Ok(len) if len == self.plain.len() => &self.plain,
                _ => return Err(corrupt(payload_at, Bad("a section does not unpack"))),
            }
        };
        let rows = header.rows as usize;
        let payload_at = payload_at as u64;
        Ok(Some(Section {
            id: header.id,
            rows,
            plain,
            payload_at,
            is_plain,
        }))
    }

    /// Checks the end section and that nothing comes after it.
    fn end(&self, payload: &[u8], payload_at: usize) -> Result<(), Error> {
        let expect = [self.sections, self.at as u64].map(u64::to_le_bytes);
        if payload != expect.as_flattened() {
            return Err(corrupt(payload_at, Bad("sections are missing or doubled")));
        }
        if self.at != self.bytes.len() {
            return Err(corrupt(self.at, Bad("bytes come after the end section")));
        }
        Ok(())
    }
}

fn corrupt(offset: usize, bad: Bad) -> Error {
    Error::Corrupt {
        offset: offset as u64,
        what: bad.0.to_owned(),
    }
}

fn truncated(bytes: &[u8]) -> Error {
    Error::Truncated {
        offset: bytes.len() as u64,
    }
}
