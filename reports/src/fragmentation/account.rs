//! The process's resident memory, line by line; the lines sum to its Rss.
//!
//! The whole is the sum of all mappings' `Rss`. Of a mapping that holds
//! blocks the resident pages are known, so a block counts with the bytes of it that
//! are resident, and so does what its allocator rounded up. What is left of the
//! allocator's resident pages is free, or was given to someone who did not ask
//! through Rust's allocator: C code, or a cache of freed blocks that a thread keeps.
//! The allocator's own statistics tell the two apart, where they were asked for.
//!
//! Where an allocator other than glibc's says how much it has resident, and the
//! mappings that hold its blocks have more, the kernel has joined another's memory
//! to them: the excess counts with the anonymous maps of others.
//!
//! Where a mapping has less resident than its pages say (on a kernel that counts untouched
//! memory among them) the mapping counts: lines are then cut in the order live,
//! rounding, rest.

use super::family::Family;
use super::occupancy::{Occupancy, Page, bucket, each_page, requested_in, whole_extents};
use super::owned::{Other, Owned, holds_block};
use super::pins::Pins;
use crate::partition::Heap;
use endler_snapshot::{Image, Mapping, PAGE};

/// A line of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Line {
    /// Live blocks, as requested.
    Live,
    /// What the allocator rounds up and puts before a block.
    Slop,
    /// Given out by the inner allocator, but not through Rust's.
    Unrecorded,
    /// Free, kept by the inner allocator.
    Kept,
    /// The profiler's.
    Own,
    /// Stacks of threads.
    Stacks,
    /// Files: code, data, statics.
    Files,
    /// Anonymous maps of others.
    Anonymous,
    /// What none of these is.
    Unknown,
}

impl Line {
    /// All lines, in the order of tables.
    pub const ALL: [Line; 9] = [
        Line::Live,
        Line::Slop,
        Line::Unrecorded,
        Line::Kept,
        Line::Own,
        Line::Stacks,
        Line::Files,
        Line::Anonymous,
        Line::Unknown,
    ];

    /// The name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Line::Live => "live blocks, as requested",
            Line::Slop => "rounding and headers of live blocks",
            Line::Unrecorded => "in use through the inner allocator, not by Rust",
            Line::Kept => "free, kept by the inner allocator",
            Line::Own => "endler's own",
            Line::Stacks => "stacks",
            Line::Files => "files: code, data, statics",
            Line::Anonymous => "anonymous maps of others",
            Line::Unknown => "unknown: shared memory, the kernel's",
        }
    }

    /// The key in JSON.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Line::Live => "live",
            Line::Slop => "slop",
            Line::Unrecorded => "unrecorded",
            Line::Kept => "kept",
            Line::Own => "own",
            Line::Stacks => "stacks",
            Line::Files => "files",
            Line::Anonymous => "anonymous",
            Line::Unknown => "unknown",
        }
    }
}

/// Where the resident memory is.
#[derive(Clone, Debug)]
pub struct Account<'a> {
    /// The heap.
    pub heap: Heap<'a>,
    /// The inner allocator.
    pub family: Family,
    /// Bytes by line, in [`Line::ALL`]'s order.
    lines: [u64; Line::ALL.len()],
    /// Requested bytes of all live blocks, resident or not.
    pub requested: u64,
    /// Swapped out, in all mappings.
    pub swapped: u64,
    /// Resident pages of the heap by how full they are.
    pub occupancy: Occupancy,
    /// Whose blocks stand alone on their pages.
    pub pins: Pins,
}

impl Account<'_> {
    /// Bytes of a line.
    #[must_use]
    pub fn line(&self, line: Line) -> u64 {
        self.lines.get(line as usize).copied().unwrap_or(0)
    }

    /// The whole: the lines' sum, and the process's Rss.
    #[must_use]
    pub fn rss(&self) -> u64 {
        self.lines
            .iter()
            .fold(0, |sum, line| sum.saturating_add(*line))
    }

    /// Whether C code's memory was told from free memory.
    #[must_use]
    pub fn knows_unrecorded(&self) -> bool {
        let statistics = self.heap.image().residency.inner.statistics;
        statistics.is_some_and(|s| s.allocated.is_some())
    }
}

/// What the resident pages of one mapping hold.
#[derive(Clone, Copy, Default)]
struct Part {
    pages: u64,
    live: u64,
    slop: u64,
}

/// Accounts for the resident memory. O(blocks + pages + mappings).
#[must_use]
pub fn account(heap: Heap<'_>) -> Account<'_> {
    let image = heap.image();
    let owned = Owned::new(image);
    let mappings = &image.residency.mappings;
    let mut parts = vec![Part::default(); mappings.len()];
    let mut occupancy = Occupancy::default();
    let mut pins = super::pins::Finder::new(heap);
    let mut at = 0;
    each_page(image, &owned, |page: &Page| {
        while mappings.get(at).is_some_and(|m| m.end.0 <= page.start) {
            at += 1;
        }
        if let Some(part) = parts.get_mut(at) {
            part.pages += 1;
            part.live += page.live;
            part.slop += page.slop;
        }
        if let Some(count) = occupancy.pages.get_mut(bucket(page.live)) {
            *count += 1;
        }
        pins.page(page);
    });
    let mut account = Account {
        heap,
        family: owned.family,
        lines: [0; Line::ALL.len()],
        requested: image.blocks.total_size().0,
        swapped: mappings
            .iter()
            .fold(0, |sum, m| sum.saturating_add(m.swap.0)),
        occupancy,
        pins: pins.done(),
    };
    // Requested and rounded, resident or not, of what is on resident pages or not.
    for (at, (mapping, part)) in mappings.iter().zip(parts).enumerate() {
        account.add(image, &owned, at, mapping, part);
    }
    account.apply_statistics(image, &owned);
    account
}

impl Account<'_> {
    fn put(&mut self, line: Line, bytes: u64) {
        if let Some(sum) = self.lines.get_mut(line as usize) {
            *sum = sum.saturating_add(bytes);
        }
    }

    /// Moves up to `bytes` from one line to another.
    fn move_to(&mut self, from: Line, to: Line, bytes: u64) {
        let moved = bytes.min(self.line(from));
        if let Some(sum) = self.lines.get_mut(from as usize) {
            *sum -= moved;
        }
        self.put(to, moved);
    }

    fn add(&mut self, image: &Image, owned: &Owned, at: usize, mapping: &Mapping, part: Part) {
        let rss = mapping.rss.0;
        let (start, end) = (mapping.start, mapping.end);
        let known = part.pages > 0 || has_pages(image, mapping);
        let part = if known {
            part
        } else {
            // Without its pages: all of it that is the allocator's, up to the mapping's Rss.
            let whole: u64 = owned.within(start.0, end.0).map(|(a, b)| b - a).sum();
            Part {
                pages: whole.min(rss) / PAGE,
                live: match holds_block(image, start, end) {
                    true => requested_in(image, start, end),
                    false => 0,
                },
                slop: 0,
            }
        };
        let heap = part.pages.saturating_mul(PAGE).min(rss);
        let live = part.live.min(heap);
        let slop = part.slop.min(heap - live);
        self.put(Line::Live, live);
        self.put(Line::Slop, slop);
        self.put(Line::Kept, heap - live - slop);
        let line = match owned.other(image, at) {
            Other::Own => Line::Own,
            Other::Stack => Line::Stacks,
            Other::File => Line::Files,
            Other::Anonymous => Line::Anonymous,
            Other::Unknown => Line::Unknown,
        };
        self.put(line, rss - heap);
    }

    /// What the inner allocator says divides what it keeps further.
    fn apply_statistics(&mut self, image: &Image, owned: &Owned) {
        let Some(statistics) = image.residency.inner.statistics else {
            return;
        };
        let extents = whole_extents(image, owned);
        let resident = self.line(Line::Live).saturating_add(self.line(Line::Slop));
        if owned.family != Family::Glibc
            && let Some(most) = statistics.resident.or(statistics.mapped)
        {
            // It counts blocks as resident that nobody has touched.
            let most = most.0.saturating_sub(extents.saturating_sub(resident));
            let heap = resident.saturating_add(self.line(Line::Kept));
            self.move_to(Line::Kept, Line::Anonymous, heap.saturating_sub(most));
        }
        if let Some(allocated) = statistics.allocated {
            let cached = statistics.cached.unwrap_or_default().0;
            let others = allocated.0.saturating_sub(cached).saturating_sub(extents);
            self.move_to(Line::Kept, Line::Unrecorded, others);
        }
    }
}

/// Whether any page of the mapping is known to be resident.
fn has_pages(image: &Image, mapping: &Mapping) -> bool {
    let pages = &image.residency.pages;
    let first = pages.partition_point(|run| run.end() <= mapping.start);
    pages.get(first).is_some_and(|run| run.start < mapping.end)
}
