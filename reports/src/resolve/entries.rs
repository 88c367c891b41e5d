//! What the debug entries say about one function: its name, the scopes around
//! it, the type of its `self` and the sizes of its generic types.
//!
//! A function is spread over several entries: the code's entry points to an
//! abstract one (`DW_AT_abstract_origin`), that one to a declaration inside a
//! type or namespace (`DW_AT_specification`), possibly in other units. The
//! name is the first `DW_AT_name` on the way, the path that of the last entry.
//! `DW_AT_linkage_name` is used only where there is no `DW_AT_name`: under
//! legacy mangling it has lost the generic arguments.

use gimli::{AttributeValue, DebuggingInformationEntry, Unit};

use super::elf::Reader;
use super::sources;
use super::units::{Entry, Units};
use super::walk::target;

/// The most references followed from one function's entry.
const MAX_HOPS: usize = 16;
/// The most entries below a function that are searched for `self` and generics.
const MAX_BELOW: usize = 400;
/// The deepest nesting of scopes that is read.
const MAX_SCOPES: usize = 64;

/// A type's name with its path, and its size where it is described.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SizedName {
    pub(crate) name: String,
    pub(crate) size: Option<u64>,
}

/// One enclosing namespace or type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScopeName {
    pub(crate) name: String,
    pub(crate) is_type: bool,
}

/// What is known about a function.
#[derive(Clone, Debug, Default)]
pub(crate) struct Described {
    /// `DW_AT_name`, generics included; empty if there is none.
    pub(crate) name: String,
    /// The mangled name, only where `name` is empty.
    pub(crate) linkage_name: String,
    /// Enclosing scopes, outermost first.
    pub(crate) scopes: Vec<ScopeName>,
    /// The type whose method it is, if the innermost scope is a type.
    pub(crate) method_of: Option<SizedName>,
    /// The type of its `self` parameter or captured `self`.
    pub(crate) self_type: Option<SizedName>,
    /// Its generic type arguments, as far as they are described.
    pub(crate) generics: Vec<SizedName>,
    /// Whether a Rust compiler wrote the unit.
    pub(crate) is_rust: bool,
    /// The crate that the unit was compiled for, empty if unknown.
    pub(crate) unit_crate: String,
}

/// Gathers what the file says about the function at `entry`.
pub(crate) fn describe(units: &mut Units<'_>, entry: Entry) -> Option<Described> {
    let mut hops = Vec::new();
    let mut next = Some(entry);
    let mut out = Described::default();
    while let Some(at) = next {
        if hops.len() == MAX_HOPS || hops.contains(&at) {
            break;
        }
        units.load(at.unit)?;
        let unit = units.unit(at.unit)?;
        let die = unit.entry(at.offset).ok()?;
        if out.name.is_empty() {
            out.name = text(units, unit, &die, gimli::DW_AT_name);
        }
        if out.linkage_name.is_empty() {
            out.linkage_name = text(units, unit, &die, gimli::DW_AT_linkage_name);
        }
        hops.push(at);
        next = die
            .attr_value(gimli::DW_AT_abstract_origin)
            .or_else(|| die.attr_value(gimli::DW_AT_specification))
            .and_then(|value| target(units, at.unit, value));
    }
    let last = *hops.last()?;
    if !out.name.is_empty() {
        out.linkage_name.clear();
    }
    let unit = units.unit(last.unit)?;
    out.unit_crate = unit
        .name
        .map(|name| sources::unit_crate(&name.to_string_lossy()).to_owned())
        .unwrap_or_default();
    out.is_rust = is_rust(unit);
    let scopes = scope_entries(units, last);
    for &scope in &scopes {
        if let Some(name) = scope_name(units, scope) {
            out.scopes.push(name);
        }
    }
    if let (Some(innermost), Some(&scope)) = (out.scopes.last(), scopes.last())
        && innermost.is_type
    {
        out.method_of = type_name(units, scope);
    }
    for &hop in &hops {
        below(units, hop, &mut out);
    }
    Some(out)
}

/// The scopes around an entry, outermost first.
fn scope_entries(units: &mut Units<'_>, at: Entry) -> Vec<Entry> {
    let mut around: Vec<Entry> = match units.scopes(at.unit) {
        Some(scopes) => scopes
            .enclosing(at.offset)
            .take(MAX_SCOPES)
            .map(|offset| Entry {
                unit: at.unit,
                offset,
            })
            .collect(),
        None => Vec::new(),
    };
    around.reverse();
    around
}

fn scope_name(units: &Units<'_>, at: Entry) -> Option<ScopeName> {
    let unit = units.unit(at.unit)?;
    let die = unit.entry(at.offset).ok()?;
    Some(ScopeName {
        name: text(units, unit, &die, gimli::DW_AT_name),
        is_type: die.tag() != gimli::DW_TAG_namespace,
    })
}

/// Reads the generics and the `self` below one of a function's entries.
fn below(units: &mut Units<'_>, at: Entry, out: &mut Described) {
    let mut generics = Vec::new();
    let mut self_type = None;
    {
        let Some(unit) = units.unit(at.unit) else {
            return;
        };
        let Ok(mut entries) = unit.entries_raw(Some(at.offset)) else {
            return;
        };
        let mut die = DebuggingInformationEntry::null();
        for position in 0..MAX_BELOW {
            let depth = entries.next_depth();
            if entries.is_empty() || (position > 0 && depth <= 0) {
                break;
            }
            let Ok(entry) = entries.read_entry(&mut die) else {
                break;
            };
            if !entry {
                continue;
            }
            let type_of = |die: &DebuggingInformationEntry<Reader<'_>>| {
                target(units, at.unit, die.attr_value(gimli::DW_AT_type)?)
            };
            match die.tag() {
                gimli::DW_TAG_template_type_parameter if depth == 1 => {
                    generics.extend(type_of(&die));
                }
                gimli::DW_TAG_formal_parameter | gimli::DW_TAG_variable
                    if self_type.is_none()
                        && text(units, unit, &die, gimli::DW_AT_name) == "self" =>
                {
                    self_type = type_of(&die);
                }
                gimli::DW_TAG_inlined_subroutine => break,
                _ => {}
            }
        }
    }
    if out.generics.is_empty() {
        out.generics = generics
            .into_iter()
            .filter_map(|g| type_name(units, g))
            .collect();
    }
    if out.self_type.is_none() {
        out.self_type = self_type.and_then(|s| type_name(units, s));
    }
}

/// The full name of a type. Structures and the like carry only their last
/// segment and stand in their namespace; pointers, tuples and numbers carry
/// the whole.
pub(crate) fn type_name(units: &mut Units<'_>, at: Entry) -> Option<SizedName> {
    units.load(at.unit)?;
    let unit = units.unit(at.unit)?;
    let die = unit.entry(at.offset).ok()?;
    let mut name = text(units, unit, &die, gimli::DW_AT_name);
    let mut size = die
        .attr_value(gimli::DW_AT_byte_size)
        .and_then(|v| v.udata_value());
    if die.tag() == gimli::DW_TAG_pointer_type {
        size = size.or(Some(u64::from(unit.encoding().address_size)));
    }
    if name.is_empty() {
        return None;
    }
    let named = matches!(
        die.tag(),
        gimli::DW_TAG_structure_type | gimli::DW_TAG_union_type | gimli::DW_TAG_enumeration_type
    );
    if named {
        let mut path = String::new();
        for scope in scope_entries(units, at) {
            if let Some(scope) = scope_name(units, scope) {
                path.push_str(&scope.name);
                path.push_str("::");
            }
        }
        name.insert_str(0, &path);
    }
    Some(SizedName { name, size })
}

fn text<'a>(
    units: &Units<'a>,
    unit: &Unit<Reader<'a>>,
    die: &DebuggingInformationEntry<Reader<'a>>,
    attribute: gimli::DwAt,
) -> String {
    die.attr_value(attribute)
        .and_then(|value| units.text(unit, value))
        .map(|s| String::from_utf8_lossy(&s).into_owned())
        .unwrap_or_default()
}

/// Whether a Rust compiler wrote the unit.
pub(crate) fn is_rust(unit: &Unit<Reader<'_>>) -> bool {
    let root = unit.entry(unit.header.root_offset()).ok();
    let language = root.and_then(|die| die.attr_value(gimli::DW_AT_language));
    matches!(
        language,
        Some(AttributeValue::Language(gimli::DW_LANG_Rust))
    )
}
