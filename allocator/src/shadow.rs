//! The address shadow: from a block's address to its slot, without a hash.
//!
//! ```text
//!  address bits  46 ........ 24 | 23 ................. 4 | 3..0
//!                directory index  granule within the leaf  plane
//!
//!  directory (2^23 pointers, 64 MiB of address space, writable page by page)
//!    └─► leaf (2^20 entries of u32 = 4 MiB, covers 16 MiB of addresses)
//!          └─► slot index + 1, or 0 where no live block starts
//! ```
//!
//! One `u32` for each 16-byte granule. Every allocation that is 16-aligned
//! (all of glibc's, nearly all of anyone's) is found in plane 0. An allocator
//! that hands out blocks closer together (jemalloc's and mimalloc's 8-byte
//! class, a bump allocator) starts some of them elsewhere in the granule:
//! those stand in the plane of their low four address bits, a directory of its
//! own that is mapped only when the first such block appears. So two blocks
//! never share an entry, and nothing is hashed or searched.
//!
//! Invariant: `entry(addr) == index + 1` exactly while the slot `index` records
//! a live block at `addr` that is not parked (see [`crate::rows`]).
//!
//! Entries are written by one thread at a time (a block has one owner), so a
//! plain store is enough; they are atomics because a racing snapshot reads them.
//!
//! Source of the idea: the shadow memory of AddressSanitizer; the measurement
//! that chose it over a header and over a hash table stands in ARCHITECTURE.md.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use crate::sync::{
    AtomicPtr, AtomicU32, AtomicU64, Ordering, make_writable, map, map_readable, sized, unmap,
};

/// Addresses that the shadow covers: the lower half of a 47-bit space.
const ADDRESS_BITS: u32 = sized(47, 7) as u32;
const LEAF_BITS: u32 = sized(24, 6) as u32;
const GRANULE_BITS: u32 = 4;
const DIRECTORY_LEN: usize = 1 << (ADDRESS_BITS - LEAF_BITS);
const LEAF_LEN: usize = 1 << (LEAF_BITS - GRANULE_BITS);
const PLANES: usize = 1 << GRANULE_BITS;
/// Leaves that can be listed for a snapshot: 2^14 × 16 MiB = 256 GiB of heap.
pub(crate) const MAX_LEAVES: usize = sized(if cfg!(test) { 16 } else { 1 << 14 }, 2);

type Leaf = [AtomicU32; LEAF_LEN];
type Directory = [AtomicPtr<Leaf>; DIRECTORY_LEN];

/// See the module's drawing.
pub(crate) struct Shadow {
    planes: [AtomicPtr<Directory>; PLANES],
    /// First addresses of the leaves mapped so far (plane in the low bits), in
    /// order of mapping, so that a snapshot need not search the directories.
    listed: [AtomicU64; MAX_LEAVES],
    count: AtomicU32,
}

/// A shadow entry that stands: it can be written without asking again.
#[derive(Clone, Copy)]
pub(crate) struct Entry(*const AtomicU32);

impl Shadow {
    pub(crate) const fn new() -> Self {
        Shadow {
            planes: [const { AtomicPtr::new(core::ptr::null_mut()) }; PLANES],
            listed: [const { AtomicU64::new(0) }; MAX_LEAVES],
            count: AtomicU32::new(0),
        }
    }

    /// The entry of `addr` if its leaf is mapped. About six instructions.
    #[inline(always)]
    pub(crate) fn get(&self, addr: u64) -> Option<Entry> {
        let plane = (addr & 15) as usize;
        let index = (addr >> LEAF_BITS) as usize;
        if index >= DIRECTORY_LEN {
            return None;
        }
        let directory = self.planes.get(plane)?.load(Ordering::Acquire);
        if directory.is_null() {
            return None;
        }
        // SAFETY: a directory, once set, stays mapped for ever; only shared
        // references to its atomics are made.
        let directory: &Directory = unsafe { &*directory };
        let leaf = directory.get(index)?.load(Ordering::Acquire);
        if leaf.is_null() {
            return None;
        }
        Some(Entry::of(leaf, addr))
    }

    /// The entry of `addr`, mapping its leaf if need be; none when memory is
    /// refused or the address lies outside the covered range.
    #[inline(always)]
    pub(crate) fn get_or_map(&self, addr: u64) -> Option<Entry> {
        match self.get(addr) {
            Some(entry) => Some(entry),
            None => self.map_slow(addr),
        }
    }

    #[cold]
    #[inline(never)]
    fn map_slow(&self, addr: u64) -> Option<Entry> {
        let plane = (addr & 15) as usize;
        let index = (addr >> LEAF_BITS) as usize;
        if index >= DIRECTORY_LEN {
            return None;
        }
        let place = self.planes.get(plane)?;
        let directory = install_by(place, || map_readable(size_of::<Directory>()))?;
        // SAFETY: just installed or found; stays mapped for ever.
        let directory: &Directory = unsafe { &*directory };
        let place = directory.get(index)?;
        if !place.load(Ordering::Acquire).is_null() {
            return self.get(addr);
        }
        if self.count.load(Ordering::Relaxed) as usize >= MAX_LEAVES {
            return None;
        }
        if !make_writable((&raw const *place).cast_mut().cast(), size_of_val(place)) {
            return None;
        }
        let fresh = map_new::<Leaf>()?;
        let set = place.compare_exchange(
            core::ptr::null_mut(),
            fresh,
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        if set.is_err() {
            // SAFETY: nobody else has seen `fresh`.
            unsafe { unmap(fresh.cast(), size_of::<Leaf>()) };
            return self.get(addr);
        }
        let n = self.count.fetch_add(1, Ordering::AcqRel) as usize;
        let first = (addr >> LEAF_BITS) << LEAF_BITS | plane as u64 | LISTED;
        self.listed.get(n)?.store(first, Ordering::Release);
        Some(Entry::of(fresh, addr))
    }

    /// Calls `each(addr, slot index)` for every entry that is set, leaf by
    /// leaf. Within a plane the addresses rise if the leaves were sorted,
    /// which they are; planes follow one another.
    ///
    /// Allocates a list of leaves: for the copied child and the racing
    /// fallback, never for the hook.
    pub(crate) fn for_each(&self, mut each: impl FnMut(u64, u32)) {
        let count = (self.count.load(Ordering::Acquire) as usize).min(MAX_LEAVES);
        let mut leaves: Vec<u64> = self
            .listed
            .iter()
            .take(count)
            .map(|l| l.load(Ordering::Acquire))
            .filter(|l| *l != 0)
            .collect();
        leaves.sort_unstable_by_key(|l| (l & 15, *l));
        for first in leaves {
            let base = first & !(LISTED | 15) | (first & 15);
            let Some(entry) = self.get(base) else {
                continue;
            };
            // SAFETY: `entry` is the first of a mapped leaf of LEAF_LEN entries.
            let leaf: &Leaf = unsafe { &*entry.0.cast::<Leaf>() };
            for (granule, entry) in leaf.iter().enumerate() {
                let value = entry.load(Ordering::Acquire);
                if value != 0 {
                    each(
                        base.wrapping_add((granule as u64) << GRANULE_BITS),
                        value.wrapping_sub(1),
                    );
                }
            }
        }
    }
}

/// Marks a listed leaf, so that the leaf at address 0 is not mistaken for none.
const LISTED: u64 = 1 << 63;

impl Entry {
    #[inline(always)]
    fn of(leaf: *mut Leaf, addr: u64) -> Self {
        let granule = (addr >> GRANULE_BITS) as usize & (LEAF_LEN - 1);
        // SAFETY: the granule is masked to the leaf's length.
        Entry(unsafe { leaf.cast::<AtomicU32>().add(granule) })
    }

    /// The slot recorded here.
    #[inline(always)]
    pub(crate) fn load(self) -> Option<u32> {
        // SAFETY: entries lie in leaves, which stay mapped for ever.
        match unsafe { &*self.0 }.load(Ordering::Acquire) {
            0 => None,
            value => Some(value.wrapping_sub(1)),
        }
    }

    /// Records a slot; everything written to the slot before is seen by who reads this.
    #[inline(always)]
    pub(crate) fn set(self, slot: u32) {
        // SAFETY: as in `load`.
        unsafe { &*self.0 }.store(slot.wrapping_add(1), Ordering::Release);
    }

    /// Forgets the slot and gives it.
    #[inline(always)]
    pub(crate) fn take(self) -> Option<u32> {
        let slot = self.load();
        if slot.is_some() {
            self.clear();
        }
        slot
    }

    /// Forgets the slot.
    #[inline(always)]
    pub(crate) fn clear(self) {
        // SAFETY: as in `load`.
        unsafe { &*self.0 }.store(0, Ordering::Release);
    }
}

/// Maps zeroed memory for a `T` made of atomics only.
pub(crate) fn map_new<T>() -> Option<*mut T> {
    let at = map(size_of::<T>());
    if at.is_null() { None } else { Some(at.cast()) }
}

/// Maps a `T` into `place` unless one is there; the one that stands.
pub(crate) fn install<T>(place: &AtomicPtr<T>) -> Option<*mut T> {
    install_by(place, || map(size_of::<T>()))
}

/// As [`install`], with what `map` maps: null, or zeroed memory for a `T`.
fn install_by<T>(place: &AtomicPtr<T>, map: impl FnOnce() -> *mut u8) -> Option<*mut T> {
    let there = place.load(Ordering::Acquire);
    if !there.is_null() {
        return Some(there);
    }
    let fresh: *mut T = map().cast();
    if fresh.is_null() {
        return None;
    }
    match place.compare_exchange(
        core::ptr::null_mut(),
        fresh,
        Ordering::AcqRel,
        Ordering::Acquire,
    ) {
        Ok(_) => Some(fresh),
        Err(other) => {
            // SAFETY: nobody else has seen `fresh`.
            unsafe { unmap(fresh.cast(), size_of::<T>()) };
            Some(other)
        }
    }
}

#[cfg(test)]
#[allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests;
