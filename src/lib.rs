//! A heap profiler for Rust programs: what is on the heap, by Rust type; who
//! allocated it; how old it is; and what grew between two points.
//!
//! ```no_run
//! #[global_allocator]
//! static HEAP: endler::Heap = endler::Heap::system();
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     endler::on_signal(libc::SIGUSR1, "heap-dumps")?;
//!     // … the service; then, from a shell: kill -USR1 PID
//!     Ok(())
//! }
//! ```
//!
//! Types need debug information: `debug = 2` (or `1`) in the profile. Nothing
//! else is asked: no frame-pointer flag, no nightly compiler, no derive.
//!
//! * [`Heap`] is the recording allocator; [`Mode`] and the environment variable
//!   `ENDLER` (`off`, `exact`) say whether it records.
//! * [`on_signal`] writes heap tables and a snapshot file at each signal,
//!   [`on_exit`] at the end of the process, [`snapshot_to`] when asked.
//! * [`watch`](fn@watch) warns, dumps and calls when resident memory or live bytes pass a bound,
//!   and dumps when the allocator gives no more.
//! * [`console::serve`] lets `endler attach PID` ask the running process.
//! * [`trackref`] lists the live objects of types, and hands them back.
//! * [`phase`] marks phases, whose ends can be compared.
//! * [`tag`] and [`tagged`] say which part of the program allocates.
//! * [`inner_statistics`] lets the inner allocator say what it keeps of the memory
//!   that was freed, for `endler fragmentation`.
//! * [`snapshot`] opens a snapshot in the process, for its own tests.
//!
//! The snapshot is taken from a copy of the process: the process is held for
//! the copy alone (about 25 ms for each GiB that it has touched).

#![warn(missing_docs)]

pub mod console;
mod error;
pub mod inner;
mod snapshot;
mod tags;
#[cfg(feature = "tracing")]
pub mod tracing;
pub mod trackref;
pub mod watch;

/// What works on the platform that endler was run on: Linux on x86-64.
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(endler_elsewhere)))]
#[path = "."]
mod process {
    pub(crate) mod dump;
    pub(crate) mod exit;
    pub(crate) mod files;
    #[cfg(test)]
    pub(crate) mod fresh;
    pub(crate) mod null;
    pub(crate) mod part;
    pub(crate) mod profiler;
    mod resident;
    pub(crate) mod signal;
    mod start;
    pub(crate) mod stay;
    mod view;

    pub(crate) use exit::on_exit;
    pub(crate) use files::directory as dump_directory;
    pub(crate) use null::dump_into as dump_at_null;
    pub(crate) use profiler::{dump_into, snapshot, snapshot_to};
    pub(crate) use resident::{resident, spawn};
    pub(crate) use signal::{on_signal, tell};
}
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(endler_elsewhere)))]
pub(crate) use process::{dump, exit, files, null, part, profiler, signal, stay};

#[cfg(not(all(target_os = "linux", target_arch = "x86_64", not(endler_elsewhere))))]
#[path = "elsewhere.rs"]
mod process;

use std::path::{Path, PathBuf};

pub use endler_allocator::{Heap, Mode};
pub use endler_reports as reports;

pub use endler_snapshot::{Bytes, InnerStatistics};
pub use error::Error;
pub use snapshot::{Snapshot, SnapshotInfo};
pub use tags::{TagGuard, Tagged, tag, tagged};
pub use watch::watch;

/// At each delivery of `signal`: writes the partition tables (text) and the
/// snapshot file into `directory` and names them on standard error.
///
/// The handler only wakes the profiler's own thread; deliveries during a dump
/// are answered by one more dump. A handler function that was there before is
/// called as well, with its own mask, its own stack and its own choice of
/// `SA_RESTART`; a default action is not taken. A handler that the program sets
/// afterwards runs alone, unless it calls the one before it; another call of
/// this function puts endler's above it. The directory is made if it
/// is missing; a second call for one signal changes its directory. When
/// nothing is recorded (`ENDLER=off`) the signal is answered by a line on
/// standard error that says so.
///
/// Files: `endler.PID.SEQ[.PHASE].endler` and `.txt`, mode 0600, the last 16
/// dumps kept. Both appear when both are whole, or neither does; what stands
/// under such a name is not replaced. A dump that fails says why in one line.
///
/// A process that is forked has the handler but nobody who answers: the signal
/// only calls the handler before it, until that process calls this function.
///
/// # Errors
/// A signal that cannot be handled, a directory that cannot be made, or no
/// thread to be had.
pub fn on_signal(signal: i32, directory: impl Into<PathBuf>) -> Result<(), Error> {
    let _pause = endler_allocator::pause();
    process::on_signal(signal, directory.into())
}

/// Writes a last dump into `directory` when the process ends: at a normal exit
/// (`main` returns, `std::process::exit`) and at an abort (`panic = "abort"`,
/// out of memory, `abort()`).
///
/// Not at `_exit`, `SIGKILL` or the default action of another signal. A process
/// that the host forked writes none.
///
/// # Errors
/// As for [`on_signal`].
pub fn on_exit(directory: impl Into<PathBuf>) -> Result<(), Error> {
    let _pause = endler_allocator::pause();
    process::on_exit(directory.into())
}

/// Enters a phase: blocks born from now on belong to it, and dumps carry its
/// name. Costs one store; the names of at most 65,534 phases are kept.
pub fn phase(name: &str) {
    endler_allocator::enter_phase(name);
}

/// From now on every snapshot carries what the inner allocator says of its own
/// memory, as `read` tells it: for `endler fragmentation`, which tells by it what the
/// allocator keeps from what others have.
///
/// `read` runs on the profiler's thread, before the process is copied. It may wait
/// for the allocator's locks, as most allocators' functions do, and so makes a
/// snapshot later but holds no other thread; how long it took is printed. It
/// is not for allocating much: what it allocates is in what it counts.
/// [`inner::automatic`] knows the common allocators, `ENDLER=exact,fragmentation` is
/// that without code. Another call replaces the function.
///
/// ```no_run
/// endler::inner_statistics(endler::inner::automatic);
/// // Or of an allocator of your own:
/// endler::inner_statistics(|| {
///     Some(endler::InnerStatistics {
///         allocated: Some(endler::Bytes(1 << 20)),
///         ..Default::default()
///     })
/// });
/// ```
pub fn inner_statistics(read: fn() -> Option<InnerStatistics>) {
    let _pause = endler_allocator::pause();
    inner::ask(read);
}

/// Takes a snapshot and writes it to `path`; returns when the file is complete.
///
/// The file is written under another name in the same directory and renamed
/// when it is whole; a file or a link of that name is replaced (the link, not
/// what it leads to), anything else is an error.
///
/// # Errors
/// Nothing is recorded, the copy failed, or the file cannot be written.
pub fn snapshot_to(path: impl AsRef<Path>) -> Result<SnapshotInfo, Error> {
    let _pause = endler_allocator::pause();
    process::snapshot_to(path.as_ref())
}

/// Takes a snapshot and opens it in this process.
///
/// # Errors
/// As for [`snapshot_to`].
pub fn snapshot() -> Result<Snapshot, Error> {
    let _pause = endler_allocator::pause();
    process::snapshot()
}
