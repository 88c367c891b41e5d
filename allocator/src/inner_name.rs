//! The name of the wrapped allocator's type: noted once, at the first allocation of
//! the process, without a lock. Reports tell by it which size classes round a
//! request up.
//!
//! All zero before, as the recorder is that holds it.

use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// ```text
/// at   0, or the first byte of a `&'static str`
/// len  its length, written before `at`
/// ```
pub(crate) struct InnerName {
    at: AtomicPtr<u8>,
    len: AtomicUsize,
}

impl InnerName {
    pub(crate) const fn new() -> Self {
        InnerName {
            at: AtomicPtr::new(core::ptr::null_mut()),
            len: AtomicUsize::new(0),
        }
    }

    /// Notes the name. For one thread, once.
    pub(crate) fn set(&self, name: &'static str) {
        self.len.store(name.len(), Ordering::Relaxed);
        self.at.store(name.as_ptr().cast_mut(), Ordering::Release);
    }

    /// The name; empty before it is noted.
    pub(crate) fn get(&self) -> &'static str {
        let at = self.at.load(Ordering::Acquire);
        if at.is_null() {
            return "";
        }
        let len = self.len.load(Ordering::Relaxed);
        // SAFETY: `set` took both from a `&'static str`, its length first.
        let bytes = unsafe { core::slice::from_raw_parts(at, len) };
        core::str::from_utf8(bytes).unwrap_or("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_empty_and_then_what_was_noted() {
        let name = InnerName::new();
        assert_eq!(name.get(), "");
        name.set("std::alloc::System");
        assert_eq!(name.get(), "std::alloc::System");
    }
}
