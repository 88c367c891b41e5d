//! `endler export` and `report --retained` as processes: files, exit codes, and what
//! is said where there is nothing to export.

#[allow(dead_code, reason = "made for the tests of reports")]
#[path = "../reports/tests/support/mod.rs"]
mod images;
#[path = "../reports/tests/support/references.rs"]
mod references;
mod support;

use endler_snapshot::{Image, format};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("export-{name}"))
}

fn saved(name: &str, image: &Image) -> PathBuf {
    let path = path(name);
    let mut bytes = Vec::new();
    format::write(image, &mut bytes).expect("an image can be written");
    std::fs::write(&path, bytes).expect("the target directory can be written");
    path
}

fn heap() -> Image {
    let mut image = images::image(
        "
        80 Vec<crawl::Request> @ crawl::run at crawl.rs:3
        30 String              @ crawl::parse at crawl.rs:20
        20 Box<crawl::Lost>    @ crawl::parse at crawl.rs:23
        ",
    );
    references::refer(
        &mut image,
        "
        static crawl::QUEUE > 0 static crawl::QUEUE
        0 > 1 crawl::Request.url
        ",
    );
    image
}

fn endler(args: &[&str], file: &Path) -> Output {
    let mut command = Command::new(support::endler());
    command.args(args).arg(file).output().expect("endler runs")
}

#[track_caller]
fn done(out: Output) -> String {
    let message = String::from_utf8_lossy(&out.stderr);
    assert_eq!((out.status.code(), &*message), (Some(0), ""));
    String::from_utf8(out.stdout).expect("a text")
}

#[track_caller]
fn fails(out: Output, code: i32, expect: &str) {
    let message = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(code), "{message}");
    assert!(message.contains(expect), "{message}");
    assert!(out.stdout.is_empty());
}

const TO: [&str; 3] = ["export", "--to", "heapsnapshot"];

#[test]
fn a_file_and_standard_output_get_the_same() {
    let snapshot = saved("same.endler", &heap());
    let file = path("same.heapsnapshot");
    let name = file.to_str().expect("a path of text");
    assert_eq!(
        done(endler(&[&TO[..], &["-o", name]].concat(), &snapshot)),
        ""
    );
    let written = std::fs::read_to_string(&file).expect("it was written");
    let printed = done(endler(&[&TO[..], &["-o", "-"]].concat(), &snapshot));
    assert_eq!(written, printed);
    let json: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
    // Three blocks, a root, the root above it, and what no root holds.
    assert_eq!(json["snapshot"]["node_count"], 6);
}

#[test]
fn what_cannot_be_exported_is_told() {
    let snapshot = saved("told.endler", &heap());
    let other = ["export", "--to", "xml", "-o", "-"];
    fails(
        endler(&other, &snapshot),
        2,
        "heapsnapshot: Chrome DevTools",
    );
    fails(endler(&TO, &snapshot), 2, "--output");
    let nowhere = path("no-such-folder/file");
    let name = nowhere.to_str().expect("a path of text");
    let out = endler(&[&TO[..], &["-o", name]].concat(), &snapshot);
    fails(out, 3, "cannot write the output");
    let bare = saved("bare.endler", &images::image("24 String"));
    let kept = path("kept.heapsnapshot");
    std::fs::write(&kept, "what was there").expect("a file");
    let name = kept.to_str().expect("a path of text");
    let out = endler(&[&TO[..], &["-o", name]].concat(), &bare);
    fails(out, 2, "needs references between blocks");
    assert_eq!(std::fs::read(&kept).expect("a file"), b"what was there");
    let missing = path("missing.endler");
    fails(
        endler(&[&TO[..], &["-o", "-"]].concat(), &missing),
        3,
        "missing",
    );
}

#[test]
fn retained_is_listed_block_by_block() {
    let snapshot = saved("retained.endler", &heap());
    let args = ["report", "--by", "id", "--json", "--retained"];
    let json: serde_json::Value =
        serde_json::from_str(&done(endler(&args, &snapshot))).expect("JSON");
    let rows = json["rows"].as_array().expect("rows");
    let retained = rows.iter().map(|row| row["retained"].as_u64());
    assert_eq!(
        retained.collect::<Vec<_>>(),
        [Some(110), Some(30), Some(20)]
    );
    let without = ["report", "--by", "id", "--json"];
    assert!(!done(endler(&without, &snapshot)).contains("\"retained\":"));
    let by_type = ["report", "--json", "--retained"];
    fails(endler(&by_type, &snapshot), 2, "--by id");
    fails(
        endler(&["report", "--by", "id", "--retained"], &snapshot),
        2,
        "--json",
    );
}
