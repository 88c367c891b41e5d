//! The global allocator that programs set.

use std::alloc::{GlobalAlloc, Layout, System};

use crate::mode::Mode;
use crate::state;
use crate::{copy_arena, hook};

/// A global allocator that records what goes through it.
///
/// It changes nothing of the heap it records: no header, no other size or
/// alignment, and all four methods reach the inner allocator as they were
/// called. In mode off a call costs one load and one branch.
///
/// ```
/// #[global_allocator]
/// static HEAP: endler_allocator::Heap = endler_allocator::Heap::system();
///
/// fn main() {
///     let text = String::from("recorded");
///     assert_eq!(text.len(), 8);
/// }
/// ```
#[derive(Debug)]
pub struct Heap<A: GlobalAlloc = System> {
    inner: A,
    mode: Mode,
}

impl Heap<System> {
    /// Records the system allocator, in exact mode.
    #[must_use]
    pub const fn system() -> Self {
        Heap::wrapping(System)
    }
}

impl<A: GlobalAlloc> Heap<A> {
    /// Records any allocator, in exact mode.
    pub const fn wrapping(inner: A) -> Self {
        Heap {
            inner,
            mode: Mode::Exact,
        }
    }

    /// Another default mode. The environment variable `ENDLER` overrides it.
    #[must_use]
    pub const fn mode(self, mode: Mode) -> Self {
        // SAFETY: `self` is forgotten below, so its allocator is moved, not copied.
        let inner = unsafe { core::ptr::read(&raw const self.inner) };
        core::mem::forget(self);
        Heap { inner, mode }
    }

    // The four below stand apart so that the calls themselves save no register
    // and make no room on the stack when they only forward.

    #[inline(never)]
    unsafe fn alloc_on(&self, layout: Layout, state: u8) -> *mut u8 {
        if state != state::EXACT {
            // SAFETY: the caller's contract.
            return unsafe { self.alloc_slow(layout, state) };
        }
        // SAFETY: the caller's contract.
        let block = unsafe { self.inner.alloc(layout) };
        if !block.is_null() {
            hook::insert(block, layout.size());
        }
        block
    }

    #[inline(never)]
    unsafe fn dealloc_on(&self, block: *mut u8, layout: Layout, state: u8) {
        if state != state::EXACT {
            // SAFETY: the caller's contract.
            return unsafe { self.dealloc_slow(block, layout, state) };
        }
        hook::remove(block);
        // SAFETY: the caller's contract.
        unsafe { self.inner.dealloc(block, layout) }
    }

    #[inline(never)]
    unsafe fn alloc_zeroed_on(&self, layout: Layout, state: u8) -> *mut u8 {
        if state != state::EXACT {
            // SAFETY: the caller's contract.
            return unsafe { self.alloc_zeroed_slow(layout, state) };
        }
        // SAFETY: the caller's contract.
        let block = unsafe { self.inner.alloc_zeroed(layout) };
        if !block.is_null() {
            hook::insert(block, layout.size());
        }
        block
    }

    #[inline(never)]
    unsafe fn realloc_on(&self, block: *mut u8, layout: Layout, size: usize, state: u8) -> *mut u8 {
        if state != state::EXACT {
            // SAFETY: the caller's contract.
            return unsafe { self.realloc_slow(block, layout, size, state) };
        }
        let parked = hook::park(block);
        // SAFETY: the caller's contract.
        let grown = unsafe { self.inner.realloc(block, layout, size) };
        match (parked, grown.is_null()) {
            (Some(parked), false) => hook::moved(parked, grown, size),
            (Some(parked), true) => hook::put_back(parked),
            (None, false) => hook::insert(grown, size),
            (None, true) => {}
        }
        grown
    }

    #[cold]
    #[inline(never)]
    unsafe fn alloc_slow(&self, layout: Layout, state: u8) -> *mut u8 {
        if state == state::COPY {
            return copy_arena::alloc(layout);
        }
        let state = hook::decide(self.mode);
        // SAFETY: the caller's contract.
        let block = unsafe { self.inner.alloc(layout) };
        if state == state::EXACT && !block.is_null() {
            hook::insert(block, layout.size());
        }
        block
    }

    #[cold]
    #[inline(never)]
    unsafe fn alloc_zeroed_slow(&self, layout: Layout, state: u8) -> *mut u8 {
        if state == state::COPY {
            return copy_arena::alloc_zeroed(layout);
        }
        let state = hook::decide(self.mode);
        // SAFETY: the caller's contract.
        let block = unsafe { self.inner.alloc_zeroed(layout) };
        if state == state::EXACT && !block.is_null() {
            hook::insert(block, layout.size());
        }
        block
    }

    #[cold]
    #[inline(never)]
    unsafe fn dealloc_slow(&self, block: *mut u8, layout: Layout, state: u8) {
        if state == state::COPY {
            // SAFETY: the caller's contract.
            return unsafe { copy_arena::dealloc(block, layout) };
        }
        // SAFETY: the caller's contract.
        unsafe { self.inner.dealloc(block, layout) }
    }

    #[cold]
    #[inline(never)]
    unsafe fn realloc_slow(
        &self,
        block: *mut u8,
        layout: Layout,
        size: usize,
        state: u8,
    ) -> *mut u8 {
        if state == state::COPY {
            // SAFETY: the caller's contract.
            return unsafe { copy_arena::realloc(block, layout, size) };
        }
        // SAFETY: the caller's contract.
        unsafe { self.inner.realloc(block, layout, size) }
    }
}

// SAFETY: every request reaches the inner allocator with its own arguments, and
// its answer is returned as it is; in a copied process the arena answers, which
// keeps the same contract.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Heap<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let state = state::now();
        if state == state::OFF {
            // SAFETY: the caller's contract.
            return unsafe { self.inner.alloc(layout) };
        }
        // SAFETY: the caller's contract.
        unsafe { self.alloc_on(layout, state) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let state = state::now();
        if state == state::OFF {
            // SAFETY: the caller's contract.
            return unsafe { self.inner.dealloc(block, layout) };
        }
        // SAFETY: the caller's contract.
        unsafe { self.dealloc_on(block, layout, state) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let state = state::now();
        if state == state::OFF {
            // SAFETY: the caller's contract.
            return unsafe { self.inner.alloc_zeroed(layout) };
        }
        // SAFETY: the caller's contract.
        unsafe { self.alloc_zeroed_on(layout, state) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let state = state::now();
        if state == state::OFF {
            // SAFETY: the caller's contract.
            return unsafe { self.inner.realloc(block, layout, size) };
        }
        // SAFETY: the caller's contract.
        unsafe { self.realloc_on(block, layout, size, state) }
    }
}
