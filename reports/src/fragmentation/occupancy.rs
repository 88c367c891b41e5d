//! How full the resident pages of the heap are.
//!
//! A page's occupancy is the bytes that were requested on it, of [`PAGE`]. What
//! an allocator rounds up is not in it: a page of nothing but rounding is empty.

use super::owned::Owned;
use endler_snapshot::{Addr, Image, MappingKind, PAGE, PageRun};
use std::ops::Range;

/// `0`, then tenths: `<=10 %` … `<=100 %`.
pub const BUCKETS: usize = 11;

/// Resident pages of the heap by how full they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Occupancy {
    /// Number of pages, by [`bucket_name`].
    pub pages: [u64; BUCKETS],
}

impl Occupancy {
    /// Number of all pages.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.pages.iter().sum()
    }
}

/// What a bucket is called.
#[must_use]
pub fn bucket_name(bucket: usize) -> String {
    match bucket {
        0 => "0 %".to_string(),
        tenth => format!("<={} %", tenth * 10),
    }
}

/// The bucket of a page with so many live bytes.
pub(crate) fn bucket(live: u64) -> usize {
    let tenth = live.min(PAGE).saturating_mul(10).div_ceil(PAGE);
    usize::try_from(tenth).unwrap_or(0).min(BUCKETS - 1)
}

/// A resident page of the heap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) start: u64,
    /// Requested bytes on it.
    pub(crate) live: u64,
    /// What the allocator has rounded up on it, headers included.
    pub(crate) slop: u64,
    /// The blocks that reach into it.
    pub(crate) blocks: Range<usize>,
}

/// Calls `each` for every resident page of the inner allocator, in address order.
/// O(blocks + pages).
pub(crate) fn each_page(image: &Image, owned: &Owned, mut each: impl FnMut(&Page)) {
    let mut walk = Walk {
        image,
        owned,
        first: 0,
    };
    for run in &image.residency.pages {
        for (start, end) in heap_of(image, owned, run) {
            let mut at = start / PAGE * PAGE;
            while at < end {
                each(&walk.page(at));
                at += PAGE;
            }
        }
    }
}

/// The parts of a run of pages that are the inner allocator's.
fn heap_of(image: &Image, owned: &Owned, run: &PageRun) -> Vec<(u64, u64)> {
    // The profiler's own memory never lies in a run: it holds no block.
    debug_assert!(
        image
            .residency
            .mapping_of(run.start)
            .is_none_or(|m| m.kind != MappingKind::Own)
    );
    owned.within(run.start.0, run.end().0).collect()
}

/// Goes through blocks and pages together.
struct Walk<'a> {
    image: &'a Image,
    owned: &'a Owned,
    /// The first block that may reach into the next page.
    first: usize,
}

impl Walk<'_> {
    fn page(&mut self, start: u64) -> Page {
        let end = start.saturating_add(PAGE);
        let mut page = Page {
            start,
            live: 0,
            slop: 0,
            blocks: 0..0,
        };
        while self.extent(self.first).is_some_and(|(_, to)| to <= start) {
            self.first += 1;
        }
        let mut at = self.first;
        while let Some((from, to)) = self.extent(at).filter(|(from, _)| *from < end) {
            let Some((addr, size)) = self.block(at) else {
                break;
            };
            let on_page = |from: u64, to: u64| to.min(end).saturating_sub(from.max(start));
            let live = on_page(addr, addr.saturating_add(size));
            page.live += live;
            page.slop += on_page(from, to).saturating_sub(live);
            if live > 0 {
                if page.blocks.is_empty() {
                    page.blocks = at..at;
                }
                page.blocks.end = at + 1;
            }
            at += 1;
        }
        page
    }

    fn block(&self, at: usize) -> Option<(u64, u64)> {
        let blocks = &self.image.blocks;
        let addr = blocks.addr.get(at)?.0;
        let next = blocks.addr.get(at + 1).map_or(u64::MAX, |next| next.0);
        // In an image that is not of one instant blocks may seem to overlap.
        let size = blocks.size.get(at)?.0.min(next - addr);
        Some((addr, size))
    }

    /// A block with what was added to it, up to its neighbours.
    fn extent(&self, at: usize) -> Option<(u64, u64)> {
        let (addr, size) = self.block(at)?;
        let (from, to) = self.owned.extent(addr, size);
        let before = at.checked_sub(1).and_then(|i| self.block(i));
        let from = from.max(before.map_or(0, |(addr, size)| addr.saturating_add(size)));
        let next = self.block(at + 1);
        let next = next.map_or(u64::MAX, |(addr, size)| {
            self.owned.extent(addr, size).0.max(from)
        });
        let end = addr.saturating_add(size);
        Some((from.min(addr), to.min(next).max(end)))
    }
}

/// Rounding and headers of all blocks, resident or not.
pub(crate) fn whole_extents(image: &Image, owned: &Owned) -> u64 {
    let walk = Walk {
        image,
        owned,
        first: 0,
    };
    let all = (0..image.blocks.len()).filter_map(|at| walk.extent(at));
    all.fold(0, |sum, (from, to)| {
        sum.saturating_add(to.saturating_sub(from))
    })
}

/// Requested bytes of the blocks in a range, resident or not.
pub(crate) fn requested_in(image: &Image, start: Addr, end: Addr) -> u64 {
    let blocks = &image.blocks;
    let from = blocks.addr.partition_point(|addr| *addr < start);
    let to = blocks.addr.partition_point(|addr| *addr < end);
    let sizes = blocks.size.get(from..to).unwrap_or(&[]);
    sizes.iter().fold(0, |sum, size| sum.saturating_add(size.0))
}
