//! Which functions of the libraries play a part in the rules: data, not code.

/// Functions that do nothing but call the allocator. In optimised code they may
/// be all that is left of the way to it.
pub(super) const LEAVES: [(&str, &[&str]); 3] = [
    (
        "alloc::raw_vec",
        &["finish_grow", "try_allocate_in", "shrink_unchecked"],
    ),
    ("alloc::boxed", &["box_new_uninit", "exchange_malloc"]),
    ("hashbrown::raw::alloc::inner", &["do_alloc"]),
];

/// Functions that allocate whenever they are called, or when there is no room.
pub(super) const ALLOCATING: [(&str, &[&str]); 8] = [
    (
        "alloc::alloc",
        &[
            "alloc",
            "alloc_zeroed",
            "realloc",
            "allocate",
            "allocate_zeroed",
            "alloc_impl",
            "exchange_malloc",
            "grow",
            "grow_impl",
        ],
    ),
    (
        "alloc::raw_vec",
        &[
            "with_capacity",
            "with_capacity_in",
            "with_capacity_zeroed",
            "with_capacity_zeroed_in",
            "try_with_capacity",
            "try_with_capacity_in",
            "try_allocate_in",
            "reserve",
            "reserve_exact",
            "try_reserve",
            "try_reserve_exact",
            "do_reserve_and_handle",
            "grow_one",
            "grow_amortized",
            "grow_exact",
            "finish_grow",
        ],
    ),
    (
        "alloc::slice",
        &["to_vec", "to_vec_in", "to_owned", "repeat"],
    ),
    ("alloc::slice::hack", &["to_vec"]),
    (
        "alloc::boxed",
        &[
            "new",
            "new_in",
            "new_uninit",
            "new_uninit_in",
            "try_new_uninit_in",
            "box_new_uninit",
            "pin",
        ],
    ),
    (
        "alloc::rc",
        &["new", "new_in", "allocate_for_layout", "allocate_for_slice"],
    ),
    (
        "alloc::sync",
        &["new", "new_in", "allocate_for_layout", "allocate_for_slice"],
    ),
    (
        "hashbrown::raw",
        &[
            "new_uninitialized",
            "fallible_with_capacity",
            "prepare_resize",
        ],
    ),
];

/// Code that comes between a container and what only uses it: what stands
/// further out says nothing about the content.
pub(super) const USERS: [&str; 7] = [
    "core::fmt",
    "std::thread",
    "std::sync",
    "std::rt",
    "std::panic",
    "std::panicking",
    "std::sys::backtrace",
];

/// Container crates whose functions may stand between the allocator and an
/// entry's function.
pub(super) const TRANSPARENT: [&str; 8] = [
    "hashbrown",
    "allocator_api2",
    "indexmap",
    "smallvec",
    "thin_vec",
    "bytes",
    "slab",
    "dashmap",
];
