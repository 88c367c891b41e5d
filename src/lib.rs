//! endler (façade being written; the names below are final).

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::{Path, PathBuf};

pub use endler_reports as reports;

/// The recording global allocator (stub while the allocator is being written).
#[derive(Debug)]
pub struct Heap<A: GlobalAlloc = System> {
    inner: A,
}
impl Heap<System> {
    /// Wraps the system allocator.
    #[must_use]
    pub const fn system() -> Self {
        Heap { inner: System }
    }
}
impl<A: GlobalAlloc> Heap<A> {
    /// Wraps any allocator.
    pub const fn wrapping(inner: A) -> Self {
        Heap { inner }
    }
}
// SAFETY: forwards to the inner allocator.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Heap<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract.
        unsafe { self.inner.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract.
        unsafe { self.inner.dealloc(ptr, layout) }
    }
}

/// Error (stub).
pub type Error = std::io::Error;

/// Writes tables and a snapshot into `directory` at each delivery of `signal`.
pub fn on_signal(signal: i32, directory: impl Into<PathBuf>) -> Result<(), Error> {
    let _ = (signal, directory.into());
    Ok(())
}
/// Writes a last dump at a normal exit and at an abort.
pub fn on_exit(directory: impl Into<PathBuf>) -> Result<(), Error> {
    let _ = directory.into();
    Ok(())
}
/// Starts a phase.
pub fn phase(name: &str) {
    let _ = name;
}
/// Writes a snapshot; returns when the file is complete.
pub fn snapshot_to(path: impl AsRef<Path>) -> Result<(), Error> {
    let _ = path.as_ref();
    Err(std::io::Error::other("stub"))
}
