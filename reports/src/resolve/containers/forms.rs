//! The forms that a block can have: a holder and how its content is printed.

/// How a holder's content stands in its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Print {
    /// `Vec<T>`.
    Of,
    /// `Box<[T]>`: the content is the element.
    Slice,
    /// `Box<str>`: the content is bytes, the name is fixed.
    Fixed(&'static str),
    /// `String`.
    Leaf,
    /// `HashMap<K, V>`: the content is the pair.
    Pair,
    /// `HashSet<K>`: the content is a pair of which the first is shown.
    First,
}

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Form {
    pub(in super::super) holder: &'static str,
    pub(in super::super) print: Print,
}

const fn form(holder: &'static str, print: Print) -> Form {
    Form { holder, print }
}

pub(super) const VEC: Form = form("Vec", Print::Of);
/// The array of a `vec![a, b]` literal before it becomes a vector.
pub(super) const VEC_LITERAL: Form = form("vec!", Print::Of);
pub(super) const VEC_DEQUE: Form = form("VecDeque", Print::Of);
pub(super) const BINARY_HEAP: Form = form("BinaryHeap", Print::Of);
pub(super) const LINKED_LIST: Form = form("LinkedList", Print::Of);
pub(super) const STRING: Form = form("String", Print::Leaf);
pub(super) const C_STRING: Form = form("CString", Print::Leaf);
pub(super) const OS_STRING: Form = form("OsString", Print::Leaf);
pub(super) const PATH_BUF: Form = form("PathBuf", Print::Leaf);
pub(super) const BOX: Form = form("Box", Print::Of);
pub(super) const BOX_SLICE: Form = form("Box", Print::Slice);
pub(super) const BOX_STR: Form = form("Box", Print::Fixed("str"));
pub(super) const RC: Form = form("Rc", Print::Of);
pub(super) const RC_SLICE: Form = form("Rc", Print::Slice);
pub(super) const RC_STR: Form = form("Rc", Print::Fixed("str"));
pub(super) const ARC: Form = form("Arc", Print::Of);
pub(super) const ARC_SLICE: Form = form("Arc", Print::Slice);
pub(super) const ARC_STR: Form = form("Arc", Print::Fixed("str"));
pub(super) const RC_C_STR: Form = form("Rc", Print::Fixed("core::ffi::c_str::CStr"));
pub(super) const ARC_C_STR: Form = form("Arc", Print::Fixed("core::ffi::c_str::CStr"));
pub(super) const BOX_OS_STR: Form = form("Box", Print::Fixed("std::ffi::os_str::OsStr"));
pub(super) const RC_OS_STR: Form = form("Rc", Print::Fixed("std::ffi::os_str::OsStr"));
pub(super) const ARC_OS_STR: Form = form("Arc", Print::Fixed("std::ffi::os_str::OsStr"));
pub(super) const BOX_PATH: Form = form("Box", Print::Fixed("std::path::Path"));
pub(super) const RC_PATH: Form = form("Rc", Print::Fixed("std::path::Path"));
pub(super) const ARC_PATH: Form = form("Arc", Print::Fixed("std::path::Path"));
/// A hash table before it is known which container it belongs to.
pub(super) const TABLE: Form = form("table", Print::Of);
pub(super) const BROWN_MAP: Form = form("hashbrown::map::HashMap", Print::Pair);
pub(super) const BROWN_SET: Form = form("hashbrown::set::HashSet", Print::First);
pub(super) const BROWN_TABLE: Form = form("hashbrown::table::HashTable", Print::Of);
pub(super) const HASH_MAP: Form = form("HashMap", Print::Pair);
pub(super) const HASH_SET: Form = form("HashSet", Print::First);
pub(super) const BTREE_MAP: Form = form("BTreeMap", Print::Pair);
pub(super) const BTREE_SET: Form = form("BTreeSet", Print::First);
pub(super) const INDEX_MAP: Form = form("indexmap::map::IndexMap", Print::Pair);
pub(super) const INDEX_SET: Form = form("indexmap::set::IndexSet", Print::First);
pub(super) const DASH_MAP: Form = form("dashmap::DashMap", Print::Pair);
pub(super) const DASH_SET: Form = form("dashmap::set::DashSet", Print::First);
pub(super) const SMALL_VEC: Form = form("smallvec::SmallVec", Print::Of);
pub(super) const THIN_VEC: Form = form("thin_vec::ThinVec", Print::Of);
pub(super) const BYTES_MUT: Form = form("bytes::bytes_mut::BytesMut", Print::Leaf);
pub(super) const BYTES: Form = form("bytes::bytes::Bytes", Print::Leaf);
pub(super) const TASK: Form = form("Task", Print::Of);

/// A type that a container keeps in a block of its own.
pub(in super::super) struct Hidden {
    /// The form around it.
    pub(in super::super) within: Form,
    /// Its definition path.
    pub(in super::super) path: &'static str,
    /// Whether the content is its first argument or its first two.
    pub(in super::super) pair: bool,
    /// What the block is then.
    pub(in super::super) form: Form,
    /// The value type that tells a set from a map, and the set.
    pub(in super::super) set: Option<(&'static str, Form)>,
}

const fn hidden(within: Form, path: &'static str, form: Form) -> Hidden {
    Hidden {
        within,
        path,
        pair: false,
        form,
        set: None,
    }
}

const fn pairs(
    within: Form,
    path: &'static str,
    map: Form,
    unit: &'static str,
    set: Form,
) -> Hidden {
    Hidden {
        pair: true,
        set: Some((unit, set)),
        ..hidden(within, path, map)
    }
}

const ZST: &str = "alloc::collections::btree::set_val::SetValZST";
const LEAF: &str = "alloc::collections::btree::node::LeafNode";
const INTERNAL: &str = "alloc::collections::btree::node::InternalNode";

/// Types that only a container's own nodes have.
pub(in super::super) const HIDDEN: &[Hidden] = &[
    hidden(BOX, "alloc::sync::ArcInner", ARC),
    hidden(BOX, "alloc::rc::RcInner", RC),
    hidden(BOX, "alloc::rc::RcBox", RC),
    pairs(BOX, LEAF, BTREE_MAP, ZST, BTREE_SET),
    pairs(BOX, INTERNAL, BTREE_MAP, ZST, BTREE_SET),
    hidden(BOX, "alloc::collections::linked_list::Node", LINKED_LIST),
    hidden(BOX, "tokio::runtime::task::core::Cell", TASK),
    pairs(VEC, "indexmap::Bucket", INDEX_MAP, "()", INDEX_SET),
];

/// The set that is meant where a map's values are the empty type that only sets use.
pub(in super::super) fn set_or_map(map: Form, value: &str) -> Form {
    match map {
        BTREE_MAP if value == ZST => BTREE_SET,
        other => other,
    }
}

/// What a pointer to one value is called when the value is a slice, or `str`.
pub(in super::super) const UNSIZED: &[(Form, Form, Form)] = &[
    (BOX, BOX_SLICE, BOX_STR),
    (RC, RC_SLICE, RC_STR),
    (ARC, ARC_SLICE, ARC_STR),
];

/// Settles what the stack left open: an array in a box that no function of
/// `Box` claimed is a `vec!` literal; a hash table that no container claimed is
/// hashbrown's, and in std's own copy of hashbrown it is std's.
pub(in super::super) fn settled(form: Form, pair: bool, array: bool, in_std: bool) -> Form {
    match form {
        VEC_LITERAL if array => VEC,
        VEC_LITERAL => BOX,
        TABLE if !pair => BROWN_TABLE,
        TABLE | BROWN_MAP if in_std => HASH_MAP,
        TABLE => BROWN_MAP,
        BROWN_SET if in_std => HASH_SET,
        other => other,
    }
}

/// Whether the content of a form must be an array, whose element it is then.
pub(in super::super) fn is_literal(form: Form) -> bool {
    form == VEC_LITERAL
}
