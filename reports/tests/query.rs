//! The query language.

mod support;

use endler_reports::partition::Heap;
use endler_reports::query::{check as well_formed, query};
use endler_reports::render::Columns;
use support::image;

fn heap() -> String {
    let mut lines = String::new();
    for i in 0..25 {
        lines += &format!(
            "{} Vec<crawl::T{i:02}> @ crawl::seed at examples/crawl.rs:{} # 60 main seed\n",
            500 - i,
            i + 1
        );
    }
    lines
        + "
    100 Vec<crawl::Page>     @ crawl::fetch at examples/crawl.rs:110  # 41 main seed
    100 Vec<crawl::Page>     @ crawl::fetch at examples/crawl.rs:110  # 3 worker crawl
     24 Arc<crawl::Response> @ crawl::fetch at examples/crawl.rs:112  # 3 worker crawl"
}

/// The names of the rows that a query shows.
fn names(text: &str) -> Vec<String> {
    let image = image(&heap());
    let answer = query(Heap::new(&image), text).unwrap_or_else(|e| panic!("{e}"));
    let text = answer.text(Columns::Heapy);
    let rows = text
        .lines()
        .filter(|line| line.as_bytes().get(5).is_some_and(u8::is_ascii_digit));
    rows.map(|line| line.get(45..).unwrap_or("").to_string())
        .collect()
}

#[track_caller]
fn check(text: &str, expect: &[&str]) {
    assert_eq!(names(text), expect, "{text}");
}

/// A query that ends in a number.
#[track_caller]
fn number(text: &str, expect: &str) {
    let image = image(&heap());
    let answer = query(Heap::new(&image), text).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(answer.text(Columns::Heapy), expect, "{text}");
}

#[test]
fn rows_are_sets_again() {
    check("heap.bytype[0]", &["Vec<crawl::T00>"]);
    check("bytype[0].bysite", &["crawl::seed at examples/crawl.rs:1"]);
    check("bytype[1:3]", &["Vec<crawl::T01>", "Vec<crawl::T02>"]);
    check("bytype[-1]", &["Arc<crawl::Response>"]);
    check("bytype[-2:].bythread", &["worker", "main"]);
    check(
        "bytype[-2:].by('thread & age')",
        &["worker & 1s-10s", "main & 10s-1m"],
    );
    check(
        "byphase['seed']".replace("['seed']", "[0]").as_str(),
        &["seed"],
    );
    check("where('type=*Page*').where('age>=10s').bythread", &["main"]);
    check("byid[0].bytype", &["Vec<crawl::T00>"]);
    check("bytype[9:2].all", &[]);
}

#[test]
fn pages() {
    let first = names("bytype");
    assert_eq!((first.len(), first[9].as_str()), (10, "Vec<crawl::T09>"));
    check(
        "bytype.more.more",
        &names("bytype[20:27]")
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>(),
    );
    assert_eq!(names("bytype.all").len(), 27);
    assert_eq!(names("bytype.more.top"), first);
    number("bytype.more.more.more", "");
}

#[test]
fn sets_join_as_in_python() {
    number("bytype.count", "28");
    number("bytype[0].size", "500");
    number("(bythread[1]).count", "2");
    number("(bythread[1] & bytype[-2]).count", "1");
    number("(bythread[1] | bytype[-2]).count", "3");
    number("(bythread[1] ^ bytype[-2]).count", "2");
    number("(heap - bythread[1]).count", "26");
    // & binds less than -, and | least.
    number("(bytype[0] | heap & heap - heap).count", "1");
    number("(heap - heap).size", "0");
    number("heap.oldest.count", "1");
}

#[test]
fn an_empty_set_is_nothing() {
    number("heap - heap", "<Nothing>");
    number("bytype[30:].bysite", "<Nothing>");
}

#[track_caller]
fn fails(text: &str, expect: &str) {
    let error = well_formed(text).expect_err(text).to_string();
    assert!(
        error.starts_with(expect.strip_prefix('\n').unwrap_or(expect)),
        "{error}"
    );
}

#[test]
fn errors_point_at_the_place_and_say_what_is_allowed() {
    fails(
        "bytype[0].byvai",
        "
bytype[0].byvai
          ^^^^^
there is no byvai; there are bytype byholder byvia byreferrer bypath bysite bystack byframes",
    );
    fails(
        "by('type&agee')",
        "
by('type&agee')
         ^^^^
unknown relation 'agee'; there are type",
    );
    fails(
        "bytype[",
        "
bytype[
       ^
a row number is missing here, such as [0] or [0:3]",
    );
    fails(
        "bytype[0:3",
        "
bytype[0:3
          ^
expected ']' after the row number",
    );
    fails(
        "bytype[-]",
        "
bytype[-]
        ^
a number is missing after the minus",
    );
    fails(
        "(bytype",
        "
(bytype
       ^
expected ')' to close the bracket",
    );
    fails(
        "bytype bysite",
        "
bytype bysite
       ^^^^^^
the query should end here; sets are joined by & | - ^",
    );
    fails(
        "bytype &",
        "
bytype &
        ^
a set is missing here",
    );
    fails("", "\n\n^\na set is missing here");
    fails(
        "heap + heap",
        "
heap + heap
     ^
'+' means nothing here",
    );
    fails(
        "by('type",
        "
by('type
   ^^^^^
this text has no closing '",
    );
    fails(
        "by(type)",
        "
by(type)
   ^^^^
a text in quotes is missing here",
    );
    fails(
        "where('age>ten')",
        "
where('age>ten')
       ^^^^^^^
'ten' is not an age",
    );
    fails(
        "heap.count & heap",
        "
heap.count & heap
^^^^^^^^^^
this is a number",
    );
    fails(
        "heap.count.bytype",
        "
heap.count.bytype
           ^^^^^^
a number has no parts",
    );
    fails(
        "bytype[99999999999999999999]",
        "
bytype[99999999999999999999]
       ^^^^^^^^^^^^^^^^^^^^
this number is too large",
    );
    fails(&"(".repeat(100), &"(".repeat(100));
}

#[test]
fn a_row_that_is_not_there_is_an_error_of_this_heap() {
    let image = image("8 Box<u8>");
    let error = query(Heap::new(&image), "bytype[7]")
        .expect_err("one row")
        .to_string();
    assert_eq!(
        error,
        "bytype[7]\n      ^^^\nthere is no row 7; there are 1 rows"
    );
    assert!(well_formed("bytype[7].bysite[3].more").is_ok());
}
