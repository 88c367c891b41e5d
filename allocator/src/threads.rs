//! Who allocated: a number for each thread that ever did, with its name.
//!
//! Numbers rise and are never reused, so a block never changes its thread.
//! When all 65,534 are given out, later threads share the last number, which
//! reports show as such.
//!
//! A number can also stand for a thread under a tag (tags.rs): its entry is the
//! pair of the thread's own number and the tag's.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use core::sync::atomic::{AtomicU32, AtomicU64};

use crate::os;
use crate::shadow::install;
use crate::sync::{AtomicPtr, Ordering};
use crate::tags::TOO_MANY;

const MAX: usize = 1 << 16;
/// The number that threads share when all others are taken.
pub(crate) const SHARED: u16 = u16::MAX;
/// Numbers from here on are for threads without a tag, and for those that say that
/// there are too many.
pub(crate) const PAIRS: u16 = SHARED / 4 * 3;

/// What is known of one thread.
#[repr(C)]
pub(crate) struct Entry {
    pub(crate) tid: AtomicU32,
    /// The kernel's name, as two words of bytes.
    name: [AtomicU64; 2],
    /// A thread's own number, and a tag; 0 in the entry of a thread.
    pair: AtomicU32,
}

impl Entry {
    fn set_name(&self, name: [u8; 16]) {
        for (to, from) in self.name.iter().zip(name.as_chunks::<8>().0) {
            to.store(u64::from_ne_bytes(*from), Ordering::Relaxed);
        }
    }

    /// The thread's own number and the tag, if this is a thread under a tag.
    pub(crate) fn pair(&self) -> Option<(u16, u16)> {
        match self.pair.load(Ordering::Relaxed) {
            0 => None,
            pair => Some(((pair >> 16) as u16, pair as u16)),
        }
    }

    /// The last name that was read, without its padding.
    pub(crate) fn name(&self) -> ([u8; 16], usize) {
        let mut name = [0u8; 16];
        for (to, from) in name.as_chunks_mut::<8>().0.iter_mut().zip(&self.name) {
            *to = from.load(Ordering::Relaxed).to_ne_bytes();
        }
        let len = name.iter().position(|b| *b == 0).unwrap_or(16);
        (name, len)
    }
}

type Table = [Entry; MAX];

/// All threads that allocated.
pub(crate) struct Threads {
    table: AtomicPtr<Table>,
    count: AtomicU32,
}

impl Threads {
    pub(crate) const fn new() -> Self {
        Threads {
            table: AtomicPtr::new(core::ptr::null_mut()),
            count: AtomicU32::new(0),
        }
    }

    /// A number for the calling thread.
    pub(crate) fn enter(&self, tid: u32) -> u16 {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        if number >= u32::from(SHARED) {
            self.count.store(u32::from(SHARED), Ordering::Relaxed);
            return SHARED;
        }
        let number = number as u16;
        if let Some(entry) = self.entry_or_map(number) {
            entry.tid.store(tid, Ordering::Relaxed);
            entry.set_name(os::thread_name());
        }
        number
    }

    /// A number for a thread under a tag, which is not 0; none if there is no room.
    pub(crate) fn enter_pair(&self, own: u16, tag: u16) -> Option<u16> {
        let end = if tag == TOO_MANY { SHARED } else { PAIRS };
        let more = |count: u32| (count < u32::from(end)).then(|| count.saturating_add(1));
        let relaxed = Ordering::Relaxed;
        let number = self.count.fetch_update(relaxed, relaxed, more).ok()?;
        let number = u16::try_from(number).ok()?;
        let pair = u32::from(own) << 16 | u32::from(tag);
        let entry = self.entry_or_map(number)?;
        entry.pair.store(pair, Ordering::Release);
        Some(number)
    }

    /// Reads the calling thread's name again: it is often set after the first
    /// allocation. For the thread's slow paths.
    pub(crate) fn rename(&self, number: u16) {
        if let Some(entry) = self.get(number).filter(|_| number != SHARED) {
            entry.set_name(os::thread_name());
        }
    }

    fn entry_or_map(&self, number: u16) -> Option<&Entry> {
        install(&self.table)?;
        self.get(number)
    }

    /// The entry of a number that was given out.
    pub(crate) fn get(&self, number: u16) -> Option<&Entry> {
        let table = self.table.load(Ordering::Acquire);
        if table.is_null() {
            return None;
        }
        // SAFETY: once set, the table stays mapped; it holds atomics only.
        let table: &Table = unsafe { &*table };
        table.get(usize::from(number))
    }

    /// Numbers given out.
    pub(crate) fn len(&self) -> usize {
        (self.count.load(Ordering::Acquire) as usize).min(usize::from(SHARED))
    }
}
