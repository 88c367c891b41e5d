//! Where the process's resident memory lies: its mappings, the resident pages
//! of those that hold blocks, and what the inner allocator says of itself.
//!
//! ```text
//!  mappings (smaps)         pages, of mappings that hold a block
//!   start end kind rss …     start   length
//!   ─────────────────        ──────────────
//!   a         heap   ◄────── a+0     3      resident
//!   …                        a+9000  1      (what lies between is not)
//! ```
//!
//! The mappings are the host's, read just before the copy. Pages and figures of private
//! memory are those of the copy's first moment, which are the host's of the same
//! instant as the blocks; in an image that is not atomic they are read while
//! the host goes on, as all else is.
//!
//! Invariants, checked by [`Residency::check_invariants`]:
//! * mappings are in address order, do not overlap, and are whole pages;
//! * no mapping has more resident bytes than it is long;
//! * runs of pages are in address order, do not touch, and each lies in mappings.

use crate::ids::{Addr, Bytes, Nanos};

/// Bytes of a page, as the tables count them: the small page of x86-64. A huge
/// page is 512 of them.
pub const PAGE: u64 = 4096;

/// See the module's drawing. Empty where nothing could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Residency {
    /// The allocator that `Heap` wraps.
    pub inner: Inner,
    /// Every mapping of the process.
    pub mappings: Vec<Mapping>,
    /// Resident pages of the mappings that hold blocks.
    pub pages: Vec<PageRun>,
}

/// The allocator that `Heap` wraps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inner {
    /// What Rust calls its type: `std::alloc::System`; empty if it is not known.
    pub allocator: String,
    /// How long its statistics took to read; it may have waited for the
    /// allocator's locks meanwhile. 0 where they were not asked for.
    pub reading: Nanos,
    /// Its own statistics, where they were asked for and there are any.
    pub statistics: Option<InnerStatistics>,
}

/// What an allocator says of its own memory, in bytes. What it does not count is
/// left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InnerStatistics {
    /// In blocks that it has given out, by their size classes: also to C code,
    /// and (but for what `cached` says) to the caches of its threads.
    pub allocated: Option<Bytes>,
    /// Of `allocated`: freed blocks that wait in caches of threads.
    pub cached: Option<Bytes>,
    /// In pages that hold such blocks.
    pub active: Option<Bytes>,
    /// What it believes to be resident, its own tables included.
    pub resident: Option<Bytes>,
    /// What it has of the system, resident or not.
    pub mapped: Option<Bytes>,
    /// Address space that it keeps though its memory was given back.
    pub retained: Option<Bytes>,
    /// Its own tables.
    pub metadata: Option<Bytes>,
}

impl InnerStatistics {
    /// The fields in the order of the docs, with their names.
    #[must_use]
    pub const fn named(&self) -> [(&'static str, Option<Bytes>); 7] {
        [
            ("allocated", self.allocated),
            ("cached", self.cached),
            ("active", self.active),
            ("resident", self.resident),
            ("mapped", self.mapped),
            ("retained", self.retained),
            ("metadata", self.metadata),
        ]
    }
}

/// What a mapping is, as far as the kernel and the profiler know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MappingKind {
    /// `[heap]`: what `brk` gives.
    Heap,
    /// Private memory of no file, named (`[anon:NAME]`) or not.
    #[default]
    Anonymous,
    /// A thread's stack: the kernel says so, or its stack pointer lies in it.
    Stack,
    /// A file.
    File,
    /// The profiler's own memory.
    Own,
    /// The kernel's (`[vdso]`, `[vvar]`).
    Kernel,
    /// Shared memory of no file.
    Shared,
}

/// What a mapping lets its process do: 1 read, 2 write, 4 execute; 8 it is shared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Access(pub u16);

impl Access {
    /// Whether nothing at all: a guard, or room for later.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 & 7 == 0
    }

    /// Whether it can be written.
    #[must_use]
    pub const fn is_writable(self) -> bool {
        self.0 & 2 != 0
    }
}

/// A mapping of the process, with the figures of `/proc/PID/smaps`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    /// First byte.
    pub start: Addr,
    /// One past the last byte.
    pub end: Addr,
    /// What it is.
    pub kind: MappingKind,
    /// What may be done with it.
    pub access: Access,
    /// The kernel's name for it, or the file's path; empty if it has none.
    pub name: String,
    /// Kernel id of the thread whose stack it is, if that is known.
    pub thread: Option<u32>,
    /// Resident.
    pub rss: Bytes,
    /// Of `rss`: the process's own, not a file's.
    pub private_dirty: Bytes,
    /// Swapped out.
    pub swap: Bytes,
}

impl Mapping {
    /// Whether an address lies in it.
    #[must_use]
    pub fn holds(&self, addr: Addr) -> bool {
        self.start <= addr && addr < self.end
    }

    /// Its length.
    #[must_use]
    pub fn len(&self) -> Bytes {
        Bytes(self.end.0.saturating_sub(self.start.0))
    }

    /// Whether it has no byte, which no mapping of a process has.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == Bytes(0)
    }
}

/// Resident pages, one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageRun {
    /// First byte.
    pub start: Addr,
    /// Number of pages of [`PAGE`] bytes.
    pub pages: u64,
}

impl PageRun {
    /// One past its last byte.
    #[must_use]
    pub fn end(&self) -> Addr {
        Addr(self.start.0.saturating_add(self.pages.saturating_mul(PAGE)))
    }
}

impl Residency {
    /// Resident memory of all mappings together: the process's, to the byte.
    #[must_use]
    pub fn rss(&self) -> Bytes {
        let all = self.mappings.iter();
        Bytes(all.fold(0, |sum, mapping| sum.saturating_add(mapping.rss.0)))
    }

    /// The mapping that holds an address. O(log mappings).
    #[must_use]
    pub fn mapping_of(&self, addr: Addr) -> Option<&Mapping> {
        let after = self.mappings.partition_point(|m| m.start <= addr);
        let mapping = self.mappings.get(after.checked_sub(1)?)?;
        mapping.holds(addr).then_some(mapping)
    }

    /// Checks the invariants of the module's docs; the error says which row
    /// breaks which one. O(rows).
    pub fn check_invariants(&self) -> Result<(), String> {
        let mut end = Addr(0);
        for (i, mapping) in self.mappings.iter().enumerate() {
            let (start, stop) = (mapping.start, mapping.end);
            if start < end || stop <= start {
                return Err(format!("mapping {i} is not after the one before it"));
            }
            if start.0 % PAGE != 0 || stop.0 % PAGE != 0 {
                return Err(format!("mapping {i} is not of whole pages"));
            }
            if mapping.rss > mapping.len() {
                return Err(format!("mapping {i} has more resident than it is long"));
            }
            end = stop;
        }
        let mut end = None;
        let mut at = 0;
        for (i, run) in self.pages.iter().enumerate() {
            let length = run.pages.checked_mul(PAGE);
            let stop = length.and_then(|length| run.start.0.checked_add(length));
            let Some(stop) = stop.filter(|stop| *stop > run.start.0) else {
                return Err(format!("run {i} of pages has no end"));
            };
            if run.start.0 % PAGE != 0 || end.is_some_and(|end| run.start.0 <= end) {
                return Err(format!("run {i} of pages is not apart from the one before"));
            }
            // Runs and mappings rise together, so each mapping is passed once.
            let mut covered = run.start.0;
            while covered < stop {
                let Some(mapping) = self.mappings.get(at) else {
                    return Err(format!("run {i} of pages lies in no mapping"));
                };
                if mapping.end.0 <= covered {
                    at += 1;
                } else if mapping.start.0 <= covered {
                    covered = mapping.end.0.min(stop);
                } else {
                    return Err(format!("run {i} of pages lies in no mapping"));
                }
            }
            end = Some(stop);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(start: u64, end: u64) -> Mapping {
        Mapping {
            start: Addr(start),
            end: Addr(end),
            rss: Bytes(end - start),
            ..Mapping::default()
        }
    }

    fn run(start: u64, pages: u64) -> PageRun {
        PageRun {
            start: Addr(start),
            pages,
        }
    }

    #[test]
    fn an_address_is_found_in_its_mapping_alone() {
        let residency = Residency {
            mappings: vec![mapping(0x1000, 0x3000), mapping(0x3000, 0x4000)],
            ..Residency::default()
        };
        let start = |addr| residency.mapping_of(Addr(addr)).map(|m| m.start.0);
        assert_eq!(
            [0xfff, 0x1000, 0x2fff, 0x3000, 0x4000].map(start),
            [None, Some(0x1000), Some(0x1000), Some(0x3000), None]
        );
        assert_eq!(residency.rss(), Bytes(0x3000));
    }

    #[test]
    fn each_broken_invariant_is_told() {
        let check = |mappings: &[Mapping], pages: &[PageRun], expect: &str| {
            let residency = Residency {
                mappings: mappings.to_vec(),
                pages: pages.to_vec(),
                ..Residency::default()
            };
            let got = residency.check_invariants();
            match expect {
                "" => assert_eq!(got, Ok(())),
                _ => {
                    let why = got.expect_err(expect);
                    assert!(why.contains(expect), "{why}");
                }
            }
        };
        let two = [mapping(0x1000, 0x3000), mapping(0x3000, 0x5000)];
        check(&two, &[run(0x1000, 4)], "");
        check(&two, &[run(0x1000, 1), run(0x4000, 1)], "");
        check(&two, &[run(0x1000, 5)], "run 0 of pages lies in no mapping");
        check(&two, &[run(0x5000, 1)], "lies in no mapping");
        check(&two, &[run(0, 2)], "lies in no mapping");
        check(
            &two,
            &[run(0x1000, 1), run(0x2000, 1)],
            "run 1 of pages is not apart",
        );
        check(&two, &[run(0x1000, 0)], "has no end");
        check(&two, &[run(0x1000, u64::MAX / PAGE + 1)], "has no end");
        check(&two, &[run(0x1001, 1)], "is not apart");
        check(
            &[two[1].clone(), two[0].clone()],
            &[],
            "mapping 1 is not after",
        );
        check(&[mapping(0x1000, 0x1800)], &[], "whole pages");
        let mut fat = two;
        fat[1].rss = Bytes(0x2001);
        check(&fat, &[], "mapping 1 has more resident");
        check(&[Mapping::default()], &[], "mapping 0 is not after");
    }
}
