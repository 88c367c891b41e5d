//! Cells that are filled once: `OnceCell`, `OnceLock`, `LazyCell`, `LazyLock`, as
//! `{:?}` prints them.
//!
//! Whether a lock is filled is a number in its `Once`, which std changed in 1.90
//! (rust-lang/rust#143881): 3 before, 0 since. Under a compiler of which that is not
//! certain the fields are shown as they lie there.

use super::engine::{Engine, Spot};
use super::see::Seen;
use crate::layout::Data;

/// Definition path, and how the value inside is found.
const CELLS: &[(&str, Inside)] = &[
    ("core::cell::once::OnceCell", Inside::Variant("inner.value")),
    ("core::cell::lazy::LazyCell", Inside::Variant("state.value")),
    (
        "std::sync::once_lock::OnceLock",
        Inside::Once("value.value"),
    ),
    (
        "std::sync::lazy_lock::LazyLock",
        Inside::Once("data.value.value"),
    ),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inside {
    /// In an enum at this place: `Some`, `Init`.
    Variant(&'static str),
    /// At this place, if `once` is done.
    Once(&'static str),
}

/// What the state of a `Once` is when it is done.
fn done(rustc_minor: u32) -> Option<u64> {
    match rustc_minor {
        70..=88 => Some(3),
        91.. => Some(0),
        _ => None,
    }
}

impl Engine<'_> {
    /// One of these cells; none for every other type, and where it cannot be told.
    pub(super) fn once(&mut self, spot: Spot, data: &Data, stem: &str) -> Option<Seen> {
        let (_, inside) = CELLS.iter().find(|(path, _)| *path == stem)?;
        let name = data.name.split('<').next().unwrap_or_default();
        let value = match *inside {
            Inside::Variant(place) => {
                let (offset, of) = self.book.layouts.place(spot.of, place)?;
                let at = spot.at.checked_add(offset)?;
                match self.see(Spot { at, of }, &(0..0)) {
                    Seen::Struct { name, fields, .. } => match &fields[..] {
                        [(_, value)] if name == "Some" || name == "Init" => Some(*value),
                        _ => None,
                    },
                    Seen::Text(_) => None,
                    other => return Some(other),
                }
            }
            Inside::Once(place) => {
                let done = done(self.book.layouts.rustc_minor(spot.of)?)?;
                let (once, of) = self.book.layouts.place(spot.of, "once")?;
                let (offset, size) = self.book.layouts.number_in(of)?;
                let at = spot.at.checked_add(once)?.checked_add(offset)?;
                let Some(state) = self.number(at, size) else {
                    return Some(Seen::NotReadable);
                };
                let (offset, _) = self.book.layouts.place(spot.of, place)?;
                let of = self.book.layouts.arg(spot.of, "T")?;
                let at = spot.at.checked_add(offset)?;
                (state == done).then_some(Spot { at, of })
            }
        };
        Some(match value {
            Some(value) => Seen::Struct {
                name: name.to_owned(),
                fields: vec![("0".to_owned(), value)],
                is_tuple: true,
            },
            None => Seen::Text(format!("{name}(<uninit>)")),
        })
    }
}
