//! The two headers of the file, as bytes. See the drawing in [`crate::format`].

use super::varint::Bad;
use super::{MAGIC, MAX_PLAIN, MAX_ROWS, VERSION};

/// The four letters that say what a section holds.
pub(super) type Id = [u8; 4];

/// The last section.
pub(super) const DONE: Id = *b"DONE";

pub(super) const FILE_HEADER: usize = 16;
pub(super) const HEADER: usize = 24;

/// LZ4 writes a match of any length with one byte for each 255 of it, so no
/// block unpacks to more than this many times its length.
const MAX_RATIO: usize = 255;

/// The fields of a section's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) id: Id,
    pub(super) rows: u32,
    pub(super) plain: u32,
    pub(super) stored: u32,
    pub(super) payload_crc: u32,
}

impl Header {
    pub(super) fn to_bytes(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let fields = [
            self.id,
            self.rows.to_le_bytes(),
            self.plain.to_le_bytes(),
            self.stored.to_le_bytes(),
            self.payload_crc.to_le_bytes(),
        ];
        for (to, field) in bytes.chunks_exact_mut(4).zip(fields) {
            to.copy_from_slice(&field);
        }
        let crc = crc32fast::hash(&bytes[..HEADER - 4]);
        bytes[HEADER - 4..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8; HEADER]) -> Result<Header, Bad> {
        if word(bytes, HEADER - 4) != crc32fast::hash(&bytes[..HEADER - 4]) {
            return Err(Bad("the checksum of a section header does not fit"));
        }
        Ok(Header {
            id: word(bytes, 0).to_le_bytes(),
            rows: word(bytes, 4),
            plain: word(bytes, 8),
            stored: word(bytes, 12),
            payload_crc: word(bytes, 16),
        })
    }

    /// What can be said against the lengths without looking at the payload.
    pub(super) fn check(&self) -> Result<(), Bad> {
        let (plain, stored, rows) = (
            self.plain as usize,
            self.stored as usize,
            self.rows as usize,
        );
        if plain > MAX_PLAIN {
            return Err(Bad("a section is larger than any that endler writes"));
        }
        if stored > plain || plain > stored.saturating_mul(MAX_RATIO) {
            return Err(Bad("the two lengths of a section cannot both be right"));
        }
        // Each row has a byte at least, so rows are bounded by what is there.
        if rows == 0 || rows > MAX_ROWS || rows > plain {
            return Err(Bad("a section has more rows than it can hold, or none"));
        }
        Ok(())
    }
}

/// The little-endian `u32` at `at`, which the callers keep inside `bytes`.
pub(super) fn word<const N: usize>(bytes: &[u8; N], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

/// The first bytes of every file of this version.
pub(super) fn file_header() -> [u8; FILE_HEADER] {
    let mut bytes = [0; FILE_HEADER];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    let crc = crc32fast::hash(&bytes[..12]);
    bytes[12..].copy_from_slice(&crc.to_le_bytes());
    bytes
}
