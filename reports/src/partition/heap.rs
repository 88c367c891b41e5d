//! An image, ready to be looked at.

use super::set::{Ids, Set};
use endler_snapshot::{
    BlockId, Bytes, ContextId, Evidence, FrameId, Image, Nanos, SourceLine, StackId, Tick, TypeRow,
};

/// A frozen heap to ask. It borrows the image and is as cheap as a reference.
///
/// Every accessor is total: a row or an id that is not there gives the default
/// value, so that a malformed image makes a poor table and never a panic.
#[derive(Clone, Copy, Debug)]
pub struct Heap<'a> {
    image: &'a Image,
    len: usize,
}

impl<'a> Heap<'a> {
    /// Looks at `image`.
    #[must_use]
    pub fn new(image: &'a Image) -> Self {
        let b = &image.blocks;
        let len = [
            b.size.len(),
            b.context.len(),
            b.born.len(),
            b.serial.len(),
            b.thread.len(),
            b.phase.len(),
        ]
        .into_iter()
        .fold(b.addr.len(), usize::min)
        .min(u32::MAX as usize);
        Heap { image, len }
    }

    /// The image itself.
    #[must_use]
    pub const fn image(self) -> &'a Image {
        self.image
    }

    /// Number of live blocks.
    #[must_use]
    pub const fn len(self) -> usize {
        self.len
    }

    /// Whether no block is live.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }

    /// The set of all live blocks.
    #[must_use]
    pub fn all(self) -> Set<'a> {
        Set::new(self, Ids::All)
    }

    /// Requested size of a block.
    #[must_use]
    pub fn size(self, block: usize) -> Bytes {
        self.image
            .blocks
            .size
            .get(block)
            .copied()
            .unwrap_or_default()
    }

    /// When a block was first allocated.
    #[must_use]
    pub fn born(self, block: usize) -> Tick {
        self.image
            .blocks
            .born
            .get(block)
            .copied()
            .unwrap_or_default()
    }

    /// How old a block was at the copy.
    #[must_use]
    pub fn age(self, block: usize) -> Nanos {
        self.image.process.clock.age(self.born(block))
    }

    /// The context of a block.
    #[must_use]
    pub fn context(self, block: usize) -> ContextId {
        self.image
            .blocks
            .context
            .get(block)
            .copied()
            .unwrap_or_default()
    }

    /// How the type of a block is known.
    #[must_use]
    pub fn evidence(self, block: usize) -> Evidence {
        self.image
            .resolution
            .as_ref()
            .and_then(|r| r.block_evidence.get(block))
            .copied()
            .unwrap_or_default()
    }

    /// The type row of a block; the default row where there is none.
    #[must_use]
    pub fn type_row(self, block: usize) -> TypeRow {
        let id = BlockId(u32::try_from(block).unwrap_or(u32::MAX));
        self.image
            .resolution
            .as_ref()
            .map_or_else(TypeRow::default, |r| r.type_of(id))
    }

    /// An interned string of the resolution; empty without one.
    #[must_use]
    pub fn str(self, id: endler_snapshot::StrId) -> &'a str {
        self.image.resolution.as_ref().map_or("", |r| r.str(id))
    }

    /// What tables call the type of a block.
    #[must_use]
    pub fn type_name(self, block: usize) -> &'a str {
        match self.str(self.type_row(block).name) {
            "" => super::UNKNOWN,
            name => name,
        }
    }

    /// The stack of a context.
    #[must_use]
    pub fn stack(self, context: ContextId) -> StackId {
        self.image
            .contexts
            .get(context.index())
            .map_or(StackId(0), |c| c.stack)
    }

    /// The inline chain of a frame, innermost first; empty if nothing is known.
    #[must_use]
    pub fn lines(self, frame: FrameId) -> &'a [SourceLine] {
        self.image
            .resolution
            .as_ref()
            .map_or(&[], |r| r.lines_of(frame))
    }
}
