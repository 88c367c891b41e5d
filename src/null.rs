//! A last dump when the inner allocator gives null: the first time, while it can still
//! be asked what holds the memory.
//!
//! The request itself gets its null at once. What the dump needs is kept back before
//! as address space, since a limit on that (`RLIMIT_AS`) is the commonest cause.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use crate::{Error, files, profiler};

/// Where the dump goes; leaked.
static DIRECTORY: AtomicPtr<PathBuf> = AtomicPtr::new(std::ptr::null_mut());
/// What is kept back; null when it was given back.
static RESERVE: AtomicPtr<libc::c_void> = AtomicPtr::new(std::ptr::null_mut());
/// Enough for the profiler's thread, and a copy that works out types in it.
const RESERVED: usize = 64 << 20;
/// Whether a request was refused, ever and since the thread looked.
static SEEN: AtomicBool = AtomicBool::new(false);
static ASKED: AtomicBool = AtomicBool::new(false);

/// From now on the first request that is refused is followed by a dump.
pub(crate) fn dump_into(directory: PathBuf) -> Result<(), Error> {
    let directory = files::directory(directory)?;
    profiler::start()?;
    DIRECTORY.store(Box::into_raw(Box::new(directory)), Ordering::Release);
    if RESERVE.load(Ordering::Acquire).is_null() && !SEEN.load(Ordering::Acquire) {
        let (none, flags) = (
            std::ptr::null_mut(),
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
        );
        // SAFETY: a fresh mapping, which nobody can touch.
        let at = unsafe { libc::mmap(none, RESERVED, libc::PROT_NONE, flags, -1, 0) };
        if at != libc::MAP_FAILED {
            RESERVE.store(at, Ordering::Release);
        }
    }
    endler_allocator::on_null(refused);
    Ok(())
}

/// Inside the request that was refused: no allocation, no lock, and `errno` is kept.
fn refused() {
    if SEEN.swap(true, Ordering::AcqRel) {
        return;
    }
    // SAFETY: the C library's errno of this thread.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let saved = unsafe { errno.read() };
    ASKED.store(true, Ordering::Release);
    profiler::wake();
    // SAFETY: as above.
    unsafe { errno.write(saved) };
}

/// On the profiler's thread: where a dump is to go, once.
pub(crate) fn asked() -> Option<PathBuf> {
    if !ASKED.swap(false, Ordering::AcqRel) {
        return None;
    }
    let at = RESERVE.swap(std::ptr::null_mut(), Ordering::AcqRel);
    if !at.is_null() {
        // SAFETY: the mapping that `dump_into` made, given back once.
        unsafe { libc::munmap(at, RESERVED) };
    }
    // SAFETY: null, or leaked by `dump_into`.
    unsafe { DIRECTORY.load(Ordering::Acquire).as_ref() }.cloned()
}
