//! One level of a value: what it is, and where its parts lie.

use std::ops::Range;

use super::engine::{Engine, Spot};
use crate::layout::{Data, Field, Shape, Variant};

/// A value, without what is inside its parts.
#[derive(Clone, Debug)]
pub(super) enum Seen {
    /// All of it.
    Text(String),
    /// A structure, a tuple, or a variant of an enum; tuples' fields are numbers.
    Struct {
        name: String,
        fields: Vec<(String, Spot)>,
        is_tuple: bool,
    },
    /// The first elements, or those of a window.
    List {
        items: Vec<Spot>,
        len: u64,
    },
    Set {
        items: Vec<Spot>,
        len: u64,
    },
    Map {
        items: Vec<(Spot, Spot)>,
        len: u64,
    },
    /// What this value is around, or leads to.
    Same(Spot),
    /// No layout is known.
    Bytes(u64),
    /// It is not what its type says.
    NotReadable,
}

impl Engine<'_> {
    /// Looks at a value. Of many elements those in `window` are seen.
    pub(super) fn see(&mut self, spot: Spot, window: &Range<u64>) -> Seen {
        let data = self.book.layouts.data(spot.of);
        if let Some(seen) = self.known(spot, &data, window) {
            return seen;
        }
        match &data.shape {
            Shape::Scalar => self.scalar(spot, &data),
            Shape::Choice(names) => self.choice(spot, &data, names),
            Shape::Pointer { to, way } => self.pointer(spot, *to, *way),
            Shape::Array { element, count } => {
                let first = Spot {
                    at: spot.at,
                    of: *element,
                };
                match self.row(first, *count, window) {
                    Some(items) => Seen::List { items, len: *count },
                    None => self.unknown(spot),
                }
            }
            Shape::Struct(fields) => match self.fat(spot, &data, window) {
                Some(seen) => seen,
                None => structure(spot, plain_name(&data.name), fields),
            },
            Shape::Enum {
                discriminant,
                variants,
            } => self.variant(spot, &data, *discriminant, variants),
            Shape::Union(_) | Shape::Unknown => self.unknown(spot),
        }
    }

    /// So many bytes of which nothing is known.
    pub(super) fn unknown(&mut self, spot: Spot) -> Seen {
        Seen::Bytes(self.size(spot.of).unwrap_or(0))
    }

    /// The variant that is there.
    fn variant(
        &mut self,
        spot: Spot,
        data: &Data,
        discriminant: Option<(u64, u64)>,
        variants: &[Variant],
    ) -> Seen {
        let variant = match discriminant {
            Some((offset, size)) => {
                let at = spot.at.checked_add(offset);
                let Some(value) = at.and_then(|at| self.number(at, size)) else {
                    return Seen::NotReadable;
                };
                let mask = mask(size);
                let is_this = |v: &&Variant| v.value.is_some_and(|v| v & mask == value);
                let otherwise = || variants.iter().find(|v| v.value.is_none());
                variants.iter().find(is_this).or_else(otherwise)
            }
            None => match variants {
                [only] => Some(only),
                _ => return self.unknown(spot),
            },
        };
        let Some(variant) = variant else {
            return Seen::NotReadable;
        };
        let inside = self.book.layouts.data(variant.fields.of);
        let is_state = ["{async_", "{gen_", "{coroutine"];
        if is_state.iter().any(|p| data.name.starts_with(p)) {
            // Which of its variables are initialised is not written anywhere.
            return Seen::Text(format!("<async, {}>", plain_name(&inside.name)));
        }
        let Some(at) = spot.at.checked_add(variant.fields.offset) else {
            return Seen::NotReadable;
        };
        let Shape::Struct(fields) = &inside.shape else {
            return Seen::Text(variant.fields.name.to_string());
        };
        let is_cow = &*self.book.layouts.stem(spot.of) == "alloc::borrow::Cow";
        let spot = Spot {
            at,
            of: variant.fields.of,
        };
        if let (true, [only]) = (is_cow, &fields[..]) {
            return part(spot, only).map_or(Seen::NotReadable, |(_, s)| Seen::Same(s));
        }
        structure(spot, &variant.fields.name, fields)
    }
}

/// The bits of a number of so many bytes.
pub(super) fn mask(size: u64) -> u64 {
    match size {
        8.. => u64::MAX,
        _ => (1 << (8 * size)) - 1,
    }
}

/// A type's name without its arguments.
pub(super) fn plain_name(name: &str) -> &str {
    match name.find('<') {
        Some(at) if at > 0 => name.get(..at).unwrap_or(name),
        _ => name,
    }
}

fn part(spot: Spot, field: &Field) -> Option<(String, Spot)> {
    let name = field.name.strip_prefix("__");
    let number = name.filter(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    let part = Spot {
        at: spot.at.checked_add(field.offset)?,
        of: field.of,
    };
    Some((number.unwrap_or(&field.name).to_owned(), part))
}

fn structure(spot: Spot, name: &str, fields: &[Field]) -> Seen {
    let parts: Option<Vec<_>> = fields.iter().map(|field| part(spot, field)).collect();
    let Some(mut parts) = parts else {
        return Seen::NotReadable;
    };
    let is_number = |name: &str| name.bytes().all(|b| b.is_ascii_digit());
    let is_tuple = parts.iter().all(|(name, _)| is_number(name));
    if is_tuple {
        parts.sort_by_key(|(name, _)| name.parse().unwrap_or(u32::MAX));
    }
    Seen::Struct {
        name: if name.starts_with('(') { "" } else { name }.to_owned(),
        fields: parts,
        is_tuple,
    }
}
