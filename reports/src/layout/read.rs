//! From a debug entry to what a type is.
//!
//! ```text
//! structure_type            depth 0
//!   template_type_parameter       1
//!   member                        1
//!   variant_part                  1   (enums, async state machines)
//!     member (discriminant)       2
//!     variant                     2   (discr_value, none for the default)
//!       member                    3
//!   structure_type                1   (what the variants hold)
//! ```

use gimli::{AttributeValue, DebuggingInformationEntry, DwTag, UnitOffset};

use super::{Data, Field, Layouts, Shape, TypeIx, Variant, Way};
use crate::resolve::elf::Reader;
use crate::resolve::strings::shortened;
use crate::resolve::units::Entry;
use crate::resolve::walk::target;

/// The most entries below one type that are read: methods are declared there too.
const MAX_BELOW: usize = 200_000;

pub(super) fn unknown() -> Data {
    Data {
        name: "".into(),
        size: None,
        shape: Shape::Unknown,
        args: Vec::new(),
    }
}

type Die<'a> = DebuggingInformationEntry<Reader<'a>>;

/// What the children of one entry say, before it is known what they mean.
#[derive(Default)]
struct Children {
    fields: Vec<RawField>,
    args: Vec<(Box<str>, Entry)>,
    has_parts: bool,
    /// The entry of the discriminant's member.
    discriminant_at: Option<UnitOffset>,
    discriminant: Option<(u64, Entry)>,
    variants: Vec<(Option<u64>, Option<RawField>)>,
    /// Something there could not be read.
    damaged: bool,
    count: Option<u64>,
    choices: Vec<(u64, Box<str>)>,
}

struct RawField {
    name: Box<str>,
    offset: u64,
    of: Entry,
}

impl Layouts<'_> {
    /// Reads one type; [`Shape::Unknown`] where the file does not make sense.
    pub(super) fn read(&mut self, file: u16, at: Entry) -> Data {
        let Some((tag, name, size, of, children)) = self.gather(file, at) else {
            return unknown();
        };
        let args = children
            .args
            .into_iter()
            .map(|(name, entry)| (name, self.at(file, entry)))
            .collect();
        let fields: Vec<Field> = children
            .fields
            .into_iter()
            .map(|raw| self.field(file, raw))
            .collect();
        let shape = if children.damaged {
            Shape::Unknown
        } else {
            match tag {
                gimli::DW_TAG_base_type => Shape::Scalar,
                gimli::DW_TAG_enumeration_type => Shape::Choice(children.choices),
                gimli::DW_TAG_pointer_type => self.pointer(file, of, &name),
                gimli::DW_TAG_array_type => match (of, children.count) {
                    (Some(of), Some(count)) => Shape::Array {
                        element: self.at(file, of),
                        count,
                    },
                    _ => Shape::Unknown,
                },
                gimli::DW_TAG_union_type => Shape::Union(fields),
                gimli::DW_TAG_structure_type if children.has_parts => {
                    let discriminant = children.discriminant.and_then(|(offset, of)| {
                        let of = self.at(file, of);
                        Some((offset, self.size(of)?))
                    });
                    let variants = children
                        .variants
                        .into_iter()
                        .filter_map(|(value, raw)| {
                            Some(Variant {
                                value,
                                fields: self.field(file, raw?),
                            })
                        })
                        .collect();
                    Shape::Enum {
                        discriminant,
                        variants,
                    }
                }
                gimli::DW_TAG_structure_type => Shape::Struct(fields),
                _ => Shape::Unknown,
            }
        };
        Data {
            name,
            size,
            shape,
            args,
        }
    }

    fn field(&mut self, file: u16, raw: RawField) -> Field {
        Field {
            name: raw.name,
            offset: raw.offset,
            of: self.at(file, raw.of),
        }
    }

    fn pointer(&mut self, file: u16, to: Option<Entry>, name: &str) -> Shape {
        let Some(to) = to else {
            return Shape::Scalar;
        };
        // A function's address is data to nobody.
        if self.tag(file, to) == Some(gimli::DW_TAG_subroutine_type) {
            return Shape::Scalar;
        }
        Shape::Pointer {
            to: self.at(file, to),
            way: way(name),
        }
    }

    fn tag(&mut self, file: u16, at: Entry) -> Option<DwTag> {
        let units = &mut self.files.get_mut(usize::from(file))?.units;
        units.load(at.unit)?;
        let die = units.unit(at.unit)?.entry(at.offset).ok()?;
        Some(die.tag())
    }

    /// The entry's tag, name, size and `DW_AT_type`, and what stands below it.
    #[allow(clippy::type_complexity, reason = "one use")]
    fn gather(
        &mut self,
        file: u16,
        at: Entry,
    ) -> Option<(DwTag, Box<str>, Option<u64>, Option<Entry>, Children)> {
        let units = &mut self.files.get_mut(usize::from(file))?.units;
        units.load(at.unit)?;
        let units = &*units;
        let unit = units.unit(at.unit)?;
        let mut entries = unit.entries_raw(Some(at.offset)).ok()?;
        let mut die = DebuggingInformationEntry::null();
        let text = |die: &Die<'_>| -> Box<str> {
            die.attr_value(gimli::DW_AT_name)
                .and_then(|value| units.dwarf(unit).attr_string(unit, value).ok())
                .map(|s| String::from_utf8_lossy(&shortened(s.slice())).into())
                .unwrap_or_default()
        };
        let type_of = |die: &Die<'_>| target(units, at.unit, die.attr_value(gimli::DW_AT_type)?);
        let field = |die: &Die<'_>| -> Option<RawField> {
            Some(RawField {
                name: text(die),
                offset: match die.attr_value(gimli::DW_AT_data_member_location) {
                    Some(value) => value.udata_value()?,
                    None => 0,
                },
                of: type_of(die)?,
            })
        };
        if !entries.read_entry(&mut die).ok()? {
            return None;
        }
        let tag = die.tag();
        let name = text(&die);
        let mut size = die
            .attr_value(gimli::DW_AT_byte_size)
            .and_then(|v| v.udata_value());
        if tag == gimli::DW_TAG_pointer_type {
            size = size.or(Some(u64::from(unit.encoding().address_size)));
        }
        let of = type_of(&die);
        let mut out = Children::default();
        if !die.has_children() {
            return Some((tag, name, size, of, out));
        }
        // The tags of the entries around the current one, from depth 0.
        let mut around = [gimli::DW_TAG_null; 4];
        if let Some(first) = around.first_mut() {
            *first = tag;
        }
        for _ in 0..MAX_BELOW {
            let depth = entries.next_depth();
            if entries.is_empty() || depth <= 0 {
                return Some((tag, name, size, of, out));
            }
            let depth = usize::try_from(depth).unwrap_or(usize::MAX);
            let offset = entries.next_offset();
            match entries.read_entry(&mut die) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(_) => break,
            }
            let here = die.tag();
            if let Some(slot) = around.get_mut(depth) {
                *slot = here;
            }
            let parent = |up: usize| around.get(depth.wrapping_sub(up)).copied();
            let in_part = |up: usize| depth >= up && parent(up) == Some(gimli::DW_TAG_variant_part);
            match here {
                gimli::DW_TAG_template_type_parameter if depth == 1 => {
                    out.args.extend(type_of(&die).map(|of| (text(&die), of)));
                }
                gimli::DW_TAG_subrange_type if depth == 1 => {
                    let count = die.attr_value(gimli::DW_AT_count);
                    let upper = die.attr_value(gimli::DW_AT_upper_bound);
                    out.count = count.and_then(|c| c.udata_value()).or_else(|| {
                        upper
                            .and_then(|u| u.udata_value())
                            .and_then(|u| u.checked_add(1))
                    });
                }
                gimli::DW_TAG_enumerator if depth == 1 => {
                    let value = die.attr_value(gimli::DW_AT_const_value);
                    let number = value.and_then(|v| {
                        v.udata_value()
                            .or_else(|| v.sdata_value().map(i64::cast_unsigned))
                    });
                    out.choices.extend(number.map(|n| (n, text(&die))));
                }
                gimli::DW_TAG_variant_part if depth == 1 => {
                    out.has_parts = true;
                    if let Some(AttributeValue::UnitRef(at)) = die.attr_value(gimli::DW_AT_discr) {
                        out.discriminant_at = Some(at);
                    }
                }
                gimli::DW_TAG_member if depth == 1 => match field(&die) {
                    Some(field) => out.fields.push(field),
                    None => out.damaged = true,
                },
                gimli::DW_TAG_member
                    if depth == 2 && in_part(1) && out.discriminant_at == Some(offset) =>
                {
                    out.discriminant = field(&die).map(|f| (f.offset, f.of));
                    out.damaged |= out.discriminant.is_none();
                }
                gimli::DW_TAG_variant if depth == 2 && in_part(1) => {
                    let value = die.attr_value(gimli::DW_AT_discr_value);
                    let number = value.and_then(|v| {
                        v.udata_value()
                            .or_else(|| v.sdata_value().map(i64::cast_unsigned))
                    });
                    out.damaged |= value.is_some() != number.is_some();
                    out.variants.push((number, None));
                }
                gimli::DW_TAG_member if depth == 3 && in_part(2) => {
                    let field = field(&die);
                    out.damaged |= field.is_none();
                    if let Some(last) = out.variants.last_mut() {
                        last.1 = field;
                    }
                }
                _ => {}
            }
        }
        out.damaged = true;
        Some((tag, name, size, of, out))
    }

    /// Whether two types of one name lie in memory the same way, as far as
    /// their fields tell.
    pub(crate) fn alike(&mut self, a: TypeIx, b: TypeIx) -> bool {
        let (a, b) = (self.data(a), self.data(b));
        if a.size != b.size {
            return false;
        }
        let mut same = |a: &[Field], b: &[Field]| {
            a.len() == b.len()
                && a.iter().zip(b).all(|(a, b)| {
                    a.name == b.name && a.offset == b.offset && self.size(a.of) == self.size(b.of)
                })
        };
        match (&a.shape, &b.shape) {
            (Shape::Struct(a), Shape::Struct(b)) | (Shape::Union(a), Shape::Union(b)) => same(a, b),
            (
                Shape::Enum {
                    discriminant: da,
                    variants: a,
                },
                Shape::Enum {
                    discriminant: db,
                    variants: b,
                },
            ) => {
                da == db
                    && a.len() == b.len()
                    && a.iter()
                        .zip(b)
                        .all(|(a, b)| a.value == b.value && a.fields.name == b.fields.name)
            }
            (Shape::Pointer { .. }, Shape::Pointer { .. }) => true,
            (Shape::Array { count: a, .. }, Shape::Array { count: b, .. }) => a == b,
            (Shape::Scalar, Shape::Scalar) => true,
            (Shape::Choice(a), Shape::Choice(b)) => a == b,
            _ => false,
        }
    }
}

/// How a pointer of that name owns what it points to.
pub(super) fn way(name: &str) -> Way {
    if name.starts_with("alloc::boxed::Box<") {
        Way::Box
    } else if name.starts_with('&') {
        Way::Reference
    } else {
        Way::Raw
    }
}
