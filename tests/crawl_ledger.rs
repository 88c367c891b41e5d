//! What the crawl's parent keeps of its workers: the ledger beside a naive twin, the
//! lines of the protocol, the figures of the kernel. The processes themselves:
//! `crawl_workers`.

#[allow(dead_code, reason = "the example uses all of it")]
#[path = "../examples/crawl/workers/ledger.rs"]
mod ledger;
#[allow(dead_code, reason = "the example uses all of it")]
#[path = "../examples/crawl/workers/protocol.rs"]
mod protocol;
#[allow(dead_code, reason = "the example uses all of it")]
#[path = "../examples/crawl/workers/resident.rs"]
mod resident;

use std::collections::BTreeMap;
use std::time::Duration;

use endler::Bytes;
use ledger::Ledger;
use protocol::{Later, Order, Outcome, Page, Report};
use resident::Resident;

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
    let give = |ledger: &mut Ledger| ledger.give(0).map(|page| page.url);
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
