//! The last dump: at a normal exit and at an abort.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::{Error, files, profiler, signal};

/// How long an ending process waits for its last dump, in milliseconds.
const AT_EXIT: u64 = 60_000;
/// At an abort the heap may be broken and its locks held: a shorter wait.
const AT_ABORT: u64 = 10_000;

/// The process that asked for it, so that its forked children do not dump.
static PID: AtomicU32 = AtomicU32::new(0);
static DONE: AtomicBool = AtomicBool::new(false);

pub(crate) fn on_exit(directory: PathBuf) -> Result<(), Error> {
    let directory = files::directory(directory)?;
    profiler::start()?;
    signal::set_directory(profiler::AT_EXIT, directory);
    let pid = std::process::id();
    if PID.swap(pid, Ordering::AcqRel) == pid {
        return Ok(());
    }
    // SAFETY: registers a function without arguments.
    if unsafe { libc::atexit(at_exit) } != 0 {
        return Err(Error::Thread(std::io::Error::other("atexit has no room")));
    }
    signal::install(libc::SIGABRT)
}

extern "C" fn at_exit() {
    last(AT_EXIT);
}

/// Async-signal-safe.
pub(crate) fn at_abort() {
    last(AT_ABORT);
}

fn last(millis: u64) {
    if PID.load(Ordering::Acquire) == std::process::id() && !DONE.swap(true, Ordering::AcqRel) {
        profiler::notify_and_wait(profiler::AT_EXIT, millis);
    }
}
