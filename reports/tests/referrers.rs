//! Who holds it: `byvia` and `byreferrer`, alone and within other views.

#![allow(missing_docs)]

#[path = "support/references.rs"]
mod references;
mod support;

use endler_reports::partition::Heap;
use endler_reports::query::query;
use endler_reports::render::Columns;
use endler_snapshot::Image;

/// Two requests that hold responses, one of which is also in a cache.
fn image() -> Image {
    let mut image = support::image(
        "
        80 Vec<crawl::Request> @ crawl::run at crawl.rs:3
        500 Arc<crawl::Response> @ crawl::fetch at crawl.rs:9
        400 Arc<crawl::Response> @ crawl::fetch at crawl.rs:9
        30 String @ crawl::parse at crawl.rs:20
        20 String @ crawl::parse at crawl.rs:20
        10 String @ crawl::parse at crawl.rs:21
        64 ? @ crawl::parse at crawl.rs:22
        ",
    );
    references::refer(
        &mut image,
        "
        static crawl::QUEUE > 0 static crawl::QUEUE
        0 > 1 crawl::Request.meta
        0 > 2 crawl::Request.meta
        6 > 2 unknown in crawl::parse (maybe)
        static crawl::CACHE > 2 static crawl::CACHE[*]
        1 > 3 crawl::Response.body
        2 > 4 crawl::Response.body
        2 > 4 &crawl::Response.again
        1 > 2 crawl::Response.next (weak)
        stack crawl::run > 5 stack crawl::run (maybe)
        ",
    );
    image
}

#[track_caller]
fn check(text: &str, expect: &str) {
    let image = image();
    let answer = query(Heap::new(&image), text).map(|answer| answer.text(Columns::Heapy));
    let found = answer.unwrap_or_else(|e| e.to_string());
    let strip = |text: &str| -> Vec<String> {
        let lines = text.lines().map(str::trim_end);
        lines.filter(|l| !l.is_empty()).map(str::to_owned).collect()
    };
    assert_eq!(strip(&found), strip(expect), "{found}");
}

#[test]
fn a_block_carries_every_field_that_holds_it() {
    check(
        "byvia",
        "
Partition of a set of 7 objects. Total size = 1104 bytes.
 Index  Count   %     Size   % Cumulative  % Referred Via:
     0      1  14      500  45       500  45 crawl::Request.meta
     1      1  14      400  36       900  82 crawl::Request.meta, crawl::Response.next (weak),
                                             static crawl::CACHE[*]
     2      1  14       80   7       980  89 static crawl::QUEUE
     3      1  14       64   6      1044  95 (none)
     4      1  14       30   3      1074  97 crawl::Response.body
     5      1  14       20   2      1094  99 crawl::Response.again, crawl::Response.body
     6      1  14       10   1      1104 100 stack crawl::run
",
    );
}

#[test]
fn referrers_are_types_and_roots() {
    check(
        "where('type=String').byreferrer",
        "
Partition of a set of 3 objects. Total size = 60 bytes.
 Index  Count   %     Size   % Cumulative  % Referrers by Type
     0      2  67       50  83        50  83 Arc<crawl::Response>
     1      1  33       10  17        60 100 stack crawl::run
",
    );
}

#[test]
fn a_row_of_a_type_is_cut_by_what_holds_it() {
    check(
        "bytype[0].byvia[0].bysite",
        "
Partition of a set of 1 object. Total size = 500 bytes.
 Index  Count   %     Size   % Cumulative  % Site
     0      1 100      500 100       500 100 crawl::fetch at crawl.rs:9
",
    );
}

#[test]
fn sets_of_names_are_braced_in_a_product() {
    check(
        "where('type=String').by('type&via')",
        "
Partition of a set of 3 objects. Total size = 60 bytes.
 Index  Count   %     Size   % Cumulative  % Type & {Referred Via:}
     0      1  33       30  50        30  50 String & {crawl::Response.body}
     1      1  33       20  33        50  83 String & {crawl::Response.again, crawl::Response.body}
     2      1  33       10  17        60 100 String & {stack crawl::run}
",
    );
}

#[test]
fn a_path_begins_at_a_root_and_names_each_field() {
    check(
        "bypath",
        "
Partition of a set of 7 objects. Total size = 1104 bytes.
 Index  Count   %     Size   % Cumulative  % Shortest Path
     0      1  14      500  45       500  45 static crawl::QUEUE → Vec<crawl::Request>
                                             crawl::Request.meta → Arc<crawl::Response>
     1      1  14      400  36       900  82 static crawl::CACHE[*] → Arc<crawl::Response>
     2      1  14       80   7       980  89 static crawl::QUEUE → Vec<crawl::Request>
     3      1  14       64   6      1044  95 (none)
     4      1  14       30   3      1074  97 static crawl::QUEUE → Vec<crawl::Request>
                                             crawl::Request.meta → Arc<crawl::Response>
                                             crawl::Response.body → String
     5      1  14       20   2      1094  99 static crawl::CACHE[*] → Arc<crawl::Response>
                                             crawl::Response.body → String
     6      1  14       10   1      1104 100 stack crawl::run → String
",
    );
}

#[test]
fn what_a_set_alone_holds_goes_with_it() {
    // The first response and its body; the other is in the cache as well.
    check("bytype[1].retained.size", "610");
    check("where('type=Arc*').where('size=500').retained.size", "530");
    check("where('type=Vec*').retained.size", "610");
    check("where('size=30').dominators.size", "500");
    check("where('size=400').referrers.bytype.count", "1");
    check("where('size=80').referents.size", "900");
}

#[test]
fn without_references_the_answer_says_why() {
    let image = support::image("80 String");
    let error = query(Heap::new(&image), "bytype[0].byvia").expect_err("no references");
    let text = error.to_string();
    assert!(text.contains("\n          ^^^^^\n"), "{text}");
    assert!(
        text.contains("byvia needs references between blocks"),
        "{text}"
    );
}
