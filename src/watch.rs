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
//! The bounds are on *resident* memory (`VmRSS`): what the operating system and a
//! container's limit count, with what the inner allocator keeps of freed memory. They
//! are not on live bytes: the recorder keeps no running total of those, since that
//! would cost every allocation; a dump tells them. It works with any allocator, and
//! when nothing is recorded, though then no dump is written, and a line says so.
//!
//! Memory that comes and goes between two looks is not seen. Linux on x86-64 only.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use endler_snapshot::Bytes;

use crate::{Error, process};

/// Scrapy's `MEMUSAGE_CHECK_INTERVAL_SECONDS`.
const INTERVAL: Duration = Duration::from_secs(60);
/// A look costs some 20 µs of the kernel's time; oftener than this is no use.
const SHORTEST: Duration = Duration::from_millis(10);

/// Which bound was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bound {
    /// [`Options::warning`].
    Warning,
    /// [`Options::limit`].
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
    /// The bound itself.
    pub bytes: Bytes,
    /// The resident memory that was seen, before the dump.
    pub resident: Bytes,
}

type Callback = Box<dyn FnMut(&Crossing) + Send>;

/// What is watched, and what happens then.
#[must_use]
pub struct Options {
    warning: Option<Bytes>,
    limit: Option<Bytes>,
    interval: Duration,
    directory: Option<PathBuf>,
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
            warning: None,
            limit: None,
            interval: INTERVAL,
            directory: None,
            callback: None,
        }
    }

    /// Resident bytes above which the process is warned, once.
    pub fn warning(mut self, bytes: Bytes) -> Self {
        self.warning = Some(bytes);
        self
    }

    /// Resident bytes above which the process is over its limit, once. endler does not
    /// end it: that is for the function of [`Options::then`].
    pub fn limit(mut self, bytes: Bytes) -> Self {
        self.limit = Some(bytes);
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
    fn bounds(&self) -> Vec<(Bytes, Bound)> {
        let warning = self.warning.map(|bytes| (bytes, Bound::Warning));
        let limit = self.limit.map(|bytes| (bytes, Bound::Limit));
        let mut bounds: Vec<_> = warning.into_iter().chain(limit).collect();
        bounds.sort_by_key(|(bytes, bound)| (bytes.0, *bound));
        bounds
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("warning", &self.warning)
            .field("limit", &self.limit)
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

/// Watches resident memory from a thread of its own until the returned value is
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
        options.directory = Some(process::dump_directory(directory)?);
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

/// The thread's life. Only the host's function runs without a pause.
fn run(mut options: Options, stop: &Stop) {
    let mut left = {
        let _pause = endler_allocator::pause();
        options.bounds().into_iter().peekable()
    };
    while left.peek().is_some() && !stop.is_asked() {
        let passed = {
            let _pause = endler_allocator::pause();
            // Where it cannot be read for once, the next look will.
            let resident = process::resident().unwrap_or(Bytes(0));
            let passed = left.next_if(|(bytes, _)| resident.0 > bytes.0);
            let crossing = passed.map(|(bytes, bound)| Crossing {
                bound,
                bytes,
                resident,
            });
            crossing.inspect(|crossing| tell(crossing, options.directory.as_ref()))
        };
        match passed {
            Some(crossing) => {
                if let Some(callback) = &mut options.callback {
                    let _ = catch_unwind(AssertUnwindSafe(|| callback(&crossing)));
                }
                // Another bound may be passed as well.
            }
            None if stop.within(options.interval) => break,
            None => {}
        }
    }
}

fn tell(crossing: &Crossing, directory: Option<&PathBuf>) {
    let Crossing {
        bound,
        bytes,
        resident,
    } = crossing;
    process::tell(&format!(
        "endler: {} bytes resident, above the {bound} of {}",
        resident.0, bytes.0
    ));
    if let Some(directory) = directory {
        process::tell(&process::dump_into(directory));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_bound_is_passed_first() {
        let options = Options::new().warning(Bytes(2)).limit(Bytes(3));
        let both = [(Bytes(2), Bound::Warning), (Bytes(3), Bound::Limit)];
        assert_eq!(options.bounds(), both);
        let upside_down = Options::new().warning(Bytes(5)).limit(Bytes(3));
        let both = [(Bytes(3), Bound::Limit), (Bytes(5), Bound::Warning)];
        assert_eq!(upside_down.bounds(), both);
        let equal = Options::new().limit(Bytes(3)).warning(Bytes(3));
        let both = [(Bytes(3), Bound::Warning), (Bytes(3), Bound::Limit)];
        assert_eq!(equal.bounds(), both);
        assert!(Options::new().bounds().is_empty());
        assert_eq!(Options::new().every(Duration::ZERO).interval, SHORTEST);
    }
}
