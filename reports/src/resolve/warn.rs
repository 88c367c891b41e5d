//! What kept types and names away, and what to do about it.

use std::fmt;

use endler_snapshot::{DebugLevel, ModuleInfo};

/// Something that kept types or names away. Displays as one line that ends
/// with what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The module's path as the image has it.
    pub module: String,
    /// What the module gave, and where that was read or why it was not.
    pub info: ModuleInfo,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Warning { module, info } = self;
        match info.level {
            DebugLevel::Nothing if !info.source.starts_with('/') => write!(
                f,
                "{module}: no types, since {}; give the file that ran with --binary or its debug \
                 file with --debug-dir, and set `debug = 2` in [profile.release] if it has none",
                info.source
            ),
            DebugLevel::Nothing => write!(
                f,
                "{module}: no types and no function names, since it is stripped; set `debug = 2` \
                 and `strip = false` in [profile.release], build and run it again"
            ),
            DebugLevel::Symbols | DebugLevel::Limited | DebugLevel::Full => write!(
                f,
                "{module}: no types, since it has no debug information; set `debug = 2` in \
                 [profile.release], build and run it again"
            ),
        }
    }
}
