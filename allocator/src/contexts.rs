//! Interned call stacks.
//!
//! ```text
//!  table segments (4,096 << k entries)    records (bump-allocated, never moved)
//!    entry = hash high 32 | id            hash, frames.len, end, generation, tag
//!       │                                 frame 0 (innermost), frame 1, …
//!       └─► id ─► pages of pointers ─► record
//! ```
//!
//! Append-only and lock-free. A stack is looked for in a window of eight
//! entries of each segment, from the first segment on; the first free entry
//! ends the search and is where it is put. Nothing is removed, moved or
//! rehashed, so a look-up needs no lock and no retry.
//!
//! Two stacks are one context if their frames, their end, their tag and their
//! module generation are equal; the 64-bit hash decides where to look, the
//! frames decide equality. (The small per-thread cache in front, in
//! [`crate::rows`], trusts the 64-bit hash: of a million contexts, two would
//! collide with a chance of 1 in 30 million.)

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use crate::shadow::install;
use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, Ordering, map, reads, sized, unmap, wrote};
use crate::unwind::walk::End;

/// Contexts that can be told apart; beyond it blocks get context 0.
pub(crate) const MAX_CONTEXTS: usize = sized(if cfg!(test) { 1 << 13 } else { 1 << 22 }, 8);
/// The context of blocks whose stack could not be kept.
pub(crate) const UNKNOWN: u32 = 0;

const PAGE: usize = sized(1 << 12, 8);
const WINDOW: usize = sized(8, 2);
const SEGMENTS: usize = sized(14, 2);
const FIRST_SEGMENT: usize = sized(1 << 12, 2);
const ARENA: usize = sized(1 << 18, 256);

/// A stack that is being looked for.
#[derive(Clone, Copy)]
pub(crate) struct Stack<'a> {
    /// Of frames, end, generation and tag.
    pub(crate) hash: u64,
    /// Innermost first.
    pub(crate) frames: &'a dyn Frames,
    pub(crate) len: u32,
    pub(crate) end: End,
    pub(crate) generation: u32,
    pub(crate) tag: u32,
}

/// The frames of a stack, innermost first.
pub(crate) trait Frames {
    fn frame(&self, at: u32) -> u64;
}

/// An interned stack; `frames` follow it in memory.
#[repr(C)]
pub(crate) struct Record {
    hash: u64,
    pub(crate) len: u32,
    pub(crate) end: u32,
    pub(crate) generation: u32,
    pub(crate) tag: u32,
}

impl Record {
    /// The frames, innermost first.
    pub(crate) fn frames(&self) -> &[u64] {
        // Of the arena, whose address came from the kernel, and not of the head alone.
        let head = (&raw const *self).addr();
        let first = head.wrapping_add(size_of::<Record>());
        let first = core::ptr::with_exposed_provenance::<u64>(first);
        // SAFETY: `len` words were written behind the record before it was published.
        unsafe { core::slice::from_raw_parts(first, self.len as usize) }
    }

    fn is(&self, stack: &Stack<'_>) -> bool {
        self.hash == stack.hash
            && self.len == stack.len
            && self.end == stack.end as u32
            && self.generation == stack.generation
            && self.tag == stack.tag
            && self
                .frames()
                .iter()
                .zip(0..)
                .all(|(frame, i)| *frame == stack.frames.frame(i))
    }
}

type Page = [AtomicPtr<Record>; PAGE];

/// All contexts. See the module's drawing.
pub(crate) struct Contexts {
    segments: [AtomicPtr<AtomicU64>; SEGMENTS],
    pages: [AtomicPtr<Page>; MAX_CONTEXTS / PAGE],
    /// Ids given out; they begin at 1, 0 is `UNKNOWN` and has no record. (All
    /// zero at the start, so that the static costs nothing in the binary.)
    count: AtomicU32,
    /// The arena piece that records are cut from: address | used is apart.
    arena: AtomicPtr<Arena>,
    pub(crate) truncated: AtomicU64,
    pub(crate) stuck: AtomicU64,
}

#[repr(C)]
struct Arena {
    used: AtomicU64,
    bytes: [u64; ARENA / 8 - 1],
}

impl Contexts {
    pub(crate) const fn new() -> Self {
        Contexts {
            segments: [const { AtomicPtr::new(core::ptr::null_mut()) }; SEGMENTS],
            pages: [const { AtomicPtr::new(core::ptr::null_mut()) }; MAX_CONTEXTS / PAGE],
            count: AtomicU32::new(0),
            arena: AtomicPtr::new(core::ptr::null_mut()),
            truncated: AtomicU64::new(0),
            stuck: AtomicU64::new(0),
        }
    }

    /// Number of ids given out, [`UNKNOWN`] included.
    pub(crate) fn len(&self) -> usize {
        (self.count.load(Ordering::Acquire) as usize)
            .saturating_add(1)
            .min(MAX_CONTEXTS)
    }

    /// The record of an id; none for [`UNKNOWN`] and for ids given up in a race.
    pub(crate) fn get(&self, id: u32) -> Option<&Record> {
        let id = id as usize;
        let page = self.pages.get(id / PAGE)?.load(Ordering::Acquire);
        if page.is_null() {
            return None;
        }
        // SAFETY: once set, a page stays mapped; it holds atomics only.
        let page: &Page = unsafe { &*page };
        let record = page.get(id % PAGE)?.load(Ordering::Acquire);
        // SAFETY: a published record stays mapped and is never written again.
        let record = unsafe { record.as_ref() };
        record.inspect(|record| reads(*record))
    }

    /// The id of a stack, made if it is new; [`UNKNOWN`] when a table is full
    /// or memory is refused.
    #[cold]
    #[inline(never)]
    pub(crate) fn intern(&self, stack: &Stack<'_>) -> u32 {
        let mut made = None;
        for (k, segment) in self.segments.iter().enumerate() {
            let len = FIRST_SEGMENT << k;
            let Some(base) = install_segment(segment, len) else {
                return UNKNOWN;
            };
            for step in 0..WINDOW {
                let at = (stack.hash as usize).wrapping_add(step) & len.wrapping_sub(1);
                // SAFETY: `at` is below the segment's length.
                let place = unsafe { base.add(at) };
                // SAFETY: once set, a segment stays mapped.
                let place = unsafe { &*place };
                let mut word = place.load(Ordering::Acquire);
                if word == 0 {
                    if made.is_none() {
                        made = self.make(stack);
                    }
                    let Some(id) = made else { return UNKNOWN };
                    let fresh = stack.hash & !0xffff_ffff | u64::from(id);
                    match place.compare_exchange(0, fresh, Ordering::AcqRel, Ordering::Acquire) {
                        Ok(_) => {
                            self.count_end(stack.end);
                            return id;
                        }
                        Err(there) => word = there,
                    }
                }
                if word >> 32 == stack.hash >> 32
                    && self.get(word as u32).is_some_and(|record| record.is(stack))
                {
                    // An id made in a lost race stays without use.
                    return word as u32;
                }
            }
        }
        UNKNOWN
    }

    fn count_end(&self, end: End) {
        match end {
            End::Complete => {}
            End::Truncated => {
                self.truncated.fetch_add(1, Ordering::Relaxed);
            }
            End::Stuck => {
                self.stuck.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn make(&self, stack: &Stack<'_>) -> Option<u32> {
        // First, so that a refusal uses up neither an id nor memory: it may be
        // met at every allocation from here on.
        let next = self.len();
        if next >= MAX_CONTEXTS {
            return None;
        }
        install(self.pages.get(next / PAGE)?)?;
        let words = (stack.len as usize).wrapping_add(size_of::<Record>() / 8);
        let record = self.cut(words)?.cast::<Record>();
        let head = Record {
            hash: stack.hash,
            len: stack.len,
            end: stack.end as u32,
            generation: stack.generation,
            tag: stack.tag,
        };
        // SAFETY: `cut` gave `words` words to this call alone.
        unsafe { record.write(head) };
        for i in 0..stack.len {
            let to = record
                .wrapping_add(1)
                .cast::<u64>()
                .wrapping_add(i as usize);
            // SAFETY: the frames lie within the `words` words behind the head.
            unsafe { to.write(stack.frames.frame(i)) };
        }
        wrote(record);
        let id = self.count.fetch_add(1, Ordering::AcqRel).wrapping_add(1);
        if id as usize >= MAX_CONTEXTS {
            self.count.store(MAX_CONTEXTS as u32, Ordering::Release);
            return None;
        }
        let page = install(self.pages.get(id as usize / PAGE)?)?;
        // SAFETY: once set, a page stays mapped; it holds atomics only.
        let page: &Page = unsafe { &*page };
        page.get(id as usize % PAGE)?
            .store(record, Ordering::Release);
        Some(id)
    }

    /// Cuts `words` words from the arena.
    fn cut(&self, words: usize) -> Option<*mut u64> {
        let bytes = (words as u64).wrapping_mul(8);
        for _ in 0..64 {
            let arena = install(&self.arena)?;
            // SAFETY: once set, an arena piece stays mapped.
            let used = unsafe { &(*arena).used };
            let at = used.fetch_add(bytes, Ordering::AcqRel);
            if at.wrapping_add(bytes) <= (ARENA as u64).wrapping_sub(8) {
                // SAFETY: the piece has `ARENA - 8` bytes behind `used`; only
                // its address is taken.
                let first = unsafe { (&raw mut (*arena).bytes).cast::<u64>() };
                return Some(first.wrapping_add(at as usize / 8));
            }
            // Full: the next `install` maps a new piece. The old one stays, it
            // is referred to by its records.
            let _ = self.arena.compare_exchange(
                arena,
                core::ptr::null_mut(),
                Ordering::AcqRel,
                Ordering::Acquire,
            );
        }
        None
    }
}

fn install_segment(place: &AtomicPtr<AtomicU64>, len: usize) -> Option<*mut AtomicU64> {
    let there = place.load(Ordering::Acquire);
    if !there.is_null() {
        return Some(there);
    }
    let fresh = map(len.wrapping_mul(8));
    if fresh.is_null() {
        return None;
    }
    let fresh = fresh.cast::<AtomicU64>();
    match place.compare_exchange(
        core::ptr::null_mut(),
        fresh,
        Ordering::AcqRel,
        Ordering::Acquire,
    ) {
        Ok(_) => Some(fresh),
        Err(other) => {
            // SAFETY: nobody else has seen `fresh`.
            unsafe { unmap(fresh.cast(), len.wrapping_mul(8)) };
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
