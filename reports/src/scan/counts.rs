//! The counts that an `Rc` or `Arc` block begins with, and how many pointers stand
//! for them.
//!
//! A scan of one block runs once for each name that it hands on, so edges are more
//! than pointers; here each pointer counts once.

use endler_snapshot::{Addr, BlockId, Count, Evidence, Resolution};

use super::edges::Kind;
use super::labels::FastMap;
use super::run::Scanner;
use super::steps::word;

/// A count beyond this is none: the block was not yet filled, or is just being locked.
const MAX_COUNT: u64 = u32::MAX as u64;

/// Pointers found so far to each block that is known to have counts.
#[derive(Default)]
pub(super) struct Counted(FastMap<u32, Count>);

impl Counted {
    /// The blocks that the stack says are an `Rc` or `Arc`.
    pub(super) fn new(resolution: &Resolution) -> Counted {
        let counted: Vec<bool> = resolution
            .types
            .iter()
            .map(|row| matches!(resolution.str(row.holder), "Rc" | "Arc"))
            .collect();
        let mut blocks = FastMap::default();
        let rows = resolution.block_type.iter().zip(&resolution.block_evidence);
        for (block, (row, evidence)) in (0u32..).zip(rows) {
            if counted.get(row.index()) == Some(&true)
                && matches!(evidence, Evidence::Stack | Evidence::Merged)
            {
                let count = Count {
                    block: BlockId(block),
                    ..Count::default()
                };
                blocks.insert(block, count);
            }
        }
        Counted(blocks)
    }
}

impl Scanner<'_, '_> {
    /// Notes one pointer to a block.
    pub(super) fn count_pointer(&mut self, block: u32, kind: Kind, guess: u8) {
        if let Some(count) = self.counted.0.get_mut(&block) {
            let found = match (kind, guess) {
                (Kind::Shared, 0) => &mut count.found,
                (Kind::Weak, 0) => &mut count.found_weak,
                _ => &mut count.found_other,
            };
            *found = found.saturating_add(1);
        }
    }

    /// What the blocks say, beside what was found, by block.
    pub(super) fn counts(&mut self) -> Vec<Count> {
        let counted = std::mem::take(&mut self.counted);
        let mut counts: Vec<Count> = counted.0.into_values().collect();
        counts.sort_unstable_by_key(|count| count.block);
        counts.retain_mut(|count| {
            let mut bytes = [0; 16];
            let at = Addr(self.heap.start(count.block.0));
            if self.heap.size(count.block.0) < bytes.len() as u64
                || self.fields.claimed(count.block.0).is_some()
                || self.memory.read(at, &mut bytes).is_err()
            {
                return false;
            }
            count.strong = word(&bytes, 0).unwrap_or(u64::MAX);
            count.weak = word(&bytes, 8).unwrap_or(u64::MAX);
            count.strong <= MAX_COUNT && (1..=MAX_COUNT).contains(&count.weak)
        });
        counts
    }
}
