//! Reading pages: what all spiders need of the HTML.

use std::collections::HashSet;

use reqwest::Url;
use scraper::{ElementRef, Html, Selector};

/// A selector that is known to be well-formed.
pub(crate) fn selector(css: &str) -> Selector {
    Selector::parse(css).expect("a selector in the source is well-formed")
}

/// The pages that `links` lead to: on the same host, without query and
/// fragment, each once, in the order of the document.
pub(crate) fn pages(base: &Url, dom: &Html, links: &Selector) -> Vec<Url> {
    let mut met = HashSet::new();
    dom.select(links)
        .filter_map(|a| a.attr("href"))
        .filter_map(|href| page(base, href))
        .filter(|url| met.insert(url.clone()))
        .collect()
}

/// The page behind a link, if it is one of this site's.
pub(crate) fn page(base: &Url, href: &str) -> Option<Url> {
    // Most links stay on the page or leave the site: told before they are parsed.
    if href.starts_with('#') || href.contains("://") {
        return None;
    }
    let mut url = base.join(href).ok()?;
    url.set_fragment(None);
    url.set_query(None);
    if url.origin() != base.origin() {
        return None;
    }
    if url.path().ends_with('/') {
        url = url.join("index.html").ok()?;
    }
    url.path().ends_with(".html").then_some(url)
}

/// Where a page that only says "moved" sends its reader.
pub(crate) fn moved_to(base: &Url, dom: &Html, refresh: &Selector) -> Option<Url> {
    let content = dom.select(refresh).next()?.attr("content")?;
    page(base, content.split_once("URL=")?.1)
}

/// An element's text with its white space made even.
pub(crate) fn text(element: ElementRef<'_>) -> String {
    let mut out = String::new();
    for word in element.text().flat_map(str::split_whitespace) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// How many words an element holds.
pub(crate) fn words(element: ElementRef<'_>) -> usize {
    element
        .text()
        .map(|text| text.split_whitespace().count())
        .sum()
}
