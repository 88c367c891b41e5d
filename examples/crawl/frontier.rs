//! The queue of the crawl: what to fetch next, and what was asked for already.

use std::collections::{HashSet, VecDeque};

use crate::http::{Due, Request};

/// Breadth first, each address once.
///
/// Requests are handed out in the order they were put in, so a crawl that puts
/// them in in a fixed order visits the same pages every time.
#[derive(Debug, Default)]
pub(crate) struct Frontier {
    /// To fetch, oldest first.
    queue: VecDeque<Request>,
    /// Every address that was ever queued.
    seen: HashSet<String>,
    /// Visits for later: their time comes long after this crawl is done, and
    /// until then they wait here.
    later: Vec<Request>,
}

impl Frontier {
    /// Takes a request: drops it if its address was queued before, unless it
    /// asks for a second visit.
    pub(crate) fn push(&mut self, request: Request) {
        match request.due {
            Due::After(_) => self.later.push(request),
            Due::Now => {
                if !self.seen.contains(&request.url) {
                    self.seen.insert(request.url.clone());
                    self.queue.push_back(request);
                }
            }
        }
    }

    /// The next request.
    pub(crate) fn pop(&mut self) -> Option<Request> {
        self.queue.pop_front()
    }

    /// Drops what is still to fetch; visits for later stay. Returns how many were dropped.
    pub(crate) fn close(&mut self) -> usize {
        let dropped = self.queue.len();
        self.queue = VecDeque::new();
        self.seen = HashSet::new();
        dropped
    }

    /// Gives up all it has: what is still to fetch, and the visits for later.
    pub(crate) fn hand_back(self) -> (VecDeque<Request>, Vec<Request>) {
        (self.queue, self.later)
    }

    /// How many requests wait for their turn.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// How many visits stand out for later.
    pub(crate) fn later(&self) -> usize {
        self.later.len()
    }
}
