//! The `endler` command as a process: what it prints, and its exit codes.

#[allow(dead_code, reason = "made for the tests of reports")]
#[path = "../reports/tests/support/mod.rs"]
mod images;
mod support;

use endler_snapshot::{Image, format};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const BEFORE: &str = "
    100 Vec<crawl::Page>     @ crawl::fetch at examples/crawl.rs:10  # 41 main seed
     24 Arc<crawl::Response> @ crawl::parse at examples/crawl.rs:99  # 700 main
";
const AFTER: &str = "
    100 Vec<crawl::Page>     @ crawl::fetch at examples/crawl.rs:10  # 41 main seed
     24 Arc<crawl::Response> @ crawl::parse at examples/crawl.rs:99  # 700 main
     24 Arc<crawl::Response> @ crawl::parse at examples/crawl.rs:99  # 3 worker
";

/// A snapshot file of a test's own.
fn file(test: &str, image: &Image) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{test}.endler"));
    let mut bytes = Vec::new();
    format::write(image, &mut bytes).expect("an image can be written");
    std::fs::write(&path, bytes).expect("the target directory can be written");
    path
}

fn endler() -> Command {
    Command::new(support::endler())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn done(out: Output) -> String {
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    assert_eq!(text(&out.stderr), "");
    text(&out.stdout)
}

#[track_caller]
fn fails(command: &mut Command, code: i32, expect: &str) {
    let out = command.output().expect("endler runs");
    let message = text(&out.stderr);
    assert_eq!(out.status.code(), Some(code), "{message}");
    assert!(message.contains(expect), "{message}");
    assert_eq!(text(&out.stdout), "", "nothing on standard output");
}

#[test]
fn report_prints_what_is_known_and_a_table() {
    let path = file("report", &images::image(BEFORE));
    let out = endler()
        .arg("report")
        .arg(&path)
        .output()
        .expect("endler runs");
    assert_eq!(
        done(out),
        "\
crawl (pid 4711): 2 blocks live, 124 B
Typed: 100 % of blocks, 100 % of bytes (by evidence: stack 100 %)

Partition of a set of 2 objects. Total size = 124 bytes.
 Index  Count   %     Size   % Cumulative  % Type
     0      1  50      100  81       100  81 Vec<crawl::Page>
     1      1  50       24  19       124 100 Arc<crawl::Response>
"
    );
    let mut command = endler();
    command
        .arg("report")
        .arg(&path)
        .args(["--by", "type&thread", "--oldest"])
        .args(["--where", "age>=1m"]);
    assert_eq!(
        done(command.output().expect("endler runs")),
        "\
crawl (pid 4711): 1 of 2 blocks live, 24 B
Typed: 100 % of blocks, 100 % of bytes (by evidence: stack 100 %)

Partition of a set of 1 object. Total size = 24 bytes.
 Index  Count   %     Size   % Cumulative  %  Oldest Type & Thread
     0      1 100       24 100        24 100  11m40s Arc<crawl::Response> & main
"
    );
    let out = endler()
        .arg("report")
        .arg(&path)
        .arg("--totals")
        .output()
        .expect("endler runs");
    assert!(
        done(out)
            .contains("Totals since the start: 2 allocations of 124 bytes = 2 live (124 bytes)")
    );
}

#[test]
fn json_is_json_and_has_the_path_given() {
    let path = file("json", &images::image(BEFORE));
    for args in [
        &["report"][..],
        &["report", "--by", "id"],
        &["report", "--totals"],
    ] {
        let mut command = endler();
        command.args(args).arg("--json").arg(&path);
        let json: serde_json::Value =
            serde_json::from_str(&done(command.output().expect("endler runs"))).expect("JSON");
        assert_eq!(json["snapshot"], path.to_str().expect("a path of text"));
        let rows = if args.contains(&"--totals") {
            "totals"
        } else {
            "rows"
        };
        assert_eq!(json[rows].as_array().map(Vec::len), Some(2), "{json}");
    }
}

#[test]
fn standard_input_is_a_snapshot_too() {
    let path = file("stdin", &images::image(BEFORE));
    let input = std::fs::File::open(path).expect("just written");
    let out = endler()
        .args(["query", "-", "bytype[0].bysite"])
        .stdin(input)
        .output()
        .expect("endler runs");
    assert_eq!(
        done(out),
        "\
Partition of a set of 1 object. Total size = 100 bytes.
 Index  Count   %     Size   % Cumulative  % Site
     0      1 100      100 100       100 100 crawl::fetch at examples/crawl.rs:10
"
    );
}

/// A command that reads these lines.
fn with_lines(name: &str, lines: &str, args: &[&str], snapshot: &Path) -> Output {
    let script = snapshot.with_extension(name);
    std::fs::write(&script, lines).expect("a script can be written");
    let input = std::fs::File::open(script).expect("just written");
    let mut command = endler();
    command.args(args).arg(snapshot).stdin(input);
    command.output().expect("endler runs")
}

#[test]
fn lines_from_standard_input_share_their_variables() {
    let path = file("lines", &images::image(BEFORE));
    let lines = "x = hpy.heap()\n\n# a note\nx[0].bysite\n_.count\nx.count";
    let out = done(with_lines("script", lines, &["query"], &path));
    assert_eq!(
        out,
        "\
Partition of a set of 1 object. Total size = 100 bytes.
 Index  Count   %     Size   % Cumulative  % Site
     0      1 100      100 100       100 100 crawl::fetch at examples/crawl.rs:10
1
2
"
    );
    let out = with_lines("wrong", "x\nbytype.count\nphase('a')", &["query"], &path);
    assert_eq!(String::from_utf8_lossy(&out.stdout), "2\n");
    let errors = String::from_utf8_lossy(&out.stderr).into_owned();
    for expect in [
        "x\n^\nthere is no x; there are",
        "only a live process does that",
        "endler: 2 lines could not be answered\n",
    ] {
        assert!(errors.contains(expect), "{errors}");
    }
    assert_eq!(out.status.code(), Some(2));
    fails(endler().args(["query", "-"]), 2, "give an expression");
    fails(
        endler().arg("query").arg(&path).arg("--json"),
        2,
        "--json takes an expression",
    );
}

#[test]
fn a_query_may_be_a_function() {
    let path = file("functions", &images::image(BEFORE));
    let ask = |expression: &str| {
        let mut command = endler();
        command.arg("query").arg(&path).arg(expression);
        done(command.output().expect("endler runs"))
    };
    assert!(ask("prefs()").starts_with("Live References\n\n"));
    assert_eq!(ask("heap()"), ask("heap"));
    let oldest = ask("oldest('*')");
    assert!(oldest.contains("a snapshot holds no contents; ask on the live process"));
    assert!(oldest.contains("\n\nAllocated in\n  crawl::"), "{oldest}");
    let mut command = endler();
    command.args(["query", "--json"]).arg(&path).arg("prefs()");
    let json: serde_json::Value =
        serde_json::from_str(&done(command.output().expect("endler runs"))).expect("JSON");
    let text = json["query"][0]["text"].as_str().expect("a text");
    assert_eq!(format!("{text}\n"), ask("prefs()"));
}

#[test]
fn a_doubtful_comparison_is_called_so() {
    let check = |name: &str, change: &dyn Fn(&mut endler_snapshot::Image), expect: &str| {
        let mut later = images::image(AFTER);
        change(&mut later);
        let (a, b) = (
            file("doubt-a", &images::image(BEFORE)),
            file(&format!("doubt-{name}"), &later),
        );
        let out = endler()
            .arg("diff")
            .args([&a, &b])
            .output()
            .expect("endler runs");
        let errors = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success());
        assert!(errors.contains(expect), "{errors}");
        assert_eq!(errors.is_empty(), expect.is_empty(), "{errors}");
    };
    check("none", &|_| {}, "");
    check(
        "exe",
        &|image| image.process.exe.push('2'),
        "these are two programs",
    );
    check("pid", &|image| image.process.pid += 1, "these are two runs");
}

#[test]
fn diff_says_what_grew() {
    let (a, b) = (
        file("diff-a", &images::image(BEFORE)),
        file("diff-b", &images::image(AFTER)),
    );
    let out = done(
        endler()
            .arg("diff")
            .args([&a, &b])
            .output()
            .expect("endler runs"),
    );
    assert!(
        out.contains("`Arc<crawl::Response>` grew by 1 block and 24 B"),
        "{out}"
    );
    assert!(
        out.contains("\n  B-A       1       24  =      19.4 % of A\n"),
        "{out}"
    );
    let out = done(
        endler()
            .args(["diff", "--json"])
            .args([&a, &b])
            .output()
            .expect("endler runs"),
    );
    assert!(
        out.contains(
            r#"{"name":"Arc<crawl::Response>","count_a":1,"size_a":24,"count_b":2,"size_b":48,"count_delta":1,"size_delta":24}"#
        ),
        "{out}"
    );
    let out = done(
        endler()
            .arg("diff")
            .args([&a, &b, &a])
            .output()
            .expect("endler runs"),
    );
    assert!(out.contains("Change over 3 snapshots, A to C"), "{out}");
}

#[test]
fn wrong_use_is_2() {
    let path = file("usage", &images::image(BEFORE));
    fails(endler().arg("report"), 2, "<SNAPSHOT>");
    fails(
        endler().arg("report").arg(&path).args(["--by", "colour"]),
        2,
        "unknown relation 'colour'; there are type",
    );
    fails(
        endler()
            .arg("report")
            .arg(&path)
            .args(["--where", "age>=ten"]),
        2,
        "'ten' is not an age; write 10s",
    );
    fails(
        endler()
            .arg("report")
            .arg(&path)
            .args(["--totals", "--by", "age"]),
        2,
        "totals are kept by call stack",
    );
    fails(endler().arg("diff").arg(&path), 2, "2 values required");
    fails(
        endler()
            .arg("diff")
            .args([&path, &path])
            .args(["--by", "id"]),
        2,
        "another relation than id",
    );
    fails(
        endler().arg("query").arg(&path).arg("bytype[0].byvia"),
        2,
        "\n          ^^^^^\nbyvia needs references between blocks",
    );
    fails(
        endler().arg("query").arg(&path).arg("bytype[9]"),
        2,
        "there is no row 9; there are 2 rows",
    );
    fails(
        endler().args(["query", "no such file", "bytipe"]),
        2,
        "there is no bytipe",
    );
}

#[test]
fn unreadable_input_is_3() {
    fails(
        endler().args(["report", "no-such.endler"]),
        3,
        "no-such.endler: there is no such file",
    );
    let path = file("broken", &images::image(BEFORE));
    let bytes = std::fs::read(&path).expect("just written");
    std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("it can be written");
    fails(
        endler().arg("report").arg(&path),
        3,
        "cli-broken.endler: the snapshot ends too early, at byte ",
    );
    std::fs::write(&path, "#!/bin/sh\n").expect("it can be written");
    fails(
        endler().arg("report").arg(&path),
        3,
        "cli-broken.endler: not an endler snapshot",
    );
    fails(
        endler().args(["report", "-"]).stdin(Stdio::null()),
        3,
        "standard input: ",
    );
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let lines: String = (0..20_000)
        .map(|i| format!("8 Box<crawl::T{i}>\n"))
        .collect();
    let path = file("pipe", &images::image(&lines));
    let mut child = endler()
        .args(["report", "--json"])
        .arg(&path)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("endler runs");
    let mut first = [0; 10];
    child
        .stdout
        .take()
        .expect("a pipe")
        .read_exact(&mut first)
        .expect("it prints");
    let out = child.wait_with_output().expect("it ends");
    assert_eq!(out.status.code(), Some(0));
    assert_eq!(text(&out.stderr), "");
}

#[test]
fn an_unresolved_snapshot_says_what_is_missing() {
    let mut image = images::image(BEFORE);
    image.resolution = None;
    let path = file("unresolved", &image);
    let out = endler()
        .arg("report")
        .arg(&path)
        .output()
        .expect("endler runs");
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let (table, warnings) = (text(&out.stdout), text(&out.stderr));
    assert!(
        table
            .lines()
            .next()
            .is_some_and(|line| line.contains("debug = 2")),
        "{table}"
    );
    assert!(warnings.contains("/opt/crawl"), "{warnings}");
}

#[test]
fn help_lists_only_what_is_there() {
    let help = done(endler().arg("--help").output().expect("endler runs"));
    for word in [
        "report",
        "diff",
        "fragmentation",
        "query",
        "paths",
        "oldest",
        "leaks",
        "roots",
        "slack",
        "export",
        "attach",
        "dump",
    ] {
        assert!(help.contains(&format!("\n  {word} ")), "{help}");
    }
    assert!(!help.contains("  top "), "{help}");
}
