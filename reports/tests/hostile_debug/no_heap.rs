//! What a library without std needs to be linked, and what nobody runs: an allocator
//! and a panic handler.

use alloc::alloc::{GlobalAlloc, Layout};

unsafe extern "C" {
    fn take(size: usize, align: usize) -> *mut u8;
    fn give(address: *mut u8, size: usize);
}

struct Heap;

// SAFETY: nobody runs it.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: nobody runs it.
        unsafe { take(layout.size(), layout.align()) }
    }

    unsafe fn dealloc(&self, address: *mut u8, layout: Layout) {
        // SAFETY: nobody runs it.
        unsafe { give(address, layout.size()) }
    }
}

#[global_allocator]
static HEAP: Heap = Heap;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
