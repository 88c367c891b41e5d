//! Heapy's reference pattern over blocks with types and roots with names.

#![allow(missing_docs)]

#[path = "support/references.rs"]
mod references;
mod support;

use endler_reports::graph::PatternLimit;
use endler_reports::holding::Holding;
use endler_reports::partition::Heap;
use endler_reports::query::query;
use endler_reports::render::Columns;
use endler_reports::render::page::{Page, text};
use endler_snapshot::Image;

/// Three orders, which a cache and a list hold.
fn image() -> Image {
    let mut image = support::image(
        "
        100 HashMap<u64, crawl::Order> @ crawl::run at crawl.rs:3
        8 Box<crawl::Order> @ crawl::order at crawl.rs:9
        8 Box<crawl::Order> @ crawl::order at crawl.rs:9
        8 Box<crawl::Order> @ crawl::order at crawl.rs:9
        50 Vec<crawl::Order> @ crawl::order at crawl.rs:12
        ",
    );
    references::refer(
        &mut image,
        "
        static crawl::CACHE > 0 static crawl::CACHE
        0 > 1 static crawl::CACHE[*]
        0 > 2 static crawl::CACHE[*]
        0 > 3 static crawl::CACHE[*]
        0 > 4 crawl::Cache.list
        4 > 1 crawl::Cache.list[*]
        4 > 2 crawl::Cache.list[*]
        4 > 3 crawl::Cache.list[*]
        ",
    );
    // Addresses of one length.
    for (at, address) in (0u64..).zip(&mut image.blocks.addr) {
        address.0 = 0x7fca_0000_0000 + at * 0x100;
    }
    image
}

#[track_caller]
fn check(blocks: &[usize], limit: PatternLimit, expect: &str) {
    let image = image();
    let heap = Heap::new(&image);
    let holding = Holding::new(heap).expect("references");
    let set = heap.all().filter(|block| blocks.contains(&block));
    let found = text(&holding.pattern(&set, limit), Page::All);
    let expect: Vec<&str> = expect.lines().map(str::trim_start).skip(1).collect();
    // A line's number is two characters wide.
    let found: Vec<&str> = found.lines().map(str::trim_start).collect();
    assert_eq!(found, expect[..found.len()], "{found:#?}");
    assert!(expect[found.len()..].iter().all(|line| line.is_empty()));
}

#[test]
fn it_reads_like_heapys() {
    check(
        &[1, 2, 3],
        PatternLimit::default(),
        "
        Reference Pattern by <Type>.
        0: _ --- [-] 3 Box<crawl::Order>: 0x7fca00000100, 0x7fca00000200...
        1: a      [-] 1 HashMap<u64, crawl::Order>: 0x7fca00000000
        2: aa ---- [R] 1 static crawl::CACHE
        3: b      [-] 1 Vec<crawl::Order>: 0x7fca00000400
        4: ba ---- [^ 1] 1 HashMap<u64, crawl::Order>: 0x7fca00000000
        ",
    );
}

#[test]
fn a_set_of_several_types_and_the_limit_of_depth() {
    let limit = PatternLimit {
        depth: 1,
        lines: 1000,
    };
    check(
        &[1, 4],
        limit,
        "
        Reference Pattern by <Type>.
        0: _ --- [-] 2 <several types>: 0x7fca00000100, 0x7fca00000400
        1: a      [+] 1 HashMap<u64, crawl::Order>: 0x7fca00000000
        2: b ---- [+] 1 Vec<crawl::Order>: 0x7fca00000400
        ",
    );
}

#[test]
fn a_query_shows_it_and_its_lines_are_sets() {
    let image = image();
    let ask = |text: &str| {
        let answer = query(Heap::new(&image), text);
        answer.map_or_else(|e| e.message, |a| a.text(Columns::Heapy))
    };
    assert!(ask("bytype[-1].rp").contains("[R] 1 static crawl::CACHE"));
    assert!(ask("bytype[-1].rp[3]").contains("Vec<crawl::Order>"));
    assert!(ask("bytype[-1].rp.b.bysite").contains("crawl.rs:12"));
    assert_eq!(ask("bytype[-1].rp[2].count"), "0", "a root is no block");
    assert!(ask("bytype[-1].rp.c").starts_with("of a reference pattern there are"));
    assert!(ask("bytype[-1].rp[5]").starts_with("of a reference pattern there are"));
}

#[test]
fn nothing_has_no_pattern_and_rows_are_sets() {
    check(&[], PatternLimit::default(), "\n<Nothing>\n");
    let image = image();
    let heap = Heap::new(&image);
    let holding = Holding::new(heap).expect("references");
    let orders = heap.all().filter(|block| (1..4).contains(&block));
    let pattern = holding.pattern(&orders, PatternLimit::default());
    let row = pattern.rows.iter().find(|row| row.path == "b").expect("b");
    assert_eq!(pattern.blocks_of(heap, row).iter().collect::<Vec<_>>(), [4]);
    let root = pattern
        .rows
        .iter()
        .find(|row| row.path == "aa")
        .expect("aa");
    assert_eq!(pattern.blocks_of(heap, root).count(), 0);
    assert!(!pattern.is_cut);
}
