//! Resident bytes that endler adds to a live block of 48 bytes, all included.

use crate::contenders::{Build, INNER};
use crate::programs::{Programs, figure};
use crate::results::Memory;

/// Keeps `blocks` blocks alive, with endler and without.
pub(crate) fn measure(programs: &Programs, blocks: u32) -> Result<Vec<Memory>, String> {
    let args = ["live".to_owned(), blocks.to_string()];
    let of = |name: &str| {
        let program = programs.path(Build::Plain, name);
        figure(&program, &args, Some(("ENDLER", "exact")))
    };
    INNER
        .iter()
        .map(|inner| {
            Ok(Memory {
                inner: (*inner).into(),
                bytes_per_block: of(&format!("{inner}_endler"))? - of(inner)?,
            })
        })
        .collect()
}
