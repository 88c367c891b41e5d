//! Which parts of the address space are the inner allocator's, and what the other
//! mappings are.
//!
//! The kernel joins neighbouring mappings of equal rights, so one mapping can be
//! in part the allocator's and in part another's. Of glibc it is known which:
//!
//! ```text
//!  [heap]                     the first arena, all of it
//!  64 MiB window              a further arena: it begins on a multiple of 64 MiB; its
//!   ┌───────┬───────────────┐ end cannot be touched until it grows. Or it holds
//!   │ rw-p  │ ---p          │ a block that is too small to have been mapped alone
//!   └───────┴───────────────┘
//!  a block mapped on its own  its pages; nothing of glibc's once it is freed
//! ```
//!
//! Of any other allocator every mapping that holds a block counts, and those that
//! bear its name; see [`super::account`] for what is done about the rest.
//!
//! Source: glibc 2.36, `malloc/arena.c` (`HEAP_MAX_SIZE`).

use super::family::{Family, GLIBC_MAPS};
use endler_snapshot::{Addr, Image, Mapping, MappingKind, PAGE};

/// glibc's `HEAP_MAX_SIZE`.
const WINDOW: u64 = 64 << 20;

/// A guard below a stack is a page by default; more than this is room for something.
const LARGEST_GUARD: u64 = 1 << 20;

/// Where the inner allocator has its memory.
pub(crate) struct Owned {
    pub(crate) family: Family,
    /// First byte and one past the last, rising, apart from each other.
    pub(crate) ranges: Vec<(u64, u64)>,
    /// The starts of glibc's further arenas, rising.
    windows: Vec<u64>,
    /// `[heap]`.
    first: (u64, u64),
}

/// What a mapping, or the rest of it that is not the inner allocator's, counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Other {
    Own,
    Stack,
    File,
    Anonymous,
    Unknown,
}

impl Owned {
    pub(crate) fn new(image: &Image) -> Self {
        let family = Family::of(image);
        let mappings = &image.residency.mappings;
        let heap = mappings.iter().find(|m| m.kind == MappingKind::Heap);
        let mut owned = Owned {
            family,
            ranges: Vec::new(),
            windows: Vec::new(),
            first: heap.map_or((0, 0), |m| (m.start.0, m.end.0)),
        };
        if family == Family::Glibc {
            owned.windows = windows(image, owned.first);
            owned.mapped_alone(image);
        }
        for mapping in mappings {
            owned.add_mapping(image, mapping);
        }
        owned.ranges.sort_unstable();
        owned.ranges.dedup_by(|next, before| {
            let joins = next.0 <= before.1;
            if joins {
                before.1 = before.1.max(next.1);
            }
            joins
        });
        owned
    }

    /// Whether glibc has mapped the block on its own.
    pub(crate) fn is_mapped(&self, addr: u64, size: u64) -> bool {
        self.family == Family::Glibc
            && size >= GLIBC_MAPS
            && !(self.first.0..self.first.1).contains(&addr)
            && self.windows.binary_search(&window(addr)).is_err()
    }

    /// Where the block and what its allocator adds to it lie.
    pub(crate) fn extent(&self, addr: u64, size: u64) -> (u64, u64) {
        self.family.extent(addr, size, self.is_mapped(addr, size))
    }

    /// The part of a range that is the inner allocator's, piece by piece.
    pub(crate) fn within(&self, start: u64, end: u64) -> impl Iterator<Item = (u64, u64)> {
        let first = self.ranges.partition_point(|range| range.1 <= start);
        let rest = self.ranges.get(first..).unwrap_or(&[]).iter();
        rest.take_while(move |range| range.0 < end)
            .map(move |range| (range.0.max(start), range.1.min(end)))
    }

    fn mapped_alone(&mut self, image: &Image) {
        let blocks = image.blocks.addr.iter().zip(&image.blocks.size);
        let mapped: Vec<(u64, u64)> = blocks
            .filter(|(addr, size)| self.is_mapped(addr.0, size.0))
            .map(|(addr, size)| self.extent(addr.0, size.0))
            .collect();
        self.ranges.extend(
            mapped
                .iter()
                .map(|(start, end)| (start / PAGE * PAGE, *end)),
        );
    }

    fn add_mapping(&mut self, image: &Image, mapping: &Mapping) {
        let (start, end) = (mapping.start.0, mapping.end.0);
        let whole = match (mapping.kind, self.family) {
            (MappingKind::Own | MappingKind::Kernel, _) => false,
            (MappingKind::Heap, Family::Glibc) => true,
            (_, Family::Glibc) => {
                let from = self
                    .windows
                    .partition_point(|w| w.saturating_add(WINDOW) <= start);
                let windows = self.windows.get(from..).unwrap_or(&[]);
                let inside = windows.iter().take_while(|w| **w < end);
                let parts = inside.map(|w| (start.max(*w), end.min(w.saturating_add(WINDOW))));
                self.ranges.extend(parts);
                false
            }
            (_, Family::Jemalloc) if mapping.name.starts_with("[anon:jemalloc") => true,
            (_, Family::Mimalloc) if mapping.name.starts_with("[anon:mimalloc") => true,
            _ => holds_block(image, mapping.start, mapping.end),
        };
        if whole {
            self.ranges.push((start, end));
        }
    }

    /// What the part of mapping `at` counts as that is not the inner allocator's.
    pub(crate) fn other(&self, image: &Image, at: usize) -> Other {
        let mappings = &image.residency.mappings;
        let Some(mapping) = mappings.get(at) else {
            return Other::Unknown;
        };
        match mapping.kind {
            MappingKind::Own => Other::Own,
            MappingKind::Stack => Other::Stack,
            MappingKind::File => Other::File,
            MappingKind::Kernel | MappingKind::Shared => Other::Unknown,
            MappingKind::Heap => Other::Anonymous,
            MappingKind::Anonymous => {
                let mut modules = image.modules.iter();
                let before = at.checked_sub(1).and_then(|i| mappings.get(i));
                let guarded = |before: &Mapping| {
                    before.end == mapping.start
                        && before.access.is_none()
                        && before.len().0 <= LARGEST_GUARD
                };
                if modules.any(|m| m.start <= mapping.start && mapping.start < m.end) {
                    // Statics that the file has no bytes for.
                    Other::File
                } else if before.is_some_and(guarded)
                    && !holds_block(image, mapping.start, mapping.end)
                {
                    Other::Stack
                } else {
                    Other::Anonymous
                }
            }
        }
    }
}

fn window(addr: u64) -> u64 {
    addr & !(WINDOW - 1)
}

/// Where glibc has arenas beside the first.
fn windows(image: &Image, first: (u64, u64)) -> Vec<u64> {
    let mut windows: Vec<u64> = Vec::new();
    for (addr, size) in image.blocks.addr.iter().zip(&image.blocks.size) {
        let at = window(addr.0);
        let outside = !(first.0..first.1).contains(&addr.0);
        // They rise with the blocks.
        if outside && size.0 < GLIBC_MAPS && windows.last() != Some(&at) {
            windows.push(at);
        }
    }
    let mappings = &image.residency.mappings;
    for (at, mapping) in mappings.iter().enumerate() {
        let start = mapping.start.0;
        let end = start.saturating_add(WINDOW);
        let arena = mapping.kind == MappingKind::Anonymous
            && mapping.access.is_writable()
            && start.is_multiple_of(WINDOW)
            && (mapping.end.0 == end
                || mappings.get(at + 1).is_some_and(|rest| {
                    rest.start == mapping.end && rest.access.is_none() && rest.end.0 >= end
                }));
        if arena {
            windows.push(start);
        }
    }
    windows.sort_unstable();
    windows.dedup();
    windows
}

pub(crate) fn holds_block(image: &Image, start: Addr, end: Addr) -> bool {
    let addrs = &image.blocks.addr;
    let first = addrs.partition_point(|addr| *addr < start);
    addrs.get(first).is_some_and(|addr| *addr < end)
}
