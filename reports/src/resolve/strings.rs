//! The string table of a resolution: each distinct string once, in the order
//! of its first use, so that the same image gives the same table; and how long a
//! name may be.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};

use endler_snapshot::StrId;

/// A map whose iteration order and collisions do not depend on a random seed.
pub(crate) type FixedMap<K, V> = HashMap<K, V, BuildHasherDefault<DefaultHasher>>;

/// Bytes of a name that are kept. Real ones have hundreds, of nested futures
/// thousands; what a damaged file says could be the whole file, for every name.
const MAX_NAME: usize = 1 << 14;

/// Where a name ends that goes on.
const CUT: &str = "…[cut: ";

/// Whether [`shortened`] took something off a name.
pub(crate) fn is_cut(name: &str) -> bool {
    name.len() >= MAX_NAME && name.contains(CUT)
}

/// A name as far as it is kept. What is cut off stands at its end as a number, so
/// that two names that differ only there stay two: `crawl::Map<…[cut: 9f2c…]`.
pub(crate) fn shortened(name: &[u8]) -> Cow<'_, [u8]> {
    let Some((kept, rest)) = name
        .split_at_checked(MAX_NAME)
        .filter(|(_, r)| !r.is_empty())
    else {
        return Cow::Borrowed(name);
    };
    let kept = match std::str::from_utf8(kept) {
        Ok(_) => kept,
        // Not in the middle of a character.
        Err(e) if e.error_len().is_none() => kept.get(..e.valid_up_to()).unwrap_or(kept),
        Err(_) => kept,
    };
    let mut short = kept.to_vec();
    let mark = format!("{CUT}{} bytes, {:016x}]", name.len(), digest(rest));
    short.extend_from_slice(mark.as_bytes());
    Cow::Owned(short)
}

/// A number for some bytes. A damaged file can make every name as long as itself, so
/// it takes eight at a time; it withstands accidents, not malice.
fn digest(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(to, &from)| *to = from);
    let words = words.iter().chain(std::iter::once(&last));
    words.fold(bytes.len() as u64, |hash, &word| {
        let mixed = (hash ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 29)
    })
}

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

#[cfg(test)]
mod tests {
    use super::{MAX_NAME, is_cut, shortened};

    #[test]
    fn names_that_differ_behind_the_cut_stay_two() {
        let long = |end: &str| format!("{}{end}", "é".repeat(MAX_NAME));
        let short = |name: &str| String::from_utf8_lossy(&shortened(name.as_bytes())).into_owned();
        let (one, other) = (short(&long("<A>")), short(&long("<B>")));
        assert_ne!(one, other);
        assert!(is_cut(&one));
        assert_eq!(one, short(&long("<A>")));
        assert!(one.len() < MAX_NAME + 64, "{}", one.len());
        assert!(one.contains("…[cut: 32771 bytes, "), "{}", &one[MAX_NAME..]);
        // One more zero at the end is another name.
        assert_ne!(short(&long("<A>\0")), one);
        assert!(!one.contains('\u{fffd}'));
        for whole in ["", "é", &"x".repeat(MAX_NAME)] {
            assert_eq!(short(whole), whole);
            assert!(!is_cut(whole));
        }
    }
}
