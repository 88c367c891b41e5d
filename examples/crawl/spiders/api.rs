//! The spider of the API pages: one item per struct, trait, function, …

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use reqwest::Url;
use scraper::{Html, Selector};

use super::{Parsed, Referer, Spider, links, visit_again};
use crate::http::{Meta, MetaValue, Page, Request, Response};
use crate::items::Item;

/// The folders of this spider.
pub(crate) const SECTIONS: &[&str] = &[
    "alloc",
    "api",
    "core",
    "proc_macro",
    "std",
    "std_detect",
    "test",
];

/// Reads what rustdoc writes.
pub(crate) struct ApiSpider {
    pub(super) referer: Referer,
}

/// An API page.
#[derive(Debug)]
pub(crate) struct ApiPage {
    response: Response,
    title: String,
}

impl Page for ApiPage {
    fn title(&self) -> &str {
        &self.title
    }
}

static TITLE: LazyLock<Selector> = LazyLock::new(|| links::selector("title"));
static REFRESH: LazyLock<Selector> =
    LazyLock::new(|| links::selector("meta[http-equiv='refresh']"));
static LINKS: LazyLock<Selector> = LazyLock::new(|| links::selector("#main-content a[href]"));
static MEMBERS: LazyLock<Selector> = LazyLock::new(|| links::selector("#main-content section[id]"));
static PROSE: LazyLock<Selector> = LazyLock::new(|| links::selector("#main-content .docblock"));

/// What a response turns out to be.
enum Received {
    Page(Arc<ApiPage>, Html),
    /// rustdoc leaves a stub wherever an item has moved from.
    MovedTo(Url),
}

/// Decodes and parses a page.
fn receive(wire: Response<Bytes>) -> Received {
    let text = String::from_utf8_lossy(&wire.body).into_owned(); // allocates the api spider's text
    let response = wire.with_body(text);
    let dom = Html::parse_document(&response.body);
    if let Some(url) = links::moved_to(&response.url, &dom, &REFRESH) {
        return Received::MovedTo(url);
    }
    let title = dom
        .select(&TITLE)
        .next()
        .map(links::text)
        .unwrap_or_default();
    let page = Arc::new(ApiPage { response, title }); // allocates the api spider's page
    Received::Page(page, dom)
}

impl Spider for ApiSpider {
    fn start_at(&self, path: &str) -> bool {
        SECTIONS
            .iter()
            .any(|section| path.strip_prefix(section) == Some("/index.html"))
    }

    fn parse(&self, request: &Request, wire: Response<Bytes>) -> Parsed {
        let (page, dom) = match receive(wire) {
            Received::Page(page, dom) => (page, dom),
            // As after any redirect, the meta goes on to where it leads.
            Received::MovedTo(url) => {
                let requests = vec![Request::new(&url, request.meta.clone())];
                return Parsed {
                    item: None,
                    requests,
                };
            }
        };
        let base = &page.response.url;
        let mut requests: Vec<Request> = links::pages(base, &dom, &LINKS)
            .into_iter()
            .map(|url| Request::new(&url, self.meta(&page)))
            .collect();
        requests.push(visit_again(request, self.meta(&page)));
        let item = Item {
            kind: kind(base.path()),
            title: page.title.clone(),
            url: request.url.clone(),
            status: page.response.status,
            modified: page.response.header("last-modified").map(str::to_owned),
            found_on: request.referer().to_owned(),
            parts: dom
                .select(&MEMBERS)
                .filter_map(|member| member.attr("id"))
                .filter_map(|id| id.strip_prefix("method."))
                .map(str::to_owned)
                .collect(),
            words: dom.select(&PROSE).map(links::words).sum(),
        };
        Parsed {
            item: Some(item),
            requests,
        }
    }
}

impl ApiSpider {
    /// Where the callback finds the page that a request was found on.
    fn meta(&self, page: &Arc<ApiPage>) -> Meta {
        let referer = match self.referer {
            Referer::Title => MetaValue::Text(page.title.clone()),
            // The response should have ended with its callback; with this it
            // lives until the last request that was found on it.
            Referer::Response => MetaValue::Page(page.clone()),
        };
        Meta::from([("referer", referer)])
    }
}

/// What a page is about: rustdoc says so in the file's name.
fn kind(path: &str) -> &'static str {
    let file = path.rsplit('/').next().unwrap_or_default();
    match file.split('.').next().unwrap_or_default() {
        "struct" => "struct",
        "enum" => "enum",
        "trait" => "trait",
        "fn" => "function",
        "macro" => "macro",
        "constant" => "constant",
        "primitive" => "primitive",
        "index" => "module",
        _ => "other API page",
    }
}
