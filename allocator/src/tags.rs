//! Tags: names that a program sets on what its threads allocate, and the numbers
//! that stand for a thread under a tag.
//!
//! ```text
//!  names   hash ─► bucket ─► name ─► name         lists that only grow
//!  pairs   (thread's own number, tag) ─► number   a table that only grows
//! ```
//!
//! A block's record has 16 bits for its thread. A tag costs it nothing: a number
//! of [`Threads`] can also stand for *a thread under a tag*. Opening a scope gives
//! the thread's row such a number, closing it gives the former one back, and the
//! hook reads the row's number as ever.
//!
//! Pairs take three quarters of the numbers at most, so that threads that come
//! later still have their own. Beyond that, and beyond [`MAX`] names, a scope counts as
//! one of [`TOO_MANY`], and is counted.
//!
//! There is no lock: a process that the host forks while another thread makes a
//! tag would inherit it held.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use core::ptr::null_mut;

use crate::shadow::install;
use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, Ordering, reads, wrote};
use crate::threads::Threads;

/// Names that are told apart.
const MAX: u32 = if cfg!(test) { 300 } else { TOO_MANY as u32 - 1 };
/// The number of all tags beyond those that can be told apart.
pub(crate) const TOO_MANY: u16 = u16::MAX;
/// Bytes of a name that are kept.
const MAX_LEN: usize = 256;
const BUCKETS: usize = 4096;
/// Twice as many as there are numbers, so that a free place is near.
const PLACES: usize = 1 << 17;
/// Leaves of a product the bits of a place.
const KEY_SHIFT: u32 = 64 - PLACES.ilog2();

/// A name, which is never changed or freed.
pub(crate) struct Name {
    text: Box<str>,
    /// From 1 up.
    number: u16,
    /// Futures and spans that bear it; scopes stand in their threads' rows.
    kept: AtomicU32,
    before: *mut Name,
}

// SAFETY: but for an atomic nothing of a name is changed once others can see it.
unsafe impl Sync for Name {}

impl Name {
    pub(crate) fn number(&self) -> u16 {
        self.number
    }

    pub(crate) fn keep(&self) {
        self.kept.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn release(&self) {
        self.kept.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A name as a snapshot lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) number: u16,
    pub(crate) kept: bool,
}

/// All names, and the pairs. Nothing here is touched while no tag is set.
pub(crate) struct Tags {
    buckets: [AtomicPtr<Name>; BUCKETS],
    /// Numbers of names that were given out.
    count: AtomicU32,
    pairs: AtomicPtr<[AtomicU64; PLACES]>,
    /// Scopes whose tag is not told.
    pub(crate) untold: AtomicU64,
}

impl Tags {
    pub(crate) const fn new() -> Self {
        Tags {
            buckets: [const { AtomicPtr::new(null_mut()) }; BUCKETS],
            count: AtomicU32::new(0),
            pairs: AtomicPtr::new(null_mut()),
            untold: AtomicU64::new(0),
        }
    }

    /// The name, if there is a tag of it.
    pub(crate) fn known(&self, text: &str) -> Option<&'static Name> {
        let text = cut(text);
        find(
            self.buckets.get(bucket(text))?.load(Ordering::Acquire),
            text,
        )
    }

    /// The name, which is kept for ever; none if there are too many. Allocates for a
    /// new one: the caller has paused.
    pub(crate) fn name(&self, text: &str) -> Option<&'static Name> {
        let text = cut(text);
        let bucket = self.buckets.get(bucket(text))?;
        let mut last = bucket.load(Ordering::Acquire);
        if let Some(name) = find(last, text) {
            return Some(name);
        }
        let limit = |count: u32| (count < MAX).then(|| count.saturating_add(1));
        let (acquire, relaxed) = (Ordering::Acquire, Ordering::Relaxed);
        let number = self.count.fetch_update(relaxed, relaxed, limit).ok()?;
        let number = u16::try_from(number).ok()?.checked_add(1)?;
        let mut name = Box::new(Name {
            text: text.into(),
            number,
            kept: AtomicU32::new(0),
            before: null_mut(),
        });
        loop {
            name.before = last;
            let raw = Box::into_raw(name);
            wrote(raw);
            match bucket.compare_exchange(last, raw, Ordering::AcqRel, acquire) {
                // SAFETY: stands in the list now, and is never freed.
                Ok(_) => return unsafe { raw.as_ref() },
                Err(now) => last = now,
            }
            // SAFETY: made above, and nobody else has seen it.
            name = unsafe { Box::from_raw(raw) };
            // Another thread's is as good; the number of this one stays unused.
            if let Some(other) = find(last, text) {
                return Some(other);
            }
        }
    }

    /// The number of a thread under a tag, from [`Threads`]; none if there is no
    /// room for it. `own` is the calling thread's own number.
    pub(crate) fn pair(&self, own: u16, tag: u16, threads: &Threads) -> Option<u16> {
        let places = install(&self.pairs)?;
        // SAFETY: once set, the table stays mapped; it holds atomics only.
        let places: &[AtomicU64; PLACES] = unsafe { &*places };
        let key = u64::from(own) << 16 | u64::from(tag);
        let mut at = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> KEY_SHIFT) as usize;
        for _ in 0..PLACES {
            let place = places.get(at)?;
            let word = match place.load(Ordering::Acquire) {
                0 => {
                    // No other thread makes this pair. (A signal handler may make it
                    // twice, which is one number more for the same.)
                    let number = threads.enter_pair(own, tag)?;
                    let word = key << 16 | u64::from(number);
                    let set = place.compare_exchange(0, word, Ordering::AcqRel, Ordering::Acquire);
                    match set {
                        Ok(_) => return Some(number),
                        Err(other) => other,
                    }
                }
                word => word,
            };
            if word >> 16 == key {
                return Some(word as u16);
            }
            at = at.wrapping_add(1) % PLACES;
        }
        None
    }

    /// The names so far, in the order in which they came.
    pub(crate) fn list(&self) -> Vec<Listed> {
        let mut list = Vec::new();
        for bucket in &self.buckets {
            let mut at = bucket.load(Ordering::Acquire);
            // SAFETY: null, or a name of the list, which is never changed or freed.
            while let Some(name) = unsafe { at.as_ref() } {
                reads(name);
                list.push(Listed {
                    name: name.text.to_string(),
                    number: name.number,
                    kept: name.kept.load(Ordering::Relaxed) > 0,
                });
                at = name.before;
            }
        }
        list.sort_unstable_by_key(|listed| listed.number);
        list
    }
}

/// The name of that text in a list.
fn find(mut at: *mut Name, text: &str) -> Option<&'static Name> {
    // SAFETY: null, or a name of the list, which is never changed or freed.
    while let Some(name) = unsafe { at.as_ref() } {
        reads(name);
        if *name.text == *text {
            return Some(name);
        }
        at = name.before;
    }
    None
}

/// What is kept of a name.
fn cut(text: &str) -> &str {
    let mut len = text.len().min(MAX_LEN);
    while !text.is_char_boundary(len) {
        len = len.saturating_sub(1);
    }
    text.get(..len).unwrap_or_default()
}

fn bucket(text: &str) -> usize {
    let mut hash = text.len() as u64;
    for bytes in text.as_bytes().chunks(8) {
        let mut word = [0; 8];
        word.iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = *from);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^= hash >> 32;
    }
    hash as usize % BUCKETS
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use super::*;
    use crate::threads::{PAIRS, SHARED};
    use std::collections::BTreeSet;

    fn leaked<T>(value: T) -> &'static T {
        Box::leak(Box::new(value))
    }

    #[test]
    fn threads_that_make_the_same_names_get_the_same() {
        let tags = leaked(Tags::new());
        let make = || -> Vec<u16> {
            let texts = (0..100).map(|n| format!("spider={n}"));
            texts
                .map(|text| tags.name(&text).expect("room").number())
                .collect()
        };
        let made: Vec<Vec<u16>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(make)).collect();
            threads
                .into_iter()
                .map(|t| t.join().expect("ran"))
                .collect()
        });
        assert!(made.iter().all(|numbers| *numbers == made[0]));
        let list = tags.list();
        let names: BTreeSet<&str> = list.iter().map(|l| l.name.as_str()).collect();
        assert_eq!((list.len(), names.len()), (100, 100));
        assert!(list.is_sorted_by(|a, b| a.number < b.number));
        for (number, n) in made[0].iter().zip(0..) {
            let listed = list.iter().find(|l| l.number == *number).expect("listed");
            assert_eq!(listed.name, format!("spider={n}"));
        }
    }

    #[test]
    fn a_name_is_kept_up_to_a_whole_character() {
        let tags = leaked(Tags::new());
        let long = "ä".repeat(200);
        let name = tags.name(&long).expect("room");
        assert_eq!(&*name.text, "ä".repeat(128));
        let odd = format!("x{long}");
        assert_eq!(&*tags.name(&odd).expect("room").text, &odd[..255]);
        // What differs later is one.
        let other = tags.name(&format!("{long}!")).expect("room");
        assert_eq!(other.number(), name.number());
    }

    #[test]
    fn names_beyond_the_last_number_are_refused() {
        let tags = leaked(Tags::new());
        for n in 0..MAX {
            assert!(tags.name(&n.to_string()).is_some());
        }
        assert!(tags.name("one more").is_none());
        assert_eq!(tags.name("7").expect("known").number(), 8);
        assert_eq!(tags.list().len(), MAX as usize);
    }

    #[test]
    fn pairs_leave_numbers_to_threads() {
        let tags = leaked(Tags::new());
        let threads = leaked(Threads::new());
        let own = threads.enter(4711);
        let first = tags.pair(own, 1, threads).expect("room");
        assert_eq!(tags.pair(own, 1, threads), Some(first), "the same again");
        let mut seen = BTreeSet::from([first]);
        let given = (2..=u16::MAX).map_while(|tag| {
            let number = tags.pair(own, tag, threads)?;
            assert!(seen.insert(number), "each its own");
            Some((tag, number))
        });
        let given: Vec<(u16, u16)> = given.collect();
        // One is the thread's own, one is the first.
        assert_eq!(given.len(), usize::from(PAIRS) - 2);
        for (tag, number) in &given {
            assert_eq!(tags.pair(own, *tag, threads), Some(*number));
            let entry = threads.get(*number).expect("there");
            assert_eq!(entry.pair(), Some((own, *tag)));
        }
        assert_eq!(tags.pair(own + 1, 1, threads), None, "no room");
        assert!(tags.pair(own, TOO_MANY, threads).is_some(), "but for this");
        let next = threads.enter(4712);
        assert_eq!(
            (next, threads.get(next).expect("there").pair()),
            (PAIRS + 1, None)
        );
        while threads.enter(1) != SHARED {}
        assert_eq!(tags.pair(next, TOO_MANY, threads), None);
    }
}
