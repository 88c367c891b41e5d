//! Heaps as in Heapy, and trackref's table.

use std::time::Duration;

use endler_reports::console::{Session, TrackedType};

use crate::support::image;
use crate::*;

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
    // The last one says so, and is not what was shown last.
    assert!(ask(&mut session, "_.more").contains("Box<crawl::T33>"));
    assert_eq!(ask(&mut session, "_.more"), "<no more rows>");
    assert_eq!(ask(&mut session, "_.more"), "<no more rows>");
    assert!(ask(&mut session, "_.top").starts_with("Partition"));
    assert_eq!(ask(&mut session, "x.more"), second);
    assert_eq!(ask(&mut session, "iter_all(*T*)").lines().count(), 11);
    assert!(ask(&mut session, "_.more").starts_with("    10 Box<crawl::T10> at 0x"));
    assert_eq!(ask(&mut session, "iter_all('T01').more"), "<no more rows>");
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
