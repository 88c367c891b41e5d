//! The rules on chains of functions as debug information names them, for
//! what no small program shows: other crates, and calls that the optimiser merged.

use endler_snapshot::{Evidence, LineOwner, StackEnd, StrId};

use super::super::containers::spelled;
use super::super::functions::{Function, FunctionId, Functions};
use super::super::owner;
use super::{Line, Rules, Step, Typed, Verdict};

/// A step: physical frame, module, function, line.
type Text = (usize, &'static str, &'static str, u32);

struct Chain {
    functions: Functions,
    steps: Vec<Step>,
}

fn chain(texts: &[Text]) -> Chain {
    let mut functions = Functions::default();
    let mut steps = Vec::new();
    for &(frame, module, name, line) in texts {
        let krate = module.split("::").next().unwrap_or_default();
        let function = functions.add(Function {
            shown: StrId(0),
            krate: StrId(0),
            owner: owner::of(krate, name, true),
            is_rust: true,
            has_debug: true,
            erased: false,
            module: module.to_owned(),
            around: String::new(),
            name: name.to_owned(),
            method_of: None,
            generics: Vec::new(),
        });
        let file = StrId(0);
        let line = Line {
            function,
            file,
            line,
        };
        steps.push(Step { line, frame });
    }
    Chain { functions, steps }
}

fn name(typed: &Typed) -> String {
    let hasher = typed.hasher.as_deref();
    spelled(typed.form, &typed.content, hasher, false).0
}

/// The name that the rules give, or nothing.
fn inferred(texts: &[Text]) -> Option<(String, Evidence)> {
    inferred_to(texts, StackEnd::Complete)
}

/// The same of a stack that ends in this way.
fn inferred_to(texts: &[Text], end: StackEnd) -> Option<(String, Evidence)> {
    let Chain { functions, steps } = chain(texts);
    let rules = Rules::new(&functions);
    match rules.infer(&steps, rules.start(&steps), end) {
        Verdict::Typed(typed) => Some((name(&typed), typed.evidence)),
        Verdict::Raw(_) | Verdict::Unknown => None,
    }
}

fn is(texts: &[Text], expect: &str) {
    let found = inferred(texts);
    assert_eq!(found, Some((expect.to_owned(), Evidence::Stack)));
}

/// A body that two types share is named after one of them; only the caller tells.
#[test]
fn a_stack_that_was_cut_in_a_container() {
    let stack = [
        (0, "alloc::raw_vec", "finish_grow<alloc::alloc::Global>", 5),
        (
            1,
            "alloc::raw_vec",
            "grow_one<u32, alloc::alloc::Global>",
            6,
        ),
        (1, "alloc::vec", "push<u32, alloc::alloc::Global>", 7),
        (2, "alloc::vec", "extend<u32, alloc::alloc::Global>", 8),
        (3, "app", "main", 9),
    ];
    let is = |texts: &[Text], end, evidence: Option<Evidence>| {
        let name = |evidence| ("Vec<u32>".to_owned(), evidence);
        assert_eq!(inferred_to(texts, end), evidence.map(name));
    };
    is(&stack, StackEnd::Truncated, Some(Evidence::Stack));
    // Two frames say the same, and a third may not.
    is(&stack[..4], StackEnd::Truncated, Some(Evidence::Neighbour));
    // One frame, two functions of it.
    is(&stack[..3], StackEnd::Truncated, None);
    is(&stack[..3], StackEnd::Complete, Some(Evidence::Stack));
}

#[test]
fn a_vector_that_grows_while_it_is_spliced() {
    is(
        &[
            (
                0,
                "alloc::raw_vec",
                "finish_grow<alloc::alloc::Global>",
                555,
            ),
            (
                1,
                "alloc::raw_vec",
                "reserve<u32, alloc::alloc::Global>",
                340,
            ),
            (
                1,
                "alloc::vec::drain",
                "move_tail<u32, alloc::alloc::Global>",
                128,
            ),
            (
                2,
                "alloc::vec::splice",
                "drop<core::ops::range::Range<u32>, alloc::alloc::Global>",
                79,
            ),
            (3, "app", "cut", 5),
        ],
        "Vec<u32>",
    );
}

#[test]
fn the_tables_of_a_concurrent_map() {
    let table = "reserve_rehash<(u32, dashmap::util::SharedValue<u8>), alloc::alloc::Global>";
    is(
        &[
            (0, "hashbrown::raw", table, 1),
            (
                1,
                "dashmap",
                "_insert<u32, u8, std::hash::random::RandomState>",
                949,
            ),
            (
                1,
                "dashmap",
                "insert<u32, u8, std::hash::random::RandomState>",
                472,
            ),
            (2, "app", "main", 5),
        ],
        "dashmap::DashMap<u32, u8>",
    );
    is(
        &[
            (0, "hashbrown::raw", table, 1),
            (1, "dashmap", "_insert<u32, u8, app::Plain>", 949),
            (1, "dashmap", "insert<u32, u8, app::Plain>", 472),
            (2, "app", "main", 5),
        ],
        "dashmap::DashMap<u32, u8, app::Plain>",
    );
    let table = "reserve_rehash<(u32, dashmap::util::SharedValue<()>), alloc::alloc::Global>";
    is(
        &[
            (0, "hashbrown::raw", table, 1),
            (
                1,
                "dashmap",
                "insert<u32, (), std::hash::random::RandomState>",
                472,
            ),
            (
                1,
                "dashmap::set",
                "insert<u32, std::hash::random::RandomState>",
                150,
            ),
            (2, "app", "main", 5),
        ],
        "dashmap::set::DashSet<u32>",
    );
}

#[test]
fn a_set_whose_nodes_are_made_by_the_body_of_another() {
    let texts = [
        (
            0,
            "alloc::boxed",
            "try_new_uninit_in<alloc::collections::btree::node::LeafNode<(u32, u32), u64>, alloc::alloc::Global>",
            1,
        ),
        (
            1,
            "alloc::collections::btree::map::entry",
            "insert_entry<u128, alloc::collections::btree::set_val::SetValZST, alloc::alloc::Global>",
            2,
        ),
        (2, "app", "main", 3),
    ];
    let found = Some(("BTreeSet<u128>".to_owned(), Evidence::Merged));
    assert_eq!(inferred(&texts), found);
}

/// What the rules guess for the frame that the optimiser cut.
fn visited(texts: &[Text]) -> Option<(String, Evidence)> {
    let Chain { functions, steps } = chain(texts);
    let rules = Rules::new(&functions);
    let at = rules.cut(&steps, rules.start(&steps))?;
    let typed = rules.visited(&steps[at..])?;
    Some((name(&typed), typed.evidence))
}

const VISITED: &str = "deserialize_any<app::Reader, serde_core::de::impls::StringVisitor>";
const OTHER: &str = "deserialize_any<app::Reader, serde_core::de::impls::VecVisitor<u8>>";

#[test]
fn a_visitor_tells_what_a_merged_call_made() {
    let guess = Some(("String".to_owned(), Evidence::Neighbour));
    let outer = (1, "app", "main", 9);
    assert_eq!(visited(&[(0, "app::de", VISITED, 0), outer]), guess);
    // It has a line, so nothing was merged: it calls the allocator itself.
    assert_eq!(visited(&[(0, "app::de", VISITED, 7), outer]), None);
    assert_eq!(visited(&[(0, "app::de", OTHER, 0), outer]), None);
    // The visitor of another physical frame says nothing about this one.
    let far = (1, "app::de", VISITED, 9);
    assert_eq!(visited(&[(0, "app::de", OTHER, 0), far]), None);
    // Type-erased code of the library may stand further in.
    let grow = (0, "alloc::raw_vec", "finish_grow<alloc::alloc::Global>", 5);
    let cut = (1, "app::de", VISITED, 0);
    assert_eq!(visited(&[grow, cut]), guess);
    assert!(inferred(&[(0, "app::de", VISITED, 0), outer]).is_none());
}

#[test]
fn a_neighbour_counts_if_it_allocates() {
    let guess = |texts: &[Text]| {
        let Chain { functions, steps } = chain(texts);
        let rules = Rules::new(&functions);
        let typed = rules.neighbour(&steps, StackEnd::Complete)?;
        Some((name(&typed), typed.evidence))
    };
    let cut = (0, "app", "parse", 0);
    let found = guess(&[
        (
            0,
            "alloc::slice::hack",
            "to_vec<u8, alloc::alloc::Global>",
            1,
        ),
        (0, "alloc::str", "to_owned", 2),
        cut,
    ]);
    assert_eq!(found, Some(("String".to_owned(), Evidence::Neighbour)));
    assert_eq!(
        guess(&[
            (0, "alloc::vec", "clear<u16, alloc::alloc::Global>", 1),
            cut
        ]),
        None
    );
    assert_eq!(guess(&[]), None);
}

#[test]
fn only_library_code_stands_before_a_cut() {
    let Chain { functions, steps } = chain(&[(0, "app", "f", 3), (1, "app", "g", 0)]);
    let rules = Rules::new(&functions);
    assert_eq!(rules.cut(&steps, 0), None);
    assert_eq!(
        functions.get(FunctionId(0)).map(|f| f.owner),
        Some(LineOwner::User)
    );
    assert_eq!(rules.cut(&[], 0), None);
}
