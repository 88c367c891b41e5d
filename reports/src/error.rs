//! What can go wrong between a path and a table.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why something could not be read or asked. Each message names the place, the
/// cause and what to do next.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be opened or read.
    Read {
        /// The path as it was given.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A file is not a snapshot, or a damaged one.
    Snapshot {
        /// The path as it was given.
        path: PathBuf,
        /// Where and why.
        cause: endler_snapshot::Error,
    },
}

impl Error {
    /// The file that it is about.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Error::Read { path, .. } | Error::Snapshot { path, .. } => path,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path().display();
        match self {
            Error::Read { cause, .. } if cause.kind() == io::ErrorKind::NotFound => {
                write!(
                    f,
                    "{path}: there is no such file; snapshots end in .endler and lie where on_signal writes them"
                )
            }
            Error::Read { cause, .. } if cause.kind() == io::ErrorKind::PermissionDenied => {
                write!(
                    f,
                    "{path}: {cause}; snapshots are readable by the user who ran the process: run as that user"
                )
            }
            Error::Read { cause, .. } => write!(f, "{path}: {cause}; check the path"),
            Error::Snapshot { cause, .. } => write!(f, "{path}: {cause}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Read { cause, .. } => Some(cause),
            Error::Snapshot { cause, .. } => Some(cause),
        }
    }
}
