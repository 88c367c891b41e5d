//! What the programs with planted leaks share: an allocator that counts what each of
//! them loses, and the end, at which a snapshot and LeakSanitizer look at one heap.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::{AtomicI64, Ordering};

/// The system's allocator, which is LeakSanitizer's if that is linked, and a count of
/// live blocks for each thread.
#[derive(Debug)]
pub struct Meter;

thread_local! {
    static LIVE: Cell<i64> = const { Cell::new(0) };
}

// SAFETY: all is the system allocator's but the count.
unsafe impl GlobalAlloc for Meter {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.with(|live| live.set(live.get() + 1));
        // SAFETY: as the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        LIVE.with(|live| live.set(live.get() - 1));
        // SAFETY: as the caller's.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as the caller's.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[cfg(endler_sanitized)]
unsafe extern "C" {
    // Of the sanitizer's interface: reports, and does not end the process.
    safe fn __lsan_do_recoverable_leak_check() -> i32;
}

static LOST: AtomicI64 = AtomicI64::new(0);
static STALE: AtomicI64 = AtomicI64::new(0);

/// Runs `lose`, all of whose blocks are lost when it ends.
pub fn lost(lose: impl FnOnce()) {
    count(&LOST, lose);
}

/// Runs `lose`, all of whose blocks are lost when it ends, but pointers to them still
/// stand where no value is: in the spare room of a vector, in an entry that a hash
/// table has removed. A scan of all words takes them for held.
pub fn lost_behind_stale_pointers(lose: impl FnOnce()) {
    count(&STALE, lose);
}

fn count(sum: &AtomicI64, lose: impl FnOnce()) {
    let before = LIVE.get();
    lose();
    sum.fetch_add(LIVE.get() - before, Ordering::Relaxed);
}

/// Runs `plant` on a stack of its own, which ends with it, so that no word of it is
/// left to be found.
pub fn plant(plant: fn()) {
    std::thread::spawn(plant).join().expect("it plants");
}

/// Overwrites the stack below the caller.
#[inline(never)]
fn clear_stack() {
    let mut room = [0u64; 8192];
    black_box(&mut room);
}

/// Takes the snapshot at the path that the program was given, asks LeakSanitizer, and
/// prints what the program itself knows.
pub fn end() {
    let path = std::env::args().nth(1).expect("the path of a snapshot");
    clear_stack();
    endler::snapshot_to(&path).expect("a snapshot");
    println!(
        "lost={} stale={}",
        LOST.load(Ordering::Relaxed),
        STALE.load(Ordering::Relaxed)
    );
    #[cfg(endler_sanitized)]
    __lsan_do_recoverable_leak_check();
}
