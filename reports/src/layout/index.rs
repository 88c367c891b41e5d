//! One pass over all units: where the types stand that are wanted by name,
//! and every static, thread-local and vtable.
//!
//! Names stand at the end of a nesting of namespaces, so the pass keeps the
//! open ones. Only a type whose last segment is that of a wanted name is put
//! together and compared. Code is passed over.

use std::borrow::Cow;

use endler_snapshot::Addr;
use gimli::{AttributeValue, EntriesRaw, Operation, Unit};

use super::{Layouts, TypeIx};
use crate::resolve::elf::Reader;
use crate::resolve::entries;
use crate::resolve::strings::FixedMap;
use crate::resolve::typename;
use crate::resolve::units::{Entry, UnitIndex, Units};
use crate::resolve::walk::target;

/// The most places of one name that are kept: crates of one name and two
/// versions, and a type that many units describe.
const MAX_PLACES: usize = 12;

/// A name that is looked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Want {
    /// As tables print it.
    Exact(String),
    /// Its beginning, as tables print it.
    Prefix(String),
}

impl Want {
    fn text(&self) -> &str {
        match self {
            Want::Exact(text) | Want::Prefix(text) => text,
        }
    }
}

/// A static variable with its type.
#[derive(Clone, Debug)]
pub(crate) struct Static {
    /// Its source path: `crawl::QUEUE`.
    pub(crate) path: String,
    pub(crate) place: Place,
    pub(crate) of: TypeIx,
}

/// Where a static variable is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    At(Addr),
    /// In each thread: the file, and the offset in its thread-local segment.
    Thread(u16, u64),
}

/// What the pass found.
#[derive(Default)]
pub(crate) struct Index {
    /// For each wanted name, the types called so, of any size.
    pub(crate) found: Vec<Vec<TypeIx>>,
    pub(crate) statics: Vec<Static>,
    /// By address: the type whose methods the table holds.
    pub(crate) vtables: Vec<(Addr, TypeIx)>,
}

/// The part of a name that a type's own `DW_AT_name` has too, cheap to cut out:
/// `Vec` of `alloc::vec::Vec<u8>`, `(` of a tuple.
fn base(name: &[u8]) -> &[u8] {
    match name.first() {
        Some(b'(' | b'&' | b'*' | b'[') => name.get(..1).unwrap_or_default(),
        _ => {
            let end = name.iter().position(|&c| c == b'<').unwrap_or(name.len());
            let stem = name.get(..end).unwrap_or_default();
            let from = stem.iter().rposition(|&c| c == b':').map_or(0, |at| at + 1);
            stem.get(from..).unwrap_or_default()
        }
    }
}

struct Wanted<'w> {
    wants: &'w [Want],
    bases: FixedMap<&'w [u8], Vec<usize>>,
    exact: FixedMap<&'w str, usize>,
    /// Answers by the full name in the file.
    answers: FixedMap<String, Option<usize>>,
}

impl<'w> Wanted<'w> {
    fn new(wants: &'w [Want]) -> Wanted<'w> {
        let mut bases: FixedMap<&[u8], Vec<usize>> = FixedMap::default();
        let mut exact = FixedMap::default();
        for (at, want) in wants.iter().enumerate() {
            bases
                .entry(base(want.text().as_bytes()))
                .or_default()
                .push(at);
            if let Want::Exact(text) = want {
                exact.insert(text.as_str(), at);
            }
        }
        Wanted {
            wants,
            bases,
            exact,
            answers: FixedMap::default(),
        }
    }

    fn answer(&mut self, name: &[u8], scopes: &[Scope]) -> Option<usize> {
        let candidates = self.bases.get(base(name))?;
        let mut full = String::new();
        if !matches!(name.first(), Some(b'(' | b'&' | b'*')) {
            for scope in scopes {
                full.push_str(&scope.name);
                full.push_str("::");
            }
        }
        full.push_str(&String::from_utf8_lossy(name));
        if let Some(&answer) = self.answers.get(&full) {
            return answer;
        }
        let shown = typename::canonical(&full);
        let answer = self.exact.get(shown.as_str()).copied().or_else(|| {
            candidates.iter().copied().find(|&at| {
                matches!(self.wants.get(at), Some(Want::Prefix(p)) if shown.starts_with(p.as_str()))
            })
        });
        self.answers.insert(full, answer);
        answer
    }
}

struct Scope {
    depth: isize,
    name: String,
}

#[derive(Default)]
struct Raw<'a> {
    name: Option<Cow<'a, [u8]>>,
    of: Option<AttributeValue<Reader<'a>>>,
    location: Option<AttributeValue<Reader<'a>>>,
    declaration: bool,
    containing: Option<AttributeValue<Reader<'a>>>,
}

/// Passes over all files.
pub(crate) fn index(layouts: &mut Layouts<'_>, wants: &[Want]) -> Index {
    let mut wanted = Wanted::new(wants);
    let mut found: Vec<Vec<(u16, Entry)>> = vec![Vec::new(); wants.len()];
    let mut statics: Vec<(String, Place, u16, Entry)> = Vec::new();
    let mut tables: Vec<(Addr, u16, Entry)> = Vec::new();
    for (file, at) in layouts.files.iter_mut().zip(0u16..) {
        let bias = file.bias;
        for unit in 0..file.units.len() {
            let unit = UnitIndex(u32::try_from(unit).unwrap_or(u32::MAX));
            let was_loaded = file.units.unit(unit).is_some();
            if file.units.load(unit).is_none() {
                continue;
            }
            let mut pass = Pass {
                units: &file.units,
                index: unit,
                wanted: &mut wanted,
                found: &mut found,
                statics: &mut statics,
                tables: &mut tables,
                file: at,
                bias,
            };
            let useful = pass.unit().unwrap_or(false);
            if !useful && !was_loaded {
                file.units.unload(unit);
            }
        }
    }
    let mut out = Index::default();
    for places in found {
        let list = places.into_iter().map(|(f, e)| layouts.at(f, e)).collect();
        out.found.push(list);
    }
    for (path, place, file, of) in statics {
        let of = layouts.at(file, of);
        out.statics.push(Static { path, place, of });
    }
    out.statics
        .sort_by(|a, b| (a.place, &a.path).cmp(&(b.place, &b.path)));
    // Two types, or one that two units describe, can share one table: all count.
    for (address, file, table) in tables {
        if let Some(of) = containing(layouts, file, table) {
            out.vtables.push((address, of));
        }
    }
    out.vtables.sort_unstable();
    out.vtables.dedup();
    out
}

/// The type that a vtable's type says it is for.
fn containing(layouts: &mut Layouts<'_>, file: u16, table: Entry) -> Option<TypeIx> {
    let units = &mut layouts.files.get_mut(usize::from(file))?.units;
    units.load(table.unit)?;
    let die = units.unit(table.unit)?.entry(table.offset).ok()?;
    let value = die.attr_value(gimli::DW_AT_containing_type)?;
    let of = target(units, table.unit, value)?;
    Some(layouts.at(file, of))
}

struct Pass<'p, 'a, 'w> {
    units: &'p Units<'a>,
    index: UnitIndex,
    wanted: &'p mut Wanted<'w>,
    found: &'p mut Vec<Vec<(u16, Entry)>>,
    statics: &'p mut Vec<(String, Place, u16, Entry)>,
    tables: &'p mut Vec<(Addr, u16, Entry)>,
    file: u16,
    bias: u64,
}

impl<'a> Pass<'_, 'a, '_> {
    /// Reads the unit; whether anything of it will be asked for.
    fn unit(&mut self) -> Option<bool> {
        let unit = self.units.unit(self.index)?;
        if !entries::is_rust(unit) {
            return Some(false);
        }
        let mut entries = unit.entries_raw(None).ok()?;
        let mut scopes: Vec<Scope> = Vec::new();
        // The depth of the function that is being passed over.
        let mut code: Option<isize> = None;
        let mut useful = false;
        while !entries.is_empty() {
            let (offset, depth) = (entries.next_offset(), entries.next_depth());
            let abbrev = match entries.read_abbreviation() {
                Ok(Some(abbrev)) => abbrev,
                Ok(None) => continue,
                Err(_) => break,
            };
            if code.is_some_and(|limit| depth <= limit) {
                code = None;
            }
            let tag = abbrev.tag();
            let (is_scope, is_type) = match tag {
                gimli::DW_TAG_namespace => (true, false),
                gimli::DW_TAG_structure_type
                | gimli::DW_TAG_union_type
                | gimli::DW_TAG_enumeration_type => (true, true),
                gimli::DW_TAG_base_type | gimli::DW_TAG_pointer_type => (false, true),
                _ => (false, false),
            };
            let is_variable = tag == gimli::DW_TAG_variable;
            if code.is_some() || !(is_scope || is_type || is_variable) {
                if tag == gimli::DW_TAG_subprogram && code.is_none() {
                    code = Some(depth);
                }
                if entries.skip_attributes(abbrev.attributes()).is_err() {
                    break;
                }
                continue;
            }
            let has_children = abbrev.has_children();
            let Some(raw) = self.read(unit, &mut entries, abbrev.attributes()) else {
                break;
            };
            while scopes.last().is_some_and(|s| s.depth >= depth) {
                scopes.pop();
            }
            let Some(name) = raw.name.as_deref() else {
                continue;
            };
            let entry = Entry {
                unit: self.index,
                offset,
            };
            if is_variable {
                useful |= self.variable(unit, &raw, name, &scopes).is_some();
                continue;
            }
            if is_type && !raw.declaration {
                if let Some(want) = self.wanted.answer(name, &scopes)
                    && let Some(places) = self.found.get_mut(want)
                    && places.len() < MAX_PLACES
                {
                    places.push((self.file, entry));
                    useful = true;
                }
                useful |= raw.containing.is_some();
            }
            if is_scope && has_children {
                scopes.push(Scope {
                    depth,
                    name: String::from_utf8_lossy(name).into_owned(),
                });
            }
        }
        Some(useful)
    }

    fn read(
        &self,
        unit: &Unit<Reader<'a>>,
        entries: &mut EntriesRaw<'_, Reader<'a>>,
        specs: &[gimli::AttributeSpecification],
    ) -> Option<Raw<'a>> {
        let mut raw = Raw::default();
        for &spec in specs {
            let attr = entries.read_attribute(spec).ok()?;
            match attr.name() {
                gimli::DW_AT_name => {
                    raw.name = self.units.text(unit, attr.value());
                }
                gimli::DW_AT_type => raw.of = Some(attr.value()),
                gimli::DW_AT_location => raw.location = Some(attr.value()),
                gimli::DW_AT_declaration => raw.declaration = true,
                gimli::DW_AT_containing_type => raw.containing = Some(attr.value()),
                _ => {}
            }
        }
        Some(raw)
    }

    /// Notes a static, a thread-local or a vtable.
    fn variable(
        &mut self,
        unit: &Unit<Reader<'a>>,
        raw: &Raw<'a>,
        name: &[u8],
        scopes: &[Scope],
    ) -> Option<()> {
        let place = self.place(unit, raw.location.as_ref()?)?;
        let of = target(self.units, self.index, raw.of?)?;
        if name.ends_with(b"::{vtable}") {
            if let Place::At(address) = place {
                self.tables.push((address, self.file, of));
            }
            return Some(());
        }
        let path = source_path(scopes, &String::from_utf8_lossy(name));
        self.statics.push((path, place, self.file, of));
        Some(())
    }

    fn place(
        &self,
        unit: &Unit<Reader<'a>>,
        location: &AttributeValue<Reader<'a>>,
    ) -> Option<Place> {
        let AttributeValue::Exprloc(expression) = location else {
            return None;
        };
        let mut operations = expression.operations(unit.encoding());
        let at = |address: u64| (address != 0).then(|| Addr(address.wrapping_add(self.bias)));
        let first = operations.next().ok()??;
        let second = operations.next().ok()?;
        match (first, second) {
            (Operation::Address { address }, None) => at(address).map(Place::At),
            (Operation::AddressIndex { index }, None) => {
                let address = self.units.dwarf(unit).address(unit, index).ok()?;
                at(address).map(Place::At)
            }
            (Operation::UnsignedConstant { value }, Some(Operation::TLS)) => {
                Some(Place::Thread(self.file, value))
            }
            (Operation::ConstantIndex { index }, Some(Operation::TLS)) => {
                let offset = self.units.dwarf(unit).address(unit, index).ok()?;
                Some(Place::Thread(self.file, offset))
            }
            (Operation::SignedConstant { value }, Some(Operation::TLS)) => {
                Some(Place::Thread(self.file, u64::try_from(value).ok()?))
            }
            _ => None,
        }
    }
}

/// The statics that macros put inside the one that the source names.
const INNER: [&str; 3] = ["VAL", "__RUST_STD_INTERNAL_VAL", "__KEY"];

/// The path of a static as the source has it: what macros nest inside is cut
/// off (`crawl::SCRATCH::{constant#0}::{closure#1}::VAL`).
fn source_path(scopes: &[Scope], name: &str) -> String {
    let names = || scopes.iter().map(|s| s.name.as_str());
    let hidden = names().position(|s| s.starts_with('{') && !s.starts_with("{impl#"));
    let end = hidden.filter(|&at| at > 1 && INNER.contains(&name));
    let mut path: Vec<&str> = names().take(end.unwrap_or(scopes.len())).collect();
    if end.is_none() {
        path.push(name);
    }
    path.join("::")
}
