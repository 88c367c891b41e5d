//! The site of a block: the innermost function of the user's, by its readable
//! name, with file and line, in each way that Rust code can be called.
//!
//! A function whose last act is the call that allocates may have left the stack
//! by then (a tail call), and the site is its caller. So each of them still does
//! something with the result.

#[path = "truth/recorder.rs"]
mod recorder;

use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use endler_reports::resolve::{Options, resolve};
use endler_snapshot::{DebugLevel, Image, LineOwner};

#[global_allocator]
static HEAP: recorder::Recorder = recorder::Recorder;

struct Spider {
    name: &'static str,
}

trait Work {
    fn parse(&self) -> String;
}

impl Work for Spider {
    #[inline(never)]
    fn parse(&self) -> String {
        black_box(self.name.to_owned())
    }
}

impl Spider {
    #[inline(never)]
    fn title(&self) -> String {
        black_box(self.name.to_uppercase())
    }

    #[inline(never)]
    async fn fetch(&self) -> String {
        std::future::ready(()).await;
        black_box(self.name.repeat(2))
    }
}

/// A generic type's method.
struct Cache<T> {
    item: T,
}

impl<T: Clone> Cache<T> {
    #[inline(never)]
    fn twice(&self) -> Vec<T> {
        black_box(vec![self.item.clone(), self.item.clone()])
    }
}

#[inline(never)]
async fn crawl(name: &'static str) -> String {
    std::future::ready(()).await;
    black_box(name.replace('a', "b"))
}

#[inline(never)]
fn generic<T: ToString>(value: T) -> String {
    black_box(value.to_string())
}

#[inline(never)]
fn with_closure(names: &[&'static str]) -> Vec<String> {
    let mut all = Vec::with_capacity(8);
    names
        .iter()
        .for_each(|name| all.push((*name).to_lowercase()));
    all
}

mod inner {
    pub(super) mod deep {
        #[inline(never)]
        pub(crate) fn boxed(value: u64) -> Box<u64> {
            std::hint::black_box(Box::new(value))
        }
    }
}

/// Runs a future that never really waits.
#[inline(never)]
fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            return value;
        }
    }
}

/// The sites of an image's blocks: function, file, line.
fn sites(image: &Image) -> Vec<(String, String, u32)> {
    let resolution = image.resolution.as_ref().unwrap();
    let site = |context: usize| {
        let line = resolution.lines[resolution.context_site[context].unwrap().index()];
        assert_eq!(line.owner, LineOwner::User);
        assert_eq!(resolution.str(line.krate), "truth_sites");
        let text = |id| resolution.str(id).to_owned();
        (text(line.function), text(line.file), line.line)
    };
    image
        .blocks
        .context
        .iter()
        .map(|c| site(c.index()))
        .collect()
}

/// Whether debug information has namespaces, which `line-tables-only` has not.
fn has_namespaces(image: &Image) -> bool {
    let resolution = image.resolution.as_ref().unwrap();
    resolution
        .lines
        .iter()
        .any(|l| resolution.str(l.function).contains("deep::boxed"))
}

#[test]
fn sites_have_readable_names() {
    let spider = Spider {
        name: black_box("a name"),
    };
    let cache = Cache {
        item: black_box(7u64),
    };
    // What is done, the site with types described, the site by namespaces.
    let cases = [
        (
            "trait method",
            recorder::blocks_of(|| spider.parse()),
            "Spider::parse",
            "{impl#0}::parse",
        ),
        (
            "method",
            recorder::blocks_of(|| spider.title()),
            "Spider::title",
            "Spider::title",
        ),
        (
            "async function",
            recorder::blocks_of(|| run(crawl("a name"))),
            "crawl",
            "crawl",
        ),
        (
            "async method",
            recorder::blocks_of(|| run(spider.fetch())),
            "Spider::fetch",
            "{impl#1}::fetch",
        ),
        (
            "method of a generic type",
            recorder::blocks_of(|| cache.twice()),
            "Cache::twice<u64>",
            "Cache::twice<u64>",
        ),
        (
            "generic function",
            recorder::blocks_of(|| generic(5u8)),
            "generic<u8>",
            "generic<u8>",
        ),
        (
            "nested modules",
            recorder::blocks_of(|| inner::deep::boxed(4)),
            "inner::deep::boxed",
            "inner::deep::boxed",
        ),
    ];
    let all: Vec<_> = cases.iter().flat_map(|c| c.1.iter().cloned()).collect();
    let mut whole = recorder::image(&all);
    assert_eq!(resolve(&mut whole, &Options::default()), []);
    let level = whole.resolution.as_ref().unwrap().modules[0].level;
    assert!(matches!(level, DebugLevel::Full | DebugLevel::Limited));
    let namespaces = has_namespaces(&whole);
    for (what, blocks, full, limited) in cases {
        assert_eq!(blocks.len(), 1, "{what}");
        let mut image = recorder::image(&blocks);
        resolve(&mut image, &Options::default());
        let (function, file, line) = sites(&image).remove(0);
        if !namespaces {
            let last = full.rsplit("::").next().unwrap();
            let last = if what.starts_with("async") {
                "{async_fn#0}"
            } else {
                last
            };
            assert_eq!(function, format!("truth_sites::{last}"), "{what}");
        } else if level == DebugLevel::Full {
            assert_eq!(function, format!("truth_sites::{full}"), "{what}");
        } else {
            assert_eq!(function, format!("truth_sites::{limited}"), "{what}");
        }
        assert_eq!(file, "reports/tests/truth_sites.rs", "{what}");
        assert!(line > 0, "{what}");
    }
}

#[test]
fn a_closure_is_its_own_site() {
    let blocks = recorder::blocks_of(|| with_closure(&["A", "B"]));
    let mut image = recorder::image(&blocks);
    resolve(&mut image, &Options::default());
    let mut functions: Vec<_> = sites(&image).into_iter().map(|s| s.0).collect();
    functions.sort();
    functions.dedup();
    let closure = [
        "truth_sites::with_closure::{closure#0}",
        "truth_sites::{closure#0}",
    ];
    assert_eq!(functions.len(), 2, "{functions:?}");
    assert!(
        functions.iter().any(|f| f == "truth_sites::with_closure"),
        "{functions:?}"
    );
    assert!(
        functions.iter().any(|f| closure.contains(&f.as_str())),
        "{functions:?}"
    );
}

#[test]
fn the_chain_goes_from_std_to_the_user() {
    let blocks = recorder::blocks_of(|| generic(5u8));
    let mut image = recorder::image(&blocks);
    resolve(&mut image, &Options::default());
    image.check_invariants().unwrap();
    let resolution = image.resolution.as_ref().unwrap();
    let lines: Vec<_> = image
        .stacks
        .frames(image.contexts[0].stack)
        .flat_map(|f| resolution.lines_of(f))
        .map(|l| (resolution.str(l.function), l.owner))
        .collect();
    let position = |name: &str| {
        let at = lines.iter().position(|(f, _)| f.contains(name));
        at.unwrap_or_else(|| panic!("no {name} in {lines:#?}"))
    };
    let (to_string, user, test) = (
        position("to_string<u8>"),
        position("truth_sites::generic"),
        position("test::"),
    );
    assert!(to_string < user && user < test);
    assert_eq!(lines[to_string].1, LineOwner::Std);
    assert_eq!(lines[user].1, LineOwner::User);
    let outermost = lines.last().unwrap();
    assert_eq!(
        outermost.1,
        LineOwner::Std,
        "start-up code is nobody's site: {outermost:?}"
    );
}
