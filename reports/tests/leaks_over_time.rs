//! What several snapshots say together: lost blocks that the next one confirms, and
//! blocks that pile up, with the point at which they do.

#![allow(missing_docs)]

#[path = "support/references.rs"]
mod references;
mod support;

use endler_reports::holding::{AccumulationPoint, LogicalLeak, leaks, logical_leaks};
use endler_reports::partition::Heap;
use endler_snapshot::{Bytes, Image, Serial};

/// An image of some blocks and references; its blocks' serials are given.
fn image(blocks: &str, edges: &str, serials: &[u64]) -> Image {
    let mut image = support::image(blocks);
    references::refer(&mut image, edges);
    image.blocks.serial = serials.iter().map(|&serial| Serial(serial)).collect();
    image.check_invariants().expect("distinct serials");
    image
}

#[test]
fn a_second_snapshot_confirms_what_it_finds_as_well() {
    let blocks = "
        40 Box<crawl::A> @ crawl::run at crawl.rs:3
        50 Box<crawl::B> @ crawl::run at crawl.rs:4
        8 Vec<u8> @ crawl::run at crawl.rs:5
        ";
    // B was freed, and another block of its type is lost by now; A and its row stay.
    let before = image(blocks, "0 > 2 crawl::A.row", &[1, 2, 3]);
    let after = image(blocks, "0 > 2 crawl::A.row", &[1, 9, 3]);
    let names = |heaps: &[Heap<'_>]| {
        let table = leaks(heaps).expect("both have references");
        let rows = table.rows.iter().map(|row| row.name.clone());
        (table.confirmed, table.count, rows.collect::<Vec<_>>())
    };
    let (before, after) = (Heap::new(&before), Heap::new(&after));
    let both = ["Box<crawl::B>", "Box<crawl::A>"]
        .map(str::to_owned)
        .to_vec();
    assert_eq!(names(&[after]), (false, 3, both));
    let one = vec!["Box<crawl::A>".to_owned()];
    assert_eq!(names(&[before, after]), (true, 2, one));
}

/// A queue in a crawl: `pages` of it, of 100 bytes each, and one page elsewhere.
fn queue(pages: u64) -> Image {
    let mut blocks = "
        64 Box<crawl::Crawl> @ crawl::main at crawl.rs:1
        800 Vec<Box<crawl::Page>> @ crawl::main at crawl.rs:2
        "
    .to_owned();
    let mut edges = "
        stack crawl::main > 0 stack crawl::main
        0 > 1 crawl::Crawl.queue
        "
    .to_owned();
    for page in 0..pages {
        blocks.push_str("100 Box<crawl::Page> @ crawl::parse at crawl.rs:7\n");
        // The first is held by the crawl itself, by a field of the same name.
        let holder = u64::from(page > 0);
        edges.push_str(&format!("{holder} > {} crawl::Crawl.queue[*]\n", page + 2));
    }
    let serials: Vec<u64> = (1..pages + 3).collect();
    image(&blocks, &edges, &serials)
}

fn only(mut rows: Vec<LogicalLeak>) -> LogicalLeak {
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.remove(0)
}

#[test]
fn one_stray_block_does_not_hide_what_holds_the_others() {
    let images = [4, 20, 200].map(queue);
    let heaps: Vec<Heap<'_>> = images.iter().map(Heap::new).collect();
    let leak = only(logical_leaks(&heaps, 5).expect("they have references"));
    assert_eq!(leak.name, "Box<crawl::Page>");
    assert!(leak.steadily);
    assert_eq!(
        leak.point,
        Some(AccumulationPoint {
            name: "Vec<Box<crawl::Page>>".into(),
            via: "crawl::Crawl.queue".into(),
            retained: Bytes(800 + 199 * 100),
            count: 199,
        })
    );
    let sentence = leak.to_string();
    assert!(
        sentence.contains(
            "; 199 of 200 go with one `Vec<Box<crawl::Page>>`, held by `crawl::Crawl.queue`, which"
        ),
        "{sentence}"
    );
}

#[test]
fn what_grew_at_every_step_comes_first() {
    // The pages shrink once, the names grow less, but always.
    let with = |pages: usize, names: usize| {
        let page = "900 Box<crawl::Page> @ crawl::parse at crawl.rs:7\n".repeat(pages);
        let name = "10 String @ crawl::parse at crawl.rs:8\n".repeat(names);
        let serials: Vec<u64> = (1..=(pages + names) as u64).collect();
        let edges = |(at, label)| format!("static crawl::ALL > {at} {label}\n");
        let labels = (0..pages).map(|at| (at, "static crawl::ALL.pages[*]"));
        let labels = labels.chain((pages..pages + names).map(|at| (at, "static crawl::ALL.names")));
        image(
            &format!("{page}{name}"),
            &labels.map(edges).collect::<String>(),
            &serials,
        )
    };
    let images = [with(2, 1), with(1, 2), with(9, 3)];
    let heaps: Vec<Heap<'_>> = images.iter().map(Heap::new).collect();
    let rows = logical_leaks(&heaps, 5).expect("they have references");
    let names: Vec<(&str, bool)> = rows.iter().map(|r| (&*r.name, r.steadily)).collect();
    assert_eq!(names, [("String", true), ("Box<crawl::Page>", false)]);
    let point = rows[0].point.as_ref().expect("the static holds all");
    assert_eq!((&*point.name, point.count), ("static crawl::ALL", 3));
    assert!(
        rows[0]
            .to_string()
            .contains("; all of them go with `static crawl::ALL`")
    );
}

#[test]
fn a_list_piles_up_in_what_holds_its_first_node() {
    let list = |nodes: usize| {
        let mut blocks = "64 Box<crawl::List> @ crawl::main at crawl.rs:1\n".to_owned();
        let mut edges = "static crawl::LIST > 0 static crawl::LIST\n".to_owned();
        for node in 1..=nodes {
            blocks.push_str("24 Box<crawl::Node> @ crawl::push at crawl.rs:9\n");
            let field = if node == 1 { "List.head" } else { "Node.next" };
            edges.push_str(&format!("{} > {node} crawl::{field}\n", node - 1));
            // Each has a text of its own.
            blocks.push_str("");
        }
        for node in 1..=nodes {
            blocks.push_str("5 String @ crawl::push at crawl.rs:9\n");
            edges.push_str(&format!("{node} > {} crawl::Node.text\n", nodes + node));
        }
        let serials: Vec<u64> = (1..=2 * nodes as u64 + 1).collect();
        image(&blocks, &edges, &serials)
    };
    let images = [list(10), list(400)];
    let heaps: Vec<Heap<'_>> = images.iter().map(Heap::new).collect();
    let rows = logical_leaks(&heaps, 9).expect("they have references");
    let texts = rows.iter().find(|row| row.name == "String").expect("grew");
    let point = texts.point.as_ref().expect("the list");
    assert_eq!((&*point.name, point.count), ("Box<crawl::Node>", 400));
    assert_eq!(point.via, "crawl::List.head");
}
