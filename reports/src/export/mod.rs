//! A heap in the formats of other tools. One file a format, and one line in
//! [`ALL`]; all are written as they are computed, so that ten million blocks need
//! no second copy in memory.

mod heapsnapshot;

use crate::partition::Heap;
use std::fmt;
use std::io::{self, Write};

/// One format.
#[derive(Debug)]
pub struct Exporter {
    /// The word after `--to`.
    pub name: &'static str,
    /// What reads it, in one line.
    pub about: &'static str,
    /// Whether it says what refers to what, which not every snapshot knows.
    pub needs_references: bool,
    /// Writes a heap.
    pub write: fn(Heap<'_>, &mut dyn Write) -> io::Result<()>,
}

/// All formats, by name.
pub const ALL: &[Exporter] = &[heapsnapshot::EXPORTER];

/// A word that is no format; it displays what there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFormat(String);

impl fmt::Display for UnknownFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no format `{}`; there is:", self.0)?;
        for exporter in ALL {
            write!(f, "\n  {}: {}", exporter.name, exporter.about)?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownFormat {}

/// The format of a name.
///
/// ```
/// use endler_reports::export::exporter;
/// assert_eq!(exporter("heapsnapshot").map(|e| e.name), Ok("heapsnapshot"));
/// assert!(exporter("xml").is_err_and(|e| e.to_string().contains("heapsnapshot: ")));
/// ```
///
/// # Errors
/// There is none of that name.
pub fn exporter(name: &str) -> Result<&'static Exporter, UnknownFormat> {
    let found = ALL.iter().find(|exporter| exporter.name == name);
    found.ok_or_else(|| UnknownFormat(name.to_owned()))
}
