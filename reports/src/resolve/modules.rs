//! From a module of the image to the file with its debug information.
//!
//! A file counts only if it is the very build that ran: its GNU build id must
//! be the module's. A module without a build id is taken by its path.

use std::path::{Path, PathBuf};

use endler_snapshot::Module;

use super::elf::Elf;
use super::mapped::Mapped;
use super::{MainBinary, Options};

/// What a sentence of [`Found::Missing`] says of a file of another build.
pub(crate) const OTHER_BUILD: &str = "is another build than the one that ran";
/// What it says if there is no file.
pub(crate) const NOT_FOUND: &str = "was not found";
/// What is said of a file that nothing can be read from.
pub(crate) const NOT_ELF: &str = "is not an ELF file";

/// A file that may be used, or why there is none.
pub(crate) enum Found {
    /// The mapped file and the name to show for it.
    File(Mapped, String),
    /// A sentence that says why there is no file.
    Missing(String),
}

/// Looks for the file of a module: first with DWARF, else with symbols.
pub(crate) fn find(module: &Module, is_main: bool, options: &Options) -> Found {
    let mut fallback: Option<(Mapped, String)> = None;
    let mut other_build = None;
    for path in candidates(module, is_main, options) {
        let Ok(map) = Mapped::open(&path) else {
            continue;
        };
        let Some(elf) = Elf::parse(&map) else {
            continue;
        };
        let shown = path.display().to_string();
        if !module.build_id.is_empty() && elf.build_id() != module.build_id.as_slice() {
            other_build = Some(format!(
                "{shown} {OTHER_BUILD} (its build id is {}, not {})",
                hex(elf.build_id()),
                hex(&module.build_id)
            ));
            continue;
        }
        if elf.has_dwarf() {
            return Found::File(map, shown);
        }
        if fallback.is_none() {
            fallback = Some((map, shown));
        }
    }
    match (fallback, other_build) {
        (Some((map, shown)), _) => Found::File(map, shown),
        (None, Some(why)) => Found::Missing(why),
        (None, None) if module.path.is_empty() => Found::Missing("the module has no file".into()),
        (None, None) => Found::Missing(format!("{} {NOT_FOUND}", module.path)),
    }
}

/// A build id as other tools print it.
fn hex(id: &[u8]) -> String {
    match id {
        [] => "none".into(),
        _ => id.iter().map(|b| format!("{b:02x}")).collect(),
    }
}

fn candidates(module: &Module, is_main: bool, options: &Options) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    // A file that was named explicitly counts for the executable, and for any
    // other module only if a build id can prove that it is the right one.
    if let Some(binary) = &options.binary
        && (is_main || !module.build_id.is_empty())
    {
        paths.push(binary.clone());
    }
    if is_main && options.main == MainBinary::RunningProcess {
        paths.push(PathBuf::from("/proc/self/exe"));
    }
    // The kernel's own page (`[vdso]`) and a replaced file (`… (deleted)`)
    // have no file of that name.
    if !module.path.is_empty() && !module.path.starts_with('[') {
        paths.push(PathBuf::from(&module.path));
    }
    if let Some((first, rest)) = module.build_id.split_first() {
        let rest = hex(rest);
        for directory in &options.debug_dirs {
            paths.push(
                Path::new(directory)
                    .join(".build-id")
                    .join(format!("{first:02x}"))
                    .join(format!("{rest}.debug")),
            );
        }
    }
    paths
}
