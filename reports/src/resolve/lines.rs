//! The source line of an address, and the names of source files.
//!
//! Source: DWARF 5 section 6.2; file 0 or 1 is the unit's own file, directory
//! 0 its compilation directory, which version 4 does not list.

use gimli::{LineProgramHeader, Unit};

use super::elf::Reader;
use super::units::Units;

/// File index and line at each of the rising addresses, in their order.
pub(super) fn rows(unit: &Unit<Reader<'_>>, addresses: &[u64]) -> Vec<Option<(u64, u32)>> {
    let mut found = vec![None; addresses.len()];
    let Some(program) = unit.line_program.clone() else {
        return found;
    };
    let mut rows = program.rows();
    // The row before the current one, in the same sequence.
    let mut last: Option<(u64, u64, u32)> = None;
    while let Ok(Some((_, row))) = rows.next_row() {
        if let Some((begin, file, line)) = last
            && begin != 0
            && begin < row.address()
        {
            let from = addresses.partition_point(|&a| a < begin);
            for (&address, slot) in addresses.iter().zip(found.iter_mut()).skip(from) {
                if address >= row.address() {
                    break;
                }
                *slot = Some((file, line));
            }
        }
        let line = row
            .line()
            .and_then(|l| u32::try_from(l.get()).ok())
            .unwrap_or(0);
        last = (!row.end_sequence()).then_some((row.address(), row.file_index(), line));
    }
    found
}

/// Rising addresses within `distance` of any of the rising `addresses`: the
/// first and the last of each row. Between them the inlined functions are the same.
pub(super) fn near(unit: &Unit<Reader<'_>>, addresses: &[u64], distance: u64) -> Vec<u64> {
    let mut found = Vec::new();
    let Some(program) = unit.line_program.clone() else {
        return found;
    };
    let is_near = |at: u64| {
        let from = addresses.partition_point(|&a| a < at.saturating_sub(distance));
        addresses
            .get(from)
            .is_some_and(|&a| a <= at.saturating_add(distance))
    };
    let mut rows = program.rows();
    while let Ok(Some((_, row))) = rows.next_row() {
        let ends = row.address().checked_sub(1);
        let begins = (!row.end_sequence()).then_some(row.address());
        found.extend(ends.into_iter().chain(begins).filter(|&at| is_near(at)));
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The path of a file of the unit's line table, relative to the compilation
/// directory where it lies below it; empty if it is not known.
pub(super) fn file_name(units: &Units<'_>, unit: &Unit<Reader<'_>>, file: u64) -> String {
    let Some(program) = &unit.line_program else {
        return String::new();
    };
    let header: &LineProgramHeader<Reader<'_>> = program.header();
    let Some(entry) = header.file(file) else {
        return String::new();
    };
    let text = |value| {
        units
            .main()
            .attr_string(unit, value)
            .map(|s| s.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    let comp_dir = unit
        .comp_dir
        .map(|d| d.to_string_lossy().into_owned())
        .unwrap_or_default();
    let name = text(entry.path_name());
    let directory = if entry.directory_index() == 0 && header.version() < 5 {
        String::new()
    } else {
        entry.directory(header).map(text).unwrap_or_default()
    };
    let path = if name.starts_with('/') || directory.is_empty() {
        name
    } else {
        format!("{}/{name}", directory.trim_end_matches('/'))
    };
    match path
        .strip_prefix(comp_dir.as_str())
        .and_then(|rest| rest.strip_prefix('/'))
    {
        Some(below) if !comp_dir.is_empty() => below.to_owned(),
        _ => path,
    }
}
