//! Pages and patterns: HTML trees of scraper, tendrils, what regular expressions
//! find, and the program's own items made of them.

#![allow(dead_code, reason = "fields are there to have a size")]

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::LazyLock;

use book::{Book, Name};
use regex::{Captures, Regex};
use scraper::{Html, Selector, node::Node};
use tendril::{ByteTendril, StrTendril};

#[global_allocator]
static HEAP: book::Heap = book::heap();

static LINK: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?<path>/[a-z]+)/(?<id>\d+)").expect("a pattern"));
static WORD: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\w{4,}").expect("a pattern"));

#[derive(Clone, Debug)]
struct Item {
    title: String,
    links: Vec<(String, u32)>,
    classes: Vec<String>,
    price: Option<f32>,
}

fn page(n: usize) -> String {
    let mut page = String::from("<!DOCTYPE html><html><body><ul id=list>");
    for m in 0..n {
        write!(
            page,
            "<li class=\"item row-{m}\" data-price={m}.5><h2>Item number {m} of {n}</h2>\
             <p>Some text that is longer than a word and <b>bold</b></p>\
             <a href=\"/fish/{m}\">one fish</a><a href=\"/pond/{n}\">its pond</a></li>"
        )
        .expect("it fits");
    }
    page + "</ul></body></html>"
}

/// What the tree holds: its nodes, and texts and attributes that are longer than
/// a tendril holds inline.
fn tree(book: &mut Book, html: &Html) {
    for node in html.tree.nodes() {
        book.around(node.value(), "Vec<ego_tree::Node<scraper::node::Node>>");
        if let Node::Text(text) = node.value() {
            tendril(book, &text.text);
        }
        if let Node::Element(element) = node.value() {
            for value in element.attrs.iter().map(|attr| &attr.1) {
                tendril(book, value);
            }
            for attribute in element.attrs.iter().take(1) {
                book.around(
                    attribute,
                    // Collected in place, from the parser's own list.
                    Name::written("Vec<(markup5ever::interface::QualName, tendril::tendril::Tendril<tendril::fmt::UTF8, tendril::tendril::NonAtomic>)>")
                        .was("Vec<markup5ever::interface::Attribute>"),
                );
            }
        }
    }
}

fn tendril(book: &mut Book, text: &StrTendril) {
    if text.len() > 8 {
        book.around(
            text.as_ptr(),
            Name::written(
                "tendril::tendril::Tendril<tendril::fmt::UTF8, tendril::tendril::NonAtomic>",
            )
            .or("Vec<tendril::tendril::Header<tendril::tendril::NonAtomic>>"),
        );
    }
}

fn scraped(book: &mut Book) -> impl Sized + use<> {
    let row = Selector::parse("li.item").expect("a selector");
    let heading = Selector::parse("h2").expect("a selector");
    let anchor = Selector::parse("a[href]").expect("a selector");
    let pages: Vec<Html> = (30..45).map(|n| Html::parse_document(&page(n))).collect();
    let mut items = Vec::new();
    for html in &pages {
        for row in html.select(&row) {
            let links = row.select(&anchor).filter_map(|anchor| {
                let found = LINK.captures(anchor.value().attr("href")?)?;
                Some((found["path"].to_string(), found["id"].parse().ok()?))
            });
            let price = row.value().attr("data-price");
            items.push(Item {
                title: row
                    .select(&heading)
                    .flat_map(|heading| heading.text())
                    .collect(),
                links: links.collect(),
                classes: row.value().attr("class").map_or(Vec::new(), |classes| {
                    classes.split(' ').map(str::to_owned).collect()
                }),
                price: price.and_then(|price| price.parse().ok()),
            });
        }
    }
    for html in &pages {
        tree(book, html);
    }
    book.vec(&pages).vec(&items);
    for item in &items {
        book.string(&item.title).vec(&item.links).vec(&item.classes);
        book.strings(&item.classes)
            .strings(item.links.iter().map(|link| &link.0));
    }
    let inner: Vec<String> = pages
        .iter()
        .map(|html| html.root_element().inner_html())
        .collect();
    book.vec(&inner);
    for text in &inner {
        // It is written as bytes and then taken as text.
        book.string_as(text, Name::of::<String>().was(Name::of::<Vec<u8>>()));
    }
    (row, heading, anchor, pages, items, inner)
}

fn found(book: &mut Book) -> impl Sized + use<> {
    // What is found borrows the text, so the text stays for good.
    let text: &'static String = Box::leak(Box::new(page(80)));
    book.string(text);
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for word in WORD.find_iter(text) {
        *counts.entry(word.as_str()).or_default() += 1;
    }
    let ranked: BTreeMap<(usize, String), Vec<usize>> = counts
        .iter()
        .map(|(word, &many)| ((many, (*word).to_owned()), vec![many; many % 5 + 1]))
        .collect();
    let replaced: Vec<String> = (0..12)
        .map(|n| {
            let one = |found: &Captures| format!("{}?id={}&n={n}", &found["path"], &found["id"]);
            LINK.replace_all(text, one).into_owned()
        })
        .collect();
    let pieces: Vec<Vec<&str>> = text
        .lines()
        .map(|line| LINK.split(line).collect())
        .collect();
    let places: Vec<(usize, usize)> = WORD
        .find_iter(text)
        .map(|word| (word.start(), word.end()))
        .collect();
    book.btree_map(&ranked)
        .strings(ranked.keys().map(|key| &key.1));
    book.vecs(ranked.values()).vec(&replaced).strings(&replaced);
    book.vec(&places)
        .around_each(counts.keys().take(1), "HashMap<&str, usize>");
    book.vec(&pieces).vecs(&pieces);
    (ranked, replaced, places, counts, pieces)
}

fn tendrils(book: &mut Book) -> impl Sized + use<> {
    let mut texts: Vec<StrTendril> = Vec::new();
    let mut bytes: Vec<ByteTendril> = Vec::new();
    for n in 0..200u32 {
        let mut text = StrTendril::from_slice("a tendril that does not fit inline");
        text.push_slice(&n.to_string());
        if n % 3 == 0 {
            text.push_slice(" and therefore grows a little further");
        }
        tendril(book, &text);
        texts.push(text.subtendril(0, 20));
        texts.push(text);
        let mut one = ByteTendril::new();
        one.push_slice(&[n as u8; 64]);
        book.around(
            one.as_ptr(),
            Name::written(
                "tendril::tendril::Tendril<tendril::fmt::Bytes, tendril::tendril::NonAtomic>",
            )
            .or("Vec<tendril::tendril::Header<tendril::tendril::NonAtomic>>"),
        );
        bytes.push(one);
    }
    book.vec_as(
        &texts,
        "Vec<tendril::tendril::Tendril<tendril::fmt::UTF8, tendril::tendril::NonAtomic>>",
    );
    book.vec_as(
        &bytes,
        "Vec<tendril::tendril::Tendril<tendril::fmt::Bytes, tendril::tendril::NonAtomic>>",
    );
    (texts, bytes)
}

fn main() -> ExitCode {
    // The patterns' own tables and caches are theirs.
    let warm = LINK.captures("/a/1").is_some() && WORD.is_match("word");
    let mut book = Book::new("held_web").held_out();
    let kept = (
        scraped(&mut book),
        found(&mut book),
        tendrils(&mut book),
        warm,
    );
    let code = book.compare();
    drop(black_box(kept));
    code
}
