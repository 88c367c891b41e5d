//! An allocator for the command: the system's, whose large blocks lie in large pages.
//!
//! What a graph's walks wait for is memory, and a part of that is the tables of pages: a
//! column of ten million nodes is forty megabytes, or ten thousand pages of 4 KiB. Where the
//! kernel gives pages of 2 MiB on request (`/sys/kernel/mm/transparent_hugepage/enabled` says
//! `madvise` or `always`) dominators and retained sizes take five sixths of the time.
//!
//! For a process that belongs to a report alone. A copy of a process does not ask: to make room for
//! large pages the kernel may move the pages that it shares with its host.

use std::alloc::{GlobalAlloc, Layout, System};

/// Smaller blocks lie in pages as they come, in bytes: the allocator gives their memory out
/// again, and a large page may be resident for one of them.
const LARGE: usize = 8 << 20;

/// The system's allocator, with pages of 2 MiB for blocks of 8 MiB and more.
///
/// ```
/// #[global_allocator]
/// static HEAP: endler_reports::LargePages = endler_reports::LargePages;
///
/// let column = vec![0u32; 10_000_000];
/// # assert_eq!(column.len(), 10_000_000);
/// ```
pub struct LargePages;

/// Asks for large pages. It may be refused: the block is as good without.
fn ask(at: *mut u8, size: usize) {
    if at.is_null() || size < LARGE {
        return;
    }
    // The C library keeps a word of its own before the block.
    let page = 4096;
    let from = at.addr().next_multiple_of(page);
    let to = (at.addr() + size) & !(page - 1);
    // SAFETY: these are whole pages of a block that was just given out, and the advice changes
    // nothing of what stands in them.
    unsafe { libc::madvise(at.with_addr(from).cast(), to - from, libc::MADV_HUGEPAGE) };
}

// SAFETY: all four methods hand their arguments on to the system's allocator and return what it
// returns; the advice in between allocates nothing.
unsafe impl GlobalAlloc for LargePages {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is the callee's.
        let at = unsafe { System.alloc(layout) };
        ask(at, layout.size());
        at
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is the callee's.
        let at = unsafe { System.alloc_zeroed(layout) };
        ask(at, layout.size());
        at
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise is the callee's.
        let at = unsafe { System.realloc(at, layout, size) };
        ask(at, size);
        at
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is the callee's.
        unsafe { System.dealloc(at, layout) }
    }
}
