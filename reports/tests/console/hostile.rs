//! Lines of noise: a console reads them in the process that is profiled, where a panic
//! may be its end.

use endler_reports::console::{HeapAlone, Names, Session, complete, parse};
use proptest::prelude::*;

use crate::*;

/// Every word of the language, signs, and what is none.
const WORDS: &[&str] = &[
    "heap",
    "hpy",
    "hpy.heap()",
    "hpy.setref()",
    "prefs(",
    "print_live_refs()",
    "oldest('Page')",
    "get_oldest(",
    "iter_all(",
    "setrelheap()",
    "by('type&age')",
    "by('",
    "where('age>=10s')",
    "where(\"size<",
    "fragmentation()",
    "phase('p')",
    "dump('x')",
    "dump()",
    "help",
    "del ",
    "x",
    "_",
    ".more",
    ".all",
    ".top",
    ".oldest",
    ".count",
    ".size",
    ".retained",
    ".dominos",
    ".dominators",
    ".referrers",
    ".referents",
    ".paths",
    ".rp",
    ".rp.a2",
    ".outlived",
    ".bytype",
    ".bysite",
    ".byid",
    ".byvia",
    ".diff(",
    ".url",
    ".0",
    "ignore=",
    "'Page'",
    "*Page",
    "a::b",
    "type&",
    "bytype",
    "[0]",
    "['key']",
    "[-1:]",
    "[",
    "]",
    "(",
    ")",
    ".",
    ",",
    ":",
    "::",
    "=",
    "-",
    "&",
    "|",
    "^",
    "'",
    "\"",
    "*",
    "?",
    "#",
    "!with values",
    "9223372036854775807",
    "99999999999999999999",
    "-9223372036854775808",
    " ",
    "\t",
    "\0",
    "\u{1b}[A",
    "é",
    "語",
    "\u{202e}",
    "ﬁ",
    "\r",
];

/// Reads a line as a console does, and answers it; neither may panic.
fn read(line: &str) {
    let image = first();
    let mut session = Session::new();
    session.add_heap(&image, None);
    drop(complete(line, &["x".to_owned()], &Names::default()));
    match parse(line) {
        Ok(statement) => {
            let _ = statement.check_names(&[]);
            drop(statement.tracked_names());
            drop(statement.refused("no").to_string());
            if let Err(error) = session.run(&statement, &HeapAlone) {
                drop(error.to_string());
            }
        }
        Err(error) => drop(error.to_string()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn words_in_any_order_never_panic(
        words in prop::collection::vec(prop::sample::select(WORDS), 0..24),
    ) {
        read(&words.concat());
    }

    #[test]
    fn no_text_panics(line in any::<String>()) {
        read(&line);
    }

    /// A line that means something, with a piece of another put anywhere into it.
    #[test]
    fn a_line_that_is_cut_and_joined_never_panics(
        words in prop::collection::vec(prop::sample::select(WORDS), 1..8),
        other in prop::sample::select(WORDS),
        at in any::<prop::sample::Index>(),
    ) {
        let line = words.concat();
        let at = line.floor_char_boundary(at.index(line.len() + 1));
        let (before, after) = line.split_at(at);
        read(&format!("{before}{other}{after}"));
        read(before);
        read(after);
    }
}

/// What nests is refused long before the stack of the thread that reads it is used up.
#[test]
fn deep_lines_are_refused_on_a_small_stack() {
    let many = 100_000;
    let deep = |open: &str, times: usize, close: &str| {
        format!("{}x{}", open.repeat(times), close.repeat(times))
    };
    let reads = move || {
        for times in [many, 5_000, 1_000, 200, 50, 16, 15] {
            for (open, close) in [
                ("(", ")"),
                ("heap.diff(", ")"),
                ("f(", ")"),
                ("x[", "]"),
                ("x.", ""),
                ("", ".x"),
                ("", "[0]"),
                ("x - ", ""),
                ("(x & ", ")"),
            ] {
                read(&deep(open, times, close));
            }
            let relations = vec!["id"; times].join("&");
            read(&format!("by('{relations}')"));
            read(&format!("by('{relations}')[0].more"));
            read(&format!("where('{relations}=x').count"));
        }
    };
    // A console's thread has twice as much. Unoptimised, half of this is used.
    let thread = std::thread::Builder::new()
        .stack_size(512 << 10)
        .spawn(reads);
    thread.expect("a thread").join().expect("no panic");
    let error = parse(&format!("by('{}')", vec!["id"; 17].join("&"))).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("more than 16 relations in one product"),
        "{error}"
    );
}

#[test]
fn lines_of_noise_never_panic() {
    let image = first();
    let words = [
        "heap",
        "()",
        "(",
        ")",
        ".",
        "bytype",
        "[0]",
        "[",
        "]",
        "-",
        "&",
        "'Page'",
        "'",
        "\"",
        "x",
        "=",
        "_",
        ".more",
        "get_oldest",
        "iter_all",
        "oldest",
        "prefs",
        "ignore=",
        "*",
        "?",
        "::",
        "5",
        "hpy.",
        "diff",
        "by",
        "é",
        "\u{0}",
        " ",
        ",",
        "del ",
        "setref()",
        "[-1:]",
        ".url",
    ];
    let mut state = 7u64;
    let mut session = Session::new();
    session.add_heap(&image, None);
    let mut answered = 0;
    for _ in 0..60_000 {
        let mut line = String::new();
        for _ in 0..8 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            line += words[(state >> 33) as usize % words.len()];
            if state >> 63 == 0 {
                break;
            }
        }
        match parse(&line) {
            Ok(statement) => {
                let _ = statement.check_names(&session.variables());
                match session.run(&statement, &HeapAlone) {
                    Ok(_) => answered += 1,
                    Err(error) => drop(error.to_string()),
                }
            }
            Err(error) => drop(error.to_string()),
        }
    }
    assert!(answered > 1000, "{answered}");
}
