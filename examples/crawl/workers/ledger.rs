//! The parent's frontier: what is to fetch, who has what, and what was found
//! already. Knows workers by number alone; it neither waits nor speaks.
//!
//! What a worker is given stays in the ledger until the worker has handed it
//! back. So a worker may end at any instant: its pages go back to the queue,
//! its second visits to those that the ledger keeps.
//!
//! ```text
//! push ─► queue ─► give ─► given ─► visited ─► second visit in the worker ─► kept
//!           ▲                │  hand_back, or lost once       │ lost            ▲
//!           └────────────────┘                                └─────────────────┘
//!                            └─ lost twice ─► given up
//! ```
//!
//! Each address that was ever pushed is in one of these places, or is over.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::time::Duration;

use super::protocol::{Later, Outcome, Page};

/// How often a page may have been in a worker that crashed. At the second time it
/// may be the reason.
const CRASHES: u8 = 2;

/// A page that waits or is given.
#[derive(Debug)]
struct Waiting {
    page: Page,
    /// Workers that crashed while they had it.
    crashes: u8,
}

/// What one worker has.
#[derive(Debug, Default)]
struct Share {
    /// Pages that it is to visit, by address.
    given: BTreeMap<String, Waiting>,
    /// Second visits that wait in it, with their time.
    later: BTreeMap<String, Duration>,
}

/// All pages of a crawl.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// Pages to parse at the most.
    limit: usize,
    queue: VecDeque<Waiting>,
    /// Every address that was ever queued.
    seen: HashSet<String>,
    shares: Vec<Share>,
    /// Second visits that were handed back.
    later: Vec<Later>,
    /// Pages parsed.
    pub pages: usize,
    /// Requests that were answered with an error status.
    pub missing: usize,
    /// Requests that were not answered, and pages that were given up.
    pub failed: usize,
}

/// What a worker had when it crashed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    /// Pages that are queued again.
    pub again: usize,
    /// Addresses of pages that are not: two workers crashed with them.
    pub given_up: Vec<String>,
    /// Second visits, which are kept now.
    pub later: usize,
}

impl Ledger {
    /// Of a crawl of at most `limit` pages with so many workers.
    pub(crate) fn new(limit: usize, workers: usize) -> Self {
        Ledger {
            limit,
            queue: VecDeque::new(),
            seen: HashSet::new(),
            shares: (0..workers).map(|_| Share::default()).collect(),
            later: Vec::new(),
            pages: 0,
            missing: 0,
            failed: 0,
        }
    }

    /// Queues a page, unless its address was queued before.
    pub(crate) fn push(&mut self, page: Page) {
        if !self.seen.contains(&page.url) {
            self.seen.insert(page.url.clone());
            self.queue.push_back(Waiting { page, crashes: 0 });
        }
    }

    /// The next page for a worker, if there is one and it may count.
    pub(crate) fn give(&mut self, worker: usize) -> Option<Page> {
        if self.pages + self.given() >= self.limit {
            return None;
        }
        let next = self.queue.pop_front()?;
        let page = next.page.clone();
        self.shares[worker].given.insert(page.url.clone(), next);
        Some(page)
    }

    /// A worker's visit is over. Whether it was given that page: else nothing counts.
    pub(crate) fn visited(&mut self, worker: usize, url: &str, outcome: Outcome) -> bool {
        let share = &mut self.shares[worker];
        let Some(Waiting { page, .. }) = share.given.remove(url) else {
            return false;
        };
        match outcome {
            Outcome::Parsed { again } => {
                self.pages += 1;
                share.later.extend(again.map(|after| (page.url, after)));
            }
            Outcome::Missing => self.missing += 1,
            Outcome::Failed => self.failed += 1,
        }
        true
    }

    /// A worker did not begin a page: it is the next again.
    pub(crate) fn hand_back(&mut self, worker: usize, url: &str) -> bool {
        let waiting = self.shares[worker].given.remove(url);
        let is_its = waiting.is_some();
        if let Some(waiting) = waiting {
            self.queue.push_front(waiting);
        }
        is_its
    }

    /// A worker hands back a second visit.
    pub(crate) fn keep(&mut self, worker: usize, later: Later) -> bool {
        let is_its = self.shares[worker].later.remove(&later.page.url).is_some();
        if is_its {
            self.later.push(later);
        }
        is_its
    }

    /// A worker has ended without handing all back.
    pub(crate) fn crashed(&mut self, worker: usize) -> Lost {
        let Share { given, later } = std::mem::take(&mut self.shares[worker]);
        let mut lost = Lost {
            later: later.len(),
            ..Lost::default()
        };
        for (url, mut waiting) in given {
            waiting.crashes += 1;
            if waiting.crashes < CRASHES {
                lost.again += 1;
                self.queue.push_front(waiting);
            } else {
                self.failed += 1;
                lost.given_up.push(url);
            }
        }
        lost.given_up.sort_unstable();
        // Which page led there only the worker knew.
        self.later.extend(later.into_iter().map(|(url, after)| {
            let referer = String::new();
            let page = Page { url, referer };
            Later { page, after }
        }));
        lost
    }

    /// Drops what is still to fetch. Returns how much that was.
    pub(crate) fn close(&mut self) -> usize {
        std::mem::take(&mut self.queue).len()
    }

    /// How many pages workers have to visit.
    pub(crate) fn given(&self) -> usize {
        self.shares.iter().map(|share| share.given.len()).sum()
    }

    /// How many pages this worker has to visit.
    pub(crate) fn given_to(&self, worker: usize) -> usize {
        self.shares[worker].given.len()
    }

    /// Whether a worker has nothing that it has not handed back.
    pub(crate) fn is_clear(&self, worker: usize) -> bool {
        let Share { given, later } = &self.shares[worker];
        given.is_empty() && later.is_empty()
    }

    /// Whether all pages that may count are parsed.
    pub(crate) fn is_full(&self) -> bool {
        self.pages >= self.limit
    }

    /// How many pages wait for a worker.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// How many second visits are kept here.
    pub(crate) fn later(&self) -> usize {
        self.later.len()
    }
}
