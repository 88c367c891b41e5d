//! Whose code a function is.
//!
//! The site of a block is its innermost function that the user can be thought
//! to know: so std, container libraries, the profiler, and the start-up code
//! around `main` and around each thread are set apart.

use endler_snapshot::LineOwner;

/// The crates of the standard library.
const STD: [&str; 12] = [
    "core",
    "alloc",
    "std",
    "proc_macro",
    "test",
    "std_detect",
    "panic_unwind",
    "panic_abort",
    "compiler_builtins",
    "rustc_demangle",
    "__rustc",
    "unwind",
];

/// Crates that hold other people's data and whose functions say nothing about
/// what it is for. A new one is a line here (and its births in `containers`).
const CONTAINERS: [&str; 11] = [
    "hashbrown",
    "smallvec",
    "indexmap",
    "arrayvec",
    "tinyvec",
    "thin_vec",
    "slab",
    "bumpalo",
    "allocator_api2",
    "dashmap",
    "bytes",
];

/// The crates of the profiler itself.
const PROFILER: [&str; 4] = [
    "endler",
    "endler_allocator",
    "endler_snapshot",
    "endler_reports",
];

/// What stands below `main` and below a thread's first function: C start-up
/// code. Leading underscores do not count.
const RUNTIME: [&str; 8] = [
    "start",
    "main",
    "libc_start_main",
    "libc_start_main_impl",
    "libc_start_call_main",
    "clone",
    "clone3",
    "start_thread",
];

/// The functions that rustc makes between `alloc::alloc` and the allocator.
/// `#[global_allocator]` puts them into the user's crate.
pub(crate) const SHIMS: [&str; 4] = [
    "__rust_alloc",
    "__rust_alloc_zeroed",
    "__rust_realloc",
    "__rust_dealloc",
];

/// The owner of a function, by its crate (empty if unknown) and name.
pub(crate) fn of(krate: &str, name: &str, is_rust: bool) -> LineOwner {
    let is_shim = SHIMS.contains(&name)
        || ["__rdl_", "__rg_", "__rustc::"]
            .iter()
            .any(|prefix| name.starts_with(prefix));
    let stem = name.trim_start_matches("__GI_").trim_start_matches('_');
    let starts = (!is_rust || krate.is_empty()) && RUNTIME.contains(&stem);
    if STD.contains(&krate) || is_shim || starts {
        LineOwner::Std
    } else if CONTAINERS.contains(&krate) {
        LineOwner::Container
    } else if PROFILER.contains(&krate) {
        LineOwner::Profiler
    } else {
        LineOwner::User
    }
}

#[cfg(test)]
mod tests {
    use super::of;
    use endler_snapshot::LineOwner;

    #[test]
    fn owners() {
        for (krate, name, is_rust, expect) in [
            ("alloc", "push<u8>", true, LineOwner::Std),
            ("hashbrown", "insert", true, LineOwner::Container),
            ("endler_allocator", "hook", true, LineOwner::Profiler),
            ("crawl", "main", true, LineOwner::User),
            ("crawl", "__rust_alloc", true, LineOwner::Std),
            ("", "main", false, LineOwner::Std),
            ("", "__GI___clone3", false, LineOwner::Std),
            ("", "sqlite3_step", false, LineOwner::User),
        ] {
            assert_eq!(of(krate, name, is_rust), expect, "{krate} {name}");
        }
    }
}
