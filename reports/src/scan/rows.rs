//! From the rows of the type table to forms: what the stacks said.
//!
//! A row is a name (`HashMap<String, crawl::Slot>`). The types that a scan
//! needs for it are looked for in the debug information by name, all rows at
//! once. Two types of one name that lie differently in memory are told apart
//! by the block's size, or not at all: then its words are followed one by one.

use endler_snapshot::Resolution;

use super::book::Book;
use super::nodes::buckets_of;
use super::program::{FormIx, FormKey, Header, Inside, Title};
use super::run::uses;
use crate::layout::TypeIx;
use crate::layout::containers::Split;
use crate::layout::index::Want;
use crate::resolve::strings::FixedMap;
use crate::resolve::typename::TypeName;

const TREE_LEAF: &str = "alloc::collections::btree::node::LeafNode";
const SET_VALUE: &str = "alloc::collections::btree::set_val::SetValZST";
const LIST_NODE: &str = "alloc::collections::linked_list::Node";

const MAP: Split = Split::Parts(&[("__0", ".keys()"), ("__1", "[*]")]);
const SET: Split = Split::Parts(&[("__0", "[*]")]);

/// How a row's block is filled, with the position of the wanted name.
#[derive(Clone, Copy, Debug)]
enum Plan {
    /// Bytes, or another content without pointers.
    Leaf,
    Boxed(usize),
    /// An array in a box.
    BoxedArray(usize, u64),
    /// The wanted inner type, or else the content behind the counts.
    Counted(usize, usize),
    Slice(usize, u64),
    Vector(usize),
    Ring(usize),
    Table(usize, Split),
    Tree(usize, &'static str),
    List(usize),
    /// A value whose size is the block's.
    Sized(usize),
}

/// What the rows need from the debug information.
#[derive(Default)]
pub(crate) struct Rows {
    plans: Vec<Option<Plan>>,
    wants: Vec<Want>,
    positions: FixedMap<Want, usize>,
    forms: Vec<Candidates>,
}

/// The forms that a row's blocks can have.
#[derive(Clone, Debug, Default)]
enum Candidates {
    #[default]
    Unknown,
    Leaf,
    Forms(Vec<FormIx>),
}

/// What the row of a block says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Nothing,
    /// Nothing in it points anywhere.
    Leaf,
    Form(FormIx),
}

impl Rows {
    pub(crate) fn new(resolution: &Resolution) -> Rows {
        let mut rows = Rows::default();
        for row in &resolution.types {
            let (name, holder, held) = (
                resolution.str(row.name),
                resolution.str(row.holder),
                resolution.str(row.held),
            );
            let plan = rows.plan(name, holder, held);
            rows.plans.push(plan);
        }
        rows
    }

    pub(crate) fn wants(&self) -> &[Want] {
        &self.wants
    }

    fn want(&mut self, want: Want) -> usize {
        if let Some(&at) = self.positions.get(&want) {
            return at;
        }
        let at = self.wants.len();
        self.wants.push(want.clone());
        self.positions.insert(want, at);
        at
    }

    fn exact(&mut self, text: impl Into<String>) -> usize {
        self.want(Want::Exact(text.into()))
    }

    fn plan(&mut self, name: &str, holder: &str, held: &str) -> Option<Plan> {
        let inside = held.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let is_text = matches!(
            held,
            "str" | "core::ffi::c_str::CStr" | "std::ffi::os_str::OsStr" | "std::path::Path"
        );
        match holder {
            "String" | "CString" | "OsString" | "PathBuf" => Some(Plan::Leaf),
            "bytes::bytes_mut::BytesMut" | "bytes::bytes::Bytes" => Some(Plan::Leaf),
            "Box" | "Rc" | "Arc" if is_text => Some(Plan::Leaf),
            "Box" | "Rc" | "Arc"
                if name.ends_with("]>") && inside.is_some_and(|h| !is_array(h)) =>
            {
                let element = self.exact(inside.unwrap_or_default());
                Some(Plan::Slice(element, if holder == "Box" { 0 } else { 16 }))
            }
            "Box" => match inside.and_then(array) {
                Some((element, count)) => {
                    let element = self.exact(element);
                    Some(Plan::BoxedArray(element, count))
                }
                None => Some(Plan::Boxed(self.exact(held))),
            },
            "Rc" | "Arc" => {
                let inner = if holder == "Rc" {
                    "alloc::rc::RcInner"
                } else {
                    "alloc::sync::ArcInner"
                };
                let inner = self.exact(format!("{inner}<{held}>"));
                Some(Plan::Counted(inner, self.exact(held)))
            }
            "Vec" | "BinaryHeap" => Some(Plan::Vector(self.exact(held))),
            "smallvec::SmallVec" => {
                // `[u64; 6]` is what it holds inline.
                let array = held.strip_prefix('[').and_then(|h| h.rsplit_once("; "));
                Some(Plan::Vector(self.exact(array.map_or(held, |a| a.0))))
            }
            "VecDeque" => Some(Plan::Ring(self.exact(held))),
            "HashMap" | "hashbrown::map::HashMap" => {
                Some(Plan::Table(self.exact(format!("({held})")), MAP))
            }
            "HashSet" | "hashbrown::set::HashSet" => {
                Some(Plan::Table(self.exact(format!("({held}, ())")), SET))
            }
            "hashbrown::table::HashTable" => Some(Plan::Table(self.exact(held), Split::All)),
            "dashmap::DashMap" => {
                let [key, value] = arguments(held)?;
                let entry = format!("({key}, dashmap::util::SharedValue<{value}>)");
                Some(Plan::Table(self.exact(entry), MAP))
            }
            "dashmap::set::DashSet" => {
                let entry = format!("({held}, dashmap::util::SharedValue<()>)");
                Some(Plan::Table(self.exact(entry), SET))
            }
            "BTreeMap" => {
                let leaf = self.exact(format!("{TREE_LEAF}<{held}>"));
                Some(Plan::Tree(leaf, ".keys()"))
            }
            "BTreeSet" => {
                let leaf = self.exact(format!("{TREE_LEAF}<{held}, {SET_VALUE}>"));
                Some(Plan::Tree(leaf, "[*]"))
            }
            "LinkedList" => Some(Plan::List(self.exact(format!("{LIST_NODE}<{held}>")))),
            "Task" => {
                let cell = format!("tokio::runtime::task::core::Cell<{held}, ");
                Some(Plan::Boxed(self.want(Want::Prefix(cell))))
            }
            "Raw" if !held.is_empty() => Some(Plan::Sized(self.exact(held))),
            _ => None,
        }
    }

    /// Makes the forms of what was found.
    pub(crate) fn make(&mut self, book: &mut Book<'_>, found: &[Vec<TypeIx>]) {
        let types: Vec<Vec<TypeIx>> = self
            .wants
            .iter()
            .zip(found)
            .map(|(want, found)| distinct(book, want, found))
            .collect();
        let of = |want: usize| types.get(want).map_or(&[][..], Vec::as_slice);
        self.forms = self
            .plans
            .iter()
            .map(|plan| match *plan {
                None => Candidates::Unknown,
                Some(Plan::Leaf) => Candidates::Leaf,
                Some(plan) => {
                    let forms = candidates(book, plan, &of);
                    if forms.is_empty() {
                        Candidates::Unknown
                    } else {
                        Candidates::Forms(forms)
                    }
                }
            })
            .collect();
    }

    /// For each row, whether its blocks contain what is named after their owner.
    pub(crate) fn waits(&self, book: &mut Book<'_>) -> Vec<bool> {
        let mut waits = Vec::with_capacity(self.forms.len());
        for candidates in &self.forms {
            let after = match candidates {
                Candidates::Forms(forms) => forms
                    .iter()
                    .any(|&f| book.ready(f).is_some_and(|form| uses(form).0)),
                Candidates::Unknown | Candidates::Leaf => false,
            };
            waits.push(after);
        }
        waits
    }

    /// What the row of a block of so many bytes says.
    pub(crate) fn said(&self, book: &Book<'_>, row: u32, size: u64) -> Said {
        match self.forms.get(row as usize) {
            None | Some(Candidates::Unknown) => Said::Nothing,
            Some(Candidates::Leaf) => Said::Leaf,
            Some(Candidates::Forms(forms)) => {
                let mut fitting = forms.iter().filter(|&&f| fits(book, f, size));
                match (fitting.next(), fitting.next()) {
                    (Some(&form), None) => Said::Form(form),
                    _ => Said::Nothing,
                }
            }
        }
    }
}

/// The types of a name, one for each way to lie in memory. Two that have one
/// size and differ inside are both left out.
fn distinct(book: &mut Book<'_>, want: &Want, found: &[TypeIx]) -> Vec<TypeIx> {
    let mut types: Vec<(TypeIx, bool)> = Vec::new();
    for &of in found {
        let size = book.layouts.size(of);
        let same = types
            .iter_mut()
            .find(|(first, _)| book.layouts.size(*first) == size);
        match same {
            Some((first, clear)) => *clear &= book.layouts.alike(*first, of),
            None => types.push((of, true)),
        }
    }
    let mut types: Vec<TypeIx> = types.iter().filter(|t| t.1).map(|t| t.0).collect();
    if let (Want::Exact(text), true) = (want, found.is_empty())
        && let Some(size) = primitive(text)
    {
        types.push(book.layouts.scalar(text, size));
    }
    types
}

fn candidates<'t>(
    book: &mut Book<'_>,
    plan: Plan,
    of: &impl Fn(usize) -> &'t [TypeIx],
) -> Vec<FormIx> {
    let mut forms = Vec::new();
    let title = match plan {
        Plan::Slice(..) => Title::FullRow,
        _ => Title::Row,
    };
    let mut add = |book: &mut Book<'_>, inside: Inside, of: TypeIx, split: Split| {
        forms.push(book.form(FormKey {
            inside,
            of,
            split,
            title,
        }));
    };
    let plain = |at: u64, whole: u64| Inside::One {
        at,
        whole,
        header: Header::Plain,
    };
    match plan {
        Plan::Leaf => {}
        Plan::Boxed(want) | Plan::Sized(want) => {
            for &of in of(want) {
                if let Some(size) = book.layouts.size(of) {
                    add(book, plain(0, size), of, Split::All);
                }
            }
        }
        Plan::BoxedArray(want, count) => {
            for &element in of(want) {
                let array = book.layouts.array(element, count);
                if let Some(size) = book.layouts.size(array) {
                    add(book, plain(0, size), array, Split::All);
                }
            }
        }
        Plan::Counted(inner, value) => {
            let counted = |at, whole| Inside::One {
                at,
                whole,
                header: Header::Counts,
            };
            for &inner in of(inner) {
                let place = book.layouts.any_place(inner, &["value", "data"]);
                if let (Some((at, of)), Some(whole)) = (place, book.layouts.size(inner)) {
                    add(book, counted(at, whole), of, Split::All);
                }
            }
            if of(inner).is_empty() {
                for &of in of(value) {
                    let size = book.layouts.size(of);
                    if let Some(whole) = size.and_then(|s| super::steps::with_counts(16, s)) {
                        add(book, counted(16, whole), of, Split::All);
                    }
                }
            }
        }
        Plan::Slice(want, at) => {
            let header = if at == 0 {
                Header::Plain
            } else {
                Header::Counts
            };
            for &of in of(want) {
                add(book, Inside::Many { at, header }, of, Split::All);
            }
        }
        Plan::Vector(want) => {
            let header = Header::Plain;
            for &of in of(want) {
                add(book, Inside::Many { at: 0, header }, of, Split::All);
            }
        }
        Plan::Ring(want) => {
            for &of in of(want) {
                add(book, Inside::Ring, of, Split::All);
            }
        }
        Plan::Table(want, split) => {
            for &of in of(want) {
                add(book, Inside::Table, of, split);
            }
        }
        Plan::Tree(want, keys) => {
            for &leaf in of(want) {
                if let Some(tree) = book.tree(leaf, keys, "[*]") {
                    add(book, Inside::Tree(tree), tree.key, Split::All);
                }
            }
        }
        Plan::List(want) => {
            for &node in of(want) {
                if let Some((list, of)) = book.list(node) {
                    add(book, Inside::List(list), of, Split::All);
                }
            }
        }
    }
    forms
}

/// Whether a block of so many bytes can have a form.
fn fits(book: &Book<'_>, form: FormIx, size: u64) -> bool {
    let Some(form) = book.get(form) else {
        return false;
    };
    match form.key.inside {
        Inside::One { whole, .. } => whole == size,
        Inside::Many { at, .. } => size
            .checked_sub(at)
            .and_then(|rest| rest.checked_rem(form.size))
            .is_some_and(|rest| rest == 0 || (at > 0 && rest < 8)),
        Inside::Ring => size.checked_rem(form.size) == Some(0),
        Inside::Table => buckets_of(size, form.size).is_some(),
        Inside::Tree(tree) => size == tree.leaf_size || size == tree.inner_size,
        Inside::List(list) => size == list.size,
    }
}

/// The element and length of `T; 4`.
fn array(inside: &str) -> Option<(&str, u64)> {
    let (element, count) = inside.rsplit_once("; ")?;
    Some((element, count.parse().ok()?))
}

/// The two types of `K, V`.
fn arguments(held: &str) -> Option<[String; 2]> {
    let text = format!("({held})");
    let name = TypeName::parse(&text);
    let &[key, value] = name.tuple(name.root())? else {
        return None;
    };
    Some([name.canonical(key), name.canonical(value)])
}

fn is_array(inside: &str) -> bool {
    let text = format!("[{inside}]");
    let name = TypeName::parse(&text);
    name.element(name.root()).is_some_and(|(_, array)| array)
}

/// The size of a type that every program has, described or not.
fn primitive(name: &str) -> Option<u64> {
    match name {
        "bool" | "u8" | "i8" => Some(1),
        "u16" | "i16" => Some(2),
        "u32" | "i32" | "f32" | "char" => Some(4),
        "u64" | "i64" | "f64" | "usize" | "isize" => Some(8),
        "u128" | "i128" => Some(16),
        _ => None,
    }
}
