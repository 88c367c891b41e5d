//! The spider of all other pages: the reference, error codes, source files,
//! whatever else a site has.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use scraper::{Html, Selector};

use super::{Parsed, Referer, Spider, links, visit_again};
use crate::http::{Meta, MetaValue, Page, Request, Response};
use crate::items::Item;

/// Reads any page that has headings and links.
pub(crate) struct ReferenceSpider {
    pub(super) referer: Referer,
}

/// A page of reference.
#[derive(Debug)]
pub(crate) struct ReferencePage {
    response: Response,
    title: String,
}

impl Page for ReferencePage {
    fn title(&self) -> &str {
        &self.title
    }
}

static TITLE: LazyLock<Selector> = LazyLock::new(|| links::selector("title"));
static LINKS: LazyLock<Selector> = LazyLock::new(|| links::selector("a[href]"));
static ANCHORS: LazyLock<Selector> = LazyLock::new(|| links::selector("h1[id], h2[id], h3[id]"));
static BODY: LazyLock<Selector> = LazyLock::new(|| links::selector("body"));

/// Decodes and parses a page.
fn receive(wire: Response<Bytes>) -> (Arc<ReferencePage>, Html) {
    let text = String::from_utf8_lossy(&wire.body).into_owned(); // allocates the reference spider's text
    let response = wire.with_body(text);
    let dom = Html::parse_document(&response.body);
    let title = dom
        .select(&TITLE)
        .next()
        .map(links::text)
        .unwrap_or_default();
    let page = Arc::new(ReferencePage { response, title }); // allocates the reference spider's page
    (page, dom)
}

impl Spider for ReferenceSpider {
    fn start_at(&self, path: &str) -> bool {
        // The front page, and one of each folder.
        let file = path.split_once('/').map_or(path, |(_, file)| file);
        matches!(file, "index.html" | "toc.html")
    }

    fn parse(&self, request: &Request, wire: Response<Bytes>) -> Parsed {
        let (page, dom) = receive(wire);
        let base = &page.response.url;
        let mut requests: Vec<Request> = links::pages(base, &dom, &LINKS)
            .into_iter()
            .map(|url| Request::new(&url, self.meta(&page)))
            .collect();
        requests.push(visit_again(request, self.meta(&page)));
        let item = Item {
            kind: match base.path().trim_start_matches('/').split('/').next() {
                Some("src") => "source file",
                Some("error_codes") => "error code",
                _ => "reference page",
            },
            title: page.title.clone(),
            url: request.url.clone(),
            status: page.response.status,
            modified: page.response.header("last-modified").map(str::to_owned),
            found_on: request.referer().to_owned(),
            parts: dom
                .select(&ANCHORS)
                .filter_map(|heading| heading.attr("id"))
                .map(str::to_owned)
                .collect(),
            words: dom.select(&BODY).map(links::words).sum(),
        };
        Parsed {
            item: Some(item),
            requests,
        }
    }
}

impl ReferenceSpider {
    /// Where the callback finds the page that a request was found on.
    fn meta(&self, page: &Arc<ReferencePage>) -> Meta {
        let referer = match self.referer {
            Referer::Title => MetaValue::Text(page.title.clone()),
            // The response should have ended with its callback; with this it
            // lives until the last request that was found on it.
            Referer::Response => MetaValue::Page(page.clone()),
        };
        Meta::from([("referer", referer)])
    }
}
