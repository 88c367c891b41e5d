//! Which pages of the mappings that hold blocks are resident.
//!
//! Runs where the image is built: in the copy, whose table of pages is, for
//! private memory, the host's at the clone; so blocks and pages are of one instant
//! and the host does not wait. (Building the image touches the profiler's own
//! memory only.) Memory that the kernel does not copy for a clone, because it
//! is shared, seems not to be resident; allocators use none.
//!
//! The kernel is asked for runs of resident pages (`PAGEMAP_SCAN`, Linux 6.7),
//! where it can tell the page of zeros that untouched memory shows to readers,
//! and that is no memory of the process. Older ones give a word for each page; that
//! page counts as resident then.
//!
//! Source: `Documentation/admin-guide/mm/pagemap.rst`.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

use endler_snapshot::{Addr, Blocks, Bytes, Mapping, PAGE, PageRun};

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
const IS_PRESENT: u64 = 1 << 3;
const IS_ZERO: u64 = 1 << 5;

/// In a word of the pagemap file.
const PRESENT: u64 = 1 << 63;

/// The resident pages of those `mappings` that hold a block. O(pages of them).
pub(super) fn of_blocks(blocks: &Blocks, mappings: &[Mapping]) -> Vec<PageRun> {
    let mut runs = Vec::new();
    let Ok(file) = File::open("/proc/self/pagemap") else {
        return runs;
    };
    let mut scans = true;
    for mapping in mappings {
        if mapping.rss == Bytes(0) || !holds_block(blocks, mapping) {
            continue;
        }
        let range = (mapping.start.0, mapping.end.0);
        scans = scans && scan(&file, range, &mut runs);
        if !scans {
            read(&file, range, &mut runs);
        }
    }
    runs
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

/// By `PAGEMAP_SCAN`; false, and nothing is added, where the kernel has it not.
fn scan(pagemap: &File, (start, end): (u64, u64), runs: &mut Vec<PageRun>) -> bool {
    let mut at = start;
    let mut regions = [Region::default(); 128];
    while at < end {
        let mut arguments = ScanArguments {
            size: size_of::<ScanArguments>() as u64,
            start: at,
            end,
            vec: regions.as_mut_ptr() as u64,
            vec_len: regions.len() as u64,
            category_inverted: IS_ZERO,
            category_mask: IS_PRESENT | IS_ZERO,
            return_mask: IS_PRESENT,
            ..ScanArguments::default()
        };
        let fd = pagemap.as_raw_fd() as u64;
        let into = (&raw mut arguments) as u64;
        // SAFETY: reads and writes the arguments, and writes at most `vec_len` regions.
        let got = unsafe { os::syscall(libc::SYS_ioctl, [fd, PAGEMAP_SCAN, into, 0, 0, 0]) };
        let Ok(got) = usize::try_from(got) else {
            // It fails at the first try or never, but for a mapping that is gone.
            return at != start;
        };
        for region in regions.iter().take(got) {
            push(runs, region.start, region.end);
        }
        if arguments.walk_end <= at {
            break;
        }
        at = arguments.walk_end;
    }
    true
}

/// By a word for each page.
fn read(pagemap: &File, (start, end): (u64, u64), runs: &mut Vec<PageRun>) {
    let mut words = [0u8; 8 << 10];
    let mut at = start;
    while at < end {
        let pages = ((end - at) / PAGE).min(words.len() as u64 / 8);
        let Some(into) = words.get_mut(..pages as usize * 8) else {
            return;
        };
        if pages == 0 || pagemap.read_exact_at(into, at / PAGE * 8).is_err() {
            return;
        }
        for word in into.chunks_exact(8) {
            let word = word.try_into().map_or(0, u64::from_le_bytes);
            if word & PRESENT != 0 {
                push(runs, at, at + PAGE);
            }
            at += PAGE;
        }
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
        let file = File::open("/proc/self/pagemap").expect("it is there");
        let mut runs = Vec::new();
        read(&file, mapped.range(), &mut runs);
        assert_eq!(offsets(&mapped, &runs), expect);
        let mut runs = Vec::new();
        if scan(&file, mapped.range(), &mut runs) {
            assert_eq!(offsets(&mapped, &runs), expect);
        } else {
            println!("not run here: PAGEMAP_SCAN, which came with Linux 6.7");
        }
    }

    #[test]
    fn the_page_of_zeros_is_no_memory_where_the_kernel_tells_it() {
        let mapped = Mapped::new(8);
        (0..4).for_each(|page| mapped.read(page));
        mapped.write(2);
        let file = File::open("/proc/self/pagemap").expect("it is there");
        let mut runs = Vec::new();
        if scan(&file, mapped.range(), &mut runs) {
            assert_eq!(offsets(&mapped, &runs), [(2, 1)]);
        } else {
            println!("not run here: PAGEMAP_SCAN, which came with Linux 6.7");
        }
        let mut runs = Vec::new();
        read(&file, mapped.range(), &mut runs);
        assert_eq!(offsets(&mapped, &runs), [(0, 4)]);
    }

    #[test]
    fn only_mappings_that_hold_a_block_are_asked_for() {
        let (with, without) = (Mapped::new(3), Mapped::new(3));
        with.write(1);
        without.write(1);
        let mapping = |of: &Mapped| Mapping {
            start: Addr(of.range().0),
            end: Addr(of.range().1),
            rss: Bytes(PAGE),
            ..Mapping::default()
        };
        let mut mappings = [mapping(&with), mapping(&without)];
        mappings.sort_by_key(|m| m.start);
        let blocks = Blocks {
            addr: vec![Addr(with.start() + 5000)],
            size: vec![Bytes(8)],
            context: vec![ContextId(0)],
            born: vec![Tick(0)],
            serial: vec![Serial(0)],
            thread: vec![ThreadId(0)],
            phase: vec![PhaseId(0)],
        };
        let runs = of_blocks(&blocks, &mappings);
        assert_eq!(offsets(&with, &runs), [(1, 1)]);
    }
}
