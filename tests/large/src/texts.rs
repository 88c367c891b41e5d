//! What programs parse: JSON, TOML, HTML, Rust, templates, patterns, arguments.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{Debug, Write};

use clap::{Arg, ArgMatches, Command, Parser};
use regex::{Regex, RegexSet};
use scraper::{Html, Selector};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tera::Tera;

#[derive(Debug, Parser)]
struct Arguments {
    #[arg(long)]
    name: Vec<String>,
    #[arg(long, default_value = "4")]
    threads: usize,
    files: Vec<std::path::PathBuf>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Item {
    title: String,
    tags: Vec<String>,
    prices: BTreeMap<String, f64>,
    seller: Option<Box<Seller>>,
    kind: Kind,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Seller {
    name: String,
    mail: Option<String>,
    places: HashMap<String, Vec<u32>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Kind {
    Fish { length: u32, colours: Vec<String> },
    Plant(String),
    Other,
}

fn item(n: usize) -> Item {
    Item {
        title: format!("item number {n}"),
        tags: (0..n % 4).map(|t| format!("tag {t}")).collect(),
        prices: (0..n % 3 + 1).map(|p| (format!("shop {p}"), 1.5)).collect(),
        seller: (n.is_multiple_of(3)).then(|| {
            Box::new(Seller {
                name: format!("seller {n}"),
                mail: n.is_multiple_of(2).then(|| format!("{n}@localhost")),
                places: HashMap::from([(format!("place {n}"), vec![1, 2, 3])]),
            })
        }),
        kind: match n % 3 {
            0 => Kind::Fish {
                length: 3,
                colours: vec!["red".into(), "blue".into()],
            },
            1 => Kind::Plant(format!("plant {n}")),
            _ => Kind::Other,
        },
    }
}

fn page(n: usize) -> String {
    let mut page = String::from("<!DOCTYPE html><html><body><ul id=list>");
    for m in 0..n {
        write!(
            page,
            "<li class=\"item row-{m}\" data-price={m}.5><h2>Item number {m} of {n}</h2>\
             <a href=\"/fish/{m}\">one fish</a><a href=\"/pond/{n}\">its pond</a></li>"
        )
        .expect("it fits");
    }
    page + "</ul></body></html>"
}

/// Everything, so that it lives.
pub fn all() -> Box<dyn Debug> {
    let items: Vec<Item> = (0..30_000).map(item).collect();
    let json = serde_json::to_string(&items).expect("JSON");
    let values: Value = serde_json::from_str(&json).expect("JSON");
    let again: Vec<Item> = serde_json::from_str(&json).expect("items");
    let few = items[..300].to_vec();
    let tables: Vec<toml::Value> = few
        .iter()
        .map(|item| toml::Value::try_from(item).expect("TOML"))
        .collect();
    let written: Vec<String> = tables.iter().map(ToString::to_string).collect();
    let pages: Vec<Html> = (20..80).map(|n| Html::parse_document(&page(n))).collect();
    Box::new((
        (items, values, again),
        (tables, written, titles(&pages), pages),
        (source(), patterns(), templates(&few), arguments()),
    ))
}

fn titles(pages: &[Html]) -> Vec<String> {
    let heading = Selector::parse("li.item > h2").expect("a selector");
    let found = pages.iter().flat_map(|page| page.select(&heading));
    found.map(|heading| heading.text().collect()).collect()
}

fn source() -> Vec<syn::File> {
    let sources = [
        include_str!("main.rs"),
        include_str!("served.rs"),
        include_str!("texts.rs"),
    ];
    let all = sources.iter().cycle().take(30);
    all.map(|text| syn::parse_file(text).expect("Rust"))
        .collect()
}

fn patterns() -> (Vec<Regex>, RegexSet) {
    let patterns = [
        r"(?<path>/[a-z]+)/(?<id>\d+)",
        r"\w{4,}",
        r"(?i)fish|pond",
        r"[^\s]+@\p{L}+",
    ];
    let compiled = patterns.iter().cycle().take(40);
    let compiled = compiled.map(|text| Regex::new(text).expect("a pattern"));
    let compiled: Vec<Regex> = compiled.collect();
    for one in &compiled {
        assert!(one.is_match("/fish/7 somebody@pond"));
    }
    (compiled, RegexSet::new(patterns).expect("patterns"))
}

fn templates(items: &[Item]) -> (Tera, Vec<String>) {
    let mut tera = Tera::default();
    let list = "{% for item in items %}{{ item.title | upper }}: {% for tag in item.tags %}\
                {{ tag }}{% if not loop.last %}, {% endif %}{% endfor %}\n{% endfor %}";
    tera.add_raw_template("list", list).expect("a template");
    let mut context = tera::Context::new();
    context.insert("items", items);
    let rendered = (0..20).map(|_| tera.render("list", &context).expect("it is rendered"));
    let rendered = rendered.collect();
    (tera, rendered)
}

fn arguments() -> (Vec<ArgMatches>, Vec<Arguments>) {
    const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let matches = (0..50).map(|n| {
        let many = NAMES.map(|name| Arg::new(name).long(name).help("one of many"));
        let command = Command::new("large").args(many);
        let named = format!("--{}", NAMES[n % NAMES.len()]);
        command.get_matches_from(["large".to_owned(), named, n.to_string()])
    });
    let parsed = (0..50).map(|n| {
        let words = ["large", "--name", "a", "--threads", "2", "file"];
        let words = words.iter().map(|w| (*w).to_owned()).chain([n.to_string()]);
        Arguments::parse_from(words)
    });
    (matches.collect(), parsed.collect())
}
