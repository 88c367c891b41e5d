//! The global allocator that programs set.

use std::alloc::{GlobalAlloc, Layout, System};
use std::arch::naked_asm;

use crate::hook::{self, Caller};
use crate::mode::Mode;
use crate::{copy_arena, nulls, state};

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

    /// [`hook::decide`], with the inner allocator's name.
    #[cold]
    #[inline(never)]
    fn decide(mode: Mode) -> u8 {
        hook::decide(mode, core::any::type_name::<A>())
    }

    /// Any mode but off. Begins with the registers of the frame that asked: the
    /// method's own call of this ends it, so the walk starts at the method's
    /// caller and steps over no frame of ours.
    ///
    /// # Safety
    /// 1. As [`GlobalAlloc::alloc`], with a layout of `size` and `align`.
    #[unsafe(naked)]
    unsafe extern "C" fn alloc_recorded(&self, size: usize, align: usize) -> *mut u8 {
        naked_asm!(
            "lea rcx, [rsp + 8]",
            "mov r8, rbp",
            "jmp {alloc_for}",
            alloc_for = sym Self::alloc_for,
        )
    }

    unsafe extern "C" fn alloc_for(&self, size: usize, align: usize, sp: u64, bp: u64) -> *mut u8 {
        // SAFETY: the caller's layout.
        let layout = unsafe { Layout::from_size_align_unchecked(size, align) };
        let state = match state::now() {
            state::COPY => return copy_arena::alloc(layout),
            state::UNDECIDED => Self::decide(self.mode),
            state => state,
        };
        // SAFETY: the caller's contract.
        let block = unsafe { self.inner.alloc(layout) };
        if state != state::EXACT {
            return block;
        }
        if block.is_null() {
            nulls::refused();
            return block;
        }
        hook::insert(block, size, Caller::new(sp, bp));
        block
    }

    /// As [`Heap::alloc_recorded`].
    ///
    /// # Safety
    /// 1. As [`GlobalAlloc::alloc_zeroed`], with a layout of `size` and `align`.
    #[unsafe(naked)]
    unsafe extern "C" fn alloc_zeroed_recorded(&self, size: usize, align: usize) -> *mut u8 {
        naked_asm!(
            "lea rcx, [rsp + 8]",
            "mov r8, rbp",
            "jmp {alloc_zeroed_for}",
            alloc_zeroed_for = sym Self::alloc_zeroed_for,
        )
    }

    unsafe extern "C" fn alloc_zeroed_for(
        &self,
        size: usize,
        align: usize,
        sp: u64,
        bp: u64,
    ) -> *mut u8 {
        // SAFETY: the caller's layout.
        let layout = unsafe { Layout::from_size_align_unchecked(size, align) };
        let state = match state::now() {
            state::COPY => return copy_arena::alloc_zeroed(layout),
            state::UNDECIDED => Self::decide(self.mode),
            state => state,
        };
        // SAFETY: the caller's contract.
        let block = unsafe { self.inner.alloc_zeroed(layout) };
        if state == state::EXACT {
            if block.is_null() {
                nulls::refused();
            } else {
                hook::insert_too(block, size, Caller::new(sp, bp));
            }
        }
        block
    }

    #[inline(never)]
    unsafe fn dealloc_recorded(&self, block: *mut u8, layout: Layout) {
        if state::now() != state::EXACT || !hook::remove_at_once(block) {
            // SAFETY: the caller's contract.
            return unsafe { self.dealloc_slow(block, layout) };
        }
        // SAFETY: the caller's contract.
        unsafe { self.inner.dealloc(block, layout) }
    }

    #[cold]
    #[inline(never)]
    unsafe fn dealloc_slow(&self, block: *mut u8, layout: Layout) {
        match state::now() {
            state::EXACT => hook::remove(block),
            // SAFETY: the caller's contract.
            state::COPY => return unsafe { copy_arena::dealloc(block, layout) },
            _ => {}
        }
        // SAFETY: the caller's contract.
        unsafe { self.inner.dealloc(block, layout) }
    }

    /// As [`Heap::alloc_recorded`]. The old layout is packed ([`pack`]), since
    /// six arguments go in registers.
    ///
    /// # Safety
    /// 1. As [`GlobalAlloc::realloc`].
    #[unsafe(naked)]
    unsafe extern "C" fn realloc_recorded(
        &self,
        block: *mut u8,
        layout: u64,
        size: usize,
    ) -> *mut u8 {
        naked_asm!(
            "lea r8, [rsp + 8]",
            "mov r9, rbp",
            "jmp {realloc_for}",
            realloc_for = sym Self::realloc_for,
        )
    }

    unsafe extern "C" fn realloc_for(
        &self,
        block: *mut u8,
        layout: u64,
        size: usize,
        sp: u64,
        bp: u64,
    ) -> *mut u8 {
        // SAFETY: `pack` made it of the block's layout.
        let layout = unsafe { unpack(layout) };
        match state::now() {
            state::EXACT => {}
            // SAFETY: the caller's contract.
            state::COPY => return unsafe { copy_arena::realloc(block, layout, size) },
            // SAFETY: the caller's contract.
            _ => return unsafe { self.inner.realloc(block, layout, size) },
        }
        let parked = hook::park(block);
        // SAFETY: the caller's contract.
        let grown = unsafe { self.inner.realloc(block, layout, size) };
        match (parked, grown.is_null()) {
            (Some(parked), false) => hook::moved(&parked, grown, size, Caller::new(sp, bp)),
            (Some(parked), true) => {
                hook::put_back(parked);
                nulls::refused();
            }
            (None, false) => hook::insert_too(grown, size, Caller::new(sp, bp)),
            (None, true) => nulls::refused(),
        }
        grown
    }
}

const SIZE_BITS: u32 = 57;

/// A block's layout in one word: a block that exists is smaller than any
/// address space of x86-64, 2^57 bytes.
#[inline(always)]
fn pack(layout: Layout) -> u64 {
    layout.size() as u64 | u64::from(layout.align().trailing_zeros()) << SIZE_BITS
}

/// The inverse of [`pack`].
///
/// # Safety
/// 1. `packed` was made by [`pack`] of an existing block's layout.
#[inline(always)]
unsafe fn unpack(packed: u64) -> Layout {
    let size = packed & ((1 << SIZE_BITS) - 1);
    // SAFETY: (1): the same size and alignment as the layout had.
    unsafe { Layout::from_size_align_unchecked(size as usize, 1 << (packed >> SIZE_BITS)) }
}

// SAFETY: every request reaches the inner allocator with its own arguments, and
// its answer is returned as it is; in a copied process the arena answers, which
// keeps the same contract.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Heap<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if state::now() == state::OFF {
            // SAFETY: the caller's contract.
            return unsafe { self.inner.alloc(layout) };
        }
        // SAFETY: the caller's contract.
        unsafe { self.alloc_recorded(layout.size(), layout.align()) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if state::now() == state::OFF {
            // SAFETY: the caller's contract.
            return unsafe { self.inner.dealloc(block, layout) };
        }
        // SAFETY: the caller's contract.
        unsafe { self.dealloc_recorded(block, layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if state::now() == state::OFF {
            // SAFETY: the caller's contract.
            return unsafe { self.inner.alloc_zeroed(layout) };
        }
        // SAFETY: the caller's contract.
        unsafe { self.alloc_zeroed_recorded(layout.size(), layout.align()) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if state::now() == state::OFF {
            // SAFETY: the caller's contract.
            return unsafe { self.inner.realloc(block, layout, size) };
        }
        // SAFETY: the caller's contract.
        unsafe { self.realloc_recorded(block, pack(layout), size) }
    }
}
