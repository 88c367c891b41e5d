//! What can be wrong with a snapshot file.

use std::fmt;

/// Why a snapshot could not be read or written. Each message names the place
/// and what to do next.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The file does not begin as a snapshot does.
    NotASnapshot,
    /// Another format version than this build reads.
    Version {
        /// The version in the file.
        found: u32,
        /// The newest version this build reads.
        newest: u32,
    },
    /// The file ends before its last section.
    Truncated {
        /// Length of the file in bytes.
        offset: u64,
    },
    /// A checksum, length or id does not fit.
    Corrupt {
        /// Where in the file, in bytes.
        offset: u64,
        /// What does not fit.
        what: String,
    },
    /// The file could not be read or written.
    Io(std::io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NotASnapshot => write!(
                f,
                "not an endler snapshot (it does not begin with the snapshot mark); \
                 give a file that `endler::snapshot_to`, a signal or `on_exit` wrote"
            ),
            Error::Version { found, newest } => write!(
                f,
                "snapshot version {found} is newer than this endler reads ({newest}); \
                 use the endler that wrote it, or a newer one"
            ),
            Error::Truncated { offset } => write!(
                f,
                "the snapshot ends too early, at byte {offset}; it was cut when it was copied, \
                 or the disk was full: copy it again or take a new one"
            ),
            Error::Corrupt { offset, what } => write!(
                f,
                "the snapshot is damaged at byte {offset}: {what}; copy it again or take a new one"
            ),
            Error::Io(e) => write!(f, "{e}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io(e) => Some(e),
            _ => None,
        }
    }
}

impl From<std::io::Error> for Error {
    fn from(e: std::io::Error) -> Self {
        Error::Io(e)
    }
}
