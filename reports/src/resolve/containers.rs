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

use self::forms::{ARC_SLICE, BOX_SLICE, HIDDEN, RC_SLICE, UNSIZED, VEC};
pub(super) use self::forms::{Form, Print};
use self::forms::{is_literal, set_or_map, settled};
use self::table::{ENTRIES, VISITORS};
use super::functions::Function;
use super::typename::{NodeId, TypeName};

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
    /// What a block is that is born in such a function.
    pub(super) form: Form,
    /// What a form found further in becomes. Forms not listed stay.
    pub(super) over: &'static [(Form, Form)],
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
            && if function.erased {
                // How many arguments it has cannot be told.
                self.most == usize::MAX
            } else {
                (self.least..=self.most).contains(&args)
            }
    }
}

/// How a block's size must relate to its content's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SizeRule {
    Equal(u64),
    MultipleOf(u64),
}

impl SizeRule {
    /// Whether a block of `size` bytes can be what the stack says.
    pub(super) fn allows(self, size: u64) -> bool {
        match self {
            SizeRule::Equal(content) => size == content,
            SizeRule::MultipleOf(content) => size.checked_rem(content).unwrap_or(0) == 0,
        }
    }
}

impl Match {
    /// Whether the function must have a content and it is not known.
    pub(super) fn is_erased(&self) -> bool {
        self.content.is_empty() && self.entry.content != Content::Same
    }
}

/// What an entry says about one function.
#[derive(Clone)]
pub(super) struct Match {
    pub(super) entry: &'static Entry,
    /// The form of a block that is born here.
    pub(super) form: Form,
    /// The content in canonical text; empty for [`Content::Same`], and where
    /// only the function's symbol is known.
    pub(super) content: String,
    /// What is known about the block's size.
    pub(super) size: Option<SizeRule>,
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
    if function.erased && !matches!(entry.content, Content::Bytes | Content::Same) {
        return Some(Match {
            entry,
            form: entry.form,
            content: String::new(),
            size: None,
            hasher: None,
            called_by_elements: false,
        });
    }
    let arg = |i: usize| args.get(i).map(|&a| name.canonical(a));
    let (form, content) = match entry.content {
        Content::First => named(entry.form, &name, *args.first()?),
        Content::Second => named(entry.form, &name, *args.get(1)?),
        Content::Pair => {
            let value = arg(1)?;
            let form = set_or_map(entry.form, &value);
            (form, format!("({}, {value})", arg(0)?))
        }
        Content::PairWithUnit => (entry.form, format!("({}, ())", arg(0)?)),
        Content::PairWithZst => (
            entry.form,
            format!(
                "({}, alloc::collections::btree::set_val::SetValZST)",
                arg(0)?
            ),
        ),
        Content::Bytes => (entry.form, "u8".to_owned()),
        Content::Same => (entry.form, String::new()),
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
        .filter(|&at| args.get(at).is_some_and(|&a| !name.is_default(a)))
        .and_then(arg);
    let content_size = match entry.content {
        Content::First => function.generics.first().and_then(|g| g.size),
        _ => None,
    };
    let size = match (entry.family, form.print) {
        (Family::Boxed, Print::Of | Print::Pair | Print::First) => content_size
            .filter(|_| entry.module == "alloc::boxed" && VALUE_NAMES.contains(&base))
            .map(SizeRule::Equal),
        (Family::Sequence, Print::Of) => content_size.map(SizeRule::MultipleOf),
        _ => None,
    };
    Some(Match {
        entry,
        form,
        content,
        size,
        hasher,
        called_by_elements: CALLED_BY_ELEMENTS.contains(&base),
    })
}

/// Whether this may be the bytes of some text, if more was known.
pub(super) fn is_bytes(form: Form, content: &str) -> bool {
    content == "u8" && [VEC, BOX_SLICE, RC_SLICE, ARC_SLICE].contains(&form)
}

/// The text that the visitor makes which a deserializer's function is called with.
pub(super) fn visited(function: &Function) -> Option<Form> {
    if !function.name.contains("Visitor") && !function.name.contains("Classifier") {
        return None;
    }
    let name = TypeName::parse(&function.name);
    let args = name.args(name.root());
    args.iter().find_map(|&arg| {
        let path = name.path(arg)?;
        let visitor = VISITORS.iter().find(|(known, _)| *known == path)?;
        Some(visitor.1)
    })
}

/// Box functions whose block has exactly the size of their argument.
const VALUE_NAMES: [&str; 5] = [
    "new",
    "new_in",
    "new_uninit",
    "new_uninit_in",
    "try_new_uninit_in",
];

/// The form and content of a block that an entry of `form` makes for the type
/// at `id`: looks through a container's own node types, and into slices.
fn named(form: Form, name: &TypeName<'_>, id: NodeId) -> (Form, String) {
    let path = name.path(id).unwrap_or_default();
    let mut form = form;
    let mut content = id;
    if let Some(hidden) = HIDDEN
        .iter()
        .find(|h| h.path == path && (h.within == form || is_literal(form)))
    {
        let args = name.args(id);
        form = hidden.form;
        if let (true, Some(&key), Some(&value)) = (hidden.pair, args.first(), args.get(1)) {
            let value = name.canonical(value);
            if let Some((unit, set)) = hidden.set
                && unit == value
            {
                form = set;
            }
            return (form, format!("({}, {value})", name.canonical(key)));
        }
        if let Some(&first) = args.first() {
            content = first;
        }
    }
    // `Rc::new_cyclic` and `Rc::new_uninit` allocate before there is a value.
    if UNSIZED.iter().any(|(of, ..)| *of == form)
        && name
            .path(content)
            .is_some_and(|p| p == "core::mem::maybe_uninit::MaybeUninit")
        && let Some(&first) = name.args(content).first()
    {
        content = first;
    }
    if let Some((_, slice, text)) = UNSIZED.iter().find(|(of, ..)| *of == form) {
        if let Some((element, false)) = name.element(content) {
            return (*slice, name.canonical(element));
        }
        if name.path(content).is_some_and(|p| p == "str") {
            return (*text, "u8".to_owned());
        }
    }
    (form, name.canonical(content))
}

/// The name, holder and held type of a block. `in_std` says whether the
/// block was born in std's own copies of other crates.
pub(super) fn spelled(
    form: Form,
    content: &str,
    hasher: Option<&str>,
    in_std: bool,
) -> (String, String, String) {
    let parsed = TypeName::parse(content);
    let root = parsed.root();
    let members = parsed.tuple(root).unwrap_or(&[]);
    let array = parsed.element(root).filter(|&(_, is_array)| is_array);
    let Form { holder, print } = settled(form, members.len() == 2, array.is_some(), in_std);
    let member = |i: usize| {
        members
            .get(i)
            .map_or(String::new(), |&m| parsed.canonical(m))
    };
    let with_hasher = |held: &str| match hasher {
        Some(hasher) => format!("{holder}<{held}, {hasher}>"),
        None => format!("{holder}<{held}>"),
    };
    let (name, held) = match print {
        Print::Of => {
            let held = match array {
                Some((element, _)) if is_literal(form) => parsed.canonical(element),
                _ => content.to_owned(),
            };
            (format!("{holder}<{held}>"), held)
        }
        Print::Slice => (format!("{holder}<[{content}]>"), format!("[{content}]")),
        Print::Fixed(fixed) => (format!("{holder}<{fixed}>"), fixed.to_owned()),
        Print::Leaf => (holder.to_owned(), content.to_owned()),
        Print::Pair => {
            let held = format!("{}, {}", member(0), member(1));
            (with_hasher(&held), held)
        }
        Print::First => (with_hasher(&member(0)), member(0)),
    };
    (name, holder.to_owned(), held)
}
