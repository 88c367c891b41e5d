//! What the `endler` command says of who holds what, for a heap that is written down here.

#[allow(dead_code, reason = "made for the tests of reports")]
#[path = "../reports/tests/support/mod.rs"]
mod images;
#[path = "../reports/tests/support/references.rs"]
mod references;
mod support;

use endler_snapshot::{Image, format};
use std::path::PathBuf;
use std::process::Command;

const BLOCKS: &str = "
    200 Vec<crawl::Request>  @ crawl::push at examples/crawl.rs:10   # 60
     40 String               @ crawl::push at examples/crawl.rs:11   # 60
     24 Arc<crawl::Response> @ crawl::fetch at examples/crawl.rs:99  # 59
   4000 String               @ crawl::fetch at examples/crawl.rs:98  # 59
";
const REFERENCES: &str = "
    static crawl::QUEUE > 0 static crawl::QUEUE
    0 > 1 crawl::Request.url
    0 > 2 crawl::Request.meta
    stack crawl::run > 2 stack crawl::run.last
    2 > 3 crawl::Response.body
";

fn heap() -> Image {
    let mut image = images::image(BLOCKS);
    references::refer(&mut image, REFERENCES);
    image
}

/// Runs the command on a snapshot; its exit code, and what it printed.
fn endler(
    test: &str,
    image: &Image,
    command: &str,
    rest: &[&str],
) -> (Option<i32>, String, String) {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-held-{test}.endler"));
    let mut bytes = Vec::new();
    format::write(image, &mut bytes).expect("an image can be written");
    std::fs::write(&path, bytes).expect("the target directory can be written");
    let out = Command::new(support::endler())
        .arg(command)
        .arg(path)
        .args(rest)
        .output()
        .expect("endler runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (out.status.code(), text(&out.stdout), text(&out.stderr))
}

#[track_caller]
fn json(test: &str, command: &str, rest: &[&str]) -> serde_json::Value {
    let (code, out, errors) = endler(test, &heap(), command, rest);
    assert_eq!(code, Some(0), "{errors}");
    serde_json::from_str(&out).expect("one JSON object")
}

#[test]
fn paths_tells_every_way_that_holds_a_type() {
    let (code, text, errors) = endler("paths", &heap(), "paths", &["Arc<crawl::Response>"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    for expected in [
        "static crawl::QUEUE",
        "crawl::Request.meta",
        "stack crawl::run.last",
    ] {
        assert!(text.contains(expected), "no `{expected}` in:\n{text}");
    }

    let object = json("paths-json", "paths", &["*Response*", "--json"]);
    // The stack's variable is one step away, and nothing else is.
    assert_eq!(object["shortest_paths"], "1");
    let mut roots: Vec<&str> = object["ways"]
        .as_array()
        .expect("an array")
        .iter()
        .filter_map(|way| way["root"].as_str())
        .collect();
    roots.sort_unstable();
    assert_eq!(roots, ["stack crawl::run", "static crawl::QUEUE"]);

    // A block by an address within it.
    let image = heap();
    let body = image.blocks.addr[3].0 + 17;
    let (code, text, _) = endler("paths-address", &image, "paths", &[&format!("{body:#x}")]);
    assert_eq!(code, Some(0));
    assert!(text.contains("crawl::Response.body"), "{text}");
}

#[test]
fn paths_says_why_it_has_nothing_to_say() {
    let without = images::image(BLOCKS);
    let (code, out, errors) = endler("without", &without, "paths", &["String"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(errors.contains(endler_reports::NO_REFERENCES), "{errors}");

    let (code, out, errors) = endler("unknown", &heap(), "paths", &["crawl::Nobody"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(errors.contains("no block is a `crawl::Nobody`"), "{errors}");
}

#[test]
fn folding_counts_a_text_to_what_owns_it() {
    let sizes = |test: &str, command: &str, rest: &[&str]| {
        let object = json(test, command, rest);
        let under = if command == "query" { "query" } else { "rows" };
        let rows = object[under].as_array().expect("rows").clone();
        let row = |row: &serde_json::Value| {
            let name = row["name"].as_str().expect("a name").to_owned();
            (name, row["size"].as_u64().expect("a size"))
        };
        let mut rows: Vec<_> = rows.iter().map(row).collect();
        rows.sort();
        rows
    };
    let owned = |name: &str, size| (name.to_owned(), size);
    let plain = [
        owned("Arc<crawl::Response>", 24),
        owned("String", 4040),
        owned("Vec<crawl::Request>", 200),
    ];
    let folded = [
        owned("Arc<crawl::Response>", 4024),
        owned("Vec<crawl::Request>", 240),
    ];
    assert_eq!(sizes("plain", "query", &["bytype", "--json"]), plain);
    let with = ["bytype", "--json", "--fold", "owners"];
    assert_eq!(sizes("folded", "query", &with), folded);
    // And the same in a report.
    let with = ["--by", "type", "--json", "--fold", "owners"];
    assert_eq!(sizes("report", "report", &with), folded);

    let without = images::image(BLOCKS);
    let (code, _, errors) = endler(
        "fold-without",
        &without,
        "query",
        &["bytype", "--fold", "owners"],
    );
    assert_eq!(code, Some(2));
    assert!(errors.contains("--fold needs references"), "{errors}");
}
