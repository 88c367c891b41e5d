//! The variables of functions: which lie in memory when the code stands at an
//! address, and where.
//!
//! Only what is certain: a place relative to the stack pointer, the frame pointer or
//! the frame's base, or one that such a place points to. What lies in registers, or
//! in several pieces, is left out; so is what a location list does not cover. A
//! variable is in scope only behind its initialisation, but may have been moved out
//! of: nothing says so.
//!
//! Source: DWARF 5 sections 2.6 (location descriptions), 3.3.5 (frame bases), 4.1.

use gimli::{AttributeValue, EntriesRaw, Expression, Operation, Unit, X86_64};

use super::{Layouts, TypeIx};
use crate::resolve::elf::Reader;
use crate::resolve::entries;
use crate::resolve::units::{Entry, UnitIndex, Units};
use crate::resolve::walk::target;

/// The most variables kept for one address.
const MAX_LOCALS: usize = 4096;

/// What a place is relative to, of the frame whose variable it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    /// The canonical frame address.
    Cfa,
    /// The stack pointer.
    Stack,
    /// The frame pointer.
    Frame,
}

/// Where a variable lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) base: Base,
    pub(crate) offset: i64,
    /// Whether it lies where the word there points to.
    pub(crate) is_indirect: bool,
}

/// A variable or parameter.
#[derive(Clone, Debug)]
pub(crate) struct Local {
    pub(crate) name: String,
    pub(crate) of: TypeIx,
    pub(crate) place: Place,
    /// How many functions lie around its own: 0 for the one that the code belongs to,
    /// more for those inlined into it.
    pub(crate) depth: usize,
}

/// What there is at an address.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    /// Functions at it, the inlined ones among them.
    pub(crate) functions: usize,
    /// Outer scopes first.
    pub(crate) locals: Vec<Local>,
}

/// The variables in scope at each of the rising file `addresses`.
pub(crate) fn locals(layouts: &mut Layouts<'_>, file: u16, addresses: &[u64]) -> Vec<Scope> {
    let mut scopes = vec![Scope::default(); addresses.len()];
    let mut found: Vec<(usize, Raw)> = Vec::new();
    let Some(units) = layouts
        .files
        .get_mut(usize::from(file))
        .map(|f| &mut f.units)
    else {
        return scopes;
    };
    let mut by_unit: Vec<(UnitIndex, usize)> = units
        .covering(addresses)
        .into_iter()
        .enumerate()
        .filter_map(|(position, unit)| Some((unit?, position)))
        .collect();
    by_unit.sort_unstable();
    for group in by_unit.chunk_by(|a, b| a.0 == b.0) {
        let Some(&(unit, _)) = group.first() else {
            continue;
        };
        if units.load(unit).is_none() {
            continue;
        }
        let positions = group.iter().map(|&(_, position)| position).collect();
        let mut pass = Pass {
            units,
            index: unit,
            addresses,
            scopes: &mut scopes,
            found: &mut found,
        };
        // What can be read of a damaged unit counts.
        let _ = pass.unit(positions);
    }
    for (position, raw) in found {
        let Some(name) = raw.name else {
            continue;
        };
        let of = layouts.at(file, raw.of);
        if let Some(scope) = scopes.get_mut(position)
            && scope.locals.len() < MAX_LOCALS
        {
            scope.locals.push(Local {
                name,
                of,
                place: raw.place,
                depth: raw.depth,
            });
        }
    }
    scopes
}

struct Raw {
    name: Option<String>,
    of: Entry,
    place: Place,
    depth: usize,
}

/// A function, block or inlined call that holds some of the addresses.
struct Open {
    /// Of its entry.
    depth: isize,
    positions: Vec<usize>,
    functions: usize,
    base: Option<(Base, i64)>,
}

/// What an entry says.
#[derive(Default)]
struct Said<'a> {
    low: Option<u64>,
    high: Option<AttributeValue<Reader<'a>>>,
    ranges: Option<AttributeValue<Reader<'a>>>,
    base: Option<AttributeValue<Reader<'a>>>,
    name: Option<AttributeValue<Reader<'a>>>,
    of: Option<AttributeValue<Reader<'a>>>,
    origin: Option<AttributeValue<Reader<'a>>>,
    location: Option<AttributeValue<Reader<'a>>>,
}

struct Pass<'p, 'a> {
    units: &'p Units<'a>,
    index: UnitIndex,
    addresses: &'p [u64],
    scopes: &'p mut [Scope],
    found: &'p mut Vec<(usize, Raw)>,
}

impl<'a> Pass<'_, 'a> {
    fn unit(&mut self, positions: Vec<usize>) -> Option<()> {
        let unit = self.units.unit(self.index)?;
        if !entries::is_rust(unit) {
            return None;
        }
        let mut entries = unit.entries_raw(None).ok()?;
        let mut open = vec![Open {
            depth: -1,
            positions,
            functions: 0,
            base: None,
        }];
        // The depth of the entry whose inside holds none of the addresses.
        let mut skip_below: Option<isize> = None;
        while !entries.is_empty() {
            let depth = entries.next_depth();
            let Some(abbrev) = entries.read_abbreviation().ok()? else {
                continue;
            };
            if skip_below.is_some_and(|limit| depth <= limit) {
                skip_below = None;
            }
            let tag = abbrev.tag();
            let is_scope = matches!(
                tag,
                gimli::DW_TAG_subprogram
                    | gimli::DW_TAG_inlined_subroutine
                    | gimli::DW_TAG_lexical_block
            );
            let is_variable =
                matches!(tag, gimli::DW_TAG_variable | gimli::DW_TAG_formal_parameter);
            if skip_below.is_some() || !(is_scope || is_variable) {
                entries.skip_attributes(abbrev.attributes()).ok()?;
                continue;
            }
            let said = self.read(unit, &mut entries, abbrev.attributes())?;
            while open.len() > 1 && open.last().is_some_and(|o| o.depth >= depth) {
                open.pop();
            }
            if is_variable {
                let around = open.last().filter(|o| o.functions > 0);
                if let Some(around) = around {
                    self.variable(unit, &said, around);
                }
                continue;
            }
            let is_function = tag == gimli::DW_TAG_subprogram;
            let around = if is_function {
                open.first()?
            } else {
                open.last()?
            };
            let inside = Open {
                depth,
                positions: self.covered(unit, &said, &around.positions),
                functions: match tag {
                    gimli::DW_TAG_subprogram => 1,
                    gimli::DW_TAG_inlined_subroutine => around.functions + 1,
                    _ => around.functions,
                },
                base: if is_function {
                    said.base.and_then(|b| frame_base(unit, b))
                } else {
                    around.base
                },
            };
            if inside.positions.is_empty() {
                skip_below = Some(depth);
                continue;
            }
            for &position in &inside.positions {
                if let Some(scope) = self.scopes.get_mut(position) {
                    scope.functions = scope.functions.max(inside.functions);
                }
            }
            open.push(inside);
        }
        Some(())
    }

    fn read(
        &self,
        unit: &Unit<Reader<'a>>,
        entries: &mut EntriesRaw<'_, Reader<'a>>,
        specs: &[gimli::AttributeSpecification],
    ) -> Option<Said<'a>> {
        let mut said = Said::default();
        for &spec in specs {
            let attr = entries.read_attribute(spec).ok()?;
            let value = attr.value();
            match attr.name() {
                gimli::DW_AT_low_pc => {
                    said.low = self
                        .units
                        .dwarf(unit)
                        .attr_address(unit, value)
                        .ok()
                        .flatten();
                }
                gimli::DW_AT_high_pc => said.high = Some(value),
                gimli::DW_AT_ranges => said.ranges = Some(value),
                gimli::DW_AT_frame_base => said.base = Some(value),
                gimli::DW_AT_name => said.name = Some(value),
                gimli::DW_AT_type => said.of = Some(value),
                gimli::DW_AT_abstract_origin => said.origin = Some(value),
                gimli::DW_AT_location => said.location = Some(value),
                _ => {}
            }
        }
        Some(said)
    }

    /// Those of some addresses that lie in an entry's ranges.
    fn covered(&self, unit: &Unit<Reader<'a>>, said: &Said<'a>, positions: &[usize]) -> Vec<usize> {
        let mut covered = Vec::new();
        let mut add = |begin: u64, end: u64| {
            let holds = |p: &&usize| {
                let address = self.addresses.get(**p);
                begin != 0 && address.is_some_and(|a| (begin..end).contains(a))
            };
            covered.extend(positions.iter().filter(holds));
        };
        if let Some(value) = said.ranges {
            if let Ok(Some(mut ranges)) = self.units.dwarf(unit).attr_ranges(unit, value) {
                while let Ok(Some(range)) = ranges.next() {
                    add(range.begin, range.end);
                }
            }
        } else if let (Some(low), Some(high)) = (said.low, said.high) {
            let end = match self.units.dwarf(unit).attr_address(unit, high) {
                Ok(Some(end)) => Some(end),
                _ => high.udata_value().map(|size| low.saturating_add(size)),
            };
            if let Some(end) = end {
                add(low, end);
            }
        }
        covered.sort_unstable();
        covered.dedup();
        covered
    }

    /// Notes a variable at each address at which it has a place.
    fn variable(&mut self, unit: &Unit<Reader<'a>>, said: &Said<'a>, around: &Open) -> Option<()> {
        let location = said.location?;
        // A variable of an inlined call: its name and type stand where the function is.
        let (name, of) = self.named(unit, said)?;
        for &position in &around.positions {
            let Some(&address) = self.addresses.get(position) else {
                continue;
            };
            let place = match location {
                AttributeValue::Exprloc(expression) => place(unit, expression, around.base),
                list => self.listed(unit, list, address, around.base),
            };
            if let Some(place) = place {
                let raw = Raw {
                    name: name.clone(),
                    of,
                    place,
                    depth: around.functions - 1,
                };
                self.found.push((position, raw));
            }
        }
        Some(())
    }

    fn named(&self, unit: &Unit<Reader<'a>>, said: &Said<'a>) -> Option<(Option<String>, Entry)> {
        let text = |unit: &Unit<Reader<'a>>, value: AttributeValue<Reader<'a>>| {
            let text = self.units.dwarf(unit).attr_string(unit, value).ok()?;
            Some(text.to_string_lossy().into_owned())
        };
        if let Some(of) = said.of {
            let name = said.name.and_then(|name| text(unit, name));
            return Some((name, target(self.units, self.index, of)?));
        }
        let origin = target(self.units, self.index, said.origin?)?;
        let unit = self.units.unit(origin.unit)?;
        let die = unit.entry(origin.offset).ok()?;
        let name = die.attr_value(gimli::DW_AT_name)?;
        let of = target(self.units, origin.unit, die.attr_value(gimli::DW_AT_type)?)?;
        Some((text(unit, name), of))
    }

    /// The place that a location list gives at an address, if it gives one alone.
    fn listed(
        &self,
        unit: &Unit<Reader<'a>>,
        list: AttributeValue<Reader<'a>>,
        address: u64,
        base: Option<(Base, i64)>,
    ) -> Option<Place> {
        let mut locations = self.units.dwarf(unit).attr_locations(unit, list).ok()??;
        let mut found = None;
        while let Some(location) = locations.next().ok()? {
            if (location.range.begin..location.range.end).contains(&address) {
                if found.is_some() {
                    return None;
                }
                found = Some(place(unit, location.data, base)?);
            }
        }
        found
    }
}

fn base_of(register: gimli::Register) -> Option<Base> {
    match register {
        X86_64::RSP => Some(Base::Stack),
        X86_64::RBP => Some(Base::Frame),
        _ => None,
    }
}

fn frame_base<'a>(
    unit: &Unit<Reader<'a>>,
    value: AttributeValue<Reader<'a>>,
) -> Option<(Base, i64)> {
    let AttributeValue::Exprloc(expression) = value else {
        return None;
    };
    let mut operations = expression.operations(unit.encoding());
    let base = match operations.next().ok()?? {
        Operation::Register { register } => (base_of(register)?, 0),
        Operation::RegisterOffset {
            register, offset, ..
        } => (base_of(register)?, offset),
        Operation::CallFrameCFA => (Base::Cfa, 0),
        _ => return None,
    };
    operations.next().ok()?.is_none().then_some(base)
}

/// The place that an expression means.
fn place<'a>(
    unit: &Unit<Reader<'a>>,
    expression: Expression<Reader<'a>>,
    base: Option<(Base, i64)>,
) -> Option<Place> {
    let mut operations = expression.operations(unit.encoding());
    let (base, offset) = match operations.next().ok()?? {
        Operation::FrameOffset { offset } => {
            let (base, at) = base?;
            (base, at.checked_add(offset)?)
        }
        Operation::RegisterOffset {
            register, offset, ..
        } => (base_of(register)?, offset),
        _ => return None,
    };
    let is_indirect = match operations.next().ok()? {
        None => false,
        Some(Operation::Deref { size: 8, .. }) => true,
        Some(_) => return None,
    };
    if is_indirect && operations.next().ok()?.is_some() {
        return None;
    }
    Some(Place {
        base,
        offset,
        is_indirect,
    })
}
