//! Snapshots from the command line, resolved.

use crate::Failure;
use crate::args::Symbols;
use endler_reports::{load, load_from, resolve};
use endler_snapshot::Image;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

/// Reads a snapshot; `-` is standard input. One that was not resolved is
/// resolved now, as far as the program is found.
pub(crate) fn image(path: &Path, symbols: &Symbols) -> Result<Image, Failure> {
    let mut image = match path.to_str() {
        Some("-") => load_from(&mut io::stdin().lock(), "standard input")?,
        _ => load(path)?,
    };
    if image.resolution.is_none() {
        let options = resolve::Options {
            binary: symbols.binary.clone(),
            debug_dirs: symbols.debug_dirs.clone(),
            ..resolve::Options::default()
        };
        let progress = io::stderr().is_terminal();
        if progress {
            let _ = write!(
                io::stderr(),
                "Reading debug information for {} …",
                path.display()
            );
        }
        let warnings = resolve::resolve(&mut image, &options);
        if progress {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
        for warning in warnings {
            let _ = writeln!(io::stderr(), "endler: {warning}");
        }
    }
    Ok(image)
}
