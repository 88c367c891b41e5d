//! The coarse clock that stamps births.
//!
//! A tick is 2^22 ns (4.2 ms) of the kernel's coarse monotonic clock, which
//! moves once a scheduler tick and is read without a system call. 32 bits of
//! ticks last 208 days, after which ages stop growing.
//!
//! Measured on the machine of ARCHITECTURE.md: the coarse clock 3.1 ns (2.2 where
//! the kernel's function is called without the C library's), the time-stamp counter 10.0 ns, `Instant::now()` 25 ns. The counter would also
//! have to be calibrated; the coarse clock needs nothing.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use core::cell::Cell;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use endler_snapshot::{Clock, Tick};

use crate::hook::RECORDER;
use crate::time_page::TimePage;
use crate::vdso::{self, ClockGettime};

/// Nanoseconds in a tick, as a power of two.
pub(crate) const SHIFT: u32 = 22;

/// When the profiler started, and how the time is asked.
pub(crate) struct Start {
    /// By CLOCK_MONOTONIC_COARSE, in nanoseconds.
    nanos: AtomicU64,
    /// A [`ClockGettime`]; null before the start.
    read: AtomicPtr<()>,
    page: TimePage,
}

/// The tick that one thread saw last, and how often the kernel had written the time by
/// then: as long as that count stands, the tick does.
///
/// The count comes round after 2^31 writes, 24 days at a thousand a second: a thread
/// that asks nothing for just as long is told that old tick, once.
#[derive(Default)]
pub(crate) struct Seen {
    /// One more than the count; 0 for none.
    count: Cell<u64>,
    tick: Cell<u32>,
}

impl Seen {
    #[inline(always)]
    pub(crate) fn tick(&self) -> u32 {
        self.tick.get()
    }
}

impl Start {
    pub(crate) const fn new() -> Self {
        Start {
            nanos: AtomicU64::new(0),
            read: AtomicPtr::new(core::ptr::null_mut()),
            page: TimePage::new(),
        }
    }

    pub(crate) fn begin(&self) {
        let read = vdso::clock_gettime().unwrap_or(libc::clock_gettime);
        self.nanos
            .store(ask(read, libc::CLOCK_MONOTONIC_COARSE), Ordering::Relaxed);
        self.read.store(read as *mut (), Ordering::Release);
    }

    /// Ticks since the start; 0 before it.
    #[inline(never)]
    pub(crate) fn tick(&self) -> u32 {
        let nanos = match self.page.read() {
            Some((nanos, _)) => nanos,
            None => self.ask(),
        };
        self.ticks(nanos)
    }

    fn ticks(&self, nanos: u64) -> u32 {
        let ticks = nanos.wrapping_sub(self.nanos.load(Ordering::Relaxed)) >> SHIFT;
        ticks.min(u64::from(u32::MAX)) as u32
    }

    /// Whether the kernel has not written the time since `seen`, whose tick is the
    /// present one then. Six instructions.
    #[inline(always)]
    pub(crate) fn is_as_seen(&self, seen: &Seen) -> bool {
        let count = self.page.count();
        count.is_some_and(|count| u64::from(count).wrapping_add(1) == seen.count.get())
    }

    /// [`Start::tick`], which `seen` then knows.
    #[inline(always)]
    pub(crate) fn tick_seen(&self, seen: &Seen) -> u32 {
        if self.is_as_seen(seen) {
            seen.tick()
        } else {
            self.see(seen)
        }
    }

    #[cold]
    #[inline(never)]
    fn see(&self, seen: &Seen) -> u32 {
        let Some((nanos, count)) = self.page.read() else {
            return self.ticks(self.ask());
        };
        let tick = self.ticks(nanos);
        seen.count.set(u64::from(count).wrapping_add(1));
        seen.tick.set(tick);
        tick
    }

    /// The coarse clock as the kernel's function tells it, by which the page is learned.
    #[inline(never)]
    fn ask(&self) -> u64 {
        let read = self.read.load(Ordering::Relaxed);
        if read.is_null() {
            return self.nanos.load(Ordering::Relaxed);
        }
        // SAFETY: what is stored there, if anything, is a function of this type.
        let read = unsafe { core::mem::transmute::<*mut (), ClockGettime>(read) };
        let now = ask(read, libc::CLOCK_MONOTONIC_COARSE);
        if self.page.is_open() {
            self.page
                .learn(now, &|| ask(read, libc::CLOCK_MONOTONIC_COARSE));
        }
        now
    }

    /// The coarse clock, also before the start.
    fn coarse(&self) -> u64 {
        if let Some((nanos, _)) = self.page.read() {
            return nanos;
        }
        let ask = || nanos(libc::CLOCK_MONOTONIC_COARSE);
        let now = ask();
        if self.page.is_open() {
            self.page.learn(now, &ask);
        }
        now
    }

    /// For a snapshot: makes sure that the page still tells the time.
    pub(crate) fn check(&self) {
        self.page
            .check(&|| ask(libc::clock_gettime, libc::CLOCK_MONOTONIC_COARSE));
    }

    /// The clock as of now.
    pub(crate) fn clock(&self) -> Clock {
        Clock {
            nanos_per_tick: f64::from(1u32 << SHIFT),
            now: Tick(self.tick()),
        }
    }
}

/// The coarse clock in nanoseconds, from an unknown start. It moves once a scheduler
/// tick; asking costs some 5 ns, and less once the page is known on which the kernel
/// tells it. Whatever the mode.
#[must_use]
pub fn coarse_nanos() -> u64 {
    RECORDER.start.coarse()
}

/// A kernel clock in nanoseconds.
pub(crate) fn nanos(clock: libc::clockid_t) -> u64 {
    ask(libc::clock_gettime, clock)
}

#[inline(always)]
fn ask(read: ClockGettime, clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: writes one timespec; no lock, no allocation.
    unsafe { read(clock, &raw mut time) };
    (time.tv_sec as u64)
        .wrapping_mul(1_000_000_000)
        .wrapping_add(time.tv_nsec as u64)
}
