//! Which release of rustc described a type: std keeps some states under numbers that
//! are written nowhere and differ between releases.

use super::{Layouts, Origin, TypeIx};

impl Layouts<'_> {
    /// The `95` of rustc 1.95.0; none for a type of another compiler, or a made one.
    pub(crate) fn rustc_minor(&mut self, ix: TypeIx) -> Option<u32> {
        let Origin::File(file, entry) = self.slots.get(ix.0 as usize)?.origin else {
            return None;
        };
        let units = &mut self.files.get_mut(usize::from(file))?.units;
        units.load(entry.unit)?;
        let unit = units.unit(entry.unit)?;
        let mut entries = unit.entries_raw(None).ok()?;
        let mut root = gimli::DebuggingInformationEntry::null();
        if !entries.read_entry(&mut root).ok()? {
            return None;
        }
        let producer = units.text(unit, root.attr_value(gimli::DW_AT_producer)?)?;
        minor(&String::from_utf8_lossy(&producer))
    }
}

/// Of `clang LLVM (rustc version 1.95.0 (59807616e 2026-04-14))`.
fn minor(producer: &str) -> Option<u32> {
    let (_, version) = producer.split_once("rustc version 1.")?;
    let end = version.find(|c: char| !c.is_ascii_digit());
    version.get(..end.unwrap_or(version.len()))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_of_a_producer() {
        let check = |producer: &str, expect: Option<u32>| {
            assert_eq!(minor(producer), expect, "{producer}");
        };
        let nightly = "clang LLVM (rustc version 1.91.0-nightly (0123456ab 2025-08-01))";
        check(
            "clang LLVM (rustc version 1.95.0 (59807616e 2026-04-14))",
            Some(95),
        );
        check(nightly, Some(91));
        check("rustc version 1.8", Some(8));
        check("GNU C17 13.2.0 -O2", None);
        check("rustc version 2.0.0", None);
        check("rustc version 1.x", None);
        check("rustc version 1.99999999999", None);
        check("", None);
    }
}
