//! What values are read with: types, blocks and memory; and the checks that an
//! address must pass before it is followed.

use endler_snapshot::{Addr, BlockId, Image, Memory, Resolution};

use super::see::Seen;
use super::{FieldStep, NoValue};
use crate::layout::files::{Source, files};
use crate::layout::index::{Index, index};
use crate::layout::{Layouts, TypeIx};
use crate::scan::book::Book;
use crate::scan::heap::Heap;
use crate::scan::program::Inside;
use crate::scan::rows::{Rows, Said};
use crate::scan::vtables::Vtables;

/// A value's place and type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) at: u64,
    pub(super) of: TypeIx,
}

/// What a block's value is, or what steps from it lead to.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Value(Spot),
    /// A row of values in a block, with how many there are.
    Row {
        first: Spot,
        len: u64,
    },
    /// So many bytes of a text.
    Text {
        at: u64,
        len: u64,
    },
}

pub(super) struct Engine<'r> {
    pub(super) image: &'r Image,
    pub(super) memory: &'r dyn Memory,
    pub(super) book: Book<'r>,
    pub(super) vtables: Vtables<'r>,
    pub(super) heap: Heap<'r>,
    rows: Rows,
}

impl<'r> Engine<'r> {
    /// Passes over the debug information once.
    pub(super) fn new(image: &'r Image, memory: &'r dyn Memory, sources: &'r [Source<'r>]) -> Self {
        let nothing = Resolution::default();
        let resolution = image.resolution.as_ref().unwrap_or(&nothing);
        let mut layouts = Layouts::new(files(sources));
        let mut rows = Rows::new(resolution);
        let Index { found, vtables, .. } = index(&mut layouts, rows.wants());
        let mut book = Book::new(layouts);
        rows.make(&mut book, &found);
        Engine {
            image,
            memory,
            book,
            vtables: Vtables::new(vtables, &image.modules),
            heap: Heap::new(&image.blocks),
            rows,
        }
    }

    /// Where steps from a block's value lead.
    pub(super) fn place(&mut self, block: BlockId, steps: &[FieldStep]) -> Result<Place, NoValue> {
        let base = self.base(block)?;
        self.walk(base, steps)
    }

    /// What a block holds.
    fn base(&mut self, block: BlockId) -> Result<Place, NoValue> {
        let unknown = || NoValue::new("the layout of this type is not known");
        let resolution = self.image.resolution.as_ref().ok_or_else(unknown)?;
        let row = resolution
            .block_type
            .get(block.index())
            .ok_or_else(unknown)?;
        let (start, size) = (self.heap.start(block.0), self.heap.size(block.0));
        let fills = self.image.references.as_ref().map(|r| &r.fills);
        let fill = fills.and_then(|fills| {
            let at = fills.binary_search_by_key(&block, |fill| fill.block).ok()?;
            Some(fills.get(at)?.length)
        });
        let some = |len: Option<u64>| {
            let message = "how many elements are there is only known of a field that owns them";
            len.ok_or_else(|| NoValue::new(message))
        };
        match self.rows.said(&self.book, row.0, size) {
            Said::Nothing => Err(unknown()),
            Said::Leaf => Ok(Place::Text {
                at: start,
                len: some(fill)?.min(size),
            }),
            Said::Form(ix) => {
                let form = self.book.get(ix).ok_or_else(unknown)?;
                let (key, element) = (form.key, form.size);
                match key.inside {
                    Inside::One { at, .. } => {
                        let at = start.checked_add(at).ok_or_else(unknown)?;
                        Ok(Place::Value(Spot { at, of: key.of }))
                    }
                    Inside::Many { at, header } => {
                        let room = size.saturating_sub(at).checked_div(element).unwrap_or(0);
                        let is_full = header == crate::scan::program::Header::Counts
                            || key.title == crate::scan::program::Title::FullRow;
                        let len = if is_full { Some(room) } else { fill };
                        let at = start.checked_add(at).ok_or_else(unknown)?;
                        Ok(Place::Row {
                            first: Spot { at, of: key.of },
                            len: some(len)?.min(room),
                        })
                    }
                    _ => Err(NoValue::new(
                        "this block is a part of a container; ask for the field that owns it",
                    )),
                }
            }
        }
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self, at: u64, len: u64) -> Option<Vec<u8>> {
        // More is never shown at once, and a length may be anything.
        let len = usize::try_from(len).ok().filter(|&len| len <= 1 << 20)?;
        let mut bytes = vec![0; len];
        self.memory.read(Addr(at), &mut bytes).ok()?;
        Some(bytes)
    }

    /// A number of 1, 2, 4 or 8 bytes.
    pub(super) fn number(&self, at: u64, size: u64) -> Option<u64> {
        let size = usize::try_from(size).ok().filter(|&size| size <= 8)?;
        let mut bytes = [0; 8];
        self.memory.read(Addr(at), bytes.get_mut(..size)?).ok()?;
        Some(u64::from_le_bytes(bytes))
    }

    pub(super) fn word(&self, at: u64) -> Option<u64> {
        self.number(at, 8)
    }

    /// Whether a block of exactly so many bytes begins at an address.
    pub(super) fn is_block(&self, at: u64, size: u64) -> bool {
        let block = self.heap.begins(at);
        block.is_some_and(|block| self.heap.size(block) == size)
    }

    /// Whether so many bytes lie inside one live block, or in a loaded file.
    pub(super) fn is_reachable(&self, at: u64, len: u64) -> bool {
        let Some(end) = at.checked_add(len) else {
            return false;
        };
        if let Some(block) = self.heap.find(at) {
            return end <= self.heap.start(block).saturating_add(self.heap.size(block));
        }
        let mut modules = self.image.modules.iter();
        modules.any(|module| module.start.0 <= at && end <= module.end.0)
    }

    /// The size of a type.
    pub(super) fn size(&mut self, of: TypeIx) -> Option<u64> {
        self.book.layouts.size(of)
    }

    /// Elements of a row from one on, as many as are asked for.
    pub(super) fn row(
        &mut self,
        first: Spot,
        len: u64,
        window: &std::ops::Range<u64>,
    ) -> Option<Vec<Spot>> {
        let size = self.size(first.of)?;
        let mut spots = Vec::new();
        for index in window.start..window.end.min(len) {
            let at = first.at.checked_add(index.checked_mul(size)?)?;
            spots.push(Spot { at, of: first.of });
        }
        Some(spots)
    }

    /// One level of what a place holds.
    pub(super) fn see_place(&mut self, place: &Place, window: &std::ops::Range<u64>) -> Seen {
        match *place {
            Place::Value(spot) => self.see(spot, window),
            Place::Row { first, len } => match self.row(first, len, window) {
                Some(items) => Seen::List { items, len },
                None => Seen::NotReadable,
            },
            Place::Text { at, len } => self.text(at, len, super::scalars::Encoding::Any),
        }
    }
}
