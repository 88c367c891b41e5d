//! What can go wrong for a user of the library.

use std::fmt;
use std::path::PathBuf;

/// Why a call of this library failed. The message says what to do.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The snapshot could not be taken.
    Freeze(endler_allocator::freeze::Error),
    /// A signal that cannot be handled, or must not be.
    Signal {
        /// Its number.
        signal: i32,
        /// Why not.
        why: &'static str,
    },
    /// A directory or file could not be made, opened or written.
    File {
        /// Its path.
        path: PathBuf,
        /// The cause.
        cause: std::io::Error,
    },
    /// The profiler's thread could not be started, or has ended.
    Thread(std::io::Error),
    /// The console cannot be served.
    Console(String),
    /// A snapshot that was just written could not be read back.
    Snapshot(endler_snapshot::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Freeze(e) => write!(f, "{e}"),
            Error::Signal { signal, why } => write!(f, "signal {signal} cannot be used: {why}"),
            Error::File { path, cause } => write!(f, "{}: {cause}", path.display()),
            Error::Thread(cause) => write!(f, "the profiler's thread: {cause}"),
            Error::Console(why) => write!(f, "the console: {why}"),
            Error::Snapshot(e) => write!(f, "{e}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Freeze(e) => Some(e),
            Error::File { cause, .. } | Error::Thread(cause) => Some(cause),
            Error::Snapshot(e) => Some(e),
            Error::Signal { .. } | Error::Console(_) => None,
        }
    }
}
