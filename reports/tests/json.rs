//! The shapes of the JSON, keys in order.

mod support;

use endler_reports::diff::diff;
use endler_reports::json;
use endler_reports::partition::{By, Heap, by};
use endler_reports::query::query;
use endler_reports::totals::totals;
use endler_snapshot::{Bytes, Totals};
use support::image;

const CRAWL: &str = "
    100 Vec<crawl::Page> @ crawl::fetch at examples/crawl.rs:10 # 41.5
     50 Vec<crawl::Page> @ crawl::fetch at examples/crawl.rs:10 # 3
      7 ?                # 5000
";

/// The text and what any JSON reader makes of it.
#[track_caller]
fn check(out: Vec<u8>, expect: &str) {
    let text = String::from_utf8(out).expect("JSON is UTF-8");
    assert_eq!(text, expect.trim_start_matches('\n'));
    serde_json::from_str::<serde_json::Value>(&text).expect("it is JSON");
}

#[test]
fn report() {
    let image = image(CRAWL);
    let mut out = Vec::new();
    let all = Heap::new(&image).all();
    json::report(&mut out, "a/b.endler", &all, &By::default(), None).expect("a Vec takes it");
    check(
        out,
        r#"
{"snapshot":"a/b.endler","mode":"exact","objects":3,"bytes":157,"typed_objects":2,"typed_bytes":150,"lost":0,"by":"type","rows":[
{"name":"Vec<crawl::Page>","holder":"Vec","type":"crawl::Page","count":2,"size":150,"oldest_seconds":41.5,"evidence":{"stack":2,"merged":0,"field":0,"neighbour":0,"unknown":0}},
{"name":"unknown in crawl::parse","holder":"unknown","type":"","count":1,"size":7,"oldest_seconds":5000.0,"evidence":{"stack":0,"merged":0,"field":0,"neighbour":0,"unknown":1}}
]}
"#,
    );
}

#[test]
fn report_by_another_relation() {
    let image = image(CRAWL);
    let mut out = Vec::new();
    json::report(
        &mut out,
        "-",
        &Heap::new(&image).all(),
        &by::SIZE.into(),
        Some(1),
    )
    .expect("a Vec takes it");
    check(
        out,
        r#"
{"snapshot":"-","mode":"exact","objects":3,"bytes":157,"typed_objects":2,"typed_bytes":150,"lost":0,"by":"size","rows":[
{"name":"100","count":1,"size":100,"oldest_seconds":41.5}
]}
"#,
    );
}

#[test]
fn report_by_id() {
    let image = image(CRAWL);
    let mut out = Vec::new();
    json::report(
        &mut out,
        "x",
        &Heap::new(&image).all(),
        &by::ID.into(),
        Some(2),
    )
    .expect("a Vec takes it");
    check(
        out,
        r#"
{"snapshot":"x","mode":"exact","objects":3,"bytes":157,"typed_objects":2,"typed_bytes":150,"lost":0,"by":"id","rows":[
{"address":"0x7f0000000010","serial":0,"size":100,"name":"Vec<crawl::Page>","holder":"Vec","type":"crawl::Page","evidence":"stack","via":[],"site":"crawl::fetch at examples/crawl.rs:10","age_seconds":41.5},
{"address":"0x7f0000000090","serial":1,"size":50,"name":"Vec<crawl::Page>","holder":"Vec","type":"crawl::Page","evidence":"stack","via":[],"site":"crawl::fetch at examples/crawl.rs:10","age_seconds":3.0}
]}
"#,
    );
}

#[test]
fn an_empty_heap_has_no_rows() {
    let image = image("");
    let mut out = Vec::new();
    json::report(
        &mut out,
        "x",
        &Heap::new(&image).all(),
        &By::default(),
        None,
    )
    .expect("a Vec takes it");
    check(
        out,
        r#"
{"snapshot":"x","mode":"exact","objects":0,"bytes":0,"typed_objects":0,"typed_bytes":0,"lost":0,"by":"type","rows":[
]}
"#,
    );
}

#[test]
fn differences() {
    let images = [
        image("8 Box<u8>\n9 String"),
        image("8 Box<u8>\n8 Box<u8>"),
        image("4 Box<\"u8\">"),
    ];
    let heaps: Vec<Heap<'_>> = images.iter().map(Heap::new).collect();
    let mut out = Vec::new();
    let two = diff(&heaps[..2], &By::default());
    json::diff(&mut out, &["a", "b"], &two, Some("`Box<u8>` grew."), None).expect("a Vec takes it");
    check(
        out,
        r#"
{"snapshots":["a","b"],"by":"type","growth":"`Box<u8>` grew.","rows":[
{"name":"String","count_a":1,"size_a":9,"count_b":0,"size_b":0,"count_delta":-1,"size_delta":-9},
{"name":"Box<u8>","count_a":1,"size_a":8,"count_b":2,"size_b":16,"count_delta":1,"size_delta":8}
]}
"#,
    );
    let mut out = Vec::new();
    json::diff(
        &mut out,
        &["a", "b", "c"],
        &diff(&heaps, &By::default()),
        None,
        Some(1),
    )
    .expect("a Vec takes it");
    check(
        out,
        r#"
{"snapshots":["a","b","c"],"by":"type","growth":null,"rows":[
{"name":"String","points":[
{"count":1,"size":9},
{"count":0,"size":0},
{"count":0,"size":0}
]}
]}
"#,
    );
}

#[test]
fn queries() {
    let image = image(CRAWL);
    let mut out = Vec::new();
    let answer = query(Heap::new(&image), "bytype[0].bysite").expect("a query");
    json::query(&mut out, "x", &answer).expect("a Vec takes it");
    check(
        out,
        r#"
{"snapshot":"x","by":"site","query":[
{"name":"crawl::fetch at examples/crawl.rs:10","count":2,"size":150,"oldest_seconds":41.5}
]}
"#,
    );
    let mut out = Vec::new();
    let answer = query(Heap::new(&image), "bytype[0].count").expect("a query");
    json::query(&mut out, "x", &answer).expect("a Vec takes it");
    check(out, "{\"snapshot\":\"x\",\"query\":[\n{\"value\":2}\n]}\n");
}

#[test]
fn totals_by_site() {
    let mut image = image(CRAWL);
    image.totals[0] = Totals {
        freed: 4,
        freed_bytes: Bytes(400),
        moved: 1,
        moved_bytes: Bytes(20),
        lifetime_ticks: 2000,
        lifetimes: [3, 1, 0, 0, 0, 0],
    };
    let heap = Heap::new(&image);
    let mut out = Vec::new();
    json::totals(
        &mut out,
        "x",
        &totals(heap, &by::SITE.into()).expect("by site"),
        Some(1),
    )
    .expect("a Vec takes it");
    check(
        out,
        r#"
{"snapshot":"x","by":"site","totals":[
{"name":"crawl::fetch at examples/crawl.rs:10","allocated_count":7,"allocated_size":570,"freed_count":4,"freed_size":400,"moved_count":1,"moved_size":20,"live_count":2,"live_size":150,"mean_lifetime_seconds":0.5,"lifetimes":{"<1s":3,"1s-10s":1,"10s-1m":0,"1m-10m":0,"10m-1h":0,">=1h":0}}
]}
"#,
    );
    let by_type = totals(heap, &By::default()).expect("by type");
    let names: Vec<_> = by_type.rows.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["Vec<crawl::Page>", "unknown in crawl::parse"]);
    let error = totals(heap, &by::AGE.into())
        .expect_err("not by age")
        .to_string();
    assert_eq!(
        error,
        "totals are kept by call stack, so not by 'age'; there are type holder site stack module"
    );
}
