//! `byid`: blocks one by one.

use super::Set;
use super::names::{age, site_name};
use endler_snapshot::{Addr, BlockId, Bytes};
use std::cell::OnceCell;

/// The blocks of a set, largest first; among blocks of one size by type name
/// and then by address.
///
/// Sorting ten million blocks by text would take longer than the rest of a
/// report, and a page shows ten. So blocks are first sorted by size alone, and
/// only the run of one size that is looked at is put into its order (Heapy's
/// `IdentityPartition` does the same).
#[derive(Debug)]
pub struct Identity<'a> {
    set: Set<'a>,
    /// By size, largest first.
    blocks: Vec<u32>,
    /// Runs of equal size, in that order.
    runs: Vec<Run>,
    mixed: bool,
    size: Bytes,
}

#[derive(Debug)]
struct Run {
    start: usize,
    end: usize,
    size: Bytes,
    /// Bytes of all runs before this one.
    before: u64,
    /// Its blocks in the order of the rows, once one of them was asked for.
    sorted: OnceCell<Vec<u32>>,
}

/// One block of a [`Identity`] list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdRow {
    /// The block.
    pub block: BlockId,
    /// Its requested size.
    pub size: Bytes,
    /// Sizes of the rows up to and with this one.
    pub cumulative: Bytes,
}

impl<'a> Identity<'a> {
    pub(crate) fn new(set: &Set<'a>) -> Self {
        let heap = set.heap();
        let mut blocks: Vec<u32> = set.iter().map(|i| i as u32).collect();
        blocks.sort_unstable_by_key(|&b| (std::cmp::Reverse(heap.size(b as usize)), b));
        let mut runs: Vec<Run> = Vec::new();
        let mut total = 0u64;
        for (at, &block) in blocks.iter().enumerate() {
            let size = heap.size(block as usize);
            match runs.last_mut() {
                Some(run) if run.size == size => run.end = at + 1,
                _ => runs.push(Run {
                    start: at,
                    end: at + 1,
                    size,
                    before: total,
                    sorted: OnceCell::new(),
                }),
            }
            total = total.saturating_add(size.0);
        }
        let mut names = blocks.iter().map(|&b| heap.type_row(b as usize).name);
        let first = names.next();
        let mixed = names.any(|name| Some(name) != first);
        Identity {
            set: set.clone(),
            blocks,
            runs,
            mixed,
            size: Bytes(total),
        }
    }

    /// Number of blocks.
    #[must_use]
    pub fn len(&self) -> usize {
        self.set.count()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sum of the requested sizes.
    #[must_use]
    pub fn size(&self) -> Bytes {
        self.size
    }

    /// The set that is listed.
    #[must_use]
    pub fn set(&self) -> &Set<'a> {
        &self.set
    }

    /// The one type of all blocks, or none if there are several.
    #[must_use]
    pub fn kind(&self) -> Option<&'a str> {
        (!self.mixed)
            .then(|| self.set.iter().next().map(|b| self.set.heap().type_name(b)))
            .flatten()
    }

    /// Row `index`, none past the end.
    #[must_use]
    pub fn row(&self, index: usize) -> Option<IdRow> {
        let at = self.runs.partition_point(|run| run.end <= index);
        let run = self.runs.get(at)?;
        let sorted = run.sorted.get_or_init(|| {
            let heap = self.set.heap();
            let mut blocks = self.blocks[run.start..run.end].to_vec();
            blocks.sort_unstable_by_key(|&b| {
                let name = if self.mixed {
                    heap.type_name(b as usize)
                } else {
                    ""
                };
                let addr = heap
                    .image()
                    .blocks
                    .addr
                    .get(b as usize)
                    .copied()
                    .unwrap_or_default();
                (name, text_order(addr))
            });
            blocks
        });
        let within = (index - run.start + 1) as u64;
        Some(IdRow {
            block: BlockId(sorted[index - run.start]),
            size: run.size,
            cumulative: Bytes(run.before.saturating_add(within.saturating_mul(run.size.0))),
        })
    }

    /// The blocks of some rows, clamped to those that are there.
    #[must_use]
    pub fn range(&self, range: std::ops::Range<usize>) -> Set<'a> {
        let range = range.start..range.end.min(self.len());
        let mut ids: Vec<u32> = range
            .filter_map(|i| self.row(i))
            .map(|row| row.block.0)
            .collect();
        ids.sort_unstable();
        Set::from_sorted(self.set.heap(), ids)
    }

    /// What the table says of a block: type (where types are mixed), address,
    /// age and site.
    #[must_use]
    pub fn text(&self, row: &IdRow) -> String {
        let heap = self.set.heap();
        let block = row.block.index();
        let addr = heap
            .image()
            .blocks
            .addr
            .get(block)
            .copied()
            .unwrap_or_default();
        let rest = format!(
            "{addr}, {} old, {}",
            age(heap.age(block)),
            site_name(heap, heap.context(block))
        );
        if self.mixed {
            format!("{}: {rest}", heap.type_name(block))
        } else {
            rest
        }
    }
}

/// A key that sorts addresses as their hexadecimal texts sort.
fn text_order(addr: Addr) -> (u64, u32) {
    let digits = (64 - addr.0.leading_zeros()).div_ceil(4).max(1);
    (addr.0 << (64 - 4 * digits), digits)
}
