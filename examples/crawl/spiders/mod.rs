//! The spiders. Each knows one part of the site: how its pages are read, what
//! is worth keeping of them, and where to go from there.

mod api;
mod books;
mod links;
mod reference;

use std::time::Duration;

use bytes::Bytes;
use clap::ValueEnum;

use crate::http::{Due, Meta, Request, Response};
use crate::items::Item;

/// Which spider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SpiderName {
    /// The API pages: std, core, alloc and their like
    Api,
    /// The books
    Books,
    /// All the rest: the reference, error codes, source pages
    Reference,
}

impl SpiderName {
    /// What endler calls the spider's blocks.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            SpiderName::Api => "spider=api",
            SpiderName::Books => "spider=books",
            SpiderName::Reference => "spider=reference",
        }
    }

    /// The spider in charge of a path: by its first folder.
    pub(crate) fn in_charge_of(path: &str) -> Self {
        let folder = path
            .trim_start_matches('/')
            .split('/')
            .next()
            .unwrap_or_default();
        if api::SECTIONS.contains(&folder) {
            SpiderName::Api
        } else if books::SECTIONS.contains(&folder) {
            SpiderName::Books
        } else {
            SpiderName::Reference
        }
    }
}

/// One spider.
pub(crate) trait Spider: Send + Sync {
    /// Whether to begin with this page: its path from the root, without `/`.
    fn start_at(&self, path: &str) -> bool;

    /// The callback: what a page gives.
    fn parse(&self, request: &Request, wire: Response<Bytes>) -> Parsed;
}

/// What a callback yields.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    /// What was found on the page.
    pub item: Option<Item>,
    /// Where to go next.
    pub requests: Vec<Request>,
}

/// What a spider writes under `referer` into the `meta` of its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Referer {
    /// The page's title, which is all that the callback reads.
    Title,
    /// The page with its whole response. Convenient, and the fault of this
    /// example: the response now lives as long as the request.
    Response,
}

/// All spiders.
pub(crate) struct Spiders {
    api: api::ApiSpider,
    books: books::BookSpider,
    reference: reference::ReferenceSpider,
}

impl Spiders {
    /// All spiders, one of them with the fault.
    pub(crate) fn new(fault: Option<SpiderName>) -> Self {
        let referer = |name| {
            if fault == Some(name) {
                Referer::Response
            } else {
                Referer::Title
            }
        };
        Spiders {
            api: api::ApiSpider {
                referer: referer(SpiderName::Api),
            },
            books: books::BookSpider {
                referer: referer(SpiderName::Books),
            },
            reference: reference::ReferenceSpider {
                referer: referer(SpiderName::Reference),
            },
        }
    }

    /// The spider of a name.
    pub(crate) fn get(&self, name: SpiderName) -> &dyn Spider {
        match name {
            SpiderName::Api => &self.api,
            SpiderName::Books => &self.books,
            SpiderName::Reference => &self.reference,
        }
    }

    /// Whether the spider in charge begins with this page.
    pub(crate) fn start_at(&self, path: &str) -> bool {
        self.get(SpiderName::in_charge_of(path)).start_at(path)
    }
}

/// How long until a page is looked at again.
const FRESH_FOR: Duration = Duration::from_secs(3600);

/// The second visit to a page, to see whether it has changed.
fn visit_again(request: &Request, meta: Meta) -> Request {
    Request {
        url: request.url.clone(),
        spider: request.spider,
        due: Due::After(FRESH_FOR),
        meta,
    }
}
