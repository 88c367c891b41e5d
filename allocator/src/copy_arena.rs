//! The memory of a copied process.
//!
//! In the copy no other thread exists, but one of them may have held the inner
//! allocator's locks when the copy was made. So the copy never calls the inner
//! allocator: it cuts blocks from pieces of its own, up to a budget.
//!
//! ```text
//!  size classes  16, 32, … 1024, then four steps to each doubling, to 1 MiB
//!  piece         4 MiB, aligned to 4 MiB; small blocks are cut from it
//!  large block   its own mapping, aligned to 4 MiB or more
//!  map           one bit for each 4 MiB of address space: ours or the host's
//! ```
//!
//! A free of a block that was made before the copy does nothing; a realloc of
//! one copies. Beyond the budget the answer is null, which ends the copy; the
//! host reads in the [`Refusal`] that it was for want of memory, and takes a
//! smaller snapshot.
//!
//! Not for: the host process. Only the copy's one thread comes here.

use core::alloc::Layout;
use core::cell::UnsafeCell;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::os;

const PIECE: usize = 4 << 20;
const PIECE_BITS: u32 = 22;
const LARGEST_CLASS: usize = 1 << 20;
const CLASSES: usize = 64 + 4 * 10;
const MAP_BYTES: usize = 1 << (47 - PIECE_BITS - 3);

/// Where the host reads why a request got no memory. Zeroed, it says that none
/// was refused.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Refusal {
    why: AtomicU32,
    taken: AtomicU64,
}

const BUDGET: u32 = 1;
const KERNEL: u32 = 2;

impl Refusal {
    /// The budget was used up.
    pub(crate) fn by_budget(&self) -> bool {
        self.why.load(Ordering::Acquire) == BUDGET
    }

    /// The kernel gave no memory, within the budget.
    pub(crate) fn by_kernel(&self) -> bool {
        self.why.load(Ordering::Acquire) == KERNEL
    }

    /// Bytes that the copy had when it was refused more.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Acquire)
    }
}

struct State {
    /// Free blocks of each class, linked through their first word.
    free: [*mut u8; CLASSES],
    at: usize,
    end: usize,
    map: *mut u8,
    used: usize,
    budget: usize,
    /// Why the last mapping was refused.
    why: u32,
    refusal: Option<&'static Refusal>,
}

struct Arena(UnsafeCell<State>);

// SAFETY: only the one thread of a copied process uses the arena.
unsafe impl Sync for Arena {}

static ARENA: Arena = Arena(UnsafeCell::new(State {
    free: [null_mut(); CLASSES],
    at: 0,
    end: 0,
    map: null_mut(),
    used: 0,
    budget: 0,
    why: 0,
    refusal: None,
}));

/// Sets how many bytes the copy may take, and where it says that it has no more.
/// Called once, in the copy.
pub(crate) fn begin(budget: u64, refusal: &'static Refusal) {
    // SAFETY: the copy has one thread, and no other borrow is alive here.
    let state = unsafe { &mut *ARENA.0.get() };
    state.budget = budget as usize;
    state.refusal = Some(refusal);
    state.map = os::map_unlisted(MAP_BYTES);
}

/// Bytes that the copy has taken so far.
pub(crate) fn used() -> u64 {
    // SAFETY: as in `begin`.
    let state = unsafe { &*ARENA.0.get() };
    state.used as u64
}

/// The class of a size, and the size of its blocks.
fn class(size: usize) -> (usize, usize) {
    if size <= 1024 {
        let n = size.max(1).div_ceil(16);
        return (n - 1, n * 16);
    }
    // 1025..=2048 is doubling 0, in four steps of 256.
    let doubling = (size - 1).ilog2() - 10;
    let step = 256usize << doubling;
    let n = (size - (1024 << doubling)).div_ceil(step);
    (
        64 + doubling as usize * 4 + n - 1,
        (1024 << doubling) + n * step,
    )
}

impl State {
    fn is_ours(&self, block: *mut u8) -> bool {
        let piece = block as usize >> PIECE_BITS;
        if self.map.is_null() || piece >> 3 >= MAP_BYTES {
            return false;
        }
        // SAFETY: the index is below the map's length.
        let byte = unsafe { *self.map.wrapping_add(piece >> 3) };
        byte >> (piece & 7) & 1 == 1
    }

    fn mark(&mut self, at: usize, len: usize, ours: bool) {
        for piece in at >> PIECE_BITS..(at + len).div_ceil(PIECE) {
            // SAFETY: user addresses have 47 bits, so the index is below the map's length.
            let byte = unsafe { &mut *self.map.wrapping_add(piece >> 3) };
            *byte = if ours {
                *byte | 1 << (piece & 7)
            } else {
                *byte & !(1 << (piece & 7))
            };
        }
    }

    /// Maps `len` bytes aligned to `PIECE`, or to `align` if that is more, within
    /// the budget; 0 if refused.
    fn map_aligned(&mut self, len: usize, align: usize) -> usize {
        let align = align.max(PIECE);
        self.why = BUDGET;
        let Some(len) = len.checked_next_multiple_of(4096) else {
            return 0;
        };
        let Some(whole) = len.checked_add(align) else {
            return 0;
        };
        if self.used.saturating_add(len) > self.budget {
            return 0;
        }
        self.why = KERNEL;
        let from = if self.map.is_null() {
            0
        } else {
            os::map_unlisted(whole) as usize
        };
        if from == 0 {
            return 0;
        }
        let at = from.next_multiple_of(align);
        if at > from {
            // SAFETY: the part before the aligned start is unused.
            unsafe { os::unmap(from as *mut u8, at - from) };
        }
        let tail = from + whole - (at + len);
        if tail > 0 {
            // SAFETY: the part behind the block is unused.
            unsafe { os::unmap((at + len) as *mut u8, tail) };
        }
        self.used += len;
        self.mark(at, len, true);
        at
    }

    fn alloc(&mut self, layout: Layout) -> *mut u8 {
        let size = layout.size().max(layout.align());
        if size > LARGEST_CLASS {
            return self.map_aligned(size, layout.align()) as *mut u8;
        }
        // A block as large as its alignment, cut at a multiple of it.
        let (class, len) = class(if layout.align() > 16 {
            size.next_power_of_two()
        } else {
            size
        });
        let Some(head) = self.free.get_mut(class) else {
            return null_mut();
        };
        if !head.is_null() && (*head as usize).is_multiple_of(layout.align()) {
            let block = *head;
            // SAFETY: a free block's first word holds the next one.
            *head = unsafe { block.cast::<*mut u8>().read() };
            return block;
        }
        let mut at = self.at.next_multiple_of(layout.align().max(16));
        if at + len > self.end {
            let piece = self.map_aligned(PIECE, PIECE);
            if piece == 0 {
                return null_mut();
            }
            self.end = piece + PIECE;
            at = piece;
        }
        self.at = at + len;
        at as *mut u8
    }

    /// Says that a request was refused. What is given afterwards takes nothing
    /// back: the standard library may allocate on its way from a refusal to the
    /// abort.
    #[cold]
    fn tell_refusal(&mut self) {
        if let Some(refusal) = self.refusal {
            refusal.taken.store(self.used as u64, Ordering::Relaxed);
            refusal.why.store(self.why, Ordering::Release);
        }
    }

    fn dealloc(&mut self, block: *mut u8, layout: Layout) {
        if !self.is_ours(block) {
            return;
        }
        let size = layout.size().max(layout.align());
        if size > LARGEST_CLASS {
            let len = size.next_multiple_of(4096);
            self.mark(block as usize, len, false);
            self.used -= len;
            // SAFETY: a large block is a mapping of its own of this length.
            return unsafe { os::unmap(block, len) };
        }
        let (class, _) = class(if layout.align() > 16 {
            size.next_power_of_two()
        } else {
            size
        });
        if let Some(head) = self.free.get_mut(class) {
            // SAFETY: the block is free and at least 16 bytes long.
            unsafe { block.cast::<*mut u8>().write(*head) };
            *head = block;
        }
    }
}

/// As `GlobalAlloc::alloc`, from the arena.
pub(crate) fn alloc(layout: Layout) -> *mut u8 {
    // SAFETY: as in `begin`.
    let state = unsafe { &mut *ARENA.0.get() };
    let block = state.alloc(layout);
    if block.is_null() {
        state.tell_refusal();
    }
    block
}

/// As `GlobalAlloc::alloc_zeroed`, from the arena.
pub(crate) fn alloc_zeroed(layout: Layout) -> *mut u8 {
    let block = alloc(layout);
    if !block.is_null() && layout.size() <= LARGEST_CLASS {
        // SAFETY: the block has `layout.size()` bytes. Large ones are fresh mappings.
        unsafe { block.write_bytes(0, layout.size()) };
    }
    block
}

/// As `GlobalAlloc::dealloc`; does nothing for a block of the host.
///
/// # Safety
/// 1. `block` came from this arena with this layout, or was the host's.
pub(crate) unsafe fn dealloc(block: *mut u8, layout: Layout) {
    // SAFETY: as in `begin`.
    unsafe { &mut *ARENA.0.get() }.dealloc(block, layout);
}

/// As `GlobalAlloc::realloc`; copies a block of the host.
///
/// # Safety
/// 1. As for [`dealloc`]; the block is readable for `layout.size()` bytes.
pub(crate) unsafe fn realloc(block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
    let Ok(wanted) = Layout::from_size_align(size, layout.align()) else {
        return null_mut();
    };
    let fresh = alloc(wanted);
    if fresh.is_null() {
        return fresh;
    }
    // SAFETY: (1), and the fresh block has `size` bytes and is another one.
    unsafe { core::ptr::copy_nonoverlapping(block, fresh, layout.size().min(size)) };
    // SAFETY: (1).
    unsafe { dealloc(block, layout) };
    fresh
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_hold_their_sizes_and_waste_at_most_a_quarter() {
        let mut last = (0, 0);
        for size in 1..=LARGEST_CLASS {
            let (class, len) = class(size);
            assert!(
                class < CLASSES && len >= size,
                "{size}: class {class}, {len} bytes"
            );
            assert!(
                len - size < 16.max(size / 4),
                "{size} wastes {}",
                len - size
            );
            assert!(class >= last.0 && len >= last.1);
            last = (class, len);
        }
    }

    #[test]
    fn random_use_keeps_contents_and_alignment() {
        let mut state = State {
            free: [null_mut(); CLASSES],
            at: 0,
            end: 0,
            map: os::map_unlisted(MAP_BYTES),
            used: 0,
            budget: 256 << 20,
            why: 0,
            refusal: None,
        };
        let mut seed = 1u64;
        let mut random = |n: usize| {
            seed = seed
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (seed >> 33) as usize % n
        };
        let mut live: Vec<(*mut u8, Layout, u8)> = Vec::new();
        for round in 0..20_000 {
            if live.len() > 200 || (random(3) == 0 && !live.is_empty()) {
                let (block, layout, fill) = live.swap_remove(random(live.len()));
                for i in [0, layout.size() / 2, layout.size() - 1] {
                    // SAFETY: within the block.
                    assert_eq!(unsafe { *block.wrapping_add(i) }, fill, "round {round}");
                }
                state.dealloc(block, layout);
            } else {
                let largest = [64, 5000, 3 << 20][random(3)];
                let size = 1 + random(largest);
                // Now and then beyond the pieces' own alignment.
                let bits = if random(100) == 0 { 26 } else { 13 };
                let layout = Layout::from_size_align(size, 1 << random(bits)).expect("a layout");
                let block = state.alloc(layout);
                assert!(!block.is_null() && (block as usize).is_multiple_of(layout.align()));
                assert!(state.is_ours(block));
                let fill = round as u8;
                // SAFETY: the block has `size` bytes.
                unsafe { block.write_bytes(fill, size) };
                live.push((block, layout, fill));
            }
        }
        let over = Layout::from_size_align(300 << 20, 16).expect("a layout");
        assert!(state.alloc(over).is_null(), "the budget holds");
        assert!(
            !state.is_ours((&raw mut seed).cast()),
            "the host's memory is not ours"
        );
    }
}
