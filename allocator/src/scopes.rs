//! The scopes of tags that are open on a thread, innermost last.
//!
//! ```text
//!  entry   63     62..32   31     16 15     0
//!          open     0      number    tag       depth ─► the next free entry
//! ```
//!
//! Invariants:
//! * only the row's own thread writes; a snapshot may read at any time;
//! * the entry below `depth` is open: one that is closed while another lies above
//!   it stays until that one is closed too;
//! * what the thread allocates bears `number` of that entry, or the thread's own
//!   number where `depth` is 0.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, compiler_fence};

/// Scopes that can be open on one thread at a time; a page of memory is touched
/// for each 512.
pub(crate) const MAX_DEPTH: usize = 4096;

const OPEN: u64 = 1 << 63;

/// See the module's drawing.
pub(crate) struct Scopes {
    depth: AtomicU32,
    entries: [AtomicU64; MAX_DEPTH],
}

/// An open scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Open {
    /// The tag's number; 0 for a scope without a tag.
    pub(crate) tag: u16,
    /// What blocks bear in it.
    pub(crate) number: u16,
}

impl Open {
    fn word(self) -> u64 {
        OPEN | u64::from(self.number) << 16 | u64::from(self.tag)
    }

    fn of(word: u64) -> Option<Open> {
        (word & OPEN != 0).then_some(Open {
            tag: word as u16,
            number: (word >> 16) as u16,
        })
    }
}

impl Scopes {
    #[cfg(test)]
    pub(crate) const fn new() -> Self {
        Scopes {
            depth: AtomicU32::new(0),
            entries: [const { AtomicU64::new(0) }; MAX_DEPTH],
        }
    }

    fn entry(&self, at: u32) -> Option<&AtomicU64> {
        self.entries.get(at as usize)
    }

    /// Opens a scope; its place, or none where too many are open.
    pub(crate) fn open(&self, scope: Open) -> Option<u32> {
        let at = self.depth.load(Ordering::Relaxed);
        let entry = self.entry(at)?;
        let word = scope.word();
        entry.store(word, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        self.depth.store(at.wrapping_add(1), Ordering::Release);
        compiler_fence(Ordering::SeqCst);
        // A signal handler with a scope of its own may have used the entry meanwhile.
        entry.store(word, Ordering::Relaxed);
        Some(at)
    }

    /// Closes the scope at a place, and with it those above which are closed already.
    pub(crate) fn close(&self, at: u32) {
        let Some(entry) = self.entry(at) else {
            return;
        };
        entry.store(0, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        let mut depth = self.depth.load(Ordering::Relaxed);
        while let Some(below) = depth.checked_sub(1) {
            if self.at(below).is_some() {
                break;
            }
            depth = below;
        }
        self.depth.store(depth, Ordering::Release);
    }

    fn at(&self, at: u32) -> Option<Open> {
        Open::of(self.entry(at)?.load(Ordering::Relaxed))
    }

    /// The innermost scope.
    #[inline]
    pub(crate) fn innermost(&self) -> Option<Open> {
        self.at(self.depth.load(Ordering::Relaxed).checked_sub(1)?)
    }

    /// Ends all of them: their thread is gone.
    pub(crate) fn clear(&self) {
        self.depth.store(0, Ordering::Release);
    }

    /// For a snapshot: the tags of those that are open.
    pub(crate) fn tags(&self) -> impl Iterator<Item = u16> {
        let depth = self.depth.load(Ordering::Acquire) as usize;
        let entries = self.entries.iter().take(depth);
        entries.filter_map(|entry| Some(Open::of(entry.load(Ordering::Relaxed))?.tag))
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use super::*;

    fn open(tag: u16) -> Open {
        let number = tag.wrapping_mul(7);
        Open { tag, number }
    }

    /// Opens and closes in a random order, beside a list that does the same.
    #[test]
    fn the_innermost_that_is_not_closed_counts() {
        let scopes = Scopes::new();
        let mut twin: Vec<(u32, Open)> = Vec::new();
        let mut random = 7u64;
        let mut below = |n: usize| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) as usize % n
        };
        for round in 0..20_000u32 {
            if below(2) == 0 || twin.is_empty() {
                let scope = open(1 + (round % 60_000) as u16);
                // Full while one that is open stands above many that are closed.
                twin.extend(scopes.open(scope).map(|at| (at, scope)));
            } else {
                let (at, _) = twin.remove(below(twin.len()));
                scopes.close(at);
            }
            assert_eq!(scopes.innermost(), twin.last().map(|(_, scope)| *scope));
            let tags: Vec<u16> = scopes.tags().collect();
            assert!(tags.iter().copied().eq(twin.iter().map(|(_, s)| s.tag)));
        }
        twin.iter().for_each(|(at, _)| scopes.close(*at));
        assert_eq!(
            (scopes.innermost(), scopes.depth.load(Ordering::Relaxed)),
            (None, 0)
        );
    }

    #[test]
    fn too_many_are_refused_and_the_rest_stands() {
        let scopes = Scopes::new();
        let at: Vec<u32> = (0..MAX_DEPTH)
            .map(|n| scopes.open(open(n as u16)).expect("room"))
            .collect();
        assert_eq!(scopes.open(open(9)), None);
        assert_eq!(scopes.innermost(), Some(open(MAX_DEPTH as u16 - 1)));
        // Never reached from outside: a place that there is not.
        scopes.close(u32::MAX);
        at.iter().for_each(|at| scopes.close(*at));
        assert_eq!(scopes.open(open(9)), Some(0));
        scopes.clear();
        assert_eq!((scopes.innermost(), scopes.tags().count()), (None, 0));
    }
}
