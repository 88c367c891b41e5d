//! Free slots on their way between threads: magazines, and the depot of those
//! that no thread holds.
//!
//! ```text
//!  a row       loaded ─► magazine      spare ─► magazine      (full or empty)
//!  the depot   full ──► magazine ──► magazine …               (lock-free stacks)
//!              empty ─► magazine ──► …
//!
//!  magazine (1 KiB)   number, below (the next of its stack), held
//!                     126 rounds: slot index (31..0), death tick (63..32)
//! ```
//!
//! A thread takes free slots from its loaded magazine and puts them there. When
//! that is empty or full it changes places with the spare; only when that does
//! not help either is a whole magazine exchanged with the depot: two shared
//! lines are written once in 126 operations or more, and no slot is read. (Slots
//! that changed hands one by one cost 97 instructions and two cache misses a
//! block where a program allocates much and frees it afterwards.)
//!
//! Invariants:
//! * a magazine is held by one row, or stands in one of the stacks, or neither
//!   (in a process that the host forked in the middle of an exchange: lost);
//! * a spare is empty or full; magazines in `full` are full, in `empty` empty;
//! * `rounds[..held]` are free slots, each with the tick at which its block died,
//!   if the slot says that this has not been counted yet (slots.rs).
//!
//! Source: Bonwick and Adams, "Magazines and Vmem", USENIX 2001.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use crate::shadow::install;
use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, Ordering, sized};

/// Free slots that a magazine holds.
pub(crate) const ROUNDS: usize = sized(126, 2);
/// Magazines that are mapped at a time: 256 KiB of address space.
const CHUNK: usize = sized(256, 4);
/// As many as 2^32 slots could fill, and no more than a number can name.
const MAX_CHUNKS: usize = sized(1 << 18, 2);

/// See the module's drawing. A magazine that a row holds is written by the
/// row's thread alone.
#[repr(C, align(64))]
pub(crate) struct Magazine {
    /// One more than its place in the depot's chunks.
    number: AtomicU32,
    /// In a stack: the number of the one below, or 0.
    below: AtomicU32,
    held: AtomicU32,
    rounds: [AtomicU64; ROUNDS],
}
const _: () = assert!(size_of::<Magazine>() == sized(1024, size_of::<Magazine>()));

impl Magazine {
    /// How many free slots it holds.
    #[inline(always)]
    pub(crate) fn held(&self) -> u32 {
        self.held.load(Ordering::Relaxed)
    }

    /// The round that was put last, and how many lie below it.
    #[inline(always)]
    pub(crate) fn top(&self) -> Option<(u64, u32)> {
        let below = self.held().checked_sub(1)?;
        Some((self.round(below)?, below))
    }

    #[inline(always)]
    pub(crate) fn round(&self, at: u32) -> Option<u64> {
        Some(self.rounds.get(at as usize)?.load(Ordering::Relaxed))
    }

    /// Takes all rounds from the number `held` on.
    #[inline(always)]
    pub(crate) fn shorten(&self, held: u32) {
        self.held.store(held, Ordering::Release);
    }

    /// Takes the round that was put last; how many are left.
    #[inline(always)]
    pub(crate) fn drop_top(&self) -> u32 {
        let left = self.held().wrapping_sub(1);
        self.shorten(left);
        left
    }

    /// Puts a free slot; false if the magazine is full.
    #[inline(always)]
    pub(crate) fn put(&self, index: u32, died: u32) -> bool {
        let room = self.room();
        room.inspect(|room| room.put(index, died)).is_some()
    }

    /// The place of the next round, if the magazine is not full.
    #[inline(always)]
    pub(crate) fn room(&self) -> Option<Room<'_>> {
        let at = self.held();
        let place = self.rounds.get(at as usize)?;
        Some(Room {
            magazine: self,
            place,
            at,
        })
    }

    /// The free slots and when their blocks died, for a snapshot.
    pub(crate) fn each(&self) -> impl Iterator<Item = (u32, u32)> {
        let held = (self.held.load(Ordering::Acquire) as usize).min(ROUNDS);
        self.rounds.iter().take(held).map(|round| {
            let round = round.load(Ordering::Relaxed);
            (round as u32, (round >> 32) as u32)
        })
    }

    /// Its number, which no other has.
    pub(crate) fn number(&self) -> u32 {
        self.number.load(Ordering::Relaxed)
    }
}

/// Where a magazine's next round goes.
pub(crate) struct Room<'a> {
    magazine: &'a Magazine,
    place: &'a AtomicU64,
    at: u32,
}

impl Room<'_> {
    /// Puts a free slot there.
    #[inline(always)]
    pub(crate) fn put(&self, index: u32, died: u32) {
        let round = u64::from(index) | u64::from(died) << 32;
        self.place.store(round, Ordering::Release);
        let held = self.at.wrapping_add(1);
        self.magazine.held.store(held, Ordering::Release);
    }
}

type Chunk = [Magazine; CHUNK];
type Chunks = [AtomicPtr<Chunk>; MAX_CHUNKS];

/// The top of a stack of magazines: a tag against the ABA problem (63..32), and
/// a magazine's number (31..0), or 0 for none.
struct Stack(AtomicU64);

/// All magazines, and the stacks of those that no thread holds. What is read and
/// what is written stand on lines of their own.
#[repr(C, align(128))]
pub(crate) struct Depot {
    chunks: AtomicPtr<Chunks>,
    shared: Shared,
}

#[repr(C, align(128))]
struct Shared {
    full: Stack,
    empty: Stack,
    /// Magazines made so far.
    made: AtomicU32,
}

impl Depot {
    pub(crate) const fn new() -> Self {
        Depot {
            chunks: AtomicPtr::new(core::ptr::null_mut()),
            shared: Shared {
                full: Stack(AtomicU64::new(0)),
                empty: Stack(AtomicU64::new(0)),
                made: AtomicU32::new(0),
            },
        }
    }

    /// The magazine of a number.
    fn magazine(&self, number: u32) -> Option<&Magazine> {
        let at = number.checked_sub(1)? as usize;
        let chunks = self.chunks.load(Ordering::Acquire);
        if chunks.is_null() {
            return None;
        }
        // SAFETY: once set, the directory stays mapped; it holds atomics only.
        let chunks: &Chunks = unsafe { &*chunks };
        let chunk = chunks.get(at / CHUNK)?.load(Ordering::Acquire);
        if chunk.is_null() {
            return None;
        }
        // SAFETY: once set, a chunk stays mapped; it holds atomics only.
        let chunk: &Chunk = unsafe { &*chunk };
        chunk.get(at % CHUNK)
    }

    /// Gives a full magazine to all threads.
    pub(crate) fn give_full(&self, magazine: &Magazine) {
        self.push(&self.shared.full, magazine);
    }

    /// Gives an empty magazine to all threads.
    pub(crate) fn give_empty(&self, magazine: &Magazine) {
        self.push(&self.shared.empty, magazine);
    }

    /// A full magazine, if there is one. `look` is told of each that is about to
    /// be taken, so that a snapshot finds it somewhere at every instant.
    pub(crate) fn take_full(&self, look: impl Fn(&Magazine)) -> Option<&Magazine> {
        self.pop(&self.shared.full, look)
    }

    /// An empty magazine, or none when memory is refused.
    pub(crate) fn take_empty(&self) -> Option<&Magazine> {
        match self.pop(&self.shared.empty, |_| {}) {
            Some(magazine) => Some(magazine),
            None => self.make(),
        }
    }

    fn push(&self, stack: &Stack, magazine: &Magazine) {
        let mut top = stack.0.load(Ordering::Acquire);
        loop {
            magazine.below.store(top as u32, Ordering::Release);
            let next = (top >> 32).wrapping_add(1) << 32 | u64::from(magazine.number());
            match stack
                .0
                .compare_exchange_weak(top, next, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return,
                Err(now) => top = now,
            }
        }
    }

    fn pop(&self, stack: &Stack, look: impl Fn(&Magazine)) -> Option<&Magazine> {
        let mut top = stack.0.load(Ordering::Acquire);
        loop {
            let magazine = self.magazine(top as u32)?;
            look(magazine);
            // It may be taken by another thread between these lines; it stays
            // mapped, and the tag makes the exchange fail then.
            let below = magazine.below.load(Ordering::Acquire);
            let next = (top >> 32).wrapping_add(1) << 32 | u64::from(below);
            match stack
                .0
                .compare_exchange_weak(top, next, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return Some(magazine),
                Err(now) => top = now,
            }
        }
    }

    fn make(&self) -> Option<&Magazine> {
        let mut made = self.shared.made.load(Ordering::Relaxed);
        loop {
            // Mapped before the number is claimed, so that a refusal loses nothing.
            let chunks = install(&self.chunks)?;
            // SAFETY: once set, the directory stays mapped; it holds atomics only.
            let chunks: &Chunks = unsafe { &*chunks };
            install(chunks.get(made as usize / CHUNK)?)?;
            let number = made.wrapping_add(1);
            match self.shared.made.compare_exchange(
                made,
                number,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => {
                    let magazine = self.magazine(number)?;
                    magazine.number.store(number, Ordering::Relaxed);
                    return Some(magazine);
                }
                Err(now) => made = now,
            }
        }
    }

    /// The full magazines that no thread holds, for a snapshot. Of tables that
    /// change meanwhile the list may be wrong, but it ends.
    pub(crate) fn full(&self) -> impl Iterator<Item = &Magazine> {
        let mut number = self.shared.full.0.load(Ordering::Acquire) as u32;
        let most = self.shared.made.load(Ordering::Relaxed) as usize;
        core::iter::from_fn(move || {
            let magazine = self.magazine(number)?;
            number = magazine.below.load(Ordering::Acquire);
            Some(magazine)
        })
        .take(most)
    }
}

/// The two magazines of a thread. Only its thread changes them.
pub(crate) struct Pair {
    loaded: AtomicPtr<Magazine>,
    spare: AtomicPtr<Magazine>,
    /// One that is being moved: stands here so that a snapshot always finds it.
    moving: AtomicPtr<Magazine>,
}

impl Pair {
    /// The loaded magazine, if the thread has one yet.
    #[inline(always)]
    pub(crate) fn loaded(&self) -> Option<&Magazine> {
        at(&self.loaded)
    }

    /// Loads a magazine that is not full; false when memory is refused.
    pub(crate) fn make_room(&self, depot: &Depot) -> bool {
        let Some(loaded) = self.loaded() else {
            return self.load_empty(depot);
        };
        if (loaded.held() as usize) < ROUNDS {
            return true;
        }
        match at(&self.spare) {
            Some(spare) if spare.held() == 0 => {
                self.exchange();
                true
            }
            spare => {
                let Some(empty) = depot.take_empty() else {
                    return false;
                };
                if let Some(full) = spare {
                    self.leave(&self.spare, full);
                    depot.give_full(full);
                }
                // For an instant the loaded one stands in both places.
                self.spare.store(pointer(loaded), Ordering::Release);
                self.loaded.store(pointer(empty), Ordering::Release);
                self.moving.store(core::ptr::null_mut(), Ordering::Release);
                true
            }
        }
    }

    /// Loads a magazine that is not empty: the spare, or the depot's; false if
    /// there is none.
    pub(crate) fn reload(&self, depot: &Depot) -> bool {
        if self.loaded().is_some_and(|loaded| loaded.held() != 0) {
            return true;
        }
        if at(&self.spare).is_some_and(|spare| spare.held() != 0) {
            self.exchange();
            return true;
        }
        let look = |full: &Magazine| self.moving.store(pointer(full), Ordering::Release);
        let full = depot.take_full(look);
        if let Some(full) = full {
            let before = self.loaded();
            self.loaded.store(pointer(full), Ordering::Release);
            if let Some(empty) = before {
                depot.give_empty(empty);
            }
        }
        self.moving.store(core::ptr::null_mut(), Ordering::Release);
        full.is_some()
    }

    fn load_empty(&self, depot: &Depot) -> bool {
        match depot.take_empty() {
            Some(empty) => {
                self.loaded.store(pointer(empty), Ordering::Release);
                true
            }
            None => false,
        }
    }

    /// The loaded magazine and the spare change places.
    fn exchange(&self) {
        let loaded = self.loaded.load(Ordering::Relaxed);
        let spare = self.spare.load(Ordering::Relaxed);
        self.moving.store(loaded, Ordering::Release);
        self.loaded.store(spare, Ordering::Release);
        self.spare.store(loaded, Ordering::Release);
        self.moving.store(core::ptr::null_mut(), Ordering::Release);
    }

    /// A magazine is about to leave its place.
    fn leave(&self, place: &AtomicPtr<Magazine>, magazine: &Magazine) {
        self.moving.store(pointer(magazine), Ordering::Release);
        place.store(core::ptr::null_mut(), Ordering::Release);
    }

    /// A new thread takes the pair over. If the former owner was cut off in the
    /// middle of an exchange (in a process that was forked then), what might be
    /// held twice is let go.
    pub(crate) fn take_over(&self) {
        let moving = self.moving.swap(core::ptr::null_mut(), Ordering::Relaxed);
        for place in [&self.loaded, &self.spare] {
            if !moving.is_null() && place.load(Ordering::Relaxed) == moving {
                place.store(core::ptr::null_mut(), Ordering::Relaxed);
            }
        }
        if self.loaded.load(Ordering::Relaxed) == self.spare.load(Ordering::Relaxed) {
            self.spare.store(core::ptr::null_mut(), Ordering::Relaxed);
        }
    }

    /// The magazines for a snapshot; one that is being moved may come twice.
    pub(crate) fn each(&self) -> impl Iterator<Item = &Magazine> {
        [&self.loaded, &self.spare, &self.moving]
            .into_iter()
            .filter_map(at)
    }
}

#[inline(always)]
fn at(place: &AtomicPtr<Magazine>) -> Option<&Magazine> {
    // SAFETY: null, or a magazine of the depot, which stays mapped for ever and
    // holds atomics only.
    unsafe { place.load(Ordering::Acquire).as_ref() }
}

fn pointer(magazine: &Magazine) -> *mut Magazine {
    (&raw const *magazine).cast_mut()
}

#[cfg(all(test, not(loom)))]
#[allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests;
