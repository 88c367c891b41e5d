//! Tables by tag, and of what outlives its tag.

mod support;

use endler_reports::partition::{By, Heap};
use endler_reports::query::query;
use endler_reports::render::Columns;
use support::image;

const HEAP: &str = "
    400 Vec<crawl::Page>  @ crawl::fetch at examples/crawl.rs:10  # 50 main - spider=books
    300 Vec<crawl::Page>  @ crawl::fetch at examples/crawl.rs:10  # 40 worker crawl spider=books
    200 Arc<crawl::Quote> @ crawl::fetch at examples/crawl.rs:12  # 30 worker - spider=quotes!
    100 String            @ crawl::seed at examples/crawl.rs:1    # 60 main -
     50 String            @ crawl::seed at examples/crawl.rs:1    # 60 worker crawl spider=quotes!
      8 String            @ crawl::seed at examples/crawl.rs:1    # 60 worker crawl";

/// Name, count and size of the rows.
#[track_caller]
fn check(by: &str, expect: &[(&str, u64, u64)]) {
    let image = image(HEAP);
    let by: By = By::parse(by).expect("a relation");
    let table = Heap::new(&image).all().by(&by);
    let rows: Vec<_> = table
        .rows()
        .iter()
        .map(|row| (table.name(row), row.count, row.size.0))
        .collect();
    let rows: Vec<_> = rows.iter().map(|(n, c, s)| (n.as_ref(), *c, *s)).collect();
    assert_eq!(rows, expect);
}

#[test]
fn blocks_by_tag() {
    check(
        "tag",
        &[
            ("spider=books", 2, 700),
            ("spider=quotes", 2, 250),
            ("(none)", 2, 108),
        ],
    );
    check(
        "tagstate",
        &[("open", 2, 700), ("ended", 2, 250), ("(none)", 2, 108)],
    );
    // One thread under several tags is one thread.
    check("thread", &[("worker", 4, 558), ("main", 2, 500)]);
    check(
        "thread&tag",
        &[
            ("main & spider=books", 1, 400),
            ("worker & spider=books", 1, 300),
            ("worker & spider=quotes", 2, 250),
            ("main & (none)", 1, 100),
            ("worker & (none)", 1, 8),
        ],
    );
}

#[track_caller]
fn answers(text: &str, expect: &str) {
    let image = image(HEAP);
    let answer = query(Heap::new(&image), text).unwrap_or_else(|e| panic!("{e}"));
    let text = answer.text(Columns::Heapy);
    let mut rows = text.lines().collect::<Vec<_>>();
    rows.retain(|line| line.as_bytes().get(5).is_some_and(u8::is_ascii_digit));
    let rows = rows.iter().filter_map(|line| line.get(45..));
    assert_eq!(rows.collect::<Vec<_>>().join("\n"), expect);
}

#[test]
fn queries() {
    answers("bytag[0].bytype", "Vec<crawl::Page>");
    answers("outlived", "spider=quotes");
    answers(
        "outlived.by('type&tag')",
        "Arc<crawl::Quote> & spider=quotes\nString & spider=quotes",
    );
    answers("where('tagstate=ended').bytag", "spider=quotes");
    answers("where('tag=spider=*').bytagstate", "open\nended");
    answers("(heap - outlived).bytag", "spider=books\n(none)");
}

#[test]
fn without_a_tag_nothing_outlives_one() {
    let image = image("8 String @ crawl::seed at examples/crawl.rs:1 # 60 main");
    let heap = Heap::new(&image);
    let outlived = query(heap, "outlived.count").unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(outlived.text(Columns::Heapy), "0");
}

#[test]
fn tags_that_could_not_be_told_are_counted_above_the_tables() {
    let mut image = image(HEAP);
    let text = |image: &endler_snapshot::Image| {
        endler_reports::render::Coverage::new(&Heap::new(image).all()).to_string()
    };
    assert!(!text(&image).contains("Tags: "));
    image.figures.untold = 3;
    let text = text(&image);
    assert!(text.contains("Tags: 3 scopes could not be told"), "{text}");
}
