//! A session of lines: what Heapy and trackref answer, on heaps that were made by
//! hand. Contents are tested in `values.rs`, processes elsewhere.

#![allow(missing_docs)]

mod support;

use std::time::Duration;

use endler_reports::console::{
    HeapAlone, HostCall, MAX_ANSWER, MAX_VARIABLES, Needs, Outside, Session, TrackedObject,
    TrackedType, complete, help, parse,
};
use endler_snapshot::{Addr, Bytes, Image, Serial};
use support::image;

const FIRST: &str = "
    100 Vec<crawl::Page>       @ crawl::fetch at examples/crawl.rs:110  # 41
     24 Arc<crawl::http::Page> @ crawl::fetch at examples/crawl.rs:112  # 30
     24 Box<crawl::http::Page> @ crawl::fetch at examples/crawl.rs:113  # 20
     40 Arc<endler::trackref::tracked::Inner<crawl::Item>> @ crawl::item at examples/crawl.rs:9 # 10
     50 Box<crawl::books::BookSpider> @ crawl::run at examples/crawl.rs:1 # 60";

/// The same later: the first block is gone, three are new.
const SECOND: &str = "
    100 Vec<crawl::Page>       @ crawl::fetch at examples/crawl.rs:110  # 41
     24 Arc<crawl::http::Page> @ crawl::fetch at examples/crawl.rs:112  # 40
     24 Box<crawl::http::Page> @ crawl::fetch at examples/crawl.rs:113  # 30
     40 Arc<endler::trackref::tracked::Inner<crawl::Item>> @ crawl::item at examples/crawl.rs:9 # 20
     50 Box<crawl::books::BookSpider> @ crawl::run at examples/crawl.rs:1 # 70
    200 Vec<crawl::Page>       @ crawl::fetch at examples/crawl.rs:110  # 5
     24 Box<crawl::http::Page> @ crawl::fetch at examples/crawl.rs:113  # 4";

fn first() -> Image {
    image(FIRST)
}

fn second() -> Image {
    let mut later = image(SECOND);
    later.blocks.serial[0] = Serial(99);
    later
}

#[track_caller]
fn ask(session: &mut Session<'_>, line: &str) -> String {
    ask_with(session, line, &HeapAlone)
}

#[track_caller]
fn ask_with(session: &mut Session<'_>, line: &str, outside: &dyn Outside) -> String {
    let statement = parse(line).unwrap_or_else(|e| panic!("{e}"));
    session
        .run(&statement, outside)
        .unwrap_or_else(|e| panic!("{e}"))
}

/// What is wrong, whether it is seen before there is a heap or not.
#[track_caller]
fn wrong(session: &mut Session<'_>, line: &str) -> String {
    let statement = match parse(line) {
        Ok(statement) => statement,
        Err(error) => return error.to_string(),
    };
    match session.run(&statement, &HeapAlone) {
        Ok(answer) => panic!("{line}: {answer}"),
        Err(error) => error.to_string(),
    }
}

#[track_caller]
fn fails(session: &mut Session<'_>, line: &str, expect: &str) {
    let error = wrong(session, line);
    let expect = expect.strip_prefix('\n').unwrap_or(expect);
    assert!(error.starts_with(expect), "{error}");
}

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
    check("dump(\"d\")", Needs::Host(HostCall::Dump("d".into())));
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
    assert!(check("del x", &["x"]).is_ok());
    let error = check("del x", &[]).unwrap_err().to_string();
    assert_eq!(error, "del x\n    ^\nthere is no variable x");
    let many: Vec<String> = (0..MAX_VARIABLES).map(|n| format!("v{n}")).collect();
    assert!(parse("v3 = heap()").unwrap().check_names(&many).is_ok());
    assert!(parse("new = heap()").unwrap().check_names(&many).is_err());
}

#[test]
fn as_in_heapy() {
    let image = first();
    let mut session = Session::new();
    session.add_heap(&image, None);
    let by_type = ask(&mut session, "hpy.heap()");
    assert!(by_type.starts_with("Partition of a set of 5 objects. Total size = 238 bytes."));
    assert_eq!(ask(&mut session, "_"), by_type);
    assert_eq!(ask(&mut session, "x = hpy().heap()"), "");
    assert_eq!(ask(&mut session, "x"), by_type);
    assert_eq!(ask(&mut session, "x.bytype"), by_type);
    assert_eq!(ask(&mut session, "heap"), by_type);
    assert_eq!(ask(&mut session, "x.count"), "5");
    assert_eq!(ask(&mut session, "_"), "5");
    assert_eq!(ask(&mut session, "x[0].size"), "100");
    let row = ask(&mut session, "x[1].bysite");
    assert!(row.contains("crawl::run at examples/crawl.rs:1"), "{row}");
    assert_eq!(ask(&mut session, "_[0]"), row);
    assert_eq!(ask(&mut session, "x - x"), "<Nothing>");
    // An assignment is not what was shown last.
    ask(&mut session, "y = x[0]");
    assert_eq!(ask(&mut session, "_"), "<Nothing>");
    assert_eq!(session.variables(), ["x", "y"]);
    assert_eq!(ask(&mut session, "del y"), "");
    assert_eq!(session.variables(), ["x"]);
    fails(&mut session, "y", "y\n^\nthere is no y; there are bytype");
}

#[test]
fn pages_go_on_from_the_last() {
    let mut lines = String::new();
    for n in 0..34 {
        lines += &format!("{} Box<crawl::T{n:02}>\n", 100 - n);
    }
    let image = image(&lines);
    let mut session = Session::new();
    session.add_heap(&image, None);
    ask(&mut session, "x = heap()");
    assert!(ask(&mut session, "x").ends_with("<24 more rows. Type e.g. '_.more' to view.>"));
    let second = ask(&mut session, "_.more");
    assert!(second.contains("Box<crawl::T10>") && !second.contains("T09"));
    assert!(ask(&mut session, "_.more").contains("Box<crawl::T20>"));
    assert!(ask(&mut session, "_.top").starts_with("Partition"));
    assert_eq!(ask(&mut session, "x.more"), second);
    assert_eq!(ask(&mut session, "iter_all(*T*)").lines().count(), 11);
    assert!(ask(&mut session, "_.more").starts_with("    10 Box<crawl::T10> at 0x"));
}

#[test]
fn two_heaps_are_subtracted_by_identity() {
    let (before, after) = (first(), second());
    let mut session = Session::new();
    session.add_heap(&before, None);
    ask(&mut session, "x = heap()");
    session.add_heap(&after, None);
    ask(&mut session, "y = heap()");
    // The first block's address is another block's now.
    assert_eq!(ask(&mut session, "(y - x).count"), "3");
    assert_eq!(ask(&mut session, "(y - x).size"), "324");
    assert_eq!(ask(&mut session, "(x - y).size"), "100");
    assert_eq!(ask(&mut session, "(x & y).count"), "4");
    let newer = ask(&mut session, "y - x");
    assert!(
        newer.starts_with("Partition of a set of 3 objects."),
        "{newer}"
    );
    let error = wrong(&mut session, "x | y");
    assert!(error.contains("can only be subtracted"), "{error}");
    let diff = ask(&mut session, "y.diff(x)");
    let expect = "Summary of difference operation (A-B).\n        \
                  Count     Size\n  A         7      462\n  B         5      238\n  \
                  A-B       2      224";
    assert!(diff.starts_with(expect), "{diff}");
    assert!(diff.contains("Vec<crawl::Page>"), "{diff}");
    assert!(ask(&mut session, "_.all").starts_with("Summary"));
    fails(
        &mut session,
        "y.byid.diff(x)",
        "y.byid.diff(x)\n       ^^^^^^^\nrows are subtracted by name",
    );
    // Bare words are of the newest heap.
    assert_eq!(ask(&mut session, "heap.count"), "7");
    assert_eq!(ask(&mut session, "bytype.count"), "7");
}

#[test]
fn setref_shows_only_what_is_newer() {
    let (before, after) = (first(), second());
    let mut session = Session::new();
    session.add_heap(&before, None);
    assert_eq!(ask(&mut session, "hpy.setref()"), "");
    assert_eq!(ask(&mut session, "heap()"), "<Nothing>");
    let saved = session.save();
    let mut session = Session::restore(session.images(), &saved).unwrap();
    session.add_heap(&after, None);
    assert_eq!(ask(&mut session, "hpy.heap().count"), "3");
    assert_eq!(ask(&mut session, "heap.count"), "7");
    ask(&mut session, "setref()");
    assert_eq!(ask(&mut session, "heap().count"), "0");
}

struct Tracks {
    types: Vec<TrackedType>,
    objects: Vec<TrackedObject>,
}

impl Outside for Tracks {
    fn tracked(&self) -> Vec<TrackedType> {
        self.types.clone()
    }
    fn tracked_objects(&self, _: &str) -> Vec<TrackedObject> {
        self.objects.clone()
    }
}

#[test]
fn live_references_are_one_table() {
    let image = first();
    let mut session = Session::new();
    session.add_heap(&image, None);
    let tracks = Tracks {
        types: vec![TrackedType {
            name: "crawl::Item".into(),
            count: 1,
            oldest: Duration::from_millis(265_900),
        }],
        objects: Vec::new(),
    };
    let table = ask_with(&mut session, "prefs()", &tracks);
    let expect = "\
Live References

Arc<Page>                           1   oldest: 30s ago   heap
Box<BookSpider>                     1   oldest: 60s ago   heap
Box<Page>                           1   oldest: 20s ago   heap
Item                                1   oldest: 265s ago
Vec<Page>                           1   oldest: 41s ago   heap";
    assert_eq!(table, expect);
    assert_eq!(ask_with(&mut session, "print_live_refs()", &tracks), expect);
    for line in [
        "prefs(ignore=*Spider)",
        "prefs(ignore='*Spider')",
        "prefs(ignore=BookSpider)",
        "prefs(ignore=\"crawl::books::BookSpider\")",
    ] {
        let without = ask_with(&mut session, line, &tracks);
        let lines: Vec<&str> = expect.lines().filter(|l| !l.contains("Spider")).collect();
        assert_eq!(without, lines.join("\n"), "{line}");
    }
    let none = ask_with(&mut session, "prefs(ignore=*)", &tracks);
    assert_eq!(none, "Live References");
    fails(
        &mut session,
        "prefs(*Spider)",
        "prefs(*Spider)\n      ^^^^^^^\nwrite prefs(ignore='*Spider')",
    );
}

#[test]
fn objects_by_the_names_of_their_types() {
    let (image, later) = (first(), second());
    let mut session = Session::new();
    session.add_heap(&image, None);
    for name in [
        "'Page'",
        "\"crawl::http::Page\"",
        "Page",
        "*http::Page",
        "http::Page",
    ] {
        let text = ask(&mut session, &format!("iter_all({name}).count"));
        assert_eq!(text, "2", "{name}");
    }
    assert_eq!(ask(&mut session, "iter_all('Vec<Page>').count"), "1");
    assert_eq!(
        ask(&mut session, "iter_all('Box<crawl::http::Page>').count"),
        "1"
    );
    assert_eq!(ask(&mut session, "iter_all('Item').count"), "1");
    let oldest = ask(&mut session, "get_oldest('Page')");
    assert!(
        oldest.starts_with("Arc<crawl::http::Page> at 0x7f0000000090, 24 bytes, 30s old"),
        "{oldest}"
    );
    assert!(oldest.ends_with("<a snapshot holds no contents; ask on the live process>"));
    let whole = ask(&mut session, "oldest('Page')");
    assert!(whole.starts_with(&oldest), "{whole}");
    assert!(
        whole.contains("\n\nAllocated in\n  crawl::fetch at examples/crawl.rs:112"),
        "{whole}"
    );
    fails(
        &mut session,
        "get_oldest('Page').url",
        "get_oldest('Page').url\n                   ^^^\na snapshot holds no contents",
    );
    // What is no field is asked of its block.
    ask(&mut session, "r = get_oldest('Page')");
    assert_eq!(ask(&mut session, "r.count"), "1");
    assert!(ask(&mut session, "r.bysite").contains("crawl.rs:112"));
    assert_eq!(ask(&mut session, "(bytype & r).count"), "1");
    let all = ask(&mut session, "iter_all('Page')");
    let lines: Vec<&str> = all.lines().collect();
    assert!(
        lines[0].starts_with("     0 Arc<crawl::http::Page> at "),
        "{all}"
    );
    assert!(
        lines[1].starts_with("     1 Box<crawl::http::Page> at "),
        "{all}"
    );
    assert!(ask(&mut session, "_[-1]").starts_with("Box<crawl::http::Page>"));
    assert!(ask(&mut session, "iter_all('Page')[0:1].bytype").contains("set of 1 object"));
    fails(
        &mut session,
        "iter_all('Page')[2]",
        "iter_all('Page')[2]\n                ^^^\nthere is no object 2; there are 2",
    );
    fails(
        &mut session,
        "oldest('Pgae')",
        "oldest('Pgae')\n        ^^^^\nno live block is a Pgae; heap().bytype lists the types",
    );
    fails(
        &mut session,
        "get_oldest('BookSpidr')",
        "get_oldest('BookSpidr')\n            ^^^^^^^^^\nno live block is a BookSpidr; there are crawl::books::BookSpider",
    );
    // The object is the same in the next heap, and not the address.
    ask(&mut session, "v = get_oldest('Vec<Page>')");
    session.add_heap(&later, None);
    assert!(ask(&mut session, "r").contains("40s old"));
    fails(
        &mut session,
        "v",
        "v\n^\nthis Vec<crawl::Page> was freed meanwhile",
    );
    fails(
        &mut session,
        "v.byvia",
        "v.byvia\n  ^^^^^\nthis Vec<crawl::Page> was freed meanwhile",
    );
}

#[test]
fn tracked_objects_are_found_where_the_type_is_not_known() {
    let image = image("8 Box<u8>\n40 ?");
    let at = image.blocks.addr[1];
    let object = |name: &str, address: u64, size: u64| TrackedObject {
        type_name: name.into(),
        address: Addr(address),
        size: Bytes(size),
    };
    let tracks = Tracks {
        types: Vec::new(),
        objects: vec![
            object("crawl::Item", at.0 + 16, 24),
            object("crawl::Gone", at.0 + 4096, 8),
            object("crawl::Large", at.0, 41),
        ],
    };
    let mut session = Session::new();
    session.add_heap(&image, None);
    let count = |session: &mut Session<'_>, name: &str| {
        let line = parse(&format!("iter_all('{name}').count")).unwrap();
        session.run(&line, &tracks).ok()
    };
    assert_eq!(count(&mut session, "Item").as_deref(), Some("1"));
    assert_eq!(count(&mut session, "Gone"), None);
    assert_eq!(count(&mut session, "Large"), None);
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
            "\nx = dump('f')\n    ^^^^^^^^^\ndump('heap.endler') stands alone",
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
fn what_is_too_much_says_so() {
    let image = first();
    let mut session = Session::new();
    session.add_heap(&image, None);
    for n in 0..MAX_VARIABLES {
        ask(&mut session, &format!("v{n} = heap"));
    }
    fails(
        &mut session,
        "one_more = heap",
        "one_more = heap\n^^^^^^^^\nthere are 64 variables already",
    );
    ask(&mut session, "v7 = heap[0]");
    assert_eq!(session.variables().len(), MAX_VARIABLES);
    for deep in ["(", "heap.diff(", "heap.by("] {
        let error = parse(&deep.repeat(1000)).unwrap_err().to_string();
        assert!(error.contains("too many brackets"), "{error}");
    }
    let error = parse(&"heap - ".repeat(1000)).unwrap_err().to_string();
    assert!(error.contains("more than 200 operators"), "{error}");
    let error = parse(&"x".repeat(10 << 20)).unwrap_err().to_string();
    assert!(error.contains("this is 10485760 bytes long"), "{error}");
    assert!(error.len() < 1000);
    let images: Vec<Image> = (0..9).map(|_| first()).collect();
    let mut session = Session::new();
    for (n, image) in images.iter().enumerate() {
        session.add_heap(image, None);
        let line = parse(&format!("x{n} = heap()")).unwrap();
        let answer = session.run(&line, &HeapAlone);
        assert_eq!(answer.is_ok(), n < 8, "{n}: {answer:?}");
    }
    assert_eq!(session.images().len(), 8);
}

#[test]
fn a_long_answer_is_cut() {
    let mut lines = String::new();
    for n in 0..30_000 {
        lines += &format!("8 Box<crawl::a_type_with_a_name_that_is_long::T{n}>\n");
    }
    let image = image(&lines);
    let mut session = Session::new();
    session.add_heap(&image, None);
    let all = ask(&mut session, "heap().all");
    assert!(all.len() <= MAX_ANSWER, "{}", all.len());
    assert!(all.len() > MAX_ANSWER - 1000, "{}", all.len());
    let last = all.lines().last().unwrap();
    assert!(
        last.starts_with("<cut: ") && last.ends_with("such as a row or a page>"),
        "{last}"
    );
    let objects = ask(&mut session, "iter_all('Box').all");
    assert!(objects.len() <= MAX_ANSWER, "{}", objects.len());
}

#[test]
fn a_session_is_the_same_after_it_was_saved() {
    let (before, after) = (first(), second());
    let mut session = Session::new();
    session.add_heap(&before, None);
    ask(&mut session, "unused = heap()");
    session.add_heap(&after, None);
    for line in [
        "del unused",
        "x = heap()",
        "row = x.bysite[0]",
        "sum = x.count",
        "r = get_oldest('Page')",
        "o = oldest('Page')",
        "all = iter_all('Page')",
        "some = all_",
        "d = x.diff(row)",
        "text = prefs()",
        "h = hpy",
        "x.bytype[1:3]",
    ] {
        let line = line.replace("some = all_", "some = iter_all('Page')[1:]");
        let line = line.replace("all = iter", "every = iter");
        ask(&mut session, &line);
    }
    // The first heap is of no use any more.
    let images = session.images();
    assert_eq!(images.len(), 1);
    assert!(std::ptr::eq(images[0], &after));
    let saved = session.save();
    let mut again = Session::restore(images.clone(), &saved).unwrap();
    assert_eq!(again.save(), saved);
    assert_eq!(again.variables(), session.variables());
    again.add_heap(&after, None);
    for line in [
        "_", "_[0]", "x", "row", "sum", "r", "o", "every", "some", "d", "text", "h",
    ] {
        let (a, b) = (ask(&mut session, line), ask(&mut again, line));
        assert_eq!(a, b, "{line}");
        assert!(!a.is_empty());
    }
    // Damage is told, and never a panic.
    assert!(Session::restore(Vec::new(), &saved).is_err());
    assert!(Session::restore(vec![&before, &after], &saved).is_err());
    for end in 0..saved.len() {
        assert!(
            Session::restore(images.clone(), &saved[..end]).is_err(),
            "{end}"
        );
    }
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    for _ in 0..20_000 {
        let mut damaged = saved.clone();
        for _ in 0..3 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let at = (state >> 33) as usize % damaged.len();
            damaged[at] = (state >> 24) as u8;
        }
        if let Ok(mut session) = Session::restore(images.clone(), &damaged) {
            session.add_heap(&after, None);
            for line in ["_", "x", "row.more", "r", "every.all", "some[0]"] {
                let _ = session.run(&parse(line).unwrap(), &HeapAlone);
            }
        }
    }
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

#[test]
fn words_are_completed() {
    let variables = ["x".to_owned(), "xylem".to_owned()];
    let types = ["crawl::Page".to_owned(), "crawl::Item".to_owned()];
    let check = |line: &str, from: usize, words: &[&str]| {
        let found = complete(line, &variables, &types);
        assert_eq!(
            (found.from, &found.words[..]),
            (from, &words.map_strings()[..]),
            "{line}"
        );
    };
    check("get_ol", 0, &["get_oldest"]);
    check("x", 0, &["x", "xylem"]);
    check("y - xy", 4, &["xylem"]);
    check("x.byt", 2, &["bytag", "bytagstate", "bythread", "bytype"]);
    check("x.d", 2, &["diff", "dominators", "dominos"]);
    check("hpy.", 4, &["heap", "setref"]);
    check("hpy().h", 6, &["heap"]);
    check("get_oldest('crawl::P", 12, &["crawl::Page"]);
    check(
        "get_oldest('a').re",
        16,
        &["referents", "referrers", "retained"],
    );
    check("é.al", 3, &["all"]);
    check("nothing", 0, &[]);
    assert!(complete("", &[], &[]).words.len() > 30);
}

trait MapStrings {
    fn map_strings(&self) -> Vec<String>;
}

impl MapStrings for &[&str] {
    fn map_strings(&self) -> Vec<String> {
        self.iter().map(|s| (*s).to_owned()).collect()
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
