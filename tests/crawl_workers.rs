//! The crawl in worker processes: however often they are replaced, and whoever of
//! them is killed, each page is visited once; and what they have resident is bounded
//! by `--recycle-at`.
//!
//! The site is made here, so what is true is known: the pages by name, and how many
//! bytes the fault keeps.
#![allow(missing_docs)]

mod process;

use std::collections::BTreeSet;
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use process::*;

/// A site of chapters. The contents lead to every eighth, each chapter to the next two;
/// but nothing leads to the last one. Their pages are `bytes` long and a little. Returns its pages.
fn site(root: &Path, chapters: usize, bytes: usize) -> BTreeSet<String> {
    let folder = root.join("book");
    fs::create_dir_all(&folder).expect("a folder");
    // Long words: what costs time in a page is its words.
    let text = format!("{} ", "x".repeat(999)).repeat(bytes / 1000);
    let mut pages = BTreeSet::new();
    let mut put = |name: String, title: &str, links: &[usize]| {
        let links = links
            .iter()
            .map(|n| format!("<a href=\"/book/c{n}.html\">next</a>"));
        let links: String = links.collect();
        let page = format!("<title>{title}</title><main>{links}<p>{text}</p></main>");
        fs::write(root.join(&name), page).expect("a page");
        pages.insert(name);
    };
    let led_to = |n: &usize| *n + 1 < chapters;
    let eighths: Vec<usize> = (0..chapters).step_by(8).filter(led_to).collect();
    put("book/toc.html".into(), "Contents", &eighths);
    for n in 0..chapters {
        let next: Vec<usize> = (n + 1..n + 3).filter(led_to).collect();
        put(format!("book/c{n}.html"), &format!("Chapter {n}"), &next);
    }
    pages
}

/// The example over a site, its files into `dumps`.
fn crawl(site: &Path, dumps: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(example("crawl"));
    command.arg("--site").arg(site).arg("--dumps").arg(dumps);
    command.args(args).env_remove("ENDLER").stdin(Stdio::null());
    command
}

/// What a crawl said and left.
struct Run {
    output: String,
    errors: String,
    /// Pages of its items, by their path, as often as they are there.
    items: Vec<String>,
}

impl Run {
    fn of(output: &std::process::Output, dumps: &Path) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let status = output.status;
        let (output, errors) = (text(&output.stdout), text(&output.stderr));
        assert!(status.success(), "{status}\n{output}\n{errors}");
        let items = fs::read_to_string(dumps.join("items.jsonl")).expect("the items");
        let page = |line: &str| {
            let item: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
            let url = item["url"].as_str().expect("an address");
            url.splitn(4, '/').nth(3).expect("a path").to_owned()
        };
        let items = items.lines().map(page).collect();
        Run {
            output,
            errors,
            items,
        }
    }

    /// What it says of a phase, behind the time.
    fn phase(&self, name: &str) -> &str {
        let mut lines = self.output.lines();
        let line = lines.find(|line| line.split(' ').next() == Some(name));
        let line = line.unwrap_or_else(|| panic!("no {name} in\n{}", self.output));
        line.split_once(" s  ").expect("a time").1
    }

    /// A figure of the row of all workers, by its column.
    fn all(&self, column: usize) -> f64 {
        let mut rows = self.output.lines().map(str::split_whitespace);
        let row = rows.find(|row| row.clone().next() == Some("all"));
        let cell = row.and_then(|mut row| row.nth(column));
        let cell = cell.unwrap_or_else(|| panic!("no row of all in\n{}", self.output));
        cell.replace(',', "").parse().expect("a number")
    }

    /// Every page of the site once, and its second visit waits.
    fn check(&self, pages: &BTreeSet<String>) {
        let mut items = self.items.clone();
        items.sort_unstable();
        let pages: Vec<String> = pages.iter().cloned().collect();
        assert_eq!(items, pages, "{}\n{}", self.output, self.errors);
        let n = pages.len();
        let crawled = format!("{n} pages, 0 requests wait, 0 not found, 0 failed");
        assert_eq!(self.phase("crawl"), crawled);
        let left = format!("0 requests dropped, {n} second visits stay");
        assert_eq!(self.phase("drain"), left);
    }
}

const PAGES: usize = 1;
const RECYCLED: usize = 2;
const CRASHED: usize = 3;
const HIGHEST: usize = 4;

#[test]
fn residency_is_bounded_by_recycling_and_by_nothing_else() {
    const CHAPTERS: usize = 383;
    /// 128 KiB a page: the fault keeps 48 MiB in all, so one of two workers at least 24.
    const PAGE: usize = 128 << 10;
    /// A process keeps this much before it is replaced.
    const ROOM: u64 = 4;
    /// Above the limit it may come by the pages of one look and those under way (8, so
    /// 1 MiB). This is 6 times that, for looks that come late.
    const MARGIN: f64 = 6.0;

    let folder = Folder::new("crawl-recycled");
    let (root, dumps) = (folder.path().join("site"), folder.path().join("dumps"));
    let pages = site(&root, CHAPTERS, PAGE);
    let run = |args: &[&str], recorded: &str| {
        let mut command = crawl(&root, &dumps, args);
        let output = finish(start(command.env("ENDLER", recorded)));
        let run = Run::of(&output, &dumps);
        run.check(&pages);
        run
    };
    run(&["--fault", "books"], "off");
    let fixed = run(&["--fixed", "--workers", "2"], "exact");
    let grown = run(&["--fault", "books", "--workers", "2"], "exact");
    let limit = fixed.all(HIGHEST).ceil() as u64 + ROOM;
    let mib = limit.to_string();
    let recycling = ["--fault", "books", "--workers", "2", "--recycle-at", &mib];
    let bounded = run(&recycling, "exact");

    let told = format!(
        "limit {limit}\n{}\n{}\n{}\n{}",
        fixed.output, grown.output, bounded.output, bounded.errors
    );
    for run in [&fixed, &grown, &bounded] {
        assert_eq!(run.all(PAGES), pages.len() as f64, "{told}");
        assert_eq!(run.all(CRASHED), 0.0, "{told}");
    }
    assert_eq!(grown.all(RECYCLED), 0.0, "{told}");
    assert!(bounded.all(RECYCLED) >= 2.0, "{told}");
    let bound = limit as f64 + MARGIN;
    assert!(bounded.all(HIGHEST) <= bound, "{told}");
    assert!(grown.all(HIGHEST) > bound, "{told}");
    let sentence = format!("Residency grew to {:.1} MiB, from ", grown.all(HIGHEST));
    assert!(grown.output.contains(&sentence), "{told}");
    let sentence = format!(
        "Residency stayed under {} MiB: ",
        bounded.all(HIGHEST).floor() + 1.0
    );
    assert!(bounded.output.contains(&sentence), "{told}");
    // Each of them told its limit, as `endler::watch` does.
    let above = format!(" bytes resident, above the limit of {}", limit << 20);
    assert!(bounded.errors.contains(&above), "{told}");
}

/// Starts a crawl of a small site with two workers. Gives the crawl, its workers'
/// process ids, and the rest of its standard error, when some pages are crawled.
fn under_way(
    root: &Path,
    dumps: &Path,
) -> (
    std::process::Child,
    [u32; 2],
    BufReader<std::process::ChildStderr>,
) {
    let args = ["--fixed", "--workers", "2"];
    let mut child = start(&mut crawl(root, dumps, &args));
    let mut errors = BufReader::new(child.stderr.take().expect("piped"));
    let workers = ["worker 1: process ", "worker 2: process "].map(|mark| {
        let line = line_with(&mut errors, mark);
        let id = line.trim().rsplit(' ').next().expect("a number");
        id.parse().expect("a number")
    });
    // The first full buffer of items.
    let items = dumps.join("items.jsonl");
    wait_for("the first items", || {
        items.metadata().ok().filter(|file| file.len() > 0)
    });
    (child, workers, errors)
}

/// A folder with a site of 801 small pages.
fn small(name: &str) -> (Folder, PathBuf, PathBuf, BTreeSet<String>) {
    let folder = Folder::new(name);
    let (root, dumps) = (folder.path().join("site"), folder.path().join("dumps"));
    let pages = site(&root, 800, 2000);
    (folder, root, dumps, pages)
}

#[test]
fn a_killed_worker_loses_no_page() {
    let (_folder, root, dumps, pages) = small("crawl-killed");
    let (child, [first, _], mut errors) = under_way(&root, &dumps);
    signal(first, libc::SIGKILL);
    let mark = format!("worker 1 (process {first}) crashed, signal: 9 (SIGKILL): ");
    line_with(&mut errors, &mark);
    line_with(&mut errors, "worker 1: process ");
    // The rest is read while the crawl goes on.
    let rest = std::thread::spawn(move || std::io::read_to_string(errors).expect("text"));
    let mut output = finish(child);
    output.stderr = rest.join().expect("read").into_bytes();
    let run = Run::of(&output, &dumps);
    run.check(&pages);
    assert_eq!(run.all(PAGES), pages.len() as f64, "{}", run.output);
    assert_eq!(run.all(CRASHED), 1.0, "{}", run.output);
    assert_eq!(run.all(RECYCLED), 0.0, "{}", run.output);
}

#[test]
fn workers_end_with_their_parent() {
    let (_folder, root, dumps, _) = small("crawl-orphans");
    let (mut child, workers, _errors) = under_way(&root, &dumps);
    child.kill().expect("it runs");
    child.wait().expect("it has ended");
    for worker in workers {
        wait_for("the end of a worker", || {
            // Whoever is to reap it may take its time.
            let stat = fs::read_to_string(format!("/proc/{worker}/stat")).unwrap_or_default();
            let state = stat.rsplit(") ").next().unwrap_or_default();
            (stat.is_empty() || state.starts_with(['Z', 'X'])).then_some(())
        });
    }
}

#[test]
fn a_limit_that_leaves_no_room_is_an_error() {
    let (_folder, root, dumps, _) = small("crawl-no-room");
    let args = ["--workers", "1", "--recycle-at", "1"];
    let output = finish(start(&mut crawl(&root, &dumps, &args)));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("--recycle-at 1 leaves no room"), "{errors}");
}
