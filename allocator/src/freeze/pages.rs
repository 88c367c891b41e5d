//! How much of each mapping is resident, and which pages of those that hold blocks.
//!
//! ```text
//!  host, before the copy    mappings by name and place; files and shared memory are
//!                           measured, which the kernel does not copy for a clone
//!  copy (or in place)       private memory is measured: its table of pages is the
//!                           host's at the clone
//! ```
//!
//! So blocks and pages are of one instant, and the host does not wait for its own
//! memory to be walked, which takes as long as the clone. (Building the image touches
//! the profiler's own memory only, and what is read there for the first time is the page
//! of zeros.)
//!
//! The kernel is asked for runs of pages (`PAGEMAP_SCAN`, Linux 6.7), where it
//! can tell the page of zeros that untouched memory shows to readers, and that is no
//! memory of the process: so the sum is smaps' Rss. Older ones are asked for
//! smaps in the host, and give a word for each page in the copy; the page of zeros counts
//! as resident then.
//!
//! Source: `Documentation/admin-guide/mm/pagemap.rst`, `fs/proc/task_mmu.c`.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

use endler_snapshot::{Addr, Blocks, Bytes, Mapping, MappingKind, PAGE, PageRun};

use crate::os;

/// `struct pm_scan_arg`.
#[repr(C)]
#[derive(Default)]
struct ScanArguments {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    vec: u64,
    vec_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

const _: () = assert!(size_of::<ScanArguments>() == 96);

/// `struct page_region`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Region {
    start: u64,
    end: u64,
    categories: u64,
}

/// `_IOWR('f', 16, struct pm_scan_arg)`
const PAGEMAP_SCAN: u64 = 0xc060_6610;
const IS_FILE: u64 = 1 << 2;
const IS_PRESENT: u64 = 1 << 3;
const IS_SWAPPED: u64 = 1 << 4;
const IS_ZERO: u64 = 1 << 5;

/// In a word of the pagemap file.
const PRESENT: u64 = 1 << 63;

/// A process's table of pages.
pub(super) struct Pages {
    pagemap: File,
    /// Whether runs can be asked for.
    scans: bool,
}

impl Pages {
    /// Of this process; none where it may not be read.
    pub(super) fn open() -> Option<Self> {
        let mut pages = Pages {
            pagemap: File::open("/proc/self/pagemap").ok()?,
            scans: true,
        };
        let here = 0u8;
        let page = (&raw const here) as u64 / PAGE * PAGE;
        pages.scans = pages.scan((page, page + PAGE), |_| {});
        Some(pages)
    }

    /// Whether mappings can be measured by it.
    pub(super) fn measures(&self) -> bool {
        self.scans
    }

    /// Measures those of `mappings` that the copy has otherwise than the host: for the
    /// host.
    pub(super) fn measure_shared(&self, mappings: &mut [Mapping]) {
        for mapping in mappings.iter_mut().filter(|m| !is_copied(m)) {
            if is_memory(mapping) {
                self.measure(mapping, |_, _| {});
            }
        }
    }

    /// Measures private memory where runs can be asked for, and gives the resident
    /// pages of the mappings that hold a block. O(pages).
    pub(super) fn measure_private(
        &self,
        blocks: &Blocks,
        mappings: &mut [Mapping],
    ) -> Vec<PageRun> {
        let mut runs = Vec::new();
        for mapping in mappings {
            let range = (mapping.start.0, mapping.end.0);
            let holds = holds_block(blocks, mapping);
            if self.scans && is_copied(mapping) {
                self.measure(mapping, |start, end| {
                    if holds {
                        push(&mut runs, start, end);
                    }
                });
            } else if holds && mapping.rss > Bytes(0) {
                self.read(range, |start, end| push(&mut runs, start, end));
            }
        }
        runs
    }

    /// Sets a mapping's figures, and calls `resident` for each run of its pages.
    fn measure(&self, mapping: &mut Mapping, mut resident: impl FnMut(u64, u64)) {
        (mapping.rss, mapping.private_dirty, mapping.swap) = Default::default();
        let range = (mapping.start.0, mapping.end.0);
        self.scan(range, |region| {
            let bytes = region.end.saturating_sub(region.start);
            if region.categories & IS_SWAPPED != 0 {
                mapping.swap.0 += bytes;
            } else if region.categories & IS_ZERO == 0 {
                mapping.rss.0 += bytes;
                if region.categories & IS_FILE == 0 {
                    mapping.private_dirty.0 += bytes;
                }
                resident(region.start, region.end);
            }
        });
    }

    /// Calls `each` for each run of pages that are present or swapped out; false where
    /// the kernel cannot tell them.
    fn scan(&self, (start, end): (u64, u64), mut each: impl FnMut(&Region)) -> bool {
        let mut at = start;
        let mut regions = [Region::default(); 128];
        while at < end {
            let mut arguments = ScanArguments {
                size: size_of::<ScanArguments>() as u64,
                start: at,
                end,
                vec: regions.as_mut_ptr() as u64,
                vec_len: regions.len() as u64,
                category_anyof_mask: IS_PRESENT | IS_SWAPPED,
                return_mask: IS_PRESENT | IS_SWAPPED | IS_FILE | IS_ZERO,
                ..ScanArguments::default()
            };
            let fd = self.pagemap.as_raw_fd() as u64;
            let into = (&raw mut arguments) as u64;
            // SAFETY: reads and writes the arguments, and writes at most `vec_len` regions.
            let got = unsafe { os::syscall(libc::SYS_ioctl, [fd, PAGEMAP_SCAN, into, 0, 0, 0]) };
            let Ok(got) = usize::try_from(got) else {
                return false;
            };
            for region in regions.iter().take(got) {
                each(region);
            }
            if arguments.walk_end <= at {
                break;
            }
            at = arguments.walk_end;
        }
        true
    }

    /// Calls `each` for each resident page, by a word for each page.
    fn read(&self, (start, end): (u64, u64), mut each: impl FnMut(u64, u64)) {
        let mut words = [0u8; 8 << 10];
        let mut at = start;
        while at < end {
            let pages = ((end - at) / PAGE).min(words.len() as u64 / 8);
            let Some(into) = words.get_mut(..pages as usize * 8) else {
                return;
            };
            if pages == 0 || self.pagemap.read_exact_at(into, at / PAGE * 8).is_err() {
                return;
            }
            for word in into.chunks_exact(8) {
                let word = word.try_into().map_or(0, u64::from_le_bytes);
                if word & PRESENT != 0 {
                    each(at, at + PAGE);
                }
                at += PAGE;
            }
        }
    }
}

/// Whether the copy's table of pages has all of the mapping's.
fn is_copied(mapping: &Mapping) -> bool {
    use MappingKind::{Anonymous, Heap, Own, Stack};
    matches!(mapping.kind, Heap | Anonymous | Stack | Own)
}

/// Whether smaps counts the mapping's pages as resident memory: not a device's, nor
/// huge pages of their own pool, nor the clock's.
fn is_memory(mapping: &Mapping) -> bool {
    let name = mapping.name.as_str();
    let device = name.starts_with("/dev/")
        && !name.starts_with("/dev/shm/")
        && !name.starts_with("/dev/zero");
    !device && !name.starts_with("/anon_hugepage") && !name.starts_with("[vvar")
}

fn holds_block(blocks: &Blocks, mapping: &Mapping) -> bool {
    let first = blocks.addr.partition_point(|addr| *addr < mapping.start);
    blocks
        .addr
        .get(first)
        .is_some_and(|addr| *addr < mapping.end)
}

/// Adds a run; one that touches the last is joined to it.
fn push(runs: &mut Vec<PageRun>, start: u64, end: u64) {
    let pages = end.saturating_sub(start) / PAGE;
    match runs.last_mut() {
        Some(last) if last.end() == Addr(start) => last.pages += pages,
        _ if pages > 0 => runs.push(PageRun {
            start: Addr(start),
            pages,
        }),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use endler_snapshot::{ContextId, PhaseId, Serial, ThreadId, Tick};

    /// Pages of our own, unmapped with the value.
    struct Mapped(*mut u8, usize);

    impl Mapped {
        fn new(pages: usize) -> Self {
            let at = os::map_unlisted(pages * 4096);
            assert!(!at.is_null());
            Mapped(at, pages)
        }
        fn start(&self) -> u64 {
            self.0 as u64
        }
        fn range(&self) -> (u64, u64) {
            (self.start(), self.start() + self.1 as u64 * PAGE)
        }
        fn write(&self, page: usize) {
            assert!(page < self.1);
            // SAFETY: inside the mapping.
            unsafe { self.0.wrapping_add(page * 4096).write_volatile(1) };
        }
        fn read(&self, page: usize) {
            assert!(page < self.1);
            // SAFETY: inside the mapping.
            let value = unsafe { self.0.wrapping_add(page * 4096).read_volatile() };
            assert_eq!(value, 0);
        }
    }

    impl Drop for Mapped {
        fn drop(&mut self) {
            // SAFETY: it was mapped for this value alone.
            unsafe { os::unmap(self.0, self.1 * 4096) };
        }
    }

    fn offsets(mapped: &Mapped, runs: &[PageRun]) -> Vec<(u64, u64)> {
        let page = |run: &PageRun| ((run.start.0 - mapped.start()) / PAGE, run.pages);
        runs.iter().map(page).collect()
    }

    fn pages() -> Pages {
        let pages = Pages::open().expect("this process may read its own");
        if !pages.measures() {
            println!("not run here: PAGEMAP_SCAN, which came with Linux 6.7");
        }
        pages
    }

    fn mapping(of: &Mapped) -> Mapping {
        Mapping {
            start: Addr(of.range().0),
            end: Addr(of.range().1),
            rss: Bytes(PAGE),
            ..Mapping::default()
        }
    }

    fn block(at: u64) -> Blocks {
        Blocks {
            addr: vec![Addr(at)],
            size: vec![Bytes(8)],
            context: vec![ContextId(0)],
            born: vec![Tick(0)],
            serial: vec![Serial(0)],
            thread: vec![ThreadId(0)],
            phase: vec![PhaseId(0)],
        }
    }

    #[test]
    fn written_pages_are_found_both_ways_and_alike() {
        let mapped = Mapped::new(5000);
        let written: Vec<usize> = (0..5000).filter(|n| n % 7 == 3 || n % 11 < 2).collect();
        for page in &written {
            mapped.write(*page);
        }
        let mut expect: Vec<(u64, u64)> = Vec::new();
        for page in &written {
            match expect.last_mut() {
                Some((start, pages)) if *start + *pages == *page as u64 => *pages += 1,
                _ => expect.push((*page as u64, 1)),
            }
        }
        let blocks = block(mapped.start() + 5000);
        let mut pages = pages();
        let scans = pages.measures();
        let mut measured = [mapping(&mapped)];
        if scans {
            let runs = pages.measure_private(&blocks, &mut measured);
            assert_eq!(offsets(&mapped, &runs), expect);
            let all = Bytes(written.len() as u64 * PAGE);
            let [mapping] = &measured;
            assert_eq!((mapping.rss, mapping.private_dirty), (all, all));
            assert_eq!(mapping.swap, Bytes(0));
        }
        pages.scans = false;
        let mut mappings = [mapping(&mapped)];
        let runs = pages.measure_private(&blocks, &mut mappings);
        assert_eq!(offsets(&mapped, &runs), expect);
        assert_eq!(mappings[0].rss, Bytes(PAGE), "what smaps said stays");
    }

    #[test]
    fn the_page_of_zeros_is_no_memory_where_the_kernel_tells_it() {
        let mapped = Mapped::new(8);
        (0..4).for_each(|page| mapped.read(page));
        mapped.write(2);
        let blocks = block(mapped.start());
        let mut pages = pages();
        if pages.measures() {
            let runs = pages.measure_private(&blocks, &mut [mapping(&mapped)]);
            assert_eq!(offsets(&mapped, &runs), [(2, 1)]);
        }
        pages.scans = false;
        let runs = pages.measure_private(&blocks, &mut [mapping(&mapped)]);
        assert_eq!(offsets(&mapped, &runs), [(0, 4)]);
    }

    #[test]
    fn pages_are_listed_only_of_mappings_that_hold_a_block() {
        let (with, without) = (Mapped::new(3), Mapped::new(3));
        with.write(1);
        without.write(0);
        without.write(1);
        let mut mappings = [mapping(&with), mapping(&without)];
        mappings.sort_by_key(|m| m.start);
        let pages = pages();
        let runs = pages.measure_private(&block(with.start() + 5000), &mut mappings);
        assert_eq!(offsets(&with, &runs), [(1, 1)]);
        if pages.measures() {
            let rss = |of: &Mapped| {
                let found = mappings.iter().find(|m| m.start == Addr(of.start()));
                found.map(|m| m.rss.0 / PAGE)
            };
            assert_eq!((rss(&with), rss(&without)), (Some(1), Some(2)));
        }
    }

    /// By the kernel's own figures, of each mapping of this process.
    #[test]
    fn what_is_measured_is_what_smaps_says() {
        let pages = pages();
        if !pages.measures() {
            return;
        }
        let nothing = super::super::mappings::Known {
            own: &[],
            here: (0, 0),
            stacks: &[],
        };
        let said = super::super::mappings::read_smaps(&nothing);
        let mut measured = said.clone();
        pages.measure_shared(&mut measured);
        pages.measure_private(&Blocks::default(), &mut measured);
        let mut compared = 0;
        for (said, measured) in said.iter().zip(&measured) {
            compared += usize::from(said.rss == measured.rss && said.rss.0 > 0);
        }
        // Other tests of this process touch memory between the two readings. That all
        // is equal a process without such tests shows (tests/fragmentation.rs).
        assert!(compared > 10, "{compared} mappings are equal to the byte");
    }
}
