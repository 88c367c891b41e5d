//! What reading and writing allocate at most. A process of its own: it counts
//! all allocations.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use common::*;
use endler_snapshot::*;

struct Counting {
    now: AtomicUsize,
    peak: AtomicUsize,
}

#[global_allocator]
static HEAP: Counting = Counting {
    now: AtomicUsize::new(0),
    peak: AtomicUsize::new(0),
};

/// The tests of this file run one at a time.
static ONE: Mutex<()> = Mutex::new(());

// SAFETY: every call is forwarded to `System` with its arguments unchanged; the
// default `realloc` and `alloc_zeroed` call these two.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = self.now.fetch_add(layout.size(), Relaxed) + layout.size();
        self.peak.fetch_max(now, Relaxed);
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        self.now.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(ptr, layout) }
    }
}

/// How far `work` raised the number of allocated bytes.
fn peak(work: impl FnOnce()) -> usize {
    let before = HEAP.now.load(Relaxed);
    HEAP.peak.store(before, Relaxed);
    work();
    HEAP.peak.load(Relaxed) - before
}

#[test]
fn writing_takes_the_buffers_of_one_section() {
    let _one = ONE.lock();
    let one = resolved(65_536);
    let many = resolved(5 * 65_536);
    let write = |image: &Image| peak(|| format::write(image, &mut std::io::sink()).unwrap());
    let (one, many) = (write(&one), write(&many));
    println!("{one} bytes for one section of blocks, {many} for five");
    // Growing by doubling holds an old and a new buffer for a moment.
    assert!(many < 4 << 20, "{many}");
    assert!(
        many < one * 2,
        "it grows with the image: {one} for one section, {many} for five"
    );
}

#[test]
fn small_files_allocate_little_whatever_they_say() {
    let _one = ONE.lock();
    let ids = sections(&file(&resolved(50))).into_iter().map(|s| s.id);
    for id in ids {
        for (rows, plain) in [
            (65_536, 64 << 20),
            (65_536, 65_536),
            (u32::MAX, u32::MAX),
            (8 * 255, 8 * 255),
            (8, 8),
        ] {
            // First a length of 2^60, then as far as it goes.
            let payload = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10].to_vec();
            let bytes = assemble(&[Section {
                id,
                rows,
                plain,
                payload,
            }]);
            let id = id.escape_ascii();
            let peak = peak(|| assert!(format::read(&bytes).is_err()));
            assert!(
                peak < 256 << 10,
                "{peak} bytes for {rows} rows of {id}, {plain} unpacked"
            );
        }
    }
}

#[test]
fn reading_allocates_the_image_and_one_section() {
    let _one = ONE.lock();
    let blocks = 2 * 65_536;
    let file = file(&resolved(blocks));
    let mut image = None;
    let peak = peak(|| image = Some(format::read(&file).unwrap()));
    let each = peak / image.map_or(1, |image| image.blocks.len());
    println!("{each} bytes a block");
    // 36 bytes of columns, 5 of types and 43 of references, the last column that
    // grows doubled, and the rest.
    assert!(each < 150, "{each}");
}
