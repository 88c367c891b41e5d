//! The value that a map has for a key: `headers['Host']`, `pages[7]`.
//!
//! A key is compared as it is printed, with its quotes or without them: so texts,
//! numbers, characters and variants are named alike, and no hash is computed. Entries
//! are gone through one by one.

use super::NoValue;
use super::engine::{Engine, Place, Spot};
use super::see::Seen;
use super::walk::FURTHEST;

/// Keys that are listed where one is missing, and the characters of each.
const LISTED: usize = 8;
const LETTERS: usize = 40;

/// A key as it is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Key<'k> {
    Text(&'k str),
    Number(i64),
}

impl Key<'_> {
    /// What a key may be printed as that is meant.
    fn printed(self) -> Vec<String> {
        match self {
            Key::Number(number) => vec![number.to_string()],
            Key::Text(text) => {
                let mut all = vec![format!("{text:?}"), text.to_owned()];
                let mut letters = text.chars();
                if let (Some(letter), None) = (letters.next(), letters.next()) {
                    all.push(format!("{letter:?}"));
                }
                all
            }
        }
    }
}

impl std::fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Key::Number(number) => write!(f, "{number}"),
            Key::Text(text) => write!(f, "'{text}'"),
        }
    }
}

impl Engine<'_> {
    /// Where the value of a key lies.
    pub(super) fn value_of(&mut self, map: &Place, key: Key<'_>) -> Result<Spot, NoValue> {
        let Seen::Map { items, len } = self.see_place(map, &(0..FURTHEST)) else {
            return Err(NoValue::new("this is not readable"));
        };
        let wanted = key.printed();
        for &(of, value) in &items {
            let printed = self.line(&Place::Value(of));
            if wanted.contains(&printed) {
                return Ok(value);
            }
            // Then no key is one.
            let is_number = printed.parse::<i128>().is_ok();
            if matches!(key, Key::Number(_)) && !is_number {
                break;
            }
        }
        let mut there = Vec::new();
        for &(of, _) in items.iter().take(LISTED) {
            let printed = self.line(&Place::Value(of));
            there.push(match printed.char_indices().nth(LETTERS) {
                Some((end, _)) => format!("{}…", printed.get(..end).unwrap_or_default()),
                None => printed,
            });
        }
        let message = match (&there[..], (items.len() as u64) < len) {
            ([], _) => format!("there is no {key}; the map is empty"),
            (_, true) => format!("there is no {key} among the first {} of {len}", items.len()),
            (there, false) if (there.len() as u64) < len => format!(
                "there is no {key}; there are {}, … {} more",
                there.join(", "),
                len.saturating_sub(there.len() as u64)
            ),
            (there, false) => format!("there is no {key}; there are {}", there.join(", ")),
        };
        Err(NoValue::new(message))
    }
}
