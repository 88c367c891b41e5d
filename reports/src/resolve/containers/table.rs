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

const fn sequence(module: &'static str, form: Form, over: &'static [Form]) -> Entry {
    Entry {
        over,
        least: 1,
        ..entry(module, Family::Sequence, Content::First, form)
    }
}

const fn text(module: &'static str, form: Form, over: &'static [Form]) -> Entry {
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
    form: Form,
    over: &'static [Form],
) -> Entry {
    Entry {
        names,
        over,
        ..entry(module, Family::Sequence, Content::Same, form)
    }
}

const fn boxed(
    module: &'static str,
    names: &'static [&'static str],
    form: Form,
    over: &'static [Form],
) -> Entry {
    Entry {
        names,
        over,
        least: 1,
        ..entry(module, Family::Boxed, Content::First, form)
    }
}

const fn table(module: &'static str, content: Content, form: Form, over: &'static [Form]) -> Entry {
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

/// All entries. An earlier one hides a later one.
pub(in super::super) static ENTRIES: &[Entry] = &[
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
        ..sequence("alloc::vec", BOX_SLICE, &[VEC])
    },
    Entry {
        names: &["from_iter_in_place"],
        least: 2,
        content: Content::Second,
        ..sequence("alloc::vec::in_place_collect", VEC, &[])
    },
    sequence("alloc::vec", VEC, &[]),
    Entry {
        names: &["to_vec", "to_vec_in", "into_vec", "to_owned", "repeat", "stable_sort"],
        ..sequence("alloc::slice", VEC, &[])
    },
    sequence("alloc::collections::vec_deque", VEC_DEQUE, &[VEC]),
    sequence("alloc::collections::binary_heap", BINARY_HEAP, &[VEC]),
    // Text.
    Entry {
        names: &["into_boxed_str"],
        ..text("alloc::string", BOX_STR, &[VEC, STRING, BOX_SLICE])
    },
    text("alloc::string", STRING, &[VEC]),
    text("alloc::str", STRING, &[VEC]),
    text("alloc::fmt", STRING, &[VEC]),
    Entry {
        names: &["read_to_string", "append_to_string", "default_read_to_string", "read_line"],
        ..text("std::io", STRING, &[VEC])
    },
    Entry {
        names: &["read_to_string"],
        ..text("std::fs", STRING, &[VEC])
    },
    wrapper("alloc::ffi::c_str", &["from"], ARC_C_STR, &[ARC_SLICE]),
    wrapper("alloc::ffi::c_str", &["from"], RC_C_STR, &[RC_SLICE]),
    text("alloc::ffi::c_str", C_STRING, &[VEC, BOX_SLICE, STRING]),
    wrapper("std::ffi::os_str", &["from"], ARC_OS_STR, &[ARC_SLICE]),
    wrapper("std::sys::os_str", &["into_arc"], ARC_OS_STR, &[ARC_SLICE]),
    wrapper("std::sys::os_str", &["into_rc"], RC_OS_STR, &[RC_SLICE]),
    wrapper("std::sys::os_str", &["into_box"], BOX_OS_STR, &[BOX_SLICE]),
    text("std::ffi::os_str", OS_STRING, &[VEC, STRING]),
    text("std::sys::os_str", OS_STRING, &[VEC, STRING]),
    wrapper("std::path", &["from"], ARC_PATH, &[ARC_OS_STR, ARC_SLICE]),
    text("std::path", PATH_BUF, &[VEC, STRING, OS_STRING]),
    // Box.
    wrapper("alloc::boxed::iter", &["from_iter"], BOX_SLICE, &[VEC]),
    Entry {
        names: &["clone"],
        ..boxed("alloc::boxed", &[], BOX_SLICE, &[VEC])
    },
    Entry {
        most: 0,
        ..wrapper("alloc::boxed", &["from"], BOX_STR, &[BOX_SLICE])
    },
    boxed("alloc::boxed", &["new_uninit_slice", "new_zeroed_slice"], BOX_SLICE, &[VEC]),
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
        &[VEC_LITERAL],
    ),
    // Rc and Arc.
    boxed("alloc::rc", SLICES, RC_SLICE, &[]),
    boxed("alloc::rc", VALUES, RC, &[]),
    Entry {
        most: 0,
        ..wrapper("alloc::rc", &["from"], RC_STR, &[RC_SLICE])
    },
    boxed("alloc::sync", SLICES, ARC_SLICE, &[]),
    boxed("alloc::sync", VALUES, ARC, &[]),
    Entry {
        most: 0,
        ..wrapper("alloc::sync", &["from"], ARC_STR, &[ARC_SLICE])
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
        ..table("hashbrown::map", Content::Pair, BROWN_MAP, &[TABLE])
    },
    Entry {
        least: 2,
        ..table("hashbrown::rustc_entry", Content::Pair, BROWN_MAP, &[TABLE])
    },
    table("hashbrown::set", Content::PairWithUnit, BROWN_SET, &[TABLE, BROWN_MAP]),
    table("hashbrown::table", Content::First, BROWN_TABLE, &[TABLE]),
    Entry {
        least: 2,
        ..table("std::collections::hash::map", Content::Pair, HASH_MAP, &[TABLE, BROWN_MAP])
    },
    table(
        "std::collections::hash::set",
        Content::PairWithUnit,
        HASH_SET,
        &[TABLE, BROWN_MAP, BROWN_SET, HASH_MAP],
    ),
    // B-trees, beyond their nodes (see HIDDEN), for merged bodies.
    Entry {
        names: &["new", "new_leaf", "new_internal", "split", "insert_recursing"],
        least: 2,
        ..table("alloc::collections::btree::node", Content::Pair, BTREE_MAP, &[])
    },
    Entry {
        least: 2,
        ..table("alloc::collections::btree::map", Content::Pair, BTREE_MAP, &[])
    },
    table("alloc::collections::btree::set", Content::PairWithZst, BTREE_SET, &[]),
    // Other crates.
    Entry {
        rewrites: true,
        least: 2,
        ..table(
            "indexmap::map",
            Content::Pair,
            INDEX_MAP,
            &[TABLE, BROWN_TABLE],
        )
    },
    Entry {
        rewrites: true,
        least: 2,
        ..table("indexmap::inner", Content::Pair, INDEX_MAP, &[TABLE, BROWN_TABLE])
    },
    table("indexmap::set", Content::PairWithUnit, INDEX_SET, &[INDEX_MAP]),
    sequence("smallvec", SMALL_VEC, &[]),
    sequence("thin_vec", THIN_VEC, &[]),
    text("bytes::bytes_mut", BYTES_MUT, &[VEC]),
    text("bytes::bytes", BYTES, &[VEC, BOX_SLICE]),
    Entry {
        names: &["allocate"],
        ..boxed("async_task::raw", &[], TASK, &[])
    },
];
