//! The words of the language, for messages, help and completion.

use crate::partition::by;

/// A function, how it is called, and what it does.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) call: &'static str,
    pub(crate) does: &'static str,
    /// What is asked of it.
    pub(crate) asks: Asks,
}

/// What a function needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asks {
    /// A heap of now.
    Now,
    /// The newest heap.
    Heap,
    /// The process itself; it stands alone on its line.
    Host,
    Nothing,
}

const fn function(
    name: &'static str,
    call: &'static str,
    does: &'static str,
    asks: Asks,
) -> Function {
    Function {
        name,
        call,
        does,
        asks,
    }
}

/// All functions, in the order of the help.
pub(crate) const FUNCTIONS: [Function; 15] = [
    function(
        "prefs",
        "prefs()  prefs(ignore=*Spider)",
        "live references: types, counts, ages of the oldest",
        Asks::Now,
    ),
    function(
        "print_live_refs",
        "print_live_refs()",
        "the same",
        Asks::Now,
    ),
    function(
        "oldest",
        "oldest('HtmlResponse')",
        "the oldest of a type: fields, stack, age, what keeps it",
        Asks::Now,
    ),
    function(
        "get_oldest",
        "r = get_oldest('HtmlResponse')",
        "the same to keep: r, r.url, r.tags[0], r.headers['Host'], r.paths",
        Asks::Now,
    ),
    function(
        "iter_all",
        "iter_all('HtmlResponse').url",
        "all of a type, the oldest first; [3] .more .count .bysite",
        Asks::Now,
    ),
    function(
        "heap",
        "hpy.heap()  heap()  x = heap()",
        "the heap of now, by type; after setref what is newer",
        Asks::Now,
    ),
    function(
        "setref",
        "hpy.setref()",
        "later heaps show only what is made from now on",
        Asks::Now,
    ),
    function("setrelheap", "hpy.setrelheap()", "the same", Asks::Now),
    function(
        "by",
        "by('type&age')",
        "the newest heap by a cross product of relations",
        Asks::Heap,
    ),
    function(
        "where",
        "where('age>=10s')",
        "those blocks of it for which this holds",
        Asks::Heap,
    ),
    function(
        "fragmentation",
        "fragmentation()",
        "where resident memory is, and who keeps it",
        Asks::Now,
    ),
    function(
        "phase",
        "phase('crawl')",
        "blocks made from now on belong to this phase",
        Asks::Host,
    ),
    function(
        "dump",
        "dump('name')",
        "writes a snapshot, without contents, where dumps go",
        Asks::Host,
    ),
    function("hpy", "hpy()", "as in Heapy: hpy().heap()", Asks::Nothing),
    function("help", "help", "this text", Asks::Nothing),
];

pub(crate) fn function_of(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

/// Steps on a set that are not relations.
pub(crate) const STEPS: [&str; 14] = [
    "more",
    "all",
    "top",
    "oldest",
    "count",
    "size",
    "retained",
    "dominos",
    "dominators",
    "referrers",
    "referents",
    "paths",
    "rp",
    "outlived",
];

/// Steps that take something in brackets.
pub(crate) const CALLS: [&str; 3] = ["by", "where", "diff"];

/// Whether a name is a relation or another step on a set.
pub(crate) fn is_step(name: &str) -> bool {
    STEPS.contains(&name) || by::ALL.iter().any(|relation| relation.name == name)
}

/// Whether a name has a meaning of its own, so that no variable can have it.
pub(crate) fn is_word(name: &str) -> bool {
    is_step(name) || matches!(name, "_" | "diff") || function_of(name).is_some()
}
