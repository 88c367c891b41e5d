//! The entries. The first that fits a function counts.

use super::forms::*;
use super::{Content, Entry, Family, Form};

/// The most generic arguments that any function has.
const ANY: usize = usize::MAX;

const fn entry(module: &'static str, family: Family, content: Content, form: Form) -> Entry {
    Entry {
        module,
        around: &[],
        names: &[],
        least: 0,
        most: ANY,
        family,
        content,
        form,
        over: &[],
        rewrites: false,
    }
}

const fn sequence(module: &'static str, form: Form, over: &'static [(Form, Form)]) -> Entry {
    Entry {
        over,
        least: 1,
        ..entry(module, Family::Sequence, Content::First, form)
    }
}

const fn text(module: &'static str, form: Form, over: &'static [(Form, Form)]) -> Entry {
    Entry {
        over,
        ..entry(module, Family::Sequence, Content::Bytes, form)
    }
}

/// A function whose arguments do not tell the content, such as
/// `impl From<&str> for Arc<str>`.
const fn wrapper(
    module: &'static str,
    names: &'static [&'static str],
    over: &'static [(Form, Form)],
) -> Entry {
    Entry {
        names,
        over,
        ..entry(module, Family::Sequence, Content::Same, VEC)
    }
}

const fn boxed(
    module: &'static str,
    names: &'static [&'static str],
    form: Form,
    over: &'static [(Form, Form)],
) -> Entry {
    Entry {
        names,
        over,
        least: 1,
        ..entry(module, Family::Boxed, Content::First, form)
    }
}

const fn table(
    module: &'static str,
    content: Content,
    form: Form,
    over: &'static [(Form, Form)],
) -> Entry {
    Entry {
        over,
        least: 1,
        ..entry(module, Family::Table, content, form)
    }
}

/// Functions of `Rc` and `Arc` that allocate for a slice of their argument.
const SLICES: &[&str] = &[
    "allocate_for_slice",
    "allocate_for_slice_in",
    "copy_from_slice",
    "from_iter_exact",
    "from_slice",
    "new_uninit_slice",
    "new_uninit_slice_in",
    "new_zeroed_slice",
    "new_zeroed_slice_in",
];

/// Functions of `Rc` and `Arc` that allocate for their argument.
const VALUES: &[&str] = &[
    "allocate_for_layout",
    "try_allocate_for_layout",
    "allocate_for_ptr",
    "allocate_for_ptr_in",
    "from_box",
    "from_box_in",
    "new",
    "new_in",
    "new_cyclic",
    "new_cyclic_in",
    "new_uninit",
    "new_uninit_in",
    "pin",
];

/// Text that paths and platform strings are made of.
const FROM_OS: &[(Form, Form)] = &[
    (VEC, OS_STRING),
    (BOX_SLICE, BOX_OS_STR),
    (RC_SLICE, RC_OS_STR),
    (ARC_SLICE, ARC_OS_STR),
];
const FROM_PATH: &[(Form, Form)] = &[
    (VEC, PATH_BUF),
    (OS_STRING, PATH_BUF),
    (BOX_OS_STR, BOX_PATH),
    (RC_OS_STR, RC_PATH),
    (ARC_OS_STR, ARC_PATH),
];
const FROM_VEC: &[(Form, Form)] = &[(VEC, STRING)];
const NOT_LOSSY: &[(Form, Form)] = &[(VEC, STRING), (OS_STRING, STRING), (PATH_BUF, STRING)];

/// All entries. An earlier one hides a later one.
pub(super) static ENTRIES: &[Entry] = &[
    // Vec. `RawVec` has two arguments, its type-erased half one (the
    // allocator); only in `RawVec<T, Global>`'s own methods it is one, `T`.
    Entry {
        names: &["with_capacity", "with_capacity_zeroed"],
        around: &["RawVec"],
        ..sequence("alloc::raw_vec", VEC, &[])
    },
    Entry {
        least: 2,
        around: &["RawVec"],
        ..sequence("alloc::raw_vec", VEC, &[])
    },
    Entry {
        names: &["into_boxed_slice"],
        ..sequence("alloc::vec", BOX_SLICE, &[(VEC, BOX_SLICE)])
    },
    Entry {
        names: &["from_iter_in_place"],
        least: 2,
        content: Content::Second,
        ..sequence("alloc::vec::in_place_collect", VEC, &[])
    },
    // `Vec::from([a, b])` boxes the array first.
    Entry {
        names: &["from"],
        rewrites: true,
        ..sequence("alloc::vec", VEC, &[(BOX, VEC)])
    },
    // Its first argument is what the new elements come from.
    wrapper("alloc::vec::splice", &["drop"], &[]),
    sequence("alloc::vec", VEC, &[]),
    Entry {
        names: &[
            "to_vec",
            "to_vec_in",
            "into_vec",
            "to_owned",
            "repeat",
            "stable_sort",
        ],
        ..sequence("alloc::slice", VEC, &[])
    },
    sequence(
        "alloc::collections::vec_deque",
        VEC_DEQUE,
        &[(VEC, VEC_DEQUE)],
    ),
    sequence(
        "alloc::collections::binary_heap",
        BINARY_HEAP,
        &[(VEC, BINARY_HEAP)],
    ),
    // Text.
    Entry {
        names: &["into_boxed_str"],
        ..text("alloc::string", BOX_STR, &[(BOX_SLICE, BOX_STR)])
    },
    text("alloc::string", STRING, FROM_VEC),
    text("alloc::str", STRING, FROM_VEC),
    text("alloc::fmt", STRING, FROM_VEC),
    Entry {
        names: &[
            "read_to_string",
            "append_to_string",
            "default_read_to_string",
            "read_line",
        ],
        ..text("std::io", STRING, FROM_VEC)
    },
    Entry {
        names: &["read_to_string"],
        ..text("std::fs", STRING, FROM_VEC)
    },
    Entry {
        names: &["canonicalize", "read_link"],
        ..text("std::fs", PATH_BUF, FROM_PATH)
    },
    Entry {
        names: &["var", "_var"],
        ..text("std::env", STRING, NOT_LOSSY)
    },
    Entry {
        names: &["var_os", "_var_os"],
        ..text("std::env", OS_STRING, FROM_OS)
    },
    Entry {
        names: &["current_dir", "current_exe", "home_dir", "temp_dir"],
        ..text("std::env", PATH_BUF, FROM_PATH)
    },
    text("std::sys::env", OS_STRING, FROM_OS),
    text("std::sys::args", OS_STRING, FROM_OS),
    text(
        "alloc::ffi::c_str",
        C_STRING,
        &[
            (VEC, C_STRING),
            (BOX_SLICE, C_STRING),
            (RC_SLICE, RC_C_STR),
            (ARC_SLICE, ARC_C_STR),
        ],
    ),
    Entry {
        names: &["to_string_lossy"],
        ..text("std::ffi::os_str", STRING, NOT_LOSSY)
    },
    Entry {
        names: &["to_string_lossy"],
        ..text("std::sys::os_str", STRING, NOT_LOSSY)
    },
    Entry {
        names: &["to_string_lossy"],
        ..text("std::path", STRING, NOT_LOSSY)
    },
    text("std::ffi::os_str", OS_STRING, FROM_OS),
    text("std::sys::os_str", OS_STRING, FROM_OS),
    text("std::path", PATH_BUF, FROM_PATH),
    // Box.
    wrapper("alloc::boxed::iter", &["from_iter"], &[(VEC, BOX_SLICE)]),
    Entry {
        names: &["clone"],
        ..boxed("alloc::boxed", &[], BOX, &[(VEC, BOX_SLICE)])
    },
    Entry {
        most: 0,
        ..wrapper("alloc::boxed", &["from"], &[(BOX_SLICE, BOX_STR)])
    },
    boxed(
        "alloc::boxed",
        &["new_uninit_slice", "new_zeroed_slice"],
        BOX_SLICE,
        &[(VEC, BOX_SLICE)],
    ),
    boxed("alloc::boxed", &["new_uninit"], VEC_LITERAL, &[]),
    boxed(
        "alloc::boxed",
        &[
            "new",
            "new_in",
            "try_new",
            "try_new_in",
            "try_new_uninit",
            "try_new_uninit_in",
            "new_uninit_in",
            "new_zeroed",
            "new_zeroed_in",
            "try_new_zeroed_in",
            "pin",
            "pin_in",
            "clone_from_ref",
            "clone_from_ref_in",
            "try_clone_from_ref_in",
            "default",
        ],
        BOX,
        &[(VEC_LITERAL, BOX)],
    ),
    // Rc and Arc.
    boxed("alloc::rc", SLICES, RC_SLICE, &[]),
    boxed("alloc::rc", VALUES, RC, &[(VEC_LITERAL, RC)]),
    Entry {
        most: 0,
        ..wrapper("alloc::rc", &["from"], &[(RC_SLICE, RC_STR)])
    },
    boxed("alloc::sync", SLICES, ARC_SLICE, &[]),
    boxed("alloc::sync", VALUES, ARC, &[(VEC_LITERAL, ARC)]),
    Entry {
        most: 0,
        ..wrapper("alloc::sync", &["from"], &[(ARC_SLICE, ARC_STR)])
    },
    // Hash tables: `RawTable` has two arguments, its type-erased half one.
    Entry {
        names: &["with_capacity", "try_with_capacity"],
        around: &["RawTable"],
        ..table("hashbrown::raw", Content::First, TABLE, &[])
    },
    Entry {
        least: 2,
        around: &["RawTable"],
        ..table("hashbrown::raw", Content::First, TABLE, &[])
    },
    Entry {
        least: 2,
        ..table(
            "hashbrown::map",
            Content::Pair,
            BROWN_MAP,
            &[(TABLE, BROWN_MAP)],
        )
    },
    Entry {
        least: 2,
        ..table(
            "hashbrown::rustc_entry",
            Content::Pair,
            BROWN_MAP,
            &[(TABLE, BROWN_MAP)],
        )
    },
    table(
        "hashbrown::set",
        Content::PairWithUnit,
        BROWN_SET,
        &[(TABLE, BROWN_SET), (BROWN_MAP, BROWN_SET)],
    ),
    table(
        "hashbrown::table",
        Content::First,
        BROWN_TABLE,
        &[(TABLE, BROWN_TABLE)],
    ),
    Entry {
        least: 2,
        ..table(
            "std::collections::hash::map",
            Content::Pair,
            HASH_MAP,
            &[(TABLE, HASH_MAP), (BROWN_MAP, HASH_MAP)],
        )
    },
    table(
        "std::collections::hash::set",
        Content::PairWithUnit,
        HASH_SET,
        &[
            (TABLE, HASH_SET),
            (BROWN_MAP, HASH_SET),
            (BROWN_SET, HASH_SET),
            (HASH_MAP, HASH_SET),
        ],
    ),
    // B-trees, beyond their nodes (see HIDDEN), for merged bodies.
    Entry {
        names: &[
            "new",
            "new_leaf",
            "new_internal",
            "split",
            "insert_recursing",
        ],
        least: 2,
        ..tree("alloc::collections::btree::node", Content::Pair, BTREE_MAP)
    },
    Entry {
        least: 2,
        ..tree("alloc::collections::btree::map", Content::Pair, BTREE_MAP)
    },
    tree(
        "alloc::collections::btree::set",
        Content::PairWithZst,
        BTREE_SET,
    ),
    // Other crates.
    Entry {
        rewrites: true,
        least: 2,
        ..table("indexmap::map", Content::Pair, INDEX_MAP, TO_INDEX_MAP)
    },
    Entry {
        rewrites: true,
        least: 2,
        ..table("indexmap::inner", Content::Pair, INDEX_MAP, TO_INDEX_MAP)
    },
    table(
        "indexmap::set",
        Content::PairWithUnit,
        INDEX_SET,
        &[(INDEX_MAP, INDEX_SET)],
    ),
    Entry {
        rewrites: true,
        ..table(
            "dashmap::set",
            Content::PairWithUnit,
            DASH_SET,
            &[
                (TABLE, DASH_SET),
                (BROWN_MAP, DASH_SET),
                (DASH_MAP, DASH_SET),
            ],
        )
    },
    Entry {
        rewrites: true,
        least: 2,
        ..table(
            "dashmap",
            Content::Pair,
            DASH_MAP,
            &[(TABLE, DASH_MAP), (BROWN_MAP, DASH_MAP)],
        )
    },
    sequence("smallvec", SMALL_VEC, &[]),
    sequence("thin_vec", THIN_VEC, &[]),
    text("bytes::bytes_mut", BYTES_MUT, &[(VEC, BYTES_MUT)]),
    text("bytes::bytes", BYTES, &[(VEC, BYTES), (BOX_SLICE, BYTES)]),
    boxed("async_task::raw", &["allocate"], TASK, &[]),
];

const TO_INDEX_MAP: &[(Form, Form)] = &[(TABLE, INDEX_MAP), (BROWN_TABLE, INDEX_MAP)];

const fn tree(module: &'static str, content: Content, form: Form) -> Entry {
    Entry {
        least: 1,
        ..entry(module, Family::Boxed, content, form)
    }
}

/// Visitors of serde, and the text that they make. A deserializer calls
/// `visit_str` in several arms; where the optimiser made one call of the
/// allocator out of them, the visitor among the function's generic arguments
/// is all that is left of what was made: a guess, and marked as one.
pub(super) static VISITORS: &[(&str, Form)] = &[
    ("serde_core::de::impls::StringVisitor", STRING),
    ("serde_core::de::impls::StringInPlaceVisitor", STRING),
    ("serde_core::de::impls::CStringVisitor", C_STRING),
    ("serde_core::de::impls::PathBufVisitor", PATH_BUF),
    ("serde_core::private::content::ContentVisitor", STRING),
    ("serde::de::impls::StringVisitor", STRING),
    ("serde::de::impls::StringInPlaceVisitor", STRING),
    ("serde::de::impls::CStringVisitor", C_STRING),
    ("serde::de::impls::PathBufVisitor", PATH_BUF),
    ("serde::private::de::content::ContentVisitor", STRING),
    ("serde::__private::de::content::ContentVisitor", STRING),
    ("serde_json::value::de::KeyClassifier", STRING),
    (
        "serde_json::value::de::{impl#0}::deserialize::ValueVisitor",
        STRING,
    ),
];
