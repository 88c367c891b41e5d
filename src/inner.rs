//! What the allocator that `Heap` wraps says of its own memory.
//!
//! A profiler that wraps an allocator sees what is asked for and given back. What
//! the allocator keeps of that, only it knows. These functions ask it; they may
//! wait for its locks, so they run when [`crate::inner_statistics`] asked for
//! them, and never in the copy.

use std::sync::atomic::{AtomicPtr, Ordering};

use endler_allocator::freeze::ReadInner;
use endler_snapshot::InnerStatistics;

/// Who reads them; leaked when it changes, since the profiler's thread may use it at
/// any time.
static READER: AtomicPtr<ReadInner> = AtomicPtr::new(std::ptr::null_mut());

pub(crate) fn ask(read: ReadInner) {
    READER.store(Box::into_raw(Box::new(read)), Ordering::Release);
}

/// Who was asked for.
#[allow(dead_code, reason = "nobody asks where nothing is frozen")]
pub(crate) fn asked() -> Option<ReadInner> {
    // SAFETY: null, or leaked by `ask`.
    unsafe { READER.load(Ordering::Acquire).as_ref() }.copied()
}

/// By the wrapped allocator's type: [`system`] for `std::alloc::System`, and with
/// the features `jemalloc` and `mimalloc` their own, whatever crate wraps them.
/// None of any other.
#[must_use]
pub fn automatic() -> Option<InnerStatistics> {
    let name = endler_allocator::inner_allocator().to_ascii_lowercase();
    #[cfg(feature = "jemalloc")]
    if name.contains("jemalloc") {
        return jemalloc();
    }
    #[cfg(feature = "mimalloc")]
    if name.contains("mimalloc") {
        return mimalloc();
    }
    if name == "std::alloc::system" {
        system()
    } else {
        None
    }
}

/// The C library's allocator, by glibc's `malloc_info`: what all its arenas and
/// mappings hold, and what of it is given out. None with another C library.
#[must_use]
pub fn system() -> Option<InnerStatistics> {
    endler_allocator::freeze::inner::system()
}

/// jemalloc, by `mallctl`. It counts only if it was built to (the feature
/// `stats` of tikv-jemallocator, which the feature `jemalloc` of this crate sets).
#[cfg(feature = "jemalloc")]
#[must_use]
pub fn jemalloc() -> Option<InnerStatistics> {
    use tikv_jemalloc_ctl::{epoch, stats};
    let bytes = |read: tikv_jemalloc_ctl::Result<usize>| {
        let count = read.ok().filter(|count| *count > 0)?;
        Some(endler_snapshot::Bytes(count as u64))
    };
    // Its figures are those of the last epoch.
    epoch::advance().ok()?;
    Some(InnerStatistics {
        allocated: bytes(stats::allocated::read()),
        cached: None,
        active: bytes(stats::active::read()),
        resident: bytes(stats::resident::read()),
        mapped: bytes(stats::mapped::read()),
        retained: bytes(stats::retained::read()),
        metadata: bytes(stats::metadata::read()),
    })
}

/// mimalloc, by `mi_process_info`: what it has committed, which on Linux is the
/// memory that it may touch, resident or not. It counts blocks only in builds
/// for debugging, so nothing is said of them.
#[cfg(feature = "mimalloc")]
#[must_use]
pub fn mimalloc() -> Option<InnerStatistics> {
    let mut committed = 0usize;
    let none = std::ptr::null_mut();
    // SAFETY: writes to those of the eight places that are not null.
    unsafe {
        libmimalloc_sys::mi_process_info(
            none,
            none,
            none,
            none,
            none,
            &raw mut committed,
            none,
            none,
        );
    }
    let mapped = Some(committed).filter(|bytes| *bytes > 0);
    Some(InnerStatistics {
        mapped: mapped.map(|bytes| endler_snapshot::Bytes(bytes as u64)),
        ..InnerStatistics::default()
    })
}
