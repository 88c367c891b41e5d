//! Limits on memory, as Scrapy's `memusage` sets them: a thread that looks at the
//! process's resident memory, and tells, dumps and calls when it passes a bound.
//!
//! ```no_run
//! use std::time::Duration;
//! use endler::{Bytes, watch};
//!
//! # fn main() -> Result<(), endler::Error> {
//! let options = watch::Options::new()
//!     .warning(Bytes(512 << 20))
//!     .limit(Bytes(768 << 20))
//!     .every(Duration::from_secs(10))
//!     .dump_into("heap-dumps")
//!     .then(|crossing| {
//!         if crossing.bound == watch::Bound::Limit {
//!             // Shut down in order.
//!         }
//!     });
//! let _watch = endler::watch(options)?; // Until it is dropped.
//! # Ok(())
//! # }
//! ```
//!
//! Bounds are on *resident* memory (`VmRSS`): what the operating system and a
//! container's limit count, with what the inner allocator keeps of freed memory. They
//! hold with any allocator, and when nothing is recorded, though then no dump is written,
//! and a line says so.
//!
//! Bounds on *live bytes*, as they were requested, need the recording. It keeps no
//! running total, since that would cost every allocation: each look counts the blocks,
//! while the program goes on. What is made, freed or grown during the count may be in it
//! or not; all else is exact. A count takes some milliseconds of the watching thread for
//! a million blocks, and the looks are spread so that they take a twentieth of one
//! processor at most.
//!
//! [`Options::dump_at_null`] asks for a last dump when the allocator gives null.
//!
//! Memory that comes and goes between two looks is not seen. Linux on x86-64 only.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use endler_snapshot::Bytes;

use crate::{Error, process};

/// Scrapy's `MEMUSAGE_CHECK_INTERVAL_SECONDS`.
const INTERVAL: Duration = Duration::from_secs(60);
/// A look costs some 20 µs of the kernel's time; oftener than this is no use.
const SHORTEST: Duration = Duration::from_millis(10);

/// What a bound is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Memory {
    /// What is resident.
    Resident,
    /// What is live, as requested.
    Live,
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Memory::Resident => "resident",
            Memory::Live => "live",
        })
    }
}

/// Which bound was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bound {
    /// [`Options::warning`], [`Options::live_warning`].
    Warning,
    /// [`Options::limit`], [`Options::live_limit`].
    Limit,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Bound::Warning => "warning",
            Bound::Limit => "limit",
        })
    }
}

/// A bound that was passed, as the function of [`Options::then`] is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Crossing {
    /// Which.
    pub bound: Bound,
    /// What it is on.
    pub of: Memory,
    /// The bound itself.
    pub bytes: Bytes,
    /// The resident memory that was seen, before the dump.
    pub resident: Bytes,
    /// The live bytes that were counted, if a bound on them was left.
    pub live: Option<Bytes>,
}

type Callback = Box<dyn FnMut(&Crossing) + Send>;

/// What is watched, and what happens then.
#[must_use]
pub struct Options {
    bounds: Vec<(Bytes, Bound, Memory)>,
    interval: Duration,
    directory: Option<PathBuf>,
    at_null: AtNull,
    callback: Option<Callback>,
}

impl Default for Options {
    fn default() -> Self {
        Options::new()
    }
}

impl Options {
    /// No bound, no dump, no function; a look every 60 s.
    pub fn new() -> Self {
        Options {
            bounds: Vec::new(),
            interval: INTERVAL,
            directory: None,
            at_null: AtNull::Nothing,
            callback: None,
        }
    }

    /// Resident bytes above which the process is warned, once.
    pub fn warning(self, bytes: Bytes) -> Self {
        self.bound(bytes, Bound::Warning, Memory::Resident)
    }

    /// Resident bytes above which the process is over its limit, once. endler does not
    /// end it: that is for the function of [`Options::then`].
    pub fn limit(self, bytes: Bytes) -> Self {
        self.bound(bytes, Bound::Limit, Memory::Resident)
    }

    /// As [`Options::warning`], of live bytes. Where nothing is recorded it is never
    /// passed, and a line says so.
    pub fn live_warning(self, bytes: Bytes) -> Self {
        self.bound(bytes, Bound::Warning, Memory::Live)
    }

    /// As [`Options::limit`], of live bytes.
    pub fn live_limit(self, bytes: Bytes) -> Self {
        self.bound(bytes, Bound::Limit, Memory::Live)
    }

    /// Each bound once: the last that was said counts.
    fn bound(mut self, bytes: Bytes, bound: Bound, of: Memory) -> Self {
        let _pause = endler_allocator::pause();
        self.bounds.retain(|(_, b, o)| (*b, *o) != (bound, of));
        self.bounds.push((bytes, bound, of));
        self
    }

    /// Writes a dump into the directory of [`Options::dump_into`] the first time that the
    /// inner allocator gives null, for the rest of the process, whether or not it is still
    /// watched. The request gets its null at once, so a program that goes on does so
    /// beside the dump; one that aborts may be gone before it, but for
    /// [`crate::on_exit`]. 64 MiB of address space are kept back for it. Only while
    /// something is recorded.
    pub fn dump_at_null(mut self) -> Self {
        self.at_null = AtNull::Dump;
        self
    }

    /// The time between two looks; the first is at once. At least 10 ms.
    pub fn every(mut self, interval: Duration) -> Self {
        self.interval = interval.max(SHORTEST);
        self
    }

    /// Where a dump is written at each bound, as by [`crate::on_signal`].
    pub fn dump_into(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Called for each bound that was passed, when its dump is complete, on the
    /// watching thread. It may allocate, wait, and drop the [`Watch`]; what it
    /// allocates is recorded like the program's other blocks. A panic in it ends it
    /// alone.
    pub fn then(mut self, callback: impl FnMut(&Crossing) + Send + 'static) -> Self {
        self.callback = Some(Box::new(callback));
        self
    }

    /// What is not yet passed of the bounds, with which they are; the lower first.
    fn bounds(&self) -> Vec<(Bytes, Bound, Memory)> {
        let mut bounds = self.bounds.clone();
        bounds.sort_by_key(|(bytes, bound, of)| (bytes.0, *bound, *of));
        bounds
    }
}

/// What happens when the allocator gives null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AtNull {
    Nothing,
    Dump,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("bounds", &self.bounds)
            .field("interval", &self.interval)
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

/// Whether the watch is to end, and who waits for that.
#[derive(Default)]
struct Stop {
    asked: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    fn ask(&self) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    fn is_asked(&self) -> bool {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits; whether it was asked meanwhile.
    fn within(&self, time: Duration) -> bool {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .changed
            .wait_timeout_while(asked, time, |asked| !*asked);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Watches until it is dropped. Dropping waits for a dump or a call that has begun,
/// unless it is done by that call itself.
#[must_use = "the watch ends when this is dropped"]
pub struct Watch {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
    /// The process in which the thread runs.
    pid: u32,
}

impl Drop for Watch {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        if std::process::id() != self.pid {
            // A fork has no such thread to wait for.
            std::mem::forget(thread);
            return;
        }
        self.stop.ask();
        if thread.thread().id() != std::thread::current().id() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

/// Watches resident memory and live bytes from a thread of its own until the returned value is
/// dropped.
///
/// At each bound that is passed it says so in one line on standard error, writes a
/// dump if [`Options::dump_into`] says where, names that in another line, and calls
/// the function of [`Options::then`]. Each bound counts once for each watch, also if
/// memory falls and rises again.
///
/// # Errors
/// Resident memory cannot be read here, the directory cannot be made, or there is no
/// thread to be had.
pub fn watch(mut options: Options) -> Result<Watch, Error> {
    let _pause = endler_allocator::pause();
    process::resident()?;
    if let Some(directory) = options.directory.take() {
        let directory = process::dump_directory(directory)?;
        if options.at_null == AtNull::Dump {
            process::dump_at_null(directory.clone())?;
        }
        options.directory = Some(directory);
    }
    let on_live = |(_, _, of): &(Bytes, Bound, Memory)| *of == Memory::Live;
    if options.bounds.iter().any(on_live) && endler_allocator::live_bytes().is_none() {
        process::tell("endler: nothing is recorded, so bounds on live bytes are not watched");
        options.bounds.retain(|bound| !on_live(bound));
    }
    let stop = Arc::new(Stop::default());
    let thread = process::spawn({
        let stop = Arc::clone(&stop);
        move || run(options, &stop)
    })?;
    Ok(Watch {
        stop,
        thread: Some(thread),
        pid: std::process::id(),
    })
}

/// What a look saw.
#[derive(Clone, Copy)]
struct Seen {
    resident: Bytes,
    live: Option<Bytes>,
}

/// A look that took some time is followed by so many times that without one.
const SPREAD: u32 = 20;

impl Seen {
    /// Looks; live bytes are counted only for a bound that is left.
    fn now(left: &[(Bytes, Bound, Memory)]) -> Seen {
        let counted = left.iter().any(|(.., of)| *of == Memory::Live);
        Seen {
            // Where it cannot be read for once, the next look will.
            resident: process::resident().unwrap_or(Bytes(0)),
            live: counted.then(endler_allocator::live_bytes).flatten(),
        }
    }

    fn is_above(&self, bytes: Bytes, of: Memory) -> bool {
        let seen = match of {
            Memory::Resident => Some(self.resident),
            Memory::Live => self.live,
        };
        seen.is_some_and(|seen| seen.0 > bytes.0)
    }

    /// Takes the first bound out that is passed.
    fn passed(&self, left: &mut Vec<(Bytes, Bound, Memory)>) -> Option<Crossing> {
        let is_passed = |(bytes, _, of): &(Bytes, Bound, Memory)| self.is_above(*bytes, *of);
        let (bytes, bound, of) = left.remove(left.iter().position(is_passed)?);
        Some(Crossing {
            bound,
            of,
            bytes,
            resident: self.resident,
            live: self.live,
        })
    }
}

/// The thread's life. Only the host's function runs without a pause.
fn run(mut options: Options, stop: &Stop) {
    let mut left = {
        let _pause = endler_allocator::pause();
        options.bounds()
    };
    while !left.is_empty() && !stop.is_asked() {
        let (crossing, took) = {
            let _pause = endler_allocator::pause();
            let began = Instant::now();
            let seen = Seen::now(&left);
            let took = began.elapsed();
            let passed = seen.passed(&mut left);
            let crossing = passed.inspect(|crossing| tell(crossing, options.directory.as_ref()));
            (crossing, took)
        };
        match crossing {
            Some(crossing) => {
                if let Some(callback) = &mut options.callback {
                    let _ = catch_unwind(AssertUnwindSafe(|| callback(&crossing)));
                }
                // Another bound may be passed as well.
            }
            None if stop.within(options.interval.max(took.saturating_mul(SPREAD))) => break,
            None => {}
        }
    }
}

fn tell(crossing: &Crossing, directory: Option<&PathBuf>) {
    let Crossing {
        bound,
        of,
        bytes,
        resident,
        live,
    } = crossing;
    let seen = match of {
        Memory::Resident => *resident,
        Memory::Live => live.unwrap_or_default(),
    };
    process::tell(&format!(
        "endler: {} bytes {of}, above the {bound} of {}",
        seen.0, bytes.0
    ));
    if let Some(directory) = directory {
        process::tell(&process::dump_into(directory));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_passed_by_what_it_is_on() {
        let resident = Bytes(100);
        let mut left = Options::new()
            .limit(Bytes(99))
            .live_warning(Bytes(9))
            .live_limit(Bytes(50))
            .bounds();
        let seen = |live| Seen { resident, live };
        let first = seen(None).passed(&mut left).expect("resident memory");
        assert_eq!(
            (first.of, first.bound, first.bytes),
            (Memory::Resident, Bound::Limit, Bytes(99))
        );
        assert_eq!(seen(Some(Bytes(9))).passed(&mut left), None);
        let live = Some(Bytes(10));
        let second = seen(live).passed(&mut left).expect("live bytes");
        assert_eq!(
            (second.of, second.bound, second.live),
            (Memory::Live, Bound::Warning, live)
        );
        assert_eq!(seen(live).passed(&mut left), None);
        assert_eq!(left.len(), 1);
    }

    #[test]
    fn the_lower_bound_is_passed_first() {
        let of = Memory::Resident;
        let options = Options::new().warning(Bytes(2)).limit(Bytes(3));
        let both = [(Bytes(2), Bound::Warning, of), (Bytes(3), Bound::Limit, of)];
        assert_eq!(options.bounds(), both);
        let upside_down = Options::new().warning(Bytes(5)).limit(Bytes(3));
        let both = [(Bytes(3), Bound::Limit, of), (Bytes(5), Bound::Warning, of)];
        assert_eq!(upside_down.bounds(), both);
        let equal = Options::new().limit(Bytes(3)).warning(Bytes(3));
        let both = [(Bytes(3), Bound::Warning, of), (Bytes(3), Bound::Limit, of)];
        assert_eq!(equal.bounds(), both);
        let twice = Options::new()
            .limit(Bytes(3))
            .limit(Bytes(4))
            .live_limit(Bytes(1));
        let both = [
            (Bytes(1), Bound::Limit, Memory::Live),
            (Bytes(4), Bound::Limit, of),
        ];
        assert_eq!(twice.bounds(), both);
        assert!(Options::new().bounds().is_empty());
        assert_eq!(Options::new().every(Duration::ZERO).interval, SHORTEST);
    }
}
