//! Via names as numbers.
//!
//! A field outside containers has one name wherever it lies. What lies in a
//! container's block is called after the field that owns the container, so its
//! name is that field's and a suffix: `crawl::Request.tags` and `[*]`.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A row of the label table; 0 is the empty label.
pub(crate) type Label = u32;

/// No label at all.
pub(crate) const NONE: Label = u32::MAX;

/// Suffixes that are put behind one another before a name grows no more: a
/// loop of containers without any struct of the user's has no longest name.
const MAX_SUFFIXES: u8 = 12;

/// A hasher for small keys: multiply and fold, as rustc's own does.
#[derive(Default)]
pub(crate) struct Fold(u64);

impl Hasher for Fold {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn write_u64(&mut self, value: u64) {
        let mixed = (self.0 ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 29);
    }
}

/// A map for small keys that the program under test does not choose.
pub(crate) type FastMap<K, V> = HashMap<K, V, BuildHasherDefault<Fold>>;

/// The table.
pub(crate) struct Labels {
    rows: Vec<String>,
    /// How many suffixes each has.
    suffixes: Vec<u8>,
    ids: HashMap<String, Label, BuildHasherDefault<std::hash::DefaultHasher>>,
    joined: FastMap<(Label, Label), Label>,
    last: ((Label, Label), Label),
}

impl Labels {
    pub(crate) fn new() -> Labels {
        let mut labels = Labels {
            rows: Vec::new(),
            suffixes: Vec::new(),
            ids: HashMap::default(),
            joined: FastMap::default(),
            last: ((NONE, NONE), NONE),
        };
        labels.id("");
        labels
    }

    /// The row of a text, new or old.
    pub(crate) fn id(&mut self, text: &str) -> Label {
        if let Some(&id) = self.ids.get(text) {
            return id;
        }
        let id = u32::try_from(self.rows.len()).unwrap_or(0);
        self.rows.push(text.to_owned());
        self.suffixes.push(0);
        self.ids.insert(text.to_owned(), id);
        id
    }

    /// A label with a suffix behind it. The empty label stays empty: what no
    /// field is known to own has no name.
    pub(crate) fn join(&mut self, label: Label, suffix: Label) -> Label {
        if suffix == 0 || label == 0 {
            return label;
        }
        if self.last.0 == (label, suffix) {
            return self.last.1;
        }
        let joined = match self.joined.get(&(label, suffix)) {
            Some(&joined) => joined,
            None => {
                let joined = self.join_new(label, suffix);
                self.joined.insert((label, suffix), joined);
                joined
            }
        };
        self.last = ((label, suffix), joined);
        joined
    }

    fn join_new(&mut self, label: Label, suffix: Label) -> Label {
        let depth = self.suffixes.get(label as usize).copied().unwrap_or(0);
        if depth >= MAX_SUFFIXES {
            return label;
        }
        let text = format!("{}{}", self.get(label), self.get(suffix));
        let id = self.id(&text);
        if let Some(slot) = self.suffixes.get_mut(id as usize) {
            *slot = (*slot).max(depth + 1);
        }
        id
    }

    pub(crate) fn get(&self, label: Label) -> &str {
        self.rows.get(label as usize).map_or("", String::as_str)
    }

    pub(crate) fn into_rows(self) -> Vec<String> {
        self.rows
    }
}
