//! The coarse clock that stamps births.
//!
//! A tick is 2^23 cycles of the time-stamp counter (about 3 ms at 3 GHz; 32
//! bits of them last 139 days there, after which ages stop growing). Where the
//! counter does not run at a constant rate, a tick is 2^22 ns of the kernel's
//! coarse clock. `Instant::now()` costs as much as a whole stack walk and is
//! not used.
//!
//! A snapshot calibrates: it reads the counter and the monotonic clock again
//! and divides.

use core::arch::x86_64::{__cpuid, _rdtsc};
use core::sync::atomic::{AtomicU64, Ordering};

use endler_snapshot::{Clock, Tick};

const CYCLES_SHIFT: u32 = 23;
const COARSE_SHIFT: u32 = 22;

/// When the profiler started, by both clocks.
pub(crate) struct Start {
    /// Counter value, or 0 where it cannot be used.
    cycles: AtomicU64,
    /// CLOCK_MONOTONIC.
    nanos: AtomicU64,
}

impl Start {
    pub(crate) const fn new() -> Self {
        Start {
            cycles: AtomicU64::new(0),
            nanos: AtomicU64::new(0),
        }
    }

    pub(crate) fn begin(&self) {
        self.nanos
            .store(nanos(libc::CLOCK_MONOTONIC), Ordering::Relaxed);
        // CPUID leaf 8000_0007, EDX bit 8: the counter is invariant.
        let known = __cpuid(0x8000_0000).eax >= 0x8000_0007;
        if known && __cpuid(0x8000_0007).edx & 1 << 8 != 0 {
            self.cycles.store(cycles(), Ordering::Relaxed);
        }
    }

    /// Ticks since the start.
    #[inline(always)]
    pub(crate) fn tick(&self) -> u32 {
        let start = self.cycles.load(Ordering::Relaxed);
        let ticks = if start != 0 {
            cycles().wrapping_sub(start) >> CYCLES_SHIFT
        } else {
            self.coarse_tick()
        };
        u32::try_from(ticks).unwrap_or(u32::MAX)
    }

    #[cold]
    fn coarse_tick(&self) -> u64 {
        let since = nanos(libc::CLOCK_MONOTONIC_COARSE);
        since.saturating_sub(self.nanos.load(Ordering::Relaxed)) >> COARSE_SHIFT
    }

    /// The clock as of now.
    pub(crate) fn calibrate(&self) -> Clock {
        let start = self.cycles.load(Ordering::Relaxed);
        let now = Tick(self.tick());
        let nanos_per_tick = if start == 0 {
            f64::from(1u32 << COARSE_SHIFT)
        } else {
            let spent =
                nanos(libc::CLOCK_MONOTONIC).saturating_sub(self.nanos.load(Ordering::Relaxed));
            let counted = cycles().saturating_sub(start).max(1);
            spent as f64 / counted as f64 * f64::from(1u32 << CYCLES_SHIFT)
        };
        Clock {
            nanos_per_tick,
            now,
        }
    }
}

#[inline(always)]
fn cycles() -> u64 {
    // SAFETY: every x86-64 processor has the counter.
    unsafe { _rdtsc() }
}

/// A kernel clock in nanoseconds.
pub(crate) fn nanos(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: writes one timespec; no lock, no allocation (a vDSO call).
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    (time.tv_sec as u64)
        .wrapping_mul(1_000_000_000)
        .wrapping_add(time.tv_nsec as u64)
}
