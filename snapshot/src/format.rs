//! The `.endler` file: an [`Image`] as compressed, checksummed columns.
//!
//! It is written front to back without a seek and with two buffers of one
//! section each, so the forked child can write it within its memory budget; no
//! lock, thread or environment variable is used. It holds no contents of the
//! profiled process's memory. It is not for: access to a part of the
//! file without reading the rest, or for files of another tool.
//!
//! # Layout, version 4
//!
//! All fixed-width numbers are little-endian. Nothing is padded: every byte
//! belongs to a header or is covered by a checksum.
//!
//! ```text
//! file     ┌──────────────┬─────────┬─────────┬─   ─┬─────────┐
//!          │ file header  │ section │ section │  …  │ DONE    │
//!          └──────────────┴─────────┴─────────┴─   ─┴─────────┘
//!
//! file header, 16 bytes; the same in every version
//!   at  0  [u8; 8]  MAGIC: 89 'E' 'N' 'D' 'L' 'E' 'R' 0a
//!       8  u32      VERSION
//!      12  u32      CRC-32 of bytes 0..12
//!
//! section, 24 bytes and its payload
//!   at  0  [u8; 4]  id, four letters
//!       4  u32      rows in it, 1 to 65,536
//!       8  u32      length of the payload unpacked, at most 64 MiB
//!      12  u32      length of the payload in the file
//!      16  u32      CRC-32 of the payload as it stands in the file
//!      20  u32      CRC-32 of bytes 0..20 of this header
//!      24  …        payload: one LZ4 block, or the plain bytes where both
//!                   lengths are equal
//! ```
//!
//! CRC-32 is the IEEE polynomial (zlib's); an LZ4 block is the raw block format
//! without a frame. Every change of up to 32 neighbouring bits is found.
//!
//! A section holds some rows of one table, column after column. A table with
//! more rows, or with more than 256 KiB of text, goes on in the next section of
//! the same id; a table without rows has no section. They come in this order:
//!
//! ```text
//! id    table                  columns
//! PROC  process (one row)      pid mode cut taken held exe sequence phase clock
//! FIGS  figures (one row)      lost truncated stuck own resident
//! RSID  residency (one row)    allocator reading statistics, rows of MAPS, of PAGS
//! MAPS  residency.mappings     start end kind access name thread rss
//!                              private_dirty swap
//! PAGS  residency.pages        start pages
//! MODU  modules                path build_id bias start end
//! THRD  threads                tid name alive stack_pointer
//! TAGH  rows of the next two   untold, rows of TAGS, of TTAG (one row)
//! TAGS  tags                   name open
//! TTAG  threads.tag            tag (as many rows as THRD, or none)
//! PHAS  phases                 name start
//! FRAM  frames                 address kind module
//! STCK  stacks                 parent frame
//! CTXT  contexts               stack tag end
//! TOTL  totals                 freed … lifetimes
//! BLKS  blocks                 addr* size context born serial* thread phase
//!       only where the image is resolved:
//! STRS  strings                string
//! LINE  lines                  function file line krate owner
//! FLIN  frame_lines            u32*
//! TYPE  types                  name holder held
//! BTYP  block_type, _evidence  type evidence
//! SITE  context_site           site
//! CTYP  context_type           type
//! MINF  resolution.modules     level source
//!       only where the memory was scanned:
//! SCAN  references.scan        by_layout by_word unread cut_short roots
//!                              edges (one row)
//! ROOT  references.roots       kind name thread
//! LABL  references.labels      string
//! EDGE  references.edges       source target label kind
//! NUMS  rows of the next three   counts fills repeats (one row)
//! CNTS  references.counts      block strong weak found found_weak found_other
//! FILL  references.fills       block length unused is_copy
//! RPTS  references.repeats     block count size
//!
//! DONE  the end (one row,      number of sections before it: u64, length of
//!       stored plain)          the whole file: u64
//! ```
//!
//! A column is its rows' values one after another:
//!
//! ```text
//! u16 u32 u64, ids, Bytes, Nanos,
//! Access                           LEB128 varint
//! Addr, StackId, Tick, NodeId,
//! BlockId                          zigzag varint of the wrapping difference
//!                                  from the row before (row 0: from 0)
//! f64                              8 bytes, its bits
//! enums, bool                      one byte, the variant's number in order
//! String, Vec<u8>                  varint length, bytes
//! Option                           byte 0, or byte 1 and the value
//! InnerStatistics                  its seven fields, each an Option, in the order of
//!                                  their declaration
//! blocks.addr*                     first address as varint; byte s; for each
//!                                  further row varint((addr - previous) >> s),
//!                                  where s are the low bits that are 0 in all
//!                                  the differences
//! blocks.serial*                   the low halves (slots) as zigzag varints of
//!                                  wrapping 32-bit differences, then the high
//!                                  halves (epochs) as varints
//! frame_lines*                     zigzag varints of wrapping 32-bit differences
//! ```
//!
//! # Worked example
//!
//! The phases `""` at tick 0 and `"crawl"` at tick 9:
//!
//! ```text
//! 50 48 41 53  id "PHAS"
//! 02 00 00 00  2 rows
//! 09 00 00 00  9 bytes unpacked
//! 09 00 00 00  9 bytes in the file: stored as they are
//! ac 65 93 b2  CRC-32 of the payload
//! 49 a0 f4 e1  CRC-32 of the 20 bytes above
//! 00                   name of row 0: length 0
//! 05 63 72 61 77 6c    name of row 1: length 5, "crawl"
//! 00 12                start: 0, and 9 more than that (zigzag: 18)
//! ```
//!
//! # Versions
//!
//! * 1: the first.
//! * 2: references (SCAN, ROOT, LABL, EDGE); mappings, resident pages and the inner
//!   allocator (RSID, MAPS, PAGS). Files of version 1 have none of them.
//! * 3: counts of `Rc` and `Arc`, how full containers are, equal texts (NUMS, CNTS,
//!   FILL, RPTS). EDGE had a column `offset` before, behind `source`, which was always 0.
//! * 4: tags (TAGH, TAGS, TTAG). Files of earlier versions have none.

mod blocks;
mod header;
mod reader;
mod residency;
mod table;
mod tables;
mod tags;
mod value;
mod varint;
mod writer;

use std::io::Write;

use crate::error::Error;
use crate::image::Image;

/// The format version that [`write()`] writes, and the one that [`read`] reads.
/// Any change of the layout in the module's docs raises it.
pub const VERSION: u32 = 4;

/// The first eight bytes of every snapshot. The first is not text and the last
/// is a line end, so that a transfer as text is noticed.
pub const MAGIC: [u8; 8] = *b"\x89ENDLER\n";

/// Rows in a section at most: bounds the writer's and the reader's buffers.
pub(crate) const MAX_ROWS: usize = 65_536;

/// Bytes of text after which a section is closed.
pub(crate) const MAX_TEXT: usize = 256 * 1024;

/// Unpacked bytes in a section at most. Only one text longer than this, which
/// no process has, cannot be written.
pub(crate) const MAX_PLAIN: usize = 64 * 1024 * 1024;

/// Writes `image` and flushes. O(rows); the buffers hold one section.
///
/// An image that breaks its invariants is refused with [`Error::Io`] of kind
/// `InvalidInput`, before anything is written: no reader would take the file.
///
/// ```
/// use endler_snapshot::{Image, Phase, StackTrie, format};
/// let image = Image {
///     phases: vec![Phase::default()],
///     stacks: StackTrie { parent: vec![Default::default()], frame: vec![Default::default()] },
///     ..Image::default()
/// };
/// let mut file = Vec::new();
/// format::write(&image, &mut file)?;
/// assert_eq!(format::read(&file)?, image);
/// # Ok::<(), endler_snapshot::Error>(())
/// ```
pub fn write(image: &Image, to: &mut dyn Write) -> Result<(), Error> {
    image.check_invariants().map_err(writer::refused)?;
    let mut writer = writer::Writer::new(to)?;
    tables::put_all(image, &mut writer)?;
    writer.finish()
}

/// Reads a whole file. O(rows). Whatever the bytes are, it returns and never
/// panics; what it allocates is bounded by the rows that the bytes present can
/// unpack to (LZ4 unpacks at most 255 times), never by what a length says.
pub fn read(bytes: &[u8]) -> Result<Image, Error> {
    let mut reader = reader::Reader::new(bytes)?;
    let mut parts = tables::Parts::new(reader.version());
    while let Some(section) = reader.next()? {
        let mut plain = varint::Plain::new(section.plain);
        parts
            .take(section.id, section.rows, &mut plain)
            .and_then(|()| plain.expect_end())
            .map_err(|bad| section.corrupt(plain.at(), bad))?;
    }
    let corrupt = |what| Error::Corrupt {
        offset: bytes.len() as u64,
        what,
    };
    let image = parts.into_image().map_err(|bad| corrupt(bad.0.into()))?;
    image
        .check_invariants()
        .map_err(|what| corrupt(format!("its tables do not fit together: {what}")))?;
    Ok(image)
}
