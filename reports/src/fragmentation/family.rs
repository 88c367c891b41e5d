//! How an allocator rounds a request up, by its published size classes.
//!
//! What a block takes in all is known only to its allocator; this is what its
//! sources say for a plain request. Not known: padding of builds for debugging,
//! requests with a large alignment, and a remainder of up to 16 bytes that glibc
//! leaves with a block because it is too small to be a block of its own. Such bytes
//! count as free.
//!
//! Sources: glibc 2.36 `malloc/malloc.c` (`request2size`, `sysmalloc_mmap`);
//! jemalloc(3), table of size classes; mimalloc 3 `src/page-queue.c` (`mi_bin`).

use endler_snapshot::{Image, PAGE};

/// Allocators whose classes are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// The C library's, where that is glibc.
    Glibc,
    /// jemalloc.
    Jemalloc,
    /// mimalloc.
    Mimalloc,
    /// Any other.
    #[default]
    Other,
}

/// From this size on glibc maps a block on its own, unless the limit was raised:
/// it rises to the size of such a block when one is freed (`M_MMAP_THRESHOLD`).
pub(crate) const GLIBC_MAPS: u64 = 128 << 10;

impl Family {
    /// The family of an image's inner allocator, by its type's name.
    #[must_use]
    pub fn of(image: &Image) -> Self {
        let name = image.residency.inner.allocator.to_ascii_lowercase();
        let glibc = || {
            let mut modules = image.modules.iter();
            modules.any(|m| m.path.rsplit('/').next() == Some("libc.so.6"))
        };
        match name.as_str() {
            name if name.contains("jemalloc") => Family::Jemalloc,
            name if name.contains("mimalloc") => Family::Mimalloc,
            name if name.contains("std::alloc::system") && glibc() => Family::Glibc,
            _ => Family::Other,
        }
    }

    /// What to ask the allocator for, so that it gives back empty pages.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Family::Glibc => "malloc_trim(0) returns them",
            Family::Jemalloc => "its decay returns them (dirty_decay_ms, background_thread)",
            Family::Mimalloc => "mi_collect(true) returns them, or a shorter purge_delay",
            Family::Other => "how it returns them is its own affair",
        }
    }

    /// Where a block and all that its allocator adds to it begin and end.
    /// `mapped`: glibc has mapped it on its own.
    pub(crate) fn extent(self, addr: u64, size: u64, mapped: bool) -> (u64, u64) {
        let size = size.max(1);
        match self {
            Family::Glibc if mapped => (
                addr.saturating_sub(16),
                addr.saturating_add(size)
                    .checked_next_multiple_of(PAGE)
                    .unwrap_or(u64::MAX),
            ),
            Family::Glibc => {
                let chunk = round(size.saturating_add(8), 16).max(32);
                let start = addr.saturating_sub(8);
                (start, start.saturating_add(chunk))
            }
            _ => (addr, addr.saturating_add(self.class(size))),
        }
    }

    /// The size class of a request.
    fn class(self, size: u64) -> u64 {
        match (self, size) {
            (Family::Jemalloc | Family::Mimalloc, ..=8) => 8,
            (Family::Jemalloc, ..=128) | (Family::Mimalloc, ..=64) => round(size, 16),
            (Family::Jemalloc, _) => quarter(size),
            (Family::Mimalloc, ..=0x2_0000) => quarter(size),
            (Family::Mimalloc, _) => round(size, PAGE),
            _ => size,
        }
    }
}

fn round(size: u64, to: u64) -> u64 {
    size.checked_next_multiple_of(to).unwrap_or(u64::MAX)
}

/// Four classes for each doubling.
fn quarter(size: u64) -> u64 {
    let doubling = 63 - size.saturating_sub(1).max(1).leading_zeros();
    round(size, 1 << doubling.saturating_sub(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_rounded_as_the_sources_say() {
        let check = |family: Family, size: u64, expect: u64| {
            let (start, end) = family.extent(0x10_0010, size, false);
            assert_eq!(end - start, expect, "{family:?} {size}");
        };
        for (size, expect) in [
            (1, 32),
            (24, 32),
            (25, 48),
            (40, 48),
            (41, 64),
            (1000, 1008),
        ] {
            check(Family::Glibc, size, expect);
        }
        for (size, expect) in [
            (1, 8),
            (9, 16),
            (100, 112),
            (129, 160),
            (160, 160),
            (161, 192),
            (257, 320),
            (4097, 5120),
            (16385, 20480),
        ] {
            check(Family::Jemalloc, size, expect);
        }
        for (size, expect) in [
            (8, 8),
            (9, 16),
            (65, 80),
            (81, 96),
            (130, 160),
            (200_000, 200_704),
        ] {
            check(Family::Mimalloc, size, expect);
        }
        check(Family::Other, 77, 77);
        check(Family::Other, 0, 1);
    }

    #[test]
    fn a_mapped_block_takes_whole_pages() {
        let extent = Family::Glibc.extent(0x7000_0010, 200_000, true);
        assert_eq!(extent, (0x7000_0000, 0x7003_1000));
        assert_eq!(
            Family::Glibc.extent(u64::MAX - 5, u64::MAX, true).1,
            u64::MAX
        );
        assert_eq!(
            Family::Jemalloc.extent(u64::MAX - 5, u64::MAX, false).1,
            u64::MAX
        );
    }
}
