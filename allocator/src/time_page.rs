//! The coarse clock read off the page on which the kernel tells it, a tenth of the
//! work of asking the kernel's function.
//!
//! ```text
//!  [vvar]  … seq … | … seconds | nanoseconds | …      of CLOCK_MONOTONIC_COARSE
//!            odd or changed while the pair is read: the kernel is writing it
//! ```
//!
//! Where on the page they stand is the kernel's own affair and differs between
//! versions, so it is found out and not known: over several moves of the clock, the one
//! pair of words that each time held what the kernel's function said, and the one
//! number before it that was even each time and rose by an even amount, as a sequence
//! count of so much time may. If that is not exactly one of each, the function is asked
//! for ever. A process in a time namespace has a page of another kind there, whose
//! count is odd and whose pair is never the time. A snapshot compares again
//! ([`TimePage::check`]), for a process that was restored elsewhere.
//!
//! Only the first page of `[vvar]` is read: it always is the kernel's own, where others
//! may not be readable.
//!
//! Measured (ARCHITECTURE.md): a fifth of the time of the C library's function.
//!
//! Source: Linux `lib/vdso/gettimeofday.c` (`do_coarse`), `include/vdso/datapage.h`,
//! `arch/x86/entry/vdso/vma.c`; time_namespaces(7).

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};

use crate::os;
use crate::unwind::stacks::has_room;

const NANOS: u64 = 1_000_000_000;
/// Words of the page.
const WORDS: usize = 512;
/// Numbers before the pair among which the count is sought.
const COUNTS: usize = 64;
/// Moves of the clock that a trial needs.
const ENOUGH: u32 = 10;
/// Moves after which it has failed.
const TOO_MANY: u32 = 40;
/// The fastest scheduler tick, and what the kernel may write besides.
const NANOS_PER_WRITE: u64 = 1_000_000;
const MORE_WRITES: u64 = 16;

/// Where the page tells the time, once that is found out. All zero at the start.
pub(crate) struct TimePage {
    /// The pair; null as long as the function is to be asked.
    pair: AtomicPtr<[AtomicU64; 2]>,
    /// The sequence count; null with the pair.
    count: AtomicPtr<AtomicU32>,
    trial: Trial,
}

/// What is known so far.
struct Trial {
    busy: AtomicBool,
    /// Moves of the clock that were seen; [`OVER`] when there is nothing to find out.
    seen: AtomicU32,
    /// Address of the page.
    page: AtomicU64,
    last: AtomicU64,
    /// Words that may be the first of the pair.
    pairs: [AtomicU64; WORDS / 64],
    /// Numbers that may be the count, the nearest to the pair first.
    counts: AtomicU64,
    /// How often those were looked at.
    counted: AtomicU32,
    values: [AtomicU32; COUNTS],
}

const OVER: u32 = u32::MAX;

impl TimePage {
    pub(crate) const fn new() -> Self {
        TimePage {
            pair: AtomicPtr::new(core::ptr::null_mut()),
            count: AtomicPtr::new(core::ptr::null_mut()),
            trial: Trial {
                busy: AtomicBool::new(false),
                seen: AtomicU32::new(0),
                page: AtomicU64::new(0),
                last: AtomicU64::new(0),
                pairs: [const { AtomicU64::new(0) }; WORDS / 64],
                counts: AtomicU64::new(0),
                counted: AtomicU32::new(0),
                values: [const { AtomicU32::new(0) }; COUNTS],
            },
        }
    }

    /// The clock in nanoseconds, and the sequence count that it stands under; none if the function is to be asked.
    #[inline(always)]
    pub(crate) fn read(&self) -> Option<(u64, u32)> {
        let pair = self.pair.load(Ordering::Acquire);
        if pair.is_null() {
            return None;
        }
        // SAFETY: the trial found the count on a page that stays mapped; none is null.
        let count = unsafe { self.count.load(Ordering::Acquire).as_ref() }?;
        // SAFETY: as for the count.
        let [seconds, nanos] = unsafe { &*pair };
        let before = count.load(Ordering::Acquire);
        let seconds = seconds.load(Ordering::Acquire);
        let nanos = nanos.load(Ordering::Acquire);
        let after = count.load(Ordering::Relaxed);
        (before == after && before & 1 == 0)
            .then(|| (seconds.wrapping_mul(NANOS).wrapping_add(nanos), before))
    }

    /// The sequence count, which stands as long as the time does; odd while the kernel
    /// is writing it.
    #[inline(always)]
    pub(crate) fn count(&self) -> Option<u32> {
        // SAFETY: as in `read`.
        let count = unsafe { self.count.load(Ordering::Acquire).as_ref() }?;
        Some(count.load(Ordering::Acquire))
    }

    /// Whether [`Self::learn`] is worth a call.
    #[inline(always)]
    pub(crate) fn is_open(&self) -> bool {
        self.trial.seen.load(Ordering::Relaxed) != OVER
    }

    /// Looks at the page if the clock has moved, `now` being what the function said.
    /// Safe in a signal handler, whatever it interrupted.
    #[cold]
    #[inline(never)]
    pub(crate) fn learn(&self, now: u64, ask: &dyn Fn() -> u64) {
        let trial = &self.trial;
        if trial.last.load(Ordering::Relaxed) == now || trial.busy.swap(true, Ordering::Acquire) {
            return;
        }
        if let Some((pair, count)) = trial.step(ask) {
            self.count.store(count as *mut _, Ordering::Release);
            self.pair.store(pair as *mut _, Ordering::Release);
        }
        trial.busy.store(false, Ordering::Release);
    }

    /// Compares with the function, and goes back to it if the page says another time.
    pub(crate) fn check(&self, ask: &dyn Fn() -> u64) {
        let before = ask();
        let read = self.read().map(|(nanos, _)| nanos);
        let after = ask();
        if read.is_some_and(|read| !(before..=after).contains(&read)) {
            self.count.store(core::ptr::null_mut(), Ordering::Release);
            self.pair.store(core::ptr::null_mut(), Ordering::Release);
        }
    }
}

impl Trial {
    /// Compares the page with the clock once; the addresses of pair and count when
    /// both are sure.
    fn step(&self, ask: &dyn Fn() -> u64) -> Option<(u64, u64)> {
        let seen = self.seen.load(Ordering::Relaxed);
        if seen == OVER {
            return None;
        }
        if seen == 0 {
            // The reading needs some, and the host's stack may be small.
            if !has_room(8 << 10) {
                return None;
            }
            match first_page() {
                Some(page) => self.page.store(page, Ordering::Relaxed),
                None => return self.end(None),
            }
            self.begin();
        }
        let last = self.last.load(Ordering::Relaxed);
        let now = ask();
        if now == last {
            // Another thread saw this move as well, and was here first: a count that has not
            // risen since is right.
            return None;
        }
        self.seen.store(seen.wrapping_add(1), Ordering::Relaxed);
        if seen >= TOO_MANY {
            return self.end(None);
        }
        let pair = self.pair(now);
        let count = pair.and_then(|pair| self.count(pair, now.wrapping_sub(last)));
        if ask() != now {
            // It moved meanwhile; what was ruled out may be right.
            self.begin();
            return None;
        }
        self.last.store(now, Ordering::Relaxed);
        let sure = self.counted.load(Ordering::Relaxed) >= ENOUGH;
        match (pair, count) {
            (Some(pair), Some(count)) if sure => self.end(Some((self.address(pair), count))),
            _ => None,
        }
    }

    fn begin(&self) {
        for mask in &self.pairs {
            mask.store(u64::MAX, Ordering::Relaxed);
        }
        self.counts.store(u64::MAX, Ordering::Relaxed);
        self.counted.store(0, Ordering::Relaxed);
    }

    fn end(&self, found: Option<(u64, u64)>) -> Option<(u64, u64)> {
        self.seen.store(OVER, Ordering::Relaxed);
        found
    }

    /// Rules out words that do not hold `now`; the one that is left.
    fn pair(&self, now: u64) -> Option<usize> {
        let (seconds, nanos) = (now.checked_div(NANOS)?, now.checked_rem(NANOS)?);
        let mut left = None;
        let mut count = 0u32;
        for at in 0..WORDS.wrapping_sub(1) {
            let (mask, bit) = (self.pairs.get(at / 64)?, 1u64 << (at % 64));
            if mask.load(Ordering::Relaxed) & bit == 0 {
                continue;
            }
            if self.word(at) == seconds && self.word(at.wrapping_add(1)) == nanos {
                left = Some(at);
                count = count.wrapping_add(1);
            } else {
                mask.fetch_and(!bit, Ordering::Relaxed);
            }
        }
        left.filter(|_| count == 1)
    }

    /// Rules out numbers that are no count of what was written in `elapsed`
    /// nanoseconds; the address of the one that is left.
    fn count(&self, pair: usize, elapsed: u64) -> Option<u64> {
        let counted = self.counted.fetch_add(1, Ordering::Relaxed);
        let most = elapsed / NANOS_PER_WRITE;
        let most = most.wrapping_add(MORE_WRITES).saturating_mul(2);
        let mut left = None;
        let mut candidates = self.counts.load(Ordering::Relaxed);
        for (at, value) in (0u64..).zip(&self.values) {
            let bit = 1u64 << at;
            let below = at.wrapping_add(1).wrapping_mul(4);
            let address = self.address(pair).wrapping_sub(below);
            if address < self.page.load(Ordering::Relaxed) {
                candidates &= !bit;
            }
            if candidates & bit == 0 {
                continue;
            }
            // SAFETY: an aligned number on the page, before the pair.
            let now = unsafe { &*(address as *const AtomicU32) }.load(Ordering::Acquire);
            let rose = u64::from(now.wrapping_sub(value.swap(now, Ordering::Relaxed)));
            let may = now & 1 == 0 && (counted == 0 || (2..=most).contains(&rose));
            if may {
                left = Some(address);
            } else {
                candidates &= !bit;
            }
        }
        self.counts.store(candidates, Ordering::Relaxed);
        left.filter(|_| candidates.is_power_of_two())
    }

    fn address(&self, word: usize) -> u64 {
        let page = self.page.load(Ordering::Relaxed);
        page.wrapping_add((word as u64).wrapping_mul(8))
    }

    fn word(&self, at: usize) -> u64 {
        // SAFETY: an aligned word of the first page of [vvar].
        unsafe { &*(self.address(at) as *const AtomicU64) }.load(Ordering::Acquire)
    }
}

/// The first page of the mapping `[vvar]`.
fn first_page() -> Option<u64> {
    const NAME: &[u8] = b"[vvar]";
    let (mut start, mut in_start, mut matched) = (0u64, true, 0usize);
    let mut found = None;
    os::read_bytes(c"/proc/self/maps", &mut |byte| {
        match byte {
            b'\n' if matched == NAME.len() => found = Some(start),
            b'\n' => (start, in_start, matched) = (0, true, 0),
            b'-' if in_start => in_start = false,
            digit if in_start => {
                let digit = (digit as char).to_digit(16).unwrap_or(0);
                start = start << 4 | u64::from(digit);
            }
            byte if NAME.get(matched) == Some(&byte) => matched = matched.wrapping_add(1),
            _ => matched = 0,
        }
        found.is_none()
    });
    found
}

#[cfg(test)]
#[allow(
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing
)]
mod tests {
    use core::cell::Cell;

    use super::*;

    fn kernels() -> u64 {
        crate::clock::nanos(libc::CLOCK_MONOTONIC_COARSE)
    }

    #[test]
    fn the_page_tells_what_the_kernels_function_does() {
        let page = TimePage::new();
        while page.is_open() {
            page.learn(kernels(), &kernels);
        }
        if page.read().is_none() {
            println!("not run: no page of the kernel tells the coarse clock here");
            return;
        }
        for _ in 0..200_000 {
            let before = kernels();
            // None while the kernel writes.
            let read = page.read().map_or(before, |(nanos, _)| nanos);
            assert!((before..=kernels()).contains(&read));
        }
        page.check(&kernels);
        assert!(page.read().is_some());
        page.check(&|| kernels() + 10 * NANOS);
        assert_eq!(page.read(), None, "a page that is wrong is given up");
    }

    #[test]
    fn no_mapping_of_the_name_is_no_page() {
        assert_eq!(first_page().is_some(), {
            let maps = std::fs::read_to_string("/proc/self/maps").expect("readable");
            maps.lines().any(|line| line.ends_with(" [vvar]"))
        });
    }

    /// A page that a made kernel writes: the pair is words 60 and 61, the count is the
    /// number at byte 440.
    struct Made {
        words: Box<[AtomicU64; WORDS]>,
        now: Cell<u64>,
        tick: Cell<u64>,
    }

    const PAIR: usize = 60;
    const COUNT: usize = 55;

    impl Made {
        fn new() -> Self {
            Made {
                words: Box::new([const { AtomicU64::new(0) }; WORDS]),
                now: Cell::new(5 * NANOS + 17),
                tick: Cell::new(0),
            }
        }

        /// The clock moves; what else stands there is the case's.
        fn moves(&self, case: &dyn Fn(&[AtomicU64; WORDS], u64, u64)) {
            self.tick.set(self.tick.get() + 1);
            self.now.set(self.now.get() + 4_000_000);
            let (now, tick) = (self.now.get(), self.tick.get());
            let put = |at: usize, value| self.words[at].store(value, Ordering::Relaxed);
            put(PAIR, now / NANOS);
            put(PAIR + 1, now % NANOS);
            put(COUNT, 1000 + 2 * tick);
            case(&self.words, now, tick);
        }
    }

    /// What a trial finds on a made page: the bytes where pair and count stand.
    fn found(case: &dyn Fn(&[AtomicU64; WORDS], u64, u64)) -> Option<(u64, u64)> {
        let made = Made::new();
        let page = TimePage::new();
        let at = made.words.as_ptr() as u64;
        page.trial.page.store(at, Ordering::Relaxed);
        page.trial.begin();
        page.trial.seen.store(1, Ordering::Relaxed);
        while page.is_open() {
            made.moves(case);
            page.learn(made.now.get(), &|| made.now.get());
            // Another thread that saw the same move, and read `last` before that.
            page.learn(made.now.get() - 1, &|| made.now.get());
        }
        let pair = page.pair.load(Ordering::Relaxed) as u64;
        let count = page.count.load(Ordering::Relaxed) as u64;
        (pair != 0).then(|| (pair - at, count - at))
    }

    #[test]
    fn only_what_is_certain_is_believed() {
        let place = Some((PAIR as u64 * 8, COUNT as u64 * 8));
        let put = |words: &[AtomicU64; WORDS], at: usize, value: u64| {
            words[at].store(value, Ordering::Relaxed);
        };
        assert_eq!(found(&|_, _, _| {}), place);
        // Another clock that was the same for a while; cycles, even and rising.
        let decoys = |words: &[AtomicU64; WORDS], now: u64, tick: u64| {
            put(words, 20, now / NANOS);
            put(words, 21, if tick < 7 { now % NANOS } else { 3 });
            put(words, 54, tick * 12_000_000);
            put(words, 56, 7 * tick);
        };
        assert_eq!(found(&decoys), place);
        let two_pairs = |words: &[AtomicU64; WORDS], now: u64, _: u64| {
            put(words, 20, now / NANOS);
            put(words, 21, now % NANOS);
        };
        assert_eq!(found(&two_pairs), None);
        let two_counts = |words: &[AtomicU64; WORDS], _: u64, tick: u64| put(words, 50, 4 * tick);
        assert_eq!(found(&two_counts), None);
        let no_count = |words: &[AtomicU64; WORDS], _: u64, _: u64| put(words, COUNT, 6);
        assert_eq!(found(&no_count), None);
        // As in a time namespace.
        let another_time = |words: &[AtomicU64; WORDS], _: u64, _: u64| put(words, PAIR, 1);
        assert_eq!(found(&another_time), None);
    }
}
