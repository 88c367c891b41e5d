//! Differences, and the sentence on what grew.

mod support;

use endler_reports::diff::{diff, growth, growth_rows};
use endler_reports::partition::{By, Heap, by};
use endler_reports::render::page::{Page, text};
use endler_snapshot::{Bytes, Image, Phase, PhaseId, Tick};
use support::{NOW, image};

/// `lines` repeated, and an image of them taken `ago` seconds before [`NOW`].
fn before(lines: &str, ago: u32, phase: &str) -> Image {
    let mut image = image(lines);
    image.process.clock.now = Tick(NOW - ago * 1000);
    for born in &mut image.blocks.born {
        *born = Tick(born.0 - ago * 1000);
    }
    in_phase(image, phase)
}

fn in_phase(mut image: Image, phase: &str) -> Image {
    if !phase.is_empty() {
        image.phases.push(Phase {
            name: phase.into(),
            start: Tick(0),
        });
        image.process.phase = PhaseId((image.phases.len() - 1) as u16);
    }
    image
}

fn repeat(lines: &str, times: usize) -> String {
    lines.repeat(times)
}

#[track_caller]
fn check(before: &Image, after: &Image, expect: &str) {
    let sentence = growth(Heap::new(before), Heap::new(after)).map(|g| g.to_string());
    assert_eq!(sentence.as_deref().unwrap_or("nothing"), expect);
}

const RESPONSE: &str =
    "128 Arc<crawl::Response> @ crawl::fetch at examples/crawl.rs:210 # 30 main crawl\n";
const BODY: &str = "4096 Vec<u8> @ crawl::fetch at examples/crawl.rs:204 # 30 main crawl\n";

#[test]
fn a_body_is_named_with_the_value_that_it_goes_with() {
    let a = before(&(repeat(RESPONSE, 4) + &repeat(BODY, 4)), 60, "seed");
    let b = in_phase(
        image(&(repeat(RESPONSE, 1208) + &repeat(BODY, 1208))),
        "drain",
    );
    check(
        &a,
        &b,
        "`Vec<u8>` grew by 1,204 blocks and 4.7 MiB since phase `seed`: allocated in crawl::fetch at \
         examples/crawl.rs:204, oldest 30s, born in phase `crawl`; `Arc<crawl::Response>` grew by \
         about as many, 1,204 blocks and 150.5 KiB, allocated in crawl::fetch at examples/crawl.rs:210.",
    );
}

#[test]
fn the_value_of_as_many_blocks_goes_before_a_larger_one() {
    let page = "2000 Box<crawl::Cache> @ crawl::cache at examples/crawl.rs:5 # 30\n";
    let a = before(BODY, 60, "");
    let b = image(&(repeat(RESPONSE, 100) + &repeat(BODY, 101) + &repeat(page, 30)));
    let sentence = growth(Heap::new(&a), Heap::new(&b)).expect("it grew");
    assert_eq!(
        sentence.along.expect("an own type").type_name,
        "Arc<crawl::Response>"
    );
}

#[test]
fn the_programs_own_type_goes_before_a_dependencys() {
    let with_main = "1 Box<u8> @ crawl::main at src/main.rs:1 # 90\n";
    let buffer = "8192 bytes::BytesMut @ hyper::read at hyper-1/src/io.rs:1 # 30\n";
    let a = before(with_main, 60, "");
    let b = image(
        &(with_main.to_string() + &repeat(BODY, 90) + &repeat(buffer, 5) + &repeat(RESPONSE, 88)),
    );
    let sentence = growth(Heap::new(&a), Heap::new(&b)).expect("it grew");
    assert_eq!(sentence.row.type_name, "Vec<u8>");
    assert_eq!(
        sentence.along.expect("one of the program").type_name,
        "Arc<crawl::Response>"
    );
    // A dependency's type has the program's beside it, but not the other way round.
    let b = image(&(with_main.to_string() + &repeat(buffer, 50) + &repeat(RESPONSE, 52)));
    let sentence = growth(Heap::new(&a), Heap::new(&b)).expect("it grew");
    assert_eq!(sentence.row.type_name, "bytes::BytesMut");
    assert_eq!(
        sentence.along.expect("one of the program").type_name,
        "Arc<crawl::Response>"
    );
    // Where the counts differ nothing ties the two together.
    let b = image(&(with_main.to_string() + &repeat(buffer, 50) + &repeat(RESPONSE, 7)));
    let sentence = growth(Heap::new(&a), Heap::new(&b)).expect("it grew");
    assert_eq!(sentence.along, None);
    let b = image(&(with_main.to_string() + &repeat(buffer, 5) + &repeat(RESPONSE, 7000)));
    let sentence = growth(Heap::new(&a), Heap::new(&b)).expect("it grew");
    assert_eq!(
        (sentence.row.type_name.as_str(), sentence.along),
        ("Arc<crawl::Response>", None)
    );
}

#[test]
fn what_is_merely_in_use_does_not_hide_what_stays() {
    let buffer = "900000 Vec<u8> @ crawl::read at examples/crawl.rs:7 # 0.2\n";
    let mut a = before(RESPONSE, 60, "");
    let mut b = image(&(repeat(RESPONSE, 51) + &repeat(buffer, 10)));
    // So many buffers came and went.
    b.totals[1].freed = 100_000;
    b.totals[1].freed_bytes = Bytes(90_000_000_000);
    // This counts for what was before, and says nothing of what stays now.
    a.totals[0].freed_bytes = Bytes(90_000_000_000);
    b.totals[0].freed_bytes = Bytes(90_000_000_000);
    check(
        &a,
        &b,
        "`Arc<crawl::Response>` grew by 50 blocks and 6.2 KiB in 1m00s: allocated in crawl::fetch at \
         examples/crawl.rs:210, oldest 30s, born in phase `crawl`.",
    );
    // Where nothing else grew, it is named.
    check(
        &a,
        &image(buffer),
        "`Vec<u8>` grew by 1 block and 878.9 KiB in 1m00s: allocated in crawl::read at examples/crawl.rs:7, \
         oldest 0s.",
    );
}

#[test]
fn a_table_that_is_reallocated_grows_in_full() {
    let table = |size: u32, age: u32| {
        format!("{size} HashMap<u64, crawl::Slot> @ crawl::seen at examples/crawl.rs:3 # {age}")
    };
    check(
        &before(&table(1024, 100), 60, ""),
        &image(&table(2_097_152, 160)),
        "`HashMap<u64, crawl::Slot>` grew by 2.0 MiB in as many blocks as before in 1m00s: allocated in \
         crawl::seen at examples/crawl.rs:3, oldest 2m40s.",
    );
}

#[test]
fn nothing_grew() {
    let (a, b) = (before(&repeat(BODY, 3), 60, ""), image(&repeat(BODY, 2)));
    check(&a, &b, "nothing");
    check(&b, &b, "nothing");
    assert!(growth_rows(Heap::new(&b), Heap::new(&b)).is_empty());
}

#[test]
fn two_processes_are_compared_without_ages() {
    let mut a = before(BODY, 60, "");
    a.process.pid = 1;
    check(
        &a,
        &image(&repeat(BODY, 2)),
        "`Vec<u8>` grew by 1 block and 4.0 KiB: allocated in crawl::fetch at examples/crawl.rs:204, oldest 30s.",
    );
}

#[test]
fn a_site_without_a_name_is_a_place() {
    check(
        &before("", 60, ""),
        &image("64 ? # 30"),
        "`unknown in crawl::parse` grew by 1 block and 64 B in 1m00s: allocated at crawl+0x1000, oldest 30s.",
    );
}

#[test]
fn two_snapshots_make_heapys_difference() {
    let a = before(
        "100 String @ a at x.rs:1\n50 Vec<u8> @ a at x.rs:1\n7 Box<u8> @ a at x.rs:1",
        60,
        "",
    );
    let b = image(
        "100 String @ a at x.rs:1\n100 String @ b at x.rs:2\n20 Vec<u8> @ a at x.rs:1\n7 Box<u8> @ a at x.rs:1",
    );
    let diff = diff(&[Heap::new(&a), Heap::new(&b)], &By::default());
    assert_eq!(
        text(&diff.table(["B", "A"]), Page::Top),
        "\
Summary of difference operation (B-A).
        Count     Size
  B         4      227
  A         3      157
  B-A       1       70  =      44.6 % of A

Differences by kind, largest absolute size diffs first.
 Index  Count     Size  Cumulative  % of A Type
     0      1      100       100      63.7 String
     1      0      -30        70      44.6 Vec<u8>"
    );
    let rows: Vec<_> = diff
        .rows
        .iter()
        .map(|r| (r.name.as_str(), r.size_delta()))
        .collect();
    assert_eq!(rows, [("String", 100), ("Vec<u8>", -30), ("Box<u8>", 0)]);
}

#[test]
fn more_snapshots_make_a_series() {
    let images = [
        image("100 String"),
        image("100 String\n8 Box<u8>"),
        image("100 String\n400 String"),
    ];
    let heaps: Vec<Heap<'_>> = images.iter().map(Heap::new).collect();
    let diff = diff(&heaps, &by::TYPE.into());
    assert_eq!(
        text(
            &endler_reports::render::series::Series::new(&diff),
            Page::Top
        ),
        "\
Change over 3 snapshots, A to C, largest absolute change of size first.
 Index  Count A     Size A  Count B     Size B  Count C     Size C      Change Type
     0        1        100        1        100        2        500        +400 String
     1        0          0        1          8        0          0          +0 Box<u8>"
    );
}
