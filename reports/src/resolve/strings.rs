//! The string table of a resolution: each distinct string once, in the order
//! of its first use, so that the same image gives the same table.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};

use endler_snapshot::StrId;

/// A map whose iteration order and collisions do not depend on a random seed.
pub(crate) type FixedMap<K, V> = HashMap<K, V, BuildHasherDefault<DefaultHasher>>;

/// Interns strings; row 0 is the empty one.
pub(crate) struct Strings {
    ids: FixedMap<Box<str>, StrId>,
    rows: Vec<String>,
}

impl Strings {
    pub(crate) fn new() -> Strings {
        let mut strings = Strings {
            ids: FixedMap::default(),
            rows: Vec::new(),
        };
        strings.id("");
        strings
    }

    /// The id of `text`, new or old.
    pub(crate) fn id(&mut self, text: &str) -> StrId {
        if let Some(&id) = self.ids.get(text) {
            return id;
        }
        let id = StrId(u32::try_from(self.rows.len()).unwrap_or(0));
        self.rows.push(text.to_owned());
        self.ids.insert(text.into(), id);
        id
    }

    /// The text of an id; empty for an id of another table.
    pub(crate) fn get(&self, id: StrId) -> &str {
        self.rows.get(id.index()).map_or("", String::as_str)
    }

    /// The table itself.
    pub(crate) fn into_rows(self) -> Vec<String> {
        self.rows
    }
}
