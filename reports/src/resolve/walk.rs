//! One pass over a unit: the functions, inlined ones included, at each of the
//! addresses that were asked for.
//!
//! An optimised function is a tree of calls that were inlined into it. The
//! walk visits the entries in order and keeps, for each address, the ones
//! whose ranges contain it: outermost first, since a caller's entry encloses
//! that of the call.
//!
//! Source: DWARF 5 sections 3.3.8 (inlined subroutines) and 2.17 (ranges).

use gimli::{Attribute, AttributeValue, EntriesRaw, Unit, UnitOffset};

use super::elf::Reader;
use super::scopes::{Scopes, ScopesBuilder};
use super::units::{Entry, UnitIndex, Units};

/// One function at an address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    /// The function's entry: for an inlined one its abstract origin.
    pub(crate) function: Entry,
    /// Where it was called from, if it was inlined: file index and line.
    pub(crate) called: Option<(u64, u32)>,
    /// Where the range of its code begins that holds the address.
    pub(crate) start: u64,
    /// The entry of the code itself, which tells two calls of one function apart.
    pub(crate) place: UnitOffset,
}

/// An address and the functions there, outermost first.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// File address.
    pub(crate) address: u64,
    pub(crate) calls: Vec<Call>,
}

/// The most functions kept for one address; real chains have tens.
const MAX_CALLS: usize = 256;

#[derive(Default)]
struct Raw<'a> {
    low: Option<u64>,
    high: Option<AttributeValue<Reader<'a>>>,
    ranges: Option<AttributeValue<Reader<'a>>>,
    origin: Option<AttributeValue<Reader<'a>>>,
    call_file: u64,
    call_line: u32,
}

/// Adds the functions of `unit` to the `queries`, which rise by address.
/// Returns the unit's scopes, which the same pass finds.
pub(crate) fn calls(units: &Units<'_>, index: UnitIndex, queries: &mut [Query]) -> Scopes {
    let mut scopes = ScopesBuilder::default();
    let Some(unit) = units.unit(index) else {
        return scopes.finish();
    };
    let Ok(mut entries) = unit.entries_raw(None) else {
        return scopes.finish();
    };
    // The depth of the enclosing function, if none of the addresses lies in
    // it: what it encloses need not be read.
    let mut skip_below: Option<isize> = None;
    while !entries.is_empty() {
        let (offset, depth) = (entries.next_offset(), entries.next_depth());
        let abbrev = match entries.read_abbreviation() {
            Ok(Some(abbrev)) => abbrev,
            Ok(None) => continue,
            Err(_) => break,
        };
        if skip_below.is_some_and(|limit| depth <= limit) {
            skip_below = None;
        }
        let tag = abbrev.tag();
        let inlined = tag == gimli::DW_TAG_inlined_subroutine;
        if skip_below.is_some() || !(inlined || tag == gimli::DW_TAG_subprogram) {
            if skip_below.is_none() {
                scopes.entry(tag, offset, depth, abbrev.has_children());
            }
            if entries.skip_attributes(abbrev.attributes()).is_err() {
                break;
            }
            continue;
        }
        scopes.entry(tag, offset, depth, abbrev.has_children());
        let Some(raw) = read(units, unit, &mut entries, abbrev.attributes()) else {
            break;
        };
        let function = if inlined {
            raw.origin.and_then(|o| target(units, index, o))
        } else {
            Some(Entry {
                unit: index,
                offset,
            })
        };
        let hit = function.is_some_and(|function| {
            let called = inlined.then_some((raw.call_file, raw.call_line));
            let call = Call {
                function,
                called,
                start: 0,
                place: offset,
            };
            push(units, unit, &raw, queries, call)
        });
        if !hit {
            skip_below = Some(depth);
        }
    }
    scopes.finish()
}

fn read<'a>(
    units: &Units<'a>,
    unit: &Unit<Reader<'a>>,
    entries: &mut EntriesRaw<'_, Reader<'a>>,
    specs: &[gimli::AttributeSpecification],
) -> Option<Raw<'a>> {
    let mut raw = Raw::default();
    for &spec in specs {
        let attr: Attribute<Reader<'a>> = entries.read_attribute(spec).ok()?;
        match attr.name() {
            gimli::DW_AT_low_pc => {
                raw.low = units
                    .dwarf(unit)
                    .attr_address(unit, attr.value())
                    .ok()
                    .flatten();
            }
            gimli::DW_AT_high_pc => raw.high = Some(attr.value()),
            gimli::DW_AT_ranges => raw.ranges = Some(attr.value()),
            gimli::DW_AT_abstract_origin => raw.origin = Some(attr.value()),
            gimli::DW_AT_call_file => {
                raw.call_file = match attr.value() {
                    AttributeValue::FileIndex(file) => file,
                    other => other.udata_value().unwrap_or(0),
                };
            }
            gimli::DW_AT_call_line => {
                raw.call_line = attr
                    .udata_value()
                    .and_then(|l| u32::try_from(l).ok())
                    .unwrap_or(0);
            }
            _ => {}
        }
    }
    Some(raw)
}

/// Appends `call` to every query in its ranges; whether there was one.
fn push<'a>(
    units: &Units<'a>,
    unit: &Unit<Reader<'a>>,
    raw: &Raw<'a>,
    queries: &mut [Query],
    call: Call,
) -> bool {
    let mut hit = false;
    let mut add = |begin: u64, end: u64| {
        if begin == 0 {
            // What the linker dropped stands at address 0.
            return;
        }
        let from = queries.partition_point(|q| q.address < begin);
        let to = queries.partition_point(|q| q.address < end);
        for query in queries.get_mut(from..to).unwrap_or(&mut []) {
            // Aliases of one assembler function overlap: the first counts.
            if call.called.is_none() && !query.calls.is_empty() {
                continue;
            }
            hit = true;
            if query.calls.len() < MAX_CALLS {
                query.calls.push(Call {
                    start: begin,
                    ..call
                });
            }
        }
    };
    if let Some(value) = raw.ranges {
        if let Ok(Some(mut ranges)) = units.dwarf(unit).attr_ranges(unit, value) {
            while let Ok(Some(range)) = ranges.next() {
                add(range.begin, range.end);
            }
        }
    } else if let (Some(low), Some(high)) = (raw.low, raw.high) {
        let end = match units.dwarf(unit).attr_address(unit, high) {
            Ok(Some(end)) => Some(end),
            _ => high.udata_value().map(|size| low.saturating_add(size)),
        };
        if let Some(end) = end {
            add(low, end);
        }
    }
    hit
}

/// The entry that a reference attribute of a unit points to.
pub(crate) fn target(
    units: &Units<'_>,
    unit: UnitIndex,
    value: AttributeValue<Reader<'_>>,
) -> Option<Entry> {
    match value {
        AttributeValue::UnitRef(offset) => Some(Entry { unit, offset }),
        AttributeValue::DebugInfoRef(offset) => units.entry_at(unit, offset),
        _ => None,
    }
}
