//! The crawl in worker processes: however often they are replaced, and whoever of
//! them is killed, each page is visited once; and what they have resident is bounded
//! by `--recycle-at`.
//!
//! The site is made here, so what is true is known: the pages by name, and how many
//! bytes the fault keeps.
#![allow(missing_docs)]

mod process;

#[allow(dead_code, reason = "the example uses all of it")]
#[path = "../examples/crawl/workers/ledger.rs"]
mod ledger;
#[allow(dead_code, reason = "the example uses all of it")]
#[path = "../examples/crawl/workers/protocol.rs"]
mod protocol;
#[allow(dead_code, reason = "the example uses all of it")]
#[path = "../examples/crawl/workers/resident.rs"]
mod resident;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use endler::Bytes;
use ledger::Ledger;
use process::*;
use protocol::{Later, Order, Outcome, Page, Report};
use resident::Resident;

/// A site of chapters, each of which leads to the next two, but for the last one, to
/// which nothing leads. Their pages are `bytes` long and a little. Returns its pages.
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
    put("book/toc.html".into(), "Contents", &[0, 1]);
    for n in 0..chapters {
        let next = [n + 1, n + 2];
        let next: Vec<usize> = next.into_iter().filter(|n| *n + 1 < chapters).collect();
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
        let (output, status) = ((text(&output.stdout), text(&output.stderr)), output.status);
        let (output, errors) = output;
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
    const CHAPTERS: usize = 767;
    /// 128 KiB a page: the fault keeps 96 MiB in all, so one of two workers at least 48.
    const PAGE: usize = 128 << 10;
    /// A process keeps this much before it is replaced.
    const ROOM: u64 = 8;
    /// Above the limit it may come by the pages of one look and those under way (8, so
    /// 1 MiB). This is 8 times that, for looks that come late.
    const MARGIN: f64 = 8.0;

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

/// Numbers without a pattern that matters here.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % bound
    }
}

/// A worker as the naive twin of the ledger has it.
#[derive(Default)]
struct Twin {
    given: Vec<String>,
    later: Vec<String>,
}

#[test]
fn the_ledger_gives_each_page_once() {
    const N: usize = 200;
    let page = |n: usize| Page {
        url: n.to_string(),
        referer: String::new(),
    };
    let after = Duration::from_secs(1);
    for seed in 0..200 {
        let mut numbers = Numbers(seed);
        let mut ledger = Ledger::new(usize::MAX, 3);
        let mut workers: [Twin; 3] = Default::default();
        let mut parsed: BTreeMap<String, usize> = BTreeMap::new();
        let mut crashes: BTreeMap<String, usize> = BTreeMap::new();
        let mut kept = 0;
        ledger.push(page(0));
        while ledger.waiting() + ledger.given() > 0 {
            let at = numbers.below(3);
            let twin = &mut workers[at];
            match numbers.below(100) {
                0..40 => twin.given.extend(ledger.give(at).map(|page| page.url)),
                40..90 if !twin.given.is_empty() => {
                    let url = twin.given.swap_remove(numbers.below(twin.given.len()));
                    let outcome = Outcome::Parsed { again: Some(after) };
                    assert!(ledger.visited(at, &url, outcome));
                    assert!(!ledger.visited(at, &url, outcome), "it is over");
                    let n: usize = url.parse().expect("a number");
                    let next = (2 * n + 1..2 * n + 4).filter(|n| *n < N);
                    next.for_each(|n| ledger.push(page(n)));
                    *parsed.entry(url.clone()).or_default() += 1;
                    twin.later.push(url);
                }
                90..98 => {
                    let twin = std::mem::take(twin);
                    kept += twin.later.len();
                    for url in twin.given {
                        assert!(ledger.hand_back(at, &url));
                    }
                    for url in twin.later {
                        let referer = String::new();
                        let page = Page { url, referer };
                        assert!(ledger.keep(at, Later { page, after }));
                    }
                    assert!(ledger.is_clear(at));
                }
                98.. => {
                    let mut twin = std::mem::take(twin);
                    kept += twin.later.len();
                    let lost = ledger.crashed(at);
                    assert_eq!(lost.later, twin.later.len());
                    for url in &twin.given {
                        *crashes.entry(url.clone()).or_default() += 1;
                    }
                    twin.given.retain(|url| crashes[url] == 2);
                    twin.given.sort_unstable();
                    assert_eq!(lost.given_up, twin.given);
                    assert!(ledger.is_clear(at));
                }
                _ => {}
            }
            let out: usize = workers.iter().map(|twin| twin.given.len()).sum();
            assert_eq!(ledger.given(), out);
            assert_eq!(ledger.later(), kept);
        }
        let given_up = crashes.values().filter(|crashes| **crashes == 2).count();
        assert!(parsed.values().all(|times| *times == 1));
        assert_eq!((ledger.pages, ledger.failed), (parsed.len(), given_up));
        if given_up == 0 {
            // Else what they alone lead to is not known.
            assert_eq!(parsed.len(), N);
        }
    }
}

#[test]
fn the_ledger_gives_no_more_than_may_count() {
    let mut ledger = Ledger::new(2, 1);
    for url in ["a", "b", "c"] {
        let (url, referer) = (url.to_owned(), String::new());
        ledger.push(Page { url, referer });
    }
    let mut give = |ledger: &mut Ledger| ledger.give(0).map(|page| page.url);
    assert_eq!(give(&mut ledger).as_deref(), Some("a"));
    assert_eq!(give(&mut ledger).as_deref(), Some("b"));
    assert_eq!(give(&mut ledger), None);
    // One that is missing leaves room for another.
    assert!(ledger.visited(0, "a", Outcome::Missing));
    assert_eq!(give(&mut ledger).as_deref(), Some("c"));
    assert!(ledger.visited(0, "b", Outcome::Parsed { again: None }));
    assert!(!ledger.is_full());
    assert!(ledger.visited(0, "c", Outcome::Parsed { again: None }));
    assert!(ledger.is_full());
    assert_eq!((ledger.pages, ledger.missing), (2, 1));
}

#[test]
fn lines_say_what_was_meant() {
    let page = |url: &str, referer: &str| Page {
        url: url.into(),
        referer: referer.into(),
    };
    for order in [
        Order::End,
        Order::Visit(page("http://h/a%20b.html", "a \"title\"\nof two lines, ü")),
    ] {
        let line = order.line();
        assert!(!line.contains('\n'), "{line}");
        assert_eq!(Order::read(&line), Some(order));
    }
    let resident = Resident {
        now: Bytes(1 << 30),
        highest: Bytes(u64::MAX),
    };
    let after = Duration::from_secs(3600);
    let visited = |outcome, found, item| Report::Visited {
        url: "u".into(),
        outcome,
        found,
        item,
        resident,
    };
    let item = serde_json::json!({"kind": "chapter", "visited": "not a report", "words": 3});
    let parsed = |again| Outcome::Parsed { again };
    for report in [
        Report::Ready(resident),
        Report::Full(resident),
        Report::Done(resident),
        Report::Left("u".into()),
        Report::Later(Later {
            page: page("u", "t"),
            after,
        }),
        visited(Outcome::Missing, Vec::new(), None),
        visited(Outcome::Failed, Vec::new(), None),
        visited(parsed(None), vec![page("v", ""), page("w", "t")], None),
        visited(parsed(Some(after)), Vec::new(), Some(item)),
    ] {
        let line = report.line();
        assert!(!line.contains('\n'), "{line}");
        assert_eq!(Report::read(&line), Some(report), "{line}");
    }
    for line in [
        "",
        "{}",
        "[]",
        "{\"left\":1}",
        "{\"ready\":[1]}",
        "{\"visited\":\"u\"}",
    ] {
        assert_eq!(Report::read(line), None, "{line}");
        assert_eq!(Order::read(line), None, "{line}");
    }
}

#[test]
fn resident_memory_is_read_in_bytes() {
    let status = "Name:\tx\nVmHWM:\t    6144 kB\nVmRSS:\t    5120 kB\n";
    let expect = Resident {
        now: Bytes(5120 << 10),
        highest: Bytes(6144 << 10),
    };
    assert_eq!(Resident::read(status), Some(expect));
    for status in ["", "VmRSS:\t1 kB\n", "VmHWM:\t1 kB\nVmRSS:\t1 MB\n"] {
        assert_eq!(Resident::read(status), None, "{status}");
    }
    let here = Resident::here().expect("it is told");
    assert!(here.now.0 > 0 && here.highest.0 > 0, "{here:?}");
}
