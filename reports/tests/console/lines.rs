//! What a line says before there is a heap, what is wrong with one, and what completes
//! it.

use endler_reports::console::{
    HostCall, MAX_VARIABLES, Names, Needs, Session, complete, help, parse,
};

use crate::*;

#[test]
fn a_line_says_what_it_needs() {
    let check = |line: &str, needs: Needs| {
        assert_eq!(parse(line).unwrap().needs(), needs, "{line}");
    };
    for line in ["", "  ", "# a note", "help", "help()", "?"] {
        check(line, Needs::Nothing);
        assert!(parse(line).unwrap().alone().is_some(), "{line}");
    }
    for line in [
        "hpy.heap()",
        "hpy().heap()",
        "heap()",
        "x = heap()",
        "heap() - x",
        "x & (y | heap()[0])",
        "prefs()",
        "prefs(ignore=*Spider)",
        "print_live_refs()",
        "oldest('Page')",
        "oldest(\"Page\").url",
        "r = get_oldest('Page')",
        "iter_all('Page').url",
        "fragmentation()",
        "hpy.setref()",
        "x.diff(heap())",
    ] {
        check(line, Needs::NewHeap);
        assert_eq!(parse(line).unwrap().alone(), None, "{line}");
    }
    for line in [
        "x",
        "_",
        "_.more",
        "r.url",
        "r.headers[0].1",
        "r.headers['Host']",
        "x = r.sites[\"a b\"][0].1['c']",
        "x - y",
        "bytype",
        "heap",
        "by('type&age')",
        "where('age>=10s')",
        "y = x",
        "del x",
    ] {
        check(line, Needs::Heap);
    }
    check("phase('p q')", Needs::Host(HostCall::Phase("p q".into())));
    check("dump(\"d\")", Needs::Host(HostCall::Dump(Some("d".into()))));
    check("dump()", Needs::Host(HostCall::Dump(None)));
    let refused = parse("dump('a/b')").unwrap().refused("not there");
    assert_eq!(refused.to_string(), "dump('a/b')\n      ^^^\nnot there");
    assert_eq!(parse("abc = heap()").unwrap().assigns(), Some("abc"));
    assert_eq!(parse("heap()").unwrap().assigns(), None);
    let names = |line: &str| parse(line).unwrap().tracked_names();
    assert_eq!(names("get_oldest('A').url"), ["A"]);
    assert_eq!(names("x & iter_all(*B) | oldest(C)"), ["*B", "C"]);
    assert!(names("prefs(ignore=*B)").is_empty());
}

#[test]
fn names_are_checked_before_a_heap_is_taken() {
    let check = |line: &str, variables: &[&str]| {
        let variables: Vec<String> = variables.iter().map(|v| (*v).to_owned()).collect();
        parse(line).unwrap().check_names(&variables)
    };
    assert!(check("x - y", &["x", "y"]).is_ok());
    assert!(check("x = bytype[0]", &[]).is_ok());
    let error = check("x - yy", &["x"]).unwrap_err().to_string();
    assert!(
        error.starts_with("x - yy\n    ^^\nthere is no yy; there are bytype"),
        "{error}"
    );
    assert!(error.contains("; the functions prefs() "), "{error}");
    assert!(error.ends_with("; the variables x"), "{error}");
    let many: Vec<String> = (0..30).map(|n| format!("v{n}")).collect();
    let error = parse("w").unwrap().check_names(&many).unwrap_err();
    assert!(error.to_string().ends_with(" v18 v19 …"), "{error}");
    assert!(check("del x", &["x"]).is_ok());
    let error = check("del x", &[]).unwrap_err().to_string();
    assert_eq!(error, "del x\n    ^\nthere is no variable x");
    let many: Vec<String> = (0..MAX_VARIABLES).map(|n| format!("v{n}")).collect();
    assert!(parse("v3 = heap()").unwrap().check_names(&many).is_ok());
    assert!(parse("new = heap()").unwrap().check_names(&many).is_err());
}

#[test]
fn errors_point_at_the_column() {
    let image = first();
    let mut session = Session::new();
    session.add_heap(&image, None);
    for (line, expect) in [
        ("heap = 5", "\nheap = 5\n       ^\na set begins with"),
        (
            "heap = bytype",
            "\nheap = bytype\n^^^^\nheap is a word of the language",
        ),
        ("5 = heap()", "\n5 = heap()\n^\nonly a name can be set"),
        ("x = ", "\nx = \n    ^\na set is missing here"),
        ("heap(5)", "\nheap(5)\n     ^\na set begins with"),
        (
            "heap(x)",
            "\nheap(x)\n     ^\nheap takes nothing in its brackets",
        ),
        (
            "hep()",
            "\nhep()\n^^^\nthere is no hep(); there are prefs()",
        ),
        (
            "hpy.bytype",
            "\nhpy.bytype\n    ^^^^^^\nthere are hpy.heap()",
        ),
        (
            "get_oldest()",
            "\nget_oldest()\n           ^\nthe name of a type is missing",
        ),
        (
            "get_oldest('a', 'b')",
            "\nget_oldest('a', 'b')\n                 ^\none type is enough",
        ),
        (
            "get_oldest(x - y)",
            "\nget_oldest(x - y)\n           ^^^^^\nthe name of a type is missing",
        ),
        ("1 - phase('x')", "\n1 - phase('x')\n^\na set begins with"),
        (
            "heap - phase('x')",
            "\nheap - phase('x')\n       ^^^^^^^^^^\nphase('crawl') stands alone",
        ),
        (
            "x = dump('f')",
            "\nx = dump('f')\n    ^^^^^^^^^\ndump('name') stands alone",
        ),
        ("phase()", "\nphase()\n      ^\none text in quotes"),
        ("phase(5)", "\nphase(5)\n      ^\na set begins with"),
        ("dump(x)", "\ndump(x)\n     ^\none text in quotes"),
        (
            "phase('a')",
            "\nphase('a')\n^^^^^^^^^^\nonly a live process does that",
        ),
        (
            "heap.diff('a')",
            "\nheap.diff('a')\n     ^^^^^^^^^\ndiff takes the set",
        ),
        (
            "prefs() & heap",
            "\nprefs() & heap\n^^^^^^^\nthis is no set of blocks",
        ),
        (
            "heap['x']",
            "\nheap['x']\n    ^^^^^\nrows have numbers, such as [0] or [0:3]",
        ),
        ("x\u{1b}[A", "\nx [A\n ^\n'\\u{1b}' means nothing here"),
        ("x['a'", "\nx['a'\n     ^\nexpected ']' after the key"),
        ("x['a]", "\nx['a]\n  ^^^\nthis text has no closing '"),
        (
            "prefs()['x']",
            "\nprefs()['x']\n       ^^^^^\na text has no parts",
        ),
        (
            "prefs().url",
            "\nprefs().url\n        ^^^\na text has no parts",
        ),
        ("prefs", "\nprefs\n^^^^^\nprefs is called as in prefs()"),
        ("bytype.0", "\nbytype.0\n       ^\nthere is no 0; there are"),
    ] {
        fails(&mut session, line, expect);
    }
    // Nothing of it changed the session.
    assert!(session.variables().is_empty());
    let mut empty = Session::new();
    fails(
        &mut empty,
        "bytype",
        "bytype\n^^^^^^\nthere is no heap yet; heap() takes one",
    );
}

#[test]
fn words_are_completed() {
    let variables = ["x".to_owned(), "xylem".to_owned()];
    let types: &[&str] = &["crawl::Page", "crawl::Item", "Arc<crawl::http::Page>"];
    let fields = |place: &str, fields: &[&str]| (place.to_owned(), fields.map_strings());
    let names = Names {
        types: types.map_strings(),
        fields: vec![
            fields("x", &["url", "bytes"]),
            fields("x.url", &["host"]),
            fields("x.parts[]", &["0", "1"]),
        ],
    };
    assert_eq!(Names::from_text(&names.to_text()), names);
    let check = |line: &str, from: usize, words: &[&str]| {
        let found = complete(line, &variables, &names);
        assert_eq!(
            (found.from, &found.words[..]),
            (from, &words.map_strings()[..]),
            "{line}"
        );
    };
    check("get_ol", 0, &["get_oldest"]);
    check("x", 0, &["x", "xylem"]);
    check("y - xy", 4, &["xylem"]);
    check("y.byt", 2, &["bytag", "bytagstate", "bythread", "bytype"]);
    check(
        "x.byt",
        2,
        &["bytag", "bytagstate", "bytes", "bythread", "bytype"],
    );
    check("y - x.u", 6, &["url"]);
    check("x.url.h", 6, &["host"]);
    check("x.parts[12].0", 12, &["0"]);
    check(
        "x.parts[-1].",
        12,
        &complete("x.parts[0].", &[], &names).words.each(),
    );
    check("y.url.h", 6, &[]);
    check("x.d", 2, &["diff", "dominators", "dominos"]);
    check("hpy.", 4, &["heap", "setref"]);
    check("hpy().h", 6, &["heap"]);
    check("get_oldest('crawl::P", 12, &["crawl::Page"]);
    check("get_oldest(\"Pa", 12, &["Page"]);
    check(
        "get_oldest('Arc<",
        12,
        &["Arc<Page>", "Arc<crawl::http::Page>"],
    );
    check(
        "get_oldest('a').re",
        16,
        &["referents", "referrers", "retained"],
    );
    check("x.url['", 7, &[]);
    check("x.parts[0][\"c", 12, &[]);
    check("é.al", 3, &["all"]);
    check("nothing", 0, &[]);
    let none = Names::default();
    assert!(complete("", &[], &none).words.len() > 30);
    // Whatever is typed.
    for line in [
        "'",
        "\"é",
        "é.",
        ".",
        "[].",
        "x[",
        "x..",
        "\u{0}'\"",
        "x.parts[é].",
    ] {
        drop(complete(line, &variables, &names));
    }
}

#[test]
fn the_help_names_everything_and_all_that_it_names_can_be_read() {
    let help = help();
    for word in [
        "prefs()",
        "get_oldest",
        "iter_all",
        "hpy.setref()",
        "bytype",
        "x.diff(y)",
        "del x",
    ] {
        assert!(help.contains(word), "{word}");
    }
    assert!(
        help.lines().all(|line| line.chars().count() <= 110),
        "{help}"
    );
    for line in help.lines().filter(|line| line.starts_with("  ")) {
        let call = line[2..].split("   ").next().unwrap();
        for one in call.split("  ").filter(|one| one.contains('(')) {
            assert!(parse(one.trim()).is_ok(), "{one}");
        }
    }
}

trait MapStrings {
    fn map_strings(&self) -> Vec<String>;
}

impl MapStrings for &[&str] {
    fn map_strings(&self) -> Vec<String> {
        self.iter().map(|s| (*s).to_owned()).collect()
    }
}

trait Each {
    fn each(&self) -> Vec<&str>;
}

impl Each for Vec<String> {
    fn each(&self) -> Vec<&str> {
        self.iter().map(String::as_str).collect()
    }
}
