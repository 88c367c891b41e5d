//! A session of lines: what Heapy and trackref answer, on heaps that were made by
//! hand. Contents are tested in `values.rs`, processes elsewhere.

#![allow(missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod heaps;
mod hostile;
mod limits;
mod lines;
mod objects;
mod saved;

use endler_reports::console::{HeapAlone, Outside, Session, TrackedObject, TrackedType, parse};
use endler_snapshot::{Image, Serial};
use support::image;

pub(crate) const FIRST: &str = "
    100 Vec<crawl::Page>       @ crawl::fetch at examples/crawl.rs:110  # 41
     24 Arc<crawl::http::Page> @ crawl::fetch at examples/crawl.rs:112  # 30
     24 Box<crawl::http::Page> @ crawl::fetch at examples/crawl.rs:113  # 20
     40 Arc<endler::trackref::tracked::Inner<crawl::Item>> @ crawl::item at examples/crawl.rs:9 # 10
     50 Box<crawl::books::BookSpider> @ crawl::run at examples/crawl.rs:1 # 60";

/// The same later: the first block is gone, three are new.
pub(crate) const SECOND: &str = "
    100 Vec<crawl::Page>       @ crawl::fetch at examples/crawl.rs:110  # 41
     24 Arc<crawl::http::Page> @ crawl::fetch at examples/crawl.rs:112  # 40
     24 Box<crawl::http::Page> @ crawl::fetch at examples/crawl.rs:113  # 30
     40 Arc<endler::trackref::tracked::Inner<crawl::Item>> @ crawl::item at examples/crawl.rs:9 # 20
     50 Box<crawl::books::BookSpider> @ crawl::run at examples/crawl.rs:1 # 70
    200 Vec<crawl::Page>       @ crawl::fetch at examples/crawl.rs:110  # 5
     24 Box<crawl::http::Page> @ crawl::fetch at examples/crawl.rs:113  # 4";

pub(crate) fn first() -> Image {
    image(FIRST)
}

pub(crate) fn second() -> Image {
    let mut later = image(SECOND);
    later.blocks.serial[0] = Serial(99);
    later
}

#[track_caller]
pub(crate) fn ask(session: &mut Session<'_>, line: &str) -> String {
    ask_with(session, line, &HeapAlone)
}

#[track_caller]
pub(crate) fn ask_with(session: &mut Session<'_>, line: &str, outside: &dyn Outside) -> String {
    let statement = parse(line).unwrap_or_else(|e| panic!("{e}"));
    session
        .run(&statement, outside)
        .unwrap_or_else(|e| panic!("{e}"))
}

/// What is wrong, whether it is seen before there is a heap or not.
#[track_caller]
pub(crate) fn wrong(session: &mut Session<'_>, line: &str) -> String {
    let statement = match parse(line) {
        Ok(statement) => statement,
        Err(error) => return error.to_string(),
    };
    match session.run(&statement, &HeapAlone) {
        Ok(answer) => panic!("{line}: {answer}"),
        Err(error) => error.to_string(),
    }
}

#[track_caller]
pub(crate) fn fails(session: &mut Session<'_>, line: &str, expect: &str) {
    let error = wrong(session, line);
    let expect = expect.strip_prefix('\n').unwrap_or(expect);
    assert!(error.starts_with(expect), "{error}");
}

pub(crate) struct Tracks {
    pub(crate) types: Vec<TrackedType>,
    pub(crate) objects: Vec<TrackedObject>,
}

impl Outside for Tracks {
    fn tracked(&self) -> Vec<TrackedType> {
        self.types.clone()
    }
    fn tracked_objects(&self, _: &str) -> Vec<TrackedObject> {
        self.objects.clone()
    }
}
