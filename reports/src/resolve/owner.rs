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
/// code, and the shims that rustc makes for the allocator.
const RUNTIME: [&str; 16] = [
    "_start",
    "main",
    "__libc_start_main",
    "__libc_start_main_impl",
    "__libc_start_main@@GLIBC_2.34",
    "__libc_start_call_main",
    "clone",
    "clone3",
    "__clone",
    "__clone3",
    "start_thread",
    "__rust_alloc",
    "__rust_alloc_zeroed",
    "__rust_realloc",
    "__rust_dealloc",
    "thread_start",
];

/// The owner of a function, by its crate (empty if unknown) and name.
pub(super) fn of(krate: &str, name: &str, is_rust: bool) -> LineOwner {
    if STD.contains(&krate) {
        LineOwner::Std
    } else if CONTAINERS.contains(&krate) {
        LineOwner::Container
    } else if PROFILER.contains(&krate) {
        LineOwner::Profiler
    } else if name.starts_with("__rdl_") || name.starts_with("__rg_") || name.starts_with("__rustc::") {
        LineOwner::Std
    } else if (!is_rust || krate.is_empty()) && RUNTIME.contains(&name) {
        LineOwner::Std
    } else {
        LineOwner::User
    }
}

/// The crate at the beginning of a demangled path, also of a qualified one:
/// `<crawl::Page as core::clone::Clone>::clone` is of `crawl`.
pub(super) fn crate_of_path(path: &str) -> &str {
    let start = path.trim_start_matches(|c: char| "<&*[(".contains(c));
    let start = start.strip_prefix("mut ").or(start.strip_prefix("dyn ")).unwrap_or(start);
    let end = start
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(start.len());
    start.get(..end).unwrap_or_default()
}
