//! What kept types and names away, and what to do about it.

use std::fmt;

use endler_snapshot::{DebugLevel, ModuleInfo};

use super::modules;

/// What to do about missing debug information: a sentence without its full stop, which the
/// README has too.
pub(crate) const SET: &str = "Set `debug = 2` in the program's profile ([profile.release] in Cargo.toml) for types \
     and fields, or `debug = 1` for types alone";

/// Something that kept types or names away. Displays as one line that ends
/// with what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The module's path as the image has it.
    pub module: String,
    /// What the module gave, and where that was read or why it was not.
    pub info: ModuleInfo,
}

/// Why a module gave no debug information, of those that gave none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lack<'i> {
    /// The file that there is was built at another time: a sentence without its full stop.
    OtherBuild(&'i str),
    /// There is no file, or none that can be read: the same.
    NoFile(&'i str),
    /// The file was read, and says nothing.
    Stripped,
}

/// Why a module of the lowest level gave nothing.
pub(crate) fn lack(info: &ModuleInfo) -> Lack<'_> {
    let why = info.source.trim_end_matches('.');
    let is_missing = [modules::NOT_FOUND, modules::NOT_ELF]
        .iter()
        .any(|end| why.ends_with(end));
    if why.contains(modules::OTHER_BUILD) {
        Lack::OtherBuild(why)
    } else if is_missing || !why.starts_with('/') {
        Lack::NoFile(why)
    } else {
        Lack::Stripped
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Warning { module, info } = self;
        if info.level != DebugLevel::Nothing {
            return write!(
                f,
                "{module}: no types, since it has no debug information. {SET}; build and run it again."
            );
        }
        match lack(info) {
            Lack::OtherBuild(why) => write!(
                f,
                "{module}: no types, since {why}. Give the file that ran with --binary FILE, or its \
                 debug file with --debug-dir DIR."
            ),
            Lack::NoFile(why) => write!(
                f,
                "{module}: no types, since {why}. Give the file that ran with --binary FILE or its \
                 debug file with --debug-dir DIR. {SET}, if it has no debug information."
            ),
            Lack::Stripped => write!(
                f,
                "{module}: no types and no function names, since it is stripped. {SET}, and do not \
                 strip it (`strip = false`); build and run it again."
            ),
        }
    }
}
