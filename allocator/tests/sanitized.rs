//! Defects that a sanitizer must find before its silence means anything:
//! `tests/sanitizers.sh` runs each by its name and wants it reported. They stand
//! behind `--cfg endler_sanitized`, for elsewhere they would just be defects.
#![allow(missing_docs)]
#![cfg(endler_sanitized)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use support::Block;

#[global_allocator]
static HEAP: endler_allocator::Heap = endler_allocator::Heap::system();

/// For AddressSanitizer: the block went through the recorder both ways, and the
/// inner allocator still knows that it is freed.
#[test]
#[ignore = "a defect"]
fn a_block_is_read_after_its_free() {
    let block = Block::alloc(100, 8);
    block.mark(7);
    block.free();
    println!("read after the free: {}", block.first_byte());
}

/// For ThreadSanitizer: nothing orders the two threads' accesses.
#[test]
#[ignore = "a defect"]
fn two_threads_write_one_block() {
    let block = Block::alloc(100, 8);
    let other = std::thread::spawn(move || (0..1000).for_each(|_| block.mark(1)));
    (0..1000).for_each(|_| block.mark(2));
    other.join().expect("it ends");
    block.free();
}

/// For ThreadSanitizer: handed over in order, so no report.
#[test]
fn a_block_is_written_by_one_thread_after_the_other() {
    let block = Block::alloc(100, 8);
    let other = std::thread::spawn(move || block.mark(1));
    other.join().expect("it ends");
    block.mark(2);
    block.free();
}
