//! Where each container keeps its elements: data, not code.
//!
//! A container is found by its definition path. Its entry says in which of its
//! fields the pointer, the capacity and the length stand, by names that are
//! looked up in the type's own debug information; several spellings stand for
//! several releases. What a container wraps another (`String` a `Vec`,
//! `HashSet` a `HashMap`) needs no entry: its fields are followed.
//!
//! **To add a container**: an entry in [`CONTAINERS`]; its crate in
//! `resolve::owner::CONTAINERS`, so that it is never the owner in a via name;
//! its name in [`HOLDERS`] if blocks are called after it. Which functions its
//! blocks are born in is another list: `resolve::containers`.
//!
//! Paths are those of rustc 1.95's std and hashbrown 0.16. Where a field is not
//! found, the container's words are followed one by one and marked as a guess.

/// The names of one field in several releases, the newest first.
pub(crate) type Places = &'static [&'static str];

/// Which parts of an element are followed, and what each adds to the via.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Split {
    /// The whole element.
    All,
    /// Some of its fields.
    Parts(&'static [(&'static str, &'static str)]),
}

/// How a container finds its elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A block of `capacity` elements of which the first `length` are there.
    Sequence {
        pointer: Places,
        capacity: Places,
        length: Places,
        split: Split,
    },
    /// The same, as a ring that begins at `head`.
    Ring {
        pointer: Places,
        capacity: Places,
        head: Places,
        length: Places,
    },
    /// What is left of a sequence that is being consumed.
    Rest {
        buffer: Places,
        capacity: Places,
        from: Places,
        to: Places,
    },
    /// hashbrown's table, below `table`.
    Table { table: Places, split: Split },
    /// A B-tree. What its keys and its values add to the via.
    Tree {
        root: Places,
        keys: &'static str,
        values: &'static str,
    },
    /// A doubly linked list.
    List { head: Places, tail: Places },
    /// A counted pointer.
    Strong { pointer: Places },
    /// One that does not keep what it points to.
    Weak { pointer: Places },
    /// Up to so many elements inside the value itself, `length` of them there.
    Inline { length: Places, elements: Places },
    /// The first few elements inside the value, more of them in a block.
    Small {
        capacity: Places,
        inline: Places,
        pointer: Places,
        length: Places,
    },
    /// Its pointers only say where to stop.
    Nothing,
}

/// A container and where its elements are.
pub(crate) struct Container {
    /// Definition path.
    pub(crate) path: &'static str,
    pub(crate) kind: Kind,
    /// Other fields that are followed as they are.
    pub(crate) also: &'static [&'static str],
}

const fn container(path: &'static str, kind: Kind) -> Container {
    Container {
        path,
        kind,
        also: &[],
    }
}

const MAP: Split = Split::Parts(&[("__0", ".keys()"), ("__1", "[*]")]);
const SET: Split = Split::Parts(&[("__0", "[*]")]);
const INDEX_MAP: Split = Split::Parts(&[("key", ".keys()"), ("value", "[*]")]);
const INDEX_SET: Split = Split::Parts(&[("key", "[*]")]);

/// The place of hashbrown's control bytes, mask and count inside its `RawTable`.
pub(crate) const CONTROL: Places = &["table.ctrl"];
pub(crate) const MASK: Places = &["table.bucket_mask"];
pub(crate) const ITEMS: Places = &["table.items"];

/// All entries.
pub(crate) static CONTAINERS: &[Container] = &[
    container(
        "alloc::vec::Vec",
        Kind::Sequence {
            pointer: &["buf.inner.ptr", "buf.ptr"],
            capacity: &["buf.inner.cap", "buf.cap"],
            length: &["len"],
            split: Split::All,
        },
    ),
    container(
        "alloc::collections::vec_deque::VecDeque",
        Kind::Ring {
            pointer: &["buf.inner.ptr", "buf.ptr"],
            capacity: &["buf.inner.cap", "buf.cap"],
            head: &["head"],
            length: &["len"],
        },
    ),
    container(
        "alloc::vec::into_iter::IntoIter",
        Kind::Rest {
            buffer: &["buf"],
            capacity: &["cap"],
            from: &["ptr"],
            to: &["end"],
        },
    ),
    container("core::slice::iter::Iter", Kind::Nothing),
    container("core::slice::iter::IterMut", Kind::Nothing),
    container(
        "hashbrown::map::HashMap",
        Kind::Table {
            table: &["table"],
            split: MAP,
        },
    ),
    container(
        "hashbrown::set::HashSet",
        Kind::Table {
            table: &["map.table"],
            split: SET,
        },
    ),
    container(
        "hashbrown::raw::RawTable",
        Kind::Table {
            table: &[""],
            split: Split::All,
        },
    ),
    container(
        "alloc::collections::btree::map::BTreeMap",
        Kind::Tree {
            root: &["root.Some.__0"],
            keys: ".keys()",
            values: "[*]",
        },
    ),
    container(
        "alloc::collections::btree::set::BTreeSet",
        Kind::Tree {
            root: &["map.root.Some.__0"],
            keys: "[*]",
            values: "[*]",
        },
    ),
    container(
        "alloc::collections::linked_list::LinkedList",
        Kind::List {
            head: &["head"],
            tail: &["tail"],
        },
    ),
    container("alloc::rc::Rc", Kind::Strong { pointer: &["ptr"] }),
    container("alloc::sync::Arc", Kind::Strong { pointer: &["ptr"] }),
    container("alloc::rc::Weak", Kind::Weak { pointer: &["ptr"] }),
    container("alloc::sync::Weak", Kind::Weak { pointer: &["ptr"] }),
    // Other crates.
    Container {
        also: &["core.indices"],
        ..container(
            "indexmap::map::IndexMap",
            Kind::Sequence {
                pointer: &["core.entries.buf.inner.ptr"],
                capacity: &["core.entries.buf.inner.cap"],
                length: &["core.entries.len"],
                split: INDEX_MAP,
            },
        )
    },
    Container {
        also: &["map.core.indices"],
        ..container(
            "indexmap::set::IndexSet",
            Kind::Sequence {
                pointer: &["map.core.entries.buf.inner.ptr"],
                capacity: &["map.core.entries.buf.inner.cap"],
                length: &["map.core.entries.len"],
                split: INDEX_SET,
            },
        )
    },
    container(
        "smallvec::SmallVec",
        Kind::Small {
            capacity: &["capacity"],
            inline: &["data.Inline.__0", "data.inline"],
            pointer: &["data.Heap.ptr", "data.heap.__0"],
            length: &["data.Heap.len", "data.heap.__1"],
        },
    ),
    container(
        "arrayvec::arrayvec::ArrayVec",
        Kind::Inline {
            length: &["len"],
            elements: &["xs"],
        },
    ),
];

/// The entry of a definition path.
pub(crate) fn container_of(path: &str) -> Option<&'static Container> {
    CONTAINERS.iter().find(|c| c.path == path)
}

/// A handle of bytes that owns their block as long as the lowest bit of its data
/// pointer, which else leads to what several handles share, is set.
pub(crate) struct Tagged {
    /// Definition path.
    pub(crate) path: &'static str,
    /// The first of its bytes.
    pub(crate) pointer: Places,
    /// How many; the last one is the block's last.
    pub(crate) length: Places,
    pub(crate) data: Places,
}

/// All of them. Source: bytes 1.12 `src/bytes.rs`, `promotable_even_drop`.
pub(crate) static TAGGED: &[Tagged] = &[Tagged {
    path: "bytes::bytes::Bytes",
    pointer: &["ptr"],
    length: &["len"],
    data: &["data"],
}];

/// What blocks are called after, though a container inside it makes them.
pub(crate) const HOLDERS: [&str; 14] = [
    "alloc::string::String",
    "alloc::ffi::c_str::CString",
    "std::ffi::os_str::OsString",
    "std::path::PathBuf",
    "alloc::collections::binary_heap::BinaryHeap",
    "std::collections::hash::map::HashMap",
    "std::collections::hash::set::HashSet",
    "hashbrown::map::HashMap",
    "hashbrown::set::HashSet",
    "hashbrown::table::HashTable",
    "alloc::collections::btree::set::BTreeSet",
    "indexmap::map::IndexMap",
    "indexmap::set::IndexSet",
    "bytes::bytes_mut::BytesMut",
];
