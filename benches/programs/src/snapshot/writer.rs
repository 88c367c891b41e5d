//! A thread that writes to every page of the heap over and over: after the copy
//! the kernel copies each page at its first write.

use std::error::Error;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

const SETTLING: u8 = 0;
const WATCHING: u8 = 1;
const WORKING: u8 = 2;
const ENDED: u8 = 3;

/// What the writer met.
pub(crate) struct Written<T> {
    /// Pages that it wrote to in one pass.
    pub pages: usize,
    /// Minor faults of its thread while the work was done.
    pub faults: u64,
    /// The median pass before.
    pub quiet: Duration,
    /// The slowest pass while the work was done.
    pub slowest: Duration,
    /// The longest that one write took while the work was done.
    pub longest_write: Duration,
    /// What all passes took beyond the median, while the work was done.
    pub lost: Duration,
    /// What the work gave.
    pub done: T,
}

/// Writes for `quiet`, then while `work` is done.
pub(crate) fn write<T>(
    mut words: Vec<&mut u64>,
    quiet: Duration,
    work: impl FnOnce() -> T,
) -> Result<Written<T>, Box<dyn Error>> {
    let pages = words.len();
    let state = AtomicU8::new(SETTLING);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let (mut before, mut during) = (Vec::new(), Vec::new());
            let (mut faults, mut longest) = (None, Duration::ZERO);
            loop {
                let now = state.load(Ordering::Relaxed);
                if now == WORKING && faults.is_none() {
                    faults = Some(minor_faults());
                }
                let begun = Instant::now();
                let slowest_write = pass(&mut words, begun);
                match now {
                    SETTLING => {}
                    WATCHING => before.push(begun.elapsed()),
                    WORKING => {
                        during.push(begun.elapsed());
                        longest = longest.max(slowest_write);
                    }
                    _ => break,
                }
            }
            let faults = minor_faults().saturating_sub(faults.unwrap_or_default());
            (before, during, faults, longest)
        });
        std::thread::sleep(Duration::from_millis(300));
        state.store(WATCHING, Ordering::Relaxed);
        std::thread::sleep(quiet);
        state.store(WORKING, Ordering::Relaxed);
        // The writer counts its faults from its next pass on.
        std::thread::sleep(Duration::from_millis(100));
        let done = work();
        state.store(ENDED, Ordering::Relaxed);
        let (mut before, during, faults, longest_write) =
            writer.join().map_err(|_| "the writing thread panicked")?;
        before.sort_unstable();
        let middle = *before.get(before.len() / 2).ok_or("no pass before")?;
        let slowest = *during.iter().max().ok_or("no pass meanwhile")?;
        let lost = during.iter().map(|pass| pass.saturating_sub(middle)).sum();
        Ok(Written {
            pages,
            faults,
            quiet: middle,
            slowest,
            longest_write,
            lost,
            done,
        })
    })
}

/// Writes to each word once; the longest that one write took.
fn pass(words: &mut [&mut u64], mut last: Instant) -> Duration {
    let mut longest = Duration::ZERO;
    for word in words {
        **word = word.wrapping_add(1);
        let now = Instant::now();
        longest = longest.max(now.duration_since(last));
        last = now;
    }
    longest
}

/// Of the calling thread, since its start.
fn minor_faults() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap_or_default();
    // The name in parentheses may hold spaces; minor faults are the eighth word behind it.
    let behind = stat.rsplit(')').next().unwrap_or_default();
    behind
        .split_whitespace()
        .nth(7)
        .and_then(|n| n.parse().ok())
        .unwrap_or(0)
}
