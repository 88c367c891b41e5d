//! The crawl from end to end, on the small site: whichever spider has the fault,
//! the sentence names its types and its lines; without the fault it does not.
//!
//! What is true is computed here: lines from comments in the source, counts
//! from the files of the site.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use endler::reports::diff::growth;
use endler::reports::load;
use endler::reports::partition::{Heap, by};

/// A spider, the type of its pages, and the folder of the site that it crawls.
struct Spider {
    name: &'static str,
    page: &'static str,
    folder: &'static str,
}

const SPIDERS: [Spider; 3] = [
    Spider {
        name: "api",
        page: "Arc<crawl::spiders::api::ApiPage>",
        folder: "api",
    },
    Spider {
        name: "books",
        page: "Arc<crawl::spiders::books::ChapterPage>",
        folder: "book",
    },
    Spider {
        name: "reference",
        page: "Arc<crawl::spiders::reference::ReferencePage>",
        folder: "reference",
    },
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The directory of the example's binary and of the `endler` command. `cargo
/// test` builds the example too, but neither the command, which stands behind a
/// feature, nor the example when it is told to run this test alone.
fn binaries() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let test = std::env::current_exe().expect("the path of this test");
        let profile = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .current_dir(root())
            .args(["build", "--quiet", "--features", "cli"]);
        cargo.args(["--bin", "endler", "--example", "crawl", "--target-dir"]);
        cargo.arg(profile.parent().expect("the target directory"));
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(
            cargo.status().expect("cargo runs").success(),
            "cannot build the binaries"
        );
        profile.to_path_buf()
    })
}

/// One run of the example.
struct Run {
    directory: tempdir::Dir,
    output: String,
}

impl Run {
    fn new(args: &[&str]) -> Self {
        let directory = tempdir::Dir::new();
        let out = Command::new(binaries().join("examples/crawl"))
            .arg("--site")
            .arg(root().join("examples/site"))
            .arg("--dumps")
            .arg(directory.path())
            .args(args)
            .env_remove("ENDLER")
            .output()
            .expect("the example runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (output, errors) = (text(&out.stdout), text(&out.stderr));
        assert!(
            out.status.success(),
            "{args:?}: {}\n{output}\n{errors}",
            out.status
        );
        Run { directory, output }
    }

    /// The line below the heading "What grew".
    fn sentence(&self) -> &str {
        let mut lines = self
            .output
            .lines()
            .skip_while(|line| *line != "== What grew");
        lines
            .nth(1)
            .unwrap_or_else(|| panic!("no sentence in\n{}", self.output))
    }

    /// The snapshot of a phase; its tables must stand beside it.
    fn snapshot(&self, phase: &str) -> PathBuf {
        let end = format!(".{phase}.endler");
        let files = fs::read_dir(self.directory.path()).expect("the dumps are there");
        let mut found = files
            .map(|file| file.expect("a file").path())
            .filter(|path| path.to_string_lossy().ends_with(&end));
        let snapshot = found
            .next()
            .unwrap_or_else(|| panic!("no dump of phase {phase}"));
        assert_eq!(found.next(), None, "more than one dump of phase {phase}");
        let tables = fs::read_to_string(snapshot.with_extension("txt")).expect("the tables");
        assert!(tables.contains("Partition of a set of "), "{tables}");
        snapshot
    }

    /// How many blocks of a type lived at the end of a phase.
    fn live(&self, phase: &str, name: &str) -> u64 {
        let image = load(self.snapshot(phase)).expect("a snapshot that can be read");
        let heap = Heap::new(&image);
        let types = heap.all().by(&by::TYPE.into());
        types
            .rows()
            .iter()
            .filter(|row| types.name(row) == name)
            .map(|row| row.count)
            .sum()
    }
}

/// Where the source of a spider says that it allocates `what`.
fn line(spider: &Spider, what: &str) -> String {
    let file = format!("examples/crawl/spiders/{}.rs", spider.name);
    let source = fs::read_to_string(root().join(&file)).expect("the spider's source");
    let mark = format!("// allocates the {} spider's {what}", spider.name);
    let at = source.lines().position(|line| line.ends_with(&mark));
    format!(
        "{file}:{}",
        at.unwrap_or_else(|| panic!("no {mark:?} in {file}")) + 1
    )
}

/// Pages of the site that a spider is in charge of.
fn pages(spider: &Spider) -> u64 {
    let files = fs::read_dir(root().join("examples/site").join(spider.folder)).expect("the site");
    let html = files.filter(|file| {
        file.as_ref()
            .expect("a file")
            .path()
            .extension()
            .is_some_and(|e| e == "html")
    });
    // The front page is the reference spider's too.
    html.count() as u64 + u64::from(spider.name == "reference")
}

fn the_fault_is_found(spider: &Spider) {
    let run = Run::new(&["--fault", spider.name]);
    let sentence = run.sentence();
    for expected in [&line(spider, "text"), &line(spider, "page"), spider.page] {
        assert!(sentence.contains(expected), "no {expected} in: {sentence}");
    }
    assert!(sentence.contains("since phase `seed`"), "{sentence}");

    for each in &SPIDERS {
        // Each page of the faulty spider waits for its second visit; of the
        // others' pages not one lives.
        let expected = if each.name == spider.name {
            pages(each)
        } else {
            0
        };
        assert_eq!(
            run.live("drain", each.page),
            expected,
            "{} in\n{}",
            each.page,
            run.output
        );
    }
    assert!(run.output.contains(spider.page), "{}", run.output);

    // Which spider's they are.
    let drain = load(run.snapshot("drain")).expect("drain");
    let tags = Heap::new(&drain).all().by(&by::TAG.into());
    let own = format!("spider={}", spider.name);
    let row = tags.find(&own).and_then(|row| tags.row(row));
    let types = row.expect("the spider's blocks").by(&by::TYPE.into());
    let page = types.find(spider.page).and_then(|row| types.row(row));
    let page = page.expect("its pages bear its tag");
    assert_eq!(page.count() as u64, pages(spider), "{}", run.output);
    let largest = tags.rows().iter().map(|row| tags.name(row));
    let largest = largest.into_iter().find(|name| name.starts_with("spider="));
    assert_eq!(largest.as_deref(), Some(own.as_str()), "{}", run.output);

    // Which field holds them, and what keeps that.
    let pages_held = Heap::new(&drain).all().by(&by::VIA.into());
    let held = pages_held.find("crawl::http::MetaValue::Page.0");
    let held = held
        .and_then(|row| pages_held.row(row))
        .expect("the field that leaks");
    assert_eq!(held.count() as u64, pages(spider), "{}", run.output);
    let paths = held.by(&by::PATH.into());
    let path = paths.name(&paths.rows()[0]).into_owned();
    for step in [
        "Box<crawl::engine::Crawl>",
        "crawl::frontier::Frontier.later → Vec<crawl::http::Request>",
        "crawl::http::Request.meta → ",
    ] {
        assert!(path.contains(step), "no {step} in {path}");
    }
    let verdict = run.output.split("== Verdict\n").nth(1).expect("a verdict");
    assert!(verdict.starts_with("A leak: "), "{verdict}");

    // The crawl prints the same: the page's holder, the request's field, the queue.
    let printed = run.output.split("\n== Who holds `").nth(1);
    let printed = printed.and_then(|rest| rest.split("\n== ").next());
    let printed = printed.expect("who holds what piled up");
    for field in [
        "crawl::http::MetaValue::Page.0",
        "crawl::http::Request.meta",
        "crawl::frontier::Frontier.later",
    ] {
        let row = printed.contains(field);
        assert!(row, "no row of {field} in\n{}", run.output);
    }

    // The same sentence comes from the files alone.
    let (seed, crawl) = (run.snapshot("seed"), run.snapshot("crawl"));
    let (before, after) = (load(&seed).expect("seed"), load(&crawl).expect("crawl"));
    let growth = growth(Heap::new(&before), Heap::new(&after)).expect("something grew");
    assert_eq!(growth.to_string(), sentence);
    let mut endler = Command::new(binaries().join("endler"));
    let out = endler
        .arg("diff")
        .args([seed, crawl])
        .output()
        .expect("endler runs");
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(
        text.lines().any(|line| line == sentence),
        "no {sentence:?} in\n{text}"
    );
}

#[test]
fn the_fault_of_the_api_spider() {
    the_fault_is_found(&SPIDERS[0]);
}

#[test]
fn the_fault_of_the_books_spider() {
    the_fault_is_found(&SPIDERS[1]);
}

#[test]
fn the_fault_of_the_reference_spider() {
    the_fault_is_found(&SPIDERS[2]);
}

/// One crawl, and all that is to be seen of it: a crawl with its dumps takes long.
#[test]
fn without_the_fault_all_is_crawled_and_no_page_outlives_its_callback() {
    let run = Run::new(&["--fixed"]);
    no_page_outlives_its_callback(&run);
    every_page_of_the_site_is_crawled(&run);
}

fn no_page_outlives_its_callback(run: &Run) {
    assert!(
        run.output.contains("== Verdict\nNo leak: "),
        "{}",
        run.output
    );
    for spider in &SPIDERS {
        for phase in ["seed", "crawl", "drain"] {
            assert_eq!(run.live(phase, spider.page), 0, "{}", run.output);
        }
        for what in ["text", "page"] {
            let line = line(spider, what);
            assert!(!run.sentence().contains(&line), "{}", run.sentence());
        }
    }
}

fn every_page_of_the_site_is_crawled(run: &Run) {
    let items = fs::read_to_string(run.directory.path().join("items.jsonl")).expect("the items");
    let mut urls: Vec<String> = items
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a line of JSON"))
        .map(|item| item["url"].as_str().expect("an address").to_owned())
        .collect();
    urls.sort_unstable();
    urls.dedup();
    let pages: u64 = SPIDERS.iter().map(pages).sum();
    assert_eq!(urls.len() as u64, pages, "{urls:?}");
    assert!(
        run.output.contains("0 not found, 0 failed"),
        "{}",
        run.output
    );
}

/// A directory that goes away with the test.
mod tempdir {
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicU32, Ordering};

    pub(super) struct Dir(PathBuf);

    impl Dir {
        pub(super) fn new() -> Self {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = format!("crawl.{}.{number}", std::process::id());
            let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
            std::fs::create_dir_all(&path).expect("a directory for the dumps");
            Dir(path)
        }

        pub(super) fn path(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            // A test that fails leaves its dumps to be looked at.
            if !std::thread::panicking() {
                let _ = std::fs::remove_dir_all(&self.0);
            }
        }
    }
}
