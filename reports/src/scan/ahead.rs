//! What the next pointers lead to is asked of the cache before it is looked up.
//!
//! ```text
//!  bytes of the next blocks ─► words that lie in the heap
//!    1.  their pages' numbers        are asked for
//!    2.  the addresses behind these  are asked for
//!    3.  the blocks' sizes           are asked for          then the blocks are scanned
//! ```
//!
//! A look-up waits for memory two or three times, each time for what the one before told; a
//! pointer to a random place costs as much as the whole rest of its edge. Here a few hundred
//! pointers wait side by side. Nothing is decided: a word that is no pointer asks in vain,
//! memory that cannot be read is passed over.

use endler_snapshot::Addr;

use super::run::Scanner;

/// How much memory is looked at at once: what its pointers lead to fits into the second cache.
pub(super) const WINDOW: u64 = 4096;
/// A row of elements shorter than this is not worth a look of its own.
const WORTH: usize = 256;

/// Blocks that may be passed over where they come in the order of addresses: strings, say.
const NEAR: u32 = 16;

/// How far has been looked, and room for the work.
#[derive(Default)]
pub(super) struct Ahead {
    /// The blocks that were looked at.
    from: u32,
    until: u32,
    buffer: Vec<u8>,
    found: Vec<(u64, usize)>,
}

impl Scanner<'_, '_> {
    /// Before a block is scanned. Only where blocks come in the order of addresses is there
    /// anything to look ahead to: a block somewhere else costs a comparison.
    pub(super) fn look_ahead(&mut self, block: u32) {
        let Ahead { from, until, .. } = self.ahead;
        if (from..until).contains(&block) {
            return;
        }
        if block.wrapping_sub(until) > NEAR {
            self.ahead.from = block;
            self.ahead.until = block.saturating_add(1);
            return;
        }
        let start = self.heap.start(block);
        let mut end = start;
        let mut until = block;
        while until < self.heap.rows() {
            let behind = self.heap.start(until).saturating_add(self.heap.size(until));
            if behind.wrapping_sub(start) > WINDOW {
                break;
            }
            end = end.max(behind);
            until += 1;
        }
        if until == block {
            // A large one: its beginning is as good a guess as any.
            end = start.saturating_add(WINDOW);
            until += 1;
        }
        self.ahead.from = block;
        self.ahead.until = until;
        let len = usize::try_from(end - start).unwrap_or(0);
        let mut buffer = std::mem::take(&mut self.ahead.buffer);
        buffer.resize(len, 0);
        if self.memory.read(Addr(start), &mut buffer).is_ok() {
            self.heap.expect(&buffer, &mut self.ahead.found);
        }
        self.ahead.buffer = buffer;
    }

    /// Before what lies at `from` of a row of elements is looked at; gives where the
    /// next look is due.
    pub(super) fn look_into(&mut self, bytes: &[u8], from: usize) -> usize {
        let until = from.saturating_add(WINDOW as usize);
        if bytes.len() >= WORTH
            && let Some(part) = bytes.get(from..until.min(bytes.len()))
        {
            self.heap.expect(part, &mut self.ahead.found);
        }
        until
    }

    /// Begins from the first block again.
    pub(super) fn look_anew(&mut self) {
        self.ahead.from = 0;
        self.ahead.until = 0;
    }
}
