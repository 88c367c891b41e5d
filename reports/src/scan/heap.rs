//! Which live block an address lies in.
//!
//! ```text
//!   runs:   [first page, pages from .. ]      an address ─► its run, by bisection
//!   pages:  [first block of each 256 B]       ─► the few blocks that begin there
//!   addr:   [ … ]                             ─► the last one at or before it
//! ```
//!
//! Heaps are dense, so a table of one number for each 256 bytes is small (10 MB
//! for 10 M blocks of 64 bytes) and stays in the cache, where bisecting ten million
//! addresses would miss it twenty times.

use endler_snapshot::Blocks;

use crate::prefetch::prefetch;

/// Bytes of a page, as a power of two. Chosen with `scan_speed`.
const PAGE: u32 = 8;
/// Pages without a block that are worth a gap between two runs.
const GAP: u64 = 64;
/// Blocks looked at at once. Chosen with `scan_speed`.
const WINDOW: usize = 8;
/// The most pages of one block that stand in the table.
const MAX_PAGES: u64 = 1 << 16;

struct Run {
    first: u64,
    /// One past the last page.
    end: u64,
    /// Where its pages begin in `pages`.
    at: usize,
}

/// The blocks by address.
pub(crate) struct Heap<'i> {
    blocks: &'i Blocks,
    runs: Vec<Run>,
    /// For each page the first block that begins there or later.
    pages: Vec<u32>,
}

impl<'i> Heap<'i> {
    pub(crate) fn new(blocks: &'i Blocks) -> Heap<'i> {
        let mut heap = Heap {
            blocks,
            runs: Vec::new(),
            pages: Vec::new(),
        };
        for (row, (addr, size)) in (0u32..).zip(blocks.addr.iter().zip(&blocks.size)) {
            let first = addr.0 >> PAGE;
            let last = addr.0.saturating_add(size.0.max(1) - 1) >> PAGE;
            let last = last.min(first + MAX_PAGES);
            match heap.runs.last_mut().filter(|r| first < r.end + GAP) {
                Some(run) => {
                    let begins = usize::try_from(first + 1 - run.first).unwrap_or(0);
                    run.end = run.end.max(last + 1);
                    let filled = run.at + begins;
                    if heap.pages.len() < filled {
                        heap.pages.resize(filled, row);
                    }
                }
                None => {
                    heap.close(row);
                    let at = heap.pages.len();
                    heap.runs.push(Run {
                        first,
                        end: last + 1,
                        at,
                    });
                    heap.pages.push(row);
                }
            }
        }
        heap.close(u32::try_from(blocks.len()).unwrap_or(u32::MAX));
        heap
    }

    /// Gives the last run's remaining pages the block behind it, one more than
    /// it has pages.
    fn close(&mut self, row: u32) {
        if let Some(run) = self.runs.last() {
            let pages = usize::try_from(run.end - run.first).unwrap_or(0) + 1;
            self.pages.resize(run.at + pages, row);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.blocks.len()
    }

    /// First byte of a block.
    pub(crate) fn start(&self, block: u32) -> u64 {
        self.blocks.addr.get(block as usize).map_or(0, |a| a.0)
    }

    /// Its size.
    pub(crate) fn size(&self, block: u32) -> u64 {
        self.blocks.size.get(block as usize).map_or(0, |s| s.0)
    }

    /// The block that contains an address. A block without bytes contains its
    /// first.
    pub(crate) fn find(&self, address: u64) -> Option<u32> {
        let (run, at) = self.slot(address)?;
        self.find_in(address, run, at)
    }

    /// The run before an address, and where its page stands in the table.
    fn slot(&self, address: u64) -> Option<(&Run, usize)> {
        let page = address >> PAGE;
        let after = self.runs.partition_point(|r| r.first <= page);
        let run = self.runs.get(after.checked_sub(1)?)?;
        // Behind the table there can only be the rest of the run's last block.
        let page = page.min(run.end);
        let at = run.at + usize::try_from(page - run.first).ok()?;
        Some((run, at))
    }

    fn find_in(&self, address: u64, run: &Run, at: usize) -> Option<u32> {
        let &from = self.pages.get(at)?;
        let to = if (address >> PAGE) >= run.end {
            from
        } else {
            *self.pages.get(at + 1)?
        };
        // `from` may be preceded by a block that reaches into this page.
        let begin = from.saturating_sub(1) as usize;
        let row = match self.blocks.addr.get(begin..)?.first_chunk::<WINDOW>() {
            // Nearly always the block is among the next few: as many steps for
            // every address, so that the processor never guesses wrong and looks
            // up several at once.
            Some([first, next @ .., last]) if last.0 > address => {
                let before = next.iter().filter(|a| a.0 <= address).count();
                if first.0 > address {
                    return None;
                }
                begin + before
            }
            _ => {
                let candidates = self.blocks.addr.get(begin..to as usize)?;
                let behind = candidates.partition_point(|a| a.0 <= address);
                begin + behind.checked_sub(1)?
            }
        };
        let within = address - self.blocks.addr.get(row)?.0;
        let row32 = u32::try_from(row).ok()?;
        // Most pointers are to a first byte: that spares a look at the size,
        // which is another miss of the cache.
        (within == 0 || within < self.blocks.size.get(row)?.0).then_some(row32)
    }

    /// Number of blocks, which are the rows below it.
    pub(crate) fn rows(&self) -> u32 {
        u32::try_from(self.blocks.len()).unwrap_or(u32::MAX)
    }

    /// Asks the cache for all that [`Heap::find`] and a look at the size will read for each
    /// word of some memory that can be a pointer. `found` is room for the work.
    pub(crate) fn expect(&self, bytes: &[u8], found: &mut Vec<(u64, usize)>) {
        let blocks = self.blocks;
        let (Some(first), Some(last)) = (blocks.addr.first(), blocks.addr.last()) else {
            return;
        };
        let lowest = first.0;
        let span = last.0.saturating_sub(lowest);
        found.clear();
        for word in bytes.chunks_exact(8) {
            let address = word.try_into().map_or(0, u64::from_le_bytes);
            if address.wrapping_sub(lowest) <= span
                && let Some((_, at)) = self.slot(address)
            {
                prefetch(&self.pages, at);
                found.push((address, at));
            }
        }
        if found.len() < 2 {
            return;
        }
        for &(_, at) in &*found {
            let from = self.pages.get(at).map_or(0, |from| *from as usize);
            let begin = from.saturating_sub(1);
            prefetch(&blocks.addr, begin);
            prefetch(&blocks.addr, begin + WINDOW - 1);
        }
        for &(address, _) in &*found {
            if let Some(block) = self.find(address) {
                prefetch(&blocks.size, block as usize);
            }
        }
    }

    /// The block that begins at an address.
    pub(crate) fn begins(&self, address: u64) -> Option<u32> {
        self.find(address).filter(|&b| self.start(b) == address)
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "tests")]
mod tests {
    use endler_snapshot::{Addr, Blocks, Bytes};

    use super::Heap;

    /// A number that looks random, the same in each run.
    fn next(state: &mut u64) -> u64 {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state
    }

    #[test]
    fn finds_what_a_walk_over_all_blocks_finds() {
        let mut state = 0x9e37_79b9_7f4a_7c15;
        for round in 0..40 {
            let mut blocks = Blocks::default();
            let mut at = 0x1000 + next(&mut state) % 5000;
            for _ in 0..next(&mut state) % 200 {
                let size = match next(&mut state) % 10 {
                    0 => 1 + next(&mut state) % 30_000_000,
                    1 => 0,
                    _ => 1 + next(&mut state) % 200,
                };
                blocks.addr.push(Addr(at));
                blocks.size.push(Bytes(size));
                at += size.max(1);
                at += match next(&mut state) % 20 {
                    0 => next(&mut state) % 1_000_000,
                    1..8 => 0,
                    _ => next(&mut state) % 64,
                };
            }
            let heap = Heap::new(&blocks);
            let naive = |address: u64| {
                (0..blocks.addr.len()).find(|&i| {
                    let start = blocks.addr[i].0;
                    start <= address && address < start + blocks.size[i].0.max(1)
                })
            };
            let mut asked = vec![0, u64::MAX, at, at + 1];
            for i in 0..blocks.addr.len() {
                let start = blocks.addr[i].0;
                asked.extend([start - 1, start, start + 1, start + blocks.size[i].0]);
                asked.push(start + blocks.size[i].0.saturating_sub(1));
            }
            asked.extend((0..500).map(|_| 0x1000 + next(&mut state) % (at - 0xfff)));
            // Whatever is asked of the cache, no answer is another, and none is out of bounds.
            let words: Vec<u8> = asked.iter().flat_map(|a| a.to_le_bytes()).collect();
            let mut found = vec![(1, usize::MAX)];
            heap.expect(&words, &mut found);
            heap.expect(&words[..words.len() - 3], &mut found);
            heap.expect(&[], &mut found);
            for address in asked {
                assert_eq!(
                    heap.find(address).map(|b| b as usize),
                    naive(address),
                    "round {round}, address {address:#x}"
                );
            }
        }
    }
}
