//! Asks the cache for what will be read soon.
//!
//! Columns of ten million rows do not fit into any cache, and an access to a random row
//! waits for memory about as long as two hundred instructions take. The processor can wait
//! for many rows at once, but only if it knows them early, and an unpredictable branch on
//! the first keeps it from seeing the next. So loops here go over a few dozen rows twice: once to
//! ask for them, once to use them.
//!
//! A request changes nothing that a program can see, and never faults.

/// Asks for a row of a column. A row that is not there asks for nothing.
#[inline(always)]
pub(crate) fn prefetch<T>(column: &[T], row: usize) {
    if let Some(item) = column.get(row) {
        machine::ask(std::ptr::from_ref(item).cast());
    }
}

#[cfg(target_arch = "x86_64")]
mod machine {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

    #[inline(always)]
    pub(super) fn ask(at: *const i8) {
        // SAFETY: the instruction is of SSE, which each x86-64 has; it reads no memory as the
        // program sees it, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at) };
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod machine {
    #[inline(always)]
    pub(super) fn ask(_: *const i8) {}
}
