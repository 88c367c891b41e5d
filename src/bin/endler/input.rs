//! Snapshots from the command line, resolved.

use crate::Failure;
use crate::args::Symbols;
use endler_reports::{load, load_from, resolve};
use endler_snapshot::{Evidence, Image, Resolution};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

/// Reads a snapshot; `-` is standard input. One that was not resolved is
/// resolved now, as far as the program is found. One that was is resolved again
/// where the command line says where to look, and the better result is taken:
/// a stripped program left nothing to resolve when it was dumped.
pub(crate) fn image(path: &Path, symbols: &Symbols) -> Result<Image, Failure> {
    let mut image = match path.to_str() {
        Some("-") => load_from(&mut io::stdin().lock(), "standard input")?,
        _ => load(path)?,
    };
    let asked = symbols.binary.is_some() || !symbols.debug_dirs.is_empty();
    let before = image.resolution.take();
    if before.is_some() && !asked {
        image.resolution = before;
        return Ok(image);
    }
    if let Some(binary) = &symbols.binary {
        std::fs::File::open(binary).map_err(|cause| endler_reports::Error::Read {
            path: binary.clone(),
            cause,
        })?;
    }
    {
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
    if let Some(binary) = &symbols.binary
        && !used(&image, binary)
    {
        let _ = writeln!(
            io::stderr(),
            "endler: {} is not used: no file of this snapshot has its build id",
            binary.display()
        );
    }
    if let Some(before) = before
        && typed(&before) > image.resolution.as_ref().map_or(0, typed)
    {
        image.resolution = Some(before);
    }
    Ok(image)
}

/// Blocks whose type is known.
fn typed(resolution: &Resolution) -> usize {
    let known = |evidence: &&Evidence| **evidence != Evidence::Unknown;
    resolution.block_evidence.iter().filter(known).count()
}

/// Whether debug information was read from `binary`.
fn used(image: &Image, binary: &Path) -> bool {
    let name = binary.display().to_string();
    let modules = image.resolution.iter().flat_map(|r| &r.modules);
    modules.into_iter().any(|module| module.source == name)
}
