//! The allocator inside endler: it knows, beside the profiler and before it,
//! which blocks are live, how large they are and in which order they were born.
//!
//! It counts while a book is open. A block that was born before is not in it,
//! however it grows. Addresses are kept inverted, so that nobody who scans this
//! memory takes it for references to the blocks.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::*};

/// The system allocator, with a list of the live blocks.
#[derive(Debug)]
pub struct Meter;

/// One live block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Live {
    pub(crate) address: usize,
    pub(crate) bytes: usize,
    /// Its number in the order of births; a realloc keeps it.
    pub(crate) birth: u64,
}

const ROWS: usize = 1 << 20;

/// A row of an open-addressed table; a key of 0 is a free row.
struct Row {
    key: AtomicU64,
    bytes: AtomicU64,
    birth: AtomicU64,
}

static TABLE: [Row; ROWS] = [const {
    Row {
        key: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
        birth: AtomicU64::new(0),
    }
}; ROWS];
static OPEN: AtomicBool = AtomicBool::new(false);
static BUSY: AtomicBool = AtomicBool::new(false);
/// The next birth's number.
static NEXT: AtomicU64 = AtomicU64::new(1);
static COUNT: AtomicU64 = AtomicU64::new(0);

/// From here on blocks are counted.
pub(crate) fn open() {
    OPEN.store(true, SeqCst);
}

/// From here on the list stands still.
pub(crate) fn close() {
    let _lock = Lock::take();
    OPEN.store(false, SeqCst);
}

/// The number that the next birth will have.
pub(crate) fn next_birth() -> u64 {
    let _lock = Lock::take();
    NEXT.load(Relaxed)
}

/// All live blocks, by address. The list must stand still.
pub(crate) fn live() -> Vec<Live> {
    let rows = TABLE.iter().filter(|row| row.key.load(Relaxed) != 0);
    let mut live: Vec<Live> = rows
        .map(|row| Live {
            address: !row.key.load(Relaxed) as usize,
            bytes: row.bytes.load(Relaxed) as usize,
            birth: row.birth.load(Relaxed),
        })
        .collect();
    live.sort_unstable();
    live
}

/// One thread at a time; it spins, since a lock of std could allocate.
struct Lock;

impl Lock {
    fn take() -> Self {
        while BUSY.swap(true, Acquire) {
            std::thread::yield_now();
        }
        Lock
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        BUSY.store(false, Release);
    }
}

fn home(key: u64) -> usize {
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44) as usize % ROWS
}

/// The row that holds the key, or the free one where it would stand.
fn find(key: u64) -> usize {
    let mut at = home(key);
    loop {
        match TABLE[at].key.load(Relaxed) {
            0 => return at,
            other if other == key => return at,
            _ => at = (at + 1) % ROWS,
        }
    }
}

fn insert(block: *mut u8, bytes: usize, birth: Option<u64>) {
    if block.is_null() || !OPEN.load(Relaxed) {
        return;
    }
    let _lock = Lock::take();
    if COUNT.fetch_add(1, Relaxed) as usize > ROWS / 2 {
        // A panic would allocate.
        std::process::abort();
    }
    let key = !(block as u64);
    let row = &TABLE[find(key)];
    row.key.store(key, Relaxed);
    row.bytes.store(bytes as u64, Relaxed);
    let birth = birth.unwrap_or_else(|| NEXT.fetch_add(1, Relaxed));
    row.birth.store(birth, Relaxed);
}

/// Takes a block out, and gives its size and birth if it was in.
fn remove(block: *mut u8) -> Option<(usize, u64)> {
    if !OPEN.load(Relaxed) {
        return None;
    }
    let _lock = Lock::take();
    let mut hole = find(!(block as u64));
    let row = &TABLE[hole];
    if row.key.load(Relaxed) == 0 {
        return None;
    }
    let found = (row.bytes.load(Relaxed) as usize, row.birth.load(Relaxed));
    COUNT.fetch_sub(1, Relaxed);
    // Rows behind the hole move into it, if it lies between their home and them.
    let mut at = hole;
    loop {
        at = (at + 1) % ROWS;
        let key = TABLE[at].key.load(Relaxed);
        if key == 0 {
            break;
        }
        let from_home = at.wrapping_sub(home(key)) % ROWS;
        let from_hole = at.wrapping_sub(hole) % ROWS;
        if from_home >= from_hole {
            let (to, row) = (&TABLE[hole], &TABLE[at]);
            to.key.store(key, Relaxed);
            to.bytes.store(row.bytes.load(Relaxed), Relaxed);
            to.birth.store(row.birth.load(Relaxed), Relaxed);
            hole = at;
        }
    }
    TABLE[hole].key.store(0, Relaxed);
    Some(found)
}

// SAFETY: every method is the system allocator's, and a note of its result.
unsafe impl GlobalAlloc for Meter {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        let block = unsafe { System.alloc(layout) };
        insert(block, layout.size(), None);
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        let block = unsafe { System.alloc_zeroed(layout) };
        insert(block, layout.size(), None);
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        remove(block);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(block, layout) };
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        let was = remove(block);
        // SAFETY: as the caller promises.
        let moved = unsafe { System.realloc(block, layout, bytes) };
        if let Some((old_bytes, birth)) = was {
            match moved.is_null() {
                true => insert(block, old_bytes, Some(birth)),
                false => insert(moved, bytes, Some(birth)),
            }
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_a_map() {
        open();
        let mut twin = std::collections::BTreeMap::new();
        let mut seed = 1u64;
        for _ in 0..200_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let address = 16 * (1 + (seed >> 33) % 3000);
            let block = address as *mut u8;
            match twin.remove(&address) {
                Some(bytes) => assert_eq!(remove(block).map(|found| found.0), Some(bytes)),
                None => {
                    insert(block, seed as usize >> 40, None);
                    twin.insert(address, seed as usize >> 40);
                }
            }
        }
        let rows = live();
        let found = rows.iter().map(|row| (row.address as u64, row.bytes));
        assert!(found.eq(twin));
    }
}
