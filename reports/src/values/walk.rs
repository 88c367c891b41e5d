//! Steps into a value: `.url`, `[0]`, `.1`, `['key']`.

use super::engine::{Engine, Place, Spot};
use super::keys::Key;
use super::see::Seen;
use super::{FieldStep, NoValue};

/// Pointers and wrappers that are passed for one step.
pub(super) const HOPS: usize = 64;
/// Fields that are listed where one is missing.
const LISTED: usize = 20;
/// The furthest element that is looked for by walking.
pub(super) const FURTHEST: u64 = 1 << 20;

impl Engine<'_> {
    /// Where the steps lead.
    pub(super) fn walk(&mut self, base: Place, steps: &[FieldStep]) -> Result<Place, NoValue> {
        let mut place = base;
        for step in steps {
            place = Place::Value(self.one(&place, step)?);
        }
        Ok(place)
    }

    fn one(&mut self, place: &Place, step: &FieldStep) -> Result<Spot, NoValue> {
        let mut at = place.clone();
        for _ in 0..HOPS {
            let seen = self.see_place(&at, &window(step));
            match seen {
                Seen::Same(spot) => at = Place::Value(spot),
                Seen::NotReadable => return Err(NoValue::new("this is not readable")),
                Seen::Struct { fields, .. } => {
                    if let FieldStep::Name(name) = step
                        && let Some((_, spot)) = fields.iter().find(|(field, _)| field == name)
                    {
                        return Ok(*spot);
                    }
                    // `Some(request)` has the fields of the request.
                    match &fields[..] {
                        [(only, spot)] if only == "0" => at = Place::Value(*spot),
                        _ => return Err(no_field(step, &fields)),
                    }
                }
                Seen::List { items, len } => {
                    return match (step, &items[..]) {
                        (FieldStep::Index(index), []) if *index >= 0 => Err(NoValue::new(format!(
                            "there is no element {index}; there are {len}"
                        ))),
                        (FieldStep::Index(index), _) if *index < 0 => {
                            self.counted_back(&at, *index, len)
                        }
                        (FieldStep::Index(_), [spot, ..]) => Ok(*spot),
                        _ => Err(NoValue::new(format!(
                            "these are {len} elements; [0] is the first"
                        ))),
                    };
                }
                Seen::Map { len, .. } => {
                    return match step {
                        FieldStep::Key(key) => self.value_of(&at, Key::Text(key)),
                        FieldStep::Index(number) => self.value_of(&at, Key::Number(*number)),
                        FieldStep::Name(_) => Err(NoValue::new(format!(
                            "these are {len} entries; ['key'] is the value of one"
                        ))),
                    };
                }
                Seen::Set { len, .. } => {
                    return Err(NoValue::new(format!(
                        "these are {len} entries in no order; they have no numbers or names here"
                    )));
                }
                Seen::Text(text) => {
                    let text: String = text.chars().take(40).collect();
                    return Err(NoValue::new(format!("{text} has no fields")));
                }
                Seen::Bytes(_) => {
                    return Err(NoValue::new("the layout of this value is not known"));
                }
            }
        }
        Err(NoValue::new("pointers lead on and on"))
    }

    /// The names that a step from a place may have.
    pub(super) fn names(&mut self, place: &Place) -> Vec<String> {
        let mut seen = self.see_place(place, &(0..0));
        for _ in 0..HOPS {
            let inner = match &seen {
                Seen::Same(spot) => *spot,
                Seen::Struct { fields, .. } => match &fields[..] {
                    [(only, spot)] if only == "0" => *spot,
                    fields => return fields.iter().map(|(name, _)| name.clone()).collect(),
                },
                _ => break,
            };
            seen = self.see(inner, &(0..0));
        }
        Vec::new()
    }

    fn counted_back(&mut self, place: &Place, index: i64, len: u64) -> Result<Spot, NoValue> {
        let at = len.checked_add_signed(index);
        let seen = at.map(|at| self.see_place(place, &(at..at.saturating_add(1))));
        match seen {
            Some(Seen::List { items, .. }) if !items.is_empty() => {
                items.first().copied().ok_or_else(|| NoValue::new(""))
            }
            _ => Err(NoValue::new(format!(
                "there is no element {index}; there are {len}"
            ))),
        }
    }
}

/// The elements that a step needs.
fn window(step: &FieldStep) -> std::ops::Range<u64> {
    match step {
        FieldStep::Index(index) => match u64::try_from(*index) {
            Ok(index) if index < FURTHEST => index..index + 1,
            _ => 0..0,
        },
        FieldStep::Name(_) | FieldStep::Key(_) => 0..0,
    }
}

fn no_field(step: &FieldStep, fields: &[(String, Spot)]) -> NoValue {
    let what = match step {
        FieldStep::Name(name) => format!("there is no field {name}"),
        FieldStep::Index(_) => "this has no elements".to_owned(),
        FieldStep::Key(_) => "this has no keys".to_owned(),
    };
    let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
    let shown = names.get(..LISTED.min(names.len())).unwrap_or_default();
    NoValue::new(match shown {
        [] => format!("{what}, and no other"),
        shown => format!("{what}; there are {}", shown.join(" ")),
    })
}
