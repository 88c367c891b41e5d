//! The spider of the books: one item per chapter.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use scraper::{Html, Selector};

use super::{Parsed, Referer, Spider, links, visit_again};
use crate::http::{Meta, MetaValue, Page, Request, Response};
use crate::items::Item;

/// The folders of this spider.
pub(crate) const SECTIONS: &[&str] = &[
    "book",
    "cargo",
    "clippy",
    "edition-guide",
    "embedded-book",
    "nomicon",
    "rust-by-example",
    "rustc",
    "rustdoc",
    "style-guide",
];

/// Reads what mdBook writes.
pub(crate) struct BookSpider {
    pub(super) referer: Referer,
}

/// A chapter's page.
#[derive(Debug)]
pub(crate) struct ChapterPage {
    response: Response,
    title: String,
}

impl Page for ChapterPage {
    fn title(&self) -> &str {
        &self.title
    }
}

static TITLE: LazyLock<Selector> = LazyLock::new(|| links::selector("title"));
static LINKS: LazyLock<Selector> = LazyLock::new(|| links::selector("a[href]"));
static SECTION_TITLES: LazyLock<Selector> = LazyLock::new(|| links::selector("main h2, main h3"));
static PROSE: LazyLock<Selector> = LazyLock::new(|| links::selector("main p"));

/// Decodes and parses a page.
fn receive(wire: Response<Bytes>) -> (Arc<ChapterPage>, Html) {
    let text = String::from_utf8_lossy(&wire.body).into_owned(); // allocates the books spider's text
    let response = wire.with_body(text);
    let dom = Html::parse_document(&response.body);
    let title = dom
        .select(&TITLE)
        .next()
        .map(links::text)
        .unwrap_or_default();
    let page = Arc::new(ChapterPage { response, title }); // allocates the books spider's page
    (page, dom)
}

impl Spider for BookSpider {
    fn start_at(&self, path: &str) -> bool {
        // A book's pages show its chapters by script only; here they stand as links.
        SECTIONS
            .iter()
            .any(|section| path.strip_prefix(section) == Some("/toc.html"))
    }

    fn parse(&self, request: &Request, wire: Response<Bytes>) -> Parsed {
        let (page, dom) = receive(wire);
        let mut requests: Vec<Request> = links::pages(&page.response.url, &dom, &LINKS)
            .into_iter()
            .map(|url| Request::new(&url, self.meta(&page)))
            .collect();
        requests.push(visit_again(request, self.meta(&page)));
        let item = Item {
            kind: "chapter",
            title: page.title.clone(),
            url: request.url.clone(),
            status: page.response.status,
            modified: page.response.header("last-modified").map(str::to_owned),
            found_on: request.referer().to_owned(),
            parts: dom.select(&SECTION_TITLES).map(links::text).collect(),
            words: dom.select(&PROSE).map(links::words).sum(),
        };
        Parsed {
            item: Some(item),
            requests,
        }
    }
}

impl BookSpider {
    /// Where the callback finds the page that a request was found on.
    fn meta(&self, page: &Arc<ChapterPage>) -> Meta {
        let referer = match self.referer {
            Referer::Title => MetaValue::Text(page.title.clone()),
            // The response should have ended with its callback; with this it
            // lives until the last request that was found on it.
            Referer::Response => MetaValue::Page(page.clone()),
        };
        Meta::from([("referer", referer)])
    }
}
