//! Blocks that no field, static or stack was found to point to.
//!
//! A layout leaves out words that are no pointers: an address that is kept as a
//! number, with its low bits used for something else, or in memory that a
//! container of an unknown kind manages. Before a block is said to be out of
//! reach, every word of every block and static is looked at for it, as
//! LeakSanitizer would. What is found is a guess.

use super::edges::{GUESS, Kind};
use super::labels::{Label, NONE};
use super::roots::{Root, TypedRoot};
use super::run::{Context, Scanner, Source};
use super::steps::word;

/// How much is read at once.
const CHUNK: u64 = 64 << 10;

impl Scanner<'_, '_> {
    /// Looks for pointers to orphans in the blocks that were scanned by their
    /// layout, and in the statics that were.
    pub(super) fn orphans(
        &mut self,
        by_layout: &[bool],
        typed: &[TypedRoot],
        roots: &mut Vec<Root>,
    ) {
        let mut orphans = vec![true; self.heap.len()];
        let targets = self.edges.target.iter().chain(&self.root_edges.target);
        for target in targets {
            if let Some(is) = orphans.get_mut(*target as usize) {
                *is = false;
            }
        }
        let rows = || (0u32..).zip(&orphans).filter(|(_, is)| **is);
        let Some((first, _)) = rows().next() else {
            return;
        };
        let last = rows().last().map_or(first, |(block, _)| block);
        let lowest = self.heap.start(first);
        let highest = self
            .heap
            .start(last)
            .saturating_add(self.heap.size(last).max(1));
        let range = lowest..highest;
        for (block, is) in (0u32..).zip(by_layout) {
            if *is {
                let at = self.heap.start(block);
                let end = at.saturating_add(self.heap.size(block));
                self.orphans_in((at, end), Source::Block(block), 0, &orphans, &range);
            }
        }
        for TypedRoot { root, until } in typed {
            let at = root.address.0;
            let of_it = roots
                .iter()
                .position(|r| r.address.0 == at && r.name == root.name);
            let place = of_it.unwrap_or(roots.len());
            let source = Source::Root(u32::try_from(place).unwrap_or(u32::MAX));
            let label = self.book.labels.id(&root.name);
            let found = self.root_edges.len();
            self.orphans_in((at, *until), source, label, &orphans, &range);
            if of_it.is_none() && self.root_edges.len() > found {
                roots.push(root.clone());
            }
        }
    }

    fn orphans_in(
        &mut self,
        (at, end): (u64, u64),
        source: Source,
        label: Label,
        orphans: &[bool],
        range: &std::ops::Range<u64>,
    ) {
        let context = Context {
            source,
            label: NONE,
            always: true,
            guess: GUESS,
            again: false,
            local: false,
        };
        let mut from = at.next_multiple_of(8);
        while from < end {
            let len = CHUNK.min(end - from);
            self.with_bytes(from, len, |scanner, bytes| {
                let mut offset = 0;
                while let Some(address) = word(bytes, offset) {
                    offset += 8;
                    if !range.contains(&address) {
                        continue;
                    }
                    let block = scanner.heap.find(address);
                    let orphan = block.filter(|b| orphans.get(*b as usize) == Some(&true));
                    if let Some(block) = orphan.filter(|b| source != Source::Block(*b)) {
                        scanner.edge(&context, block, label, Kind::Word, GUESS);
                    }
                }
            });
            from = from.saturating_add(len);
        }
    }
}
