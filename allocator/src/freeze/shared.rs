//! The page that the host and its copy share: how far the copy is, and what it says.
//!
//! Written by the copy alone. The message is read when the copy has ended.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::copy_arena::Refusal;

/// How the copy stands, written by the copy.
pub(super) const STARTED: u32 = 1;
pub(super) const READY: u32 = 2;
pub(super) const DONE: u32 = 3;
pub(super) const FAILED: u32 = 4;
pub(super) const PANICKED: u32 = 5;
/// It could not leave the host's table of descriptors, and has done nothing.
pub(super) const SHARED_TABLE: u32 = 6;

/// A page that the host and the copy share.
#[repr(C)]
pub(super) struct Shared {
    pub(super) stage: AtomicU32,
    pub(super) len: AtomicU32,
    pub(super) refusal: Refusal,
    pub(super) used: AtomicU64,
    pub(super) objects: AtomicU64,
    pub(super) bytes: AtomicU64,
    message: UnsafeCell<[u8; 3000]>,
}

// SAFETY: atomics, but for the message: only the copy's one thread writes it, and
// the host reads it after the copy has ended.
unsafe impl Sync for Shared {}

const _: () = assert!(size_of::<Shared>() <= 4096);

impl Shared {
    /// In the copy: leaves a message and a stage.
    pub(super) fn tell(&self, stage: u32, text: &str) {
        let bytes = text.as_bytes();
        let len = bytes.len().min(3000);
        // SAFETY: only the copy writes, and the host reads after it ended.
        let message = unsafe { &mut *self.message.get() };
        if let (Some(to), Some(from)) = (message.get_mut(..len), bytes.get(..len)) {
            to.copy_from_slice(from);
        }
        self.len.store(len as u32, Ordering::Release);
        self.stage.store(stage, Ordering::Release);
    }

    /// In the host: the message.
    pub(super) fn text(&self) -> String {
        let len = self.len.load(Ordering::Acquire) as usize;
        // SAFETY: as in `tell`.
        let message = unsafe { &*self.message.get() };
        String::from_utf8_lossy(message.get(..len).unwrap_or(&[])).into_owned()
    }
}

/// A shared mapping that ends with the value.
pub(super) struct SharedPage(*mut Shared);

// SAFETY: the page is the value's own, whatever thread has it, and `Shared` is `Sync`.
unsafe impl Send for SharedPage {}

impl SharedPage {
    pub(super) fn map() -> Option<Self> {
        let (prot, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
        );
        // SAFETY: a fresh mapping.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), 4096, prot, flags, -1, 0) };
        (at != libc::MAP_FAILED).then(|| SharedPage(at.cast()))
    }

    pub(super) fn get(&self) -> &Shared {
        // SAFETY: the page is mapped while `self` lives; zeroed, it is valid.
        unsafe { &*self.0 }
    }
}

impl Drop for SharedPage {
    fn drop(&mut self) {
        // SAFETY: `map` made it, and no reference outlives `self`.
        unsafe { libc::munmap(self.0.cast(), 4096) };
    }
}
