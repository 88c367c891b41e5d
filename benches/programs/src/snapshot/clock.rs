//! A thread that reads the clock in a loop: how long it did not run is how long
//! the process stood, whoever made it stand.

use std::error::Error;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The longest gaps between two readings.
pub(crate) struct Watched<T> {
    /// While nothing else was done.
    pub quiet: Duration,
    /// While the work was done.
    pub during: Duration,
    /// What the work gave.
    pub done: T,
}

/// Watches the clock for `quiet`, then while `work` is done.
pub(crate) fn watch<T>(
    quiet: Duration,
    work: impl FnOnce() -> T,
) -> Result<Watched<T>, Box<dyn Error>> {
    let (stop, longest) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut last = Instant::now();
            while !stop.load(Ordering::Relaxed) {
                let now = Instant::now();
                let gap = now.duration_since(last).as_nanos() as u64;
                last = now;
                if gap > longest.load(Ordering::Relaxed) {
                    longest.store(gap, Ordering::Relaxed);
                }
            }
        });
        std::thread::sleep(Duration::from_millis(100));
        longest.store(0, Ordering::Relaxed);
        std::thread::sleep(quiet);
        let quiet = Duration::from_nanos(longest.swap(0, Ordering::Relaxed));
        let done = work();
        let during = Duration::from_nanos(longest.load(Ordering::Relaxed));
        stop.store(true, Ordering::Relaxed);
        if quiet.is_zero() || during.is_zero() {
            return Err("the thread that reads the clock did not run".into());
        }
        Ok(Watched {
            quiet,
            during,
            done,
        })
    })
}
