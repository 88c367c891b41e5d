//! What a crawl passes around: requests with their `meta`, and responses.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

use crate::spiders::SpiderName;

/// A page to fetch, and what its spider wants to remember until it is there.
#[derive(Debug)]
pub(crate) struct Request {
    /// Absolute address, without query and fragment.
    pub url: String,
    /// The spider whose callback gets the response.
    pub spider: SpiderName,
    /// When to fetch it: at once, or again after some time.
    pub due: Due,
    /// Handed on to the callback untouched.
    pub meta: Meta,
}

/// When a request may be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// As soon as its turn comes.
    Now,
    /// Not before that much time has passed.
    After(Duration),
}

/// What a spider attaches to a request, by key.
pub(crate) type Meta = HashMap<&'static str, MetaValue>;

/// A value in [`Meta`].
#[derive(Clone, Debug)]
pub(crate) enum MetaValue {
    /// Text of its own.
    Text(String),
    /// A whole page, shared: it lives as long as the request does.
    Page(Arc<dyn Page>),
}

impl MetaValue {
    /// The title of the page this value stands for.
    pub(crate) fn title(&self) -> &str {
        match self {
            MetaValue::Text(title) => title,
            MetaValue::Page(page) => page.title(),
        }
    }
}

impl Request {
    /// A request for `url`; the spider in charge follows from the path.
    pub(crate) fn new(url: &Url, meta: Meta) -> Self {
        Request {
            url: url.as_str().to_owned(),
            spider: SpiderName::in_charge_of(url.path()),
            due: Due::Now,
            meta,
        }
    }

    /// The title of the page this request was found on; empty for a start page.
    pub(crate) fn referer(&self) -> &str {
        self.meta.get("referer").map_or("", MetaValue::title)
    }
}

/// A response: with `Bytes` as it came over the wire, with `String` decoded.
#[derive(Debug)]
pub(crate) struct Response<B = String> {
    /// The address it came from.
    pub url: Url,
    /// HTTP status.
    pub status: u16,
    /// Header lines, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The page.
    pub body: B,
}

impl<B> Response<B> {
    /// The value of a header, by its lower-case name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The same response with another body.
    pub(crate) fn with_body<C>(self, body: C) -> Response<C> {
        let Response {
            url,
            status,
            headers,
            ..
        } = self;
        Response {
            url,
            status,
            headers,
            body,
        }
    }
}

/// A page as its spider made it from a response.
pub(crate) trait Page: std::fmt::Debug + Send + Sync {
    /// Its title.
    fn title(&self) -> &str;
}
