//! Which function makes, grows or wraps which container: data, not code.
//!
//! A stack is read from the allocator outwards. The first function that an
//! [`Entry`] describes is the block's *birth*: it gives the form (`Vec`, `Box`,
//! a hash table) and, among its generic arguments, the content. Functions
//! further out may know more: `String::push_str` turns `Vec<u8>` into
//! `String`, `HashSet::insert` a table of `(T, ())` into a set. What a
//! container keeps inside a box of its own ([`HIDDEN`]: `ArcInner`, B-tree
//! nodes, tasks) is named after the container.
//!
//! **To add a container**: a form in `forms.rs`, and an entry in `table.rs` for
//! the functions below which its blocks are allocated; a line in `HIDDEN` if
//! it boxes a node type; its crate in `owner::CONTAINERS` if its functions
//! should never be a site. Then a case in `tests/truth/cases`.
//!
//! Paths are those of rustc 1.95's std; other versions differ in details, and a
//! function that no entry knows is passed over, not misread.

mod forms;
mod table;

pub(super) use self::forms::{Form, HIDDEN, HashTable, Print, refined_by_deps, vec_literal};
pub(super) use self::table::ENTRIES;

use super::functions::Function;
use super::typename::TypeName;

/// Containers that can stand in for each other in merged function bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Sequence,
    Table,
    Boxed,
}

/// Where a function's generic arguments tell the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// The first argument.
    First,
    /// The second argument.
    Second,
    /// The first two, as a pair: keys and values.
    Pair,
    /// The first, as a pair with `()`: a set is a map to nothing.
    PairWithUnit,
    /// The first, as a pair with the B-tree's own empty value.
    PairWithZst,
    /// Always bytes.
    Bytes,
    /// They do not tell: the content stays what it was. Such an entry is never
    /// a birth.
    Same,
}

/// A description of some functions of a container.
pub(super) struct Entry {
    /// The functions' module, or one above it.
    pub(super) module: &'static str,
    /// The types whose methods they are, where debug information tells; empty
    /// for any.
    pub(super) around: &'static [&'static str],
    /// Their names without generic arguments; empty for any.
    pub(super) names: &'static [&'static str],
    /// They have at least this many generic arguments, which tells them from
    /// type-erased namesakes.
    pub(super) least: usize,
    /// They have at most this many generic arguments.
    pub(super) most: usize,
    pub(super) family: Family,
    pub(super) content: Content,
    /// What the block is below such a function.
    pub(super) form: Form,
    /// Which forms, found further in, this one replaces. Others stay.
    pub(super) over: &'static [Form],
    /// Whether it replaces them even though the contents differ.
    pub(super) rewrites: bool,
}

impl Entry {
    fn fits(&self, function: &Function, base: &str, args: usize) -> bool {
        let below = function
            .module
            .strip_prefix(self.module)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
        below
            && (self.around.is_empty()
                || function.around.is_empty()
                || self.around.contains(&function.around.as_str()))
            && (self.names.is_empty() || self.names.contains(&base))
            && (self.least..=self.most).contains(&args)
    }
}

/// What an entry says about one function.
#[derive(Clone)]
pub(super) struct Match {
    pub(super) entry: &'static Entry,
    /// The content in canonical text; empty for [`Content::Same`].
    pub(super) content: String,
    /// The content's size, where it is described.
    pub(super) size: Option<u64>,
    /// The hasher of a hash table, if the function names one that is not the
    /// default.
    pub(super) hasher: Option<String>,
    /// Whether code of an element may call it directly: then a caller that
    /// holds something else is no sign of merged bodies.
    pub(super) called_by_elements: bool,
}

/// Methods that containers call on their elements.
const CALLED_BY_ELEMENTS: [&str; 10] = [
    "clone",
    "clone_from",
    "to_vec",
    "to_vec_in",
    "to_owned",
    "to_string",
    "default",
    "from",
    "from_iter",
    "into",
];

/// Hash-table methods whose third (for sets second) argument is the hasher.
const NAMES_HASHER: [&str; 16] = [
    "insert",
    "entry",
    "rustc_entry",
    "reserve",
    "try_reserve",
    "shrink_to_fit",
    "shrink_to",
    "with_capacity_and_hasher",
    "extend",
    "from_iter",
    "clone",
    "clone_from",
    "replace",
    "get_or_insert_with",
    "find_or_find_insert_index",
    "insert_unique_unchecked",
];

/// What the entries say about a function, if anything.
pub(super) fn matching(function: &Function) -> Option<Match> {
    if !function.has_debug || function.module.is_empty() {
        return None;
    }
    let base = function.name.split('<').next().unwrap_or_default();
    // A cheap test first: nearly all functions are of no container's module.
    let candidate = |e: &&Entry| function.module.starts_with(e.module);
    let mut candidates = ENTRIES.iter().filter(candidate).peekable();
    candidates.peek()?;
    let name = TypeName::parse(&function.name);
    let args = name.args(name.root());
    let entry = candidates.find(|e| e.fits(function, base, args.len()))?;
    let arg = |i: usize| args.get(i).map(|&a| name.canonical(a));
    let content = match entry.content {
        Content::First => arg(0)?,
        Content::Second => arg(1)?,
        Content::Pair => format!("({}, {})", arg(0)?, arg(1)?),
        Content::PairWithUnit => format!("({}, ())", arg(0)?),
        Content::PairWithZst => {
            format!("({}, alloc::collections::btree::set_val::SetValZST)", arg(0)?)
        }
        Content::Bytes => "u8".to_owned(),
        Content::Same => String::new(),
    };
    if content.ends_with("::Global") && content.contains("alloc::") {
        // A type-erased function: its only argument is the allocator.
        return None;
    }
    let hasher_at = match entry.content {
        Content::Pair => Some(2),
        Content::PairWithUnit => Some(1),
        _ => None,
    };
    let hasher = hasher_at
        .filter(|_| entry.family == Family::Table && NAMES_HASHER.contains(&base))
        .filter(|&at| at < name.shown_args(name.root()).len())
        .and_then(arg);
    let size = match entry.content {
        Content::First | Content::Second => function
            .generics
            .iter()
            .find(|g| super::typename::canonical(&g.name) == content)
            .and_then(|g| g.size),
        _ => None,
    };
    Some(Match {
        entry,
        content,
        size,
        hasher,
        called_by_elements: CALLED_BY_ELEMENTS.contains(&base),
    })
}
