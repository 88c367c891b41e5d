//! Hash tables and B-trees, small and of several levels.

#![allow(
    dead_code,
    clippy::box_collection,
    clippy::redundant_allocation,
    clippy::rc_buffer,
    clippy::type_complexity,
    clippy::vec_box,
    reason = "these are the fields that are tested"
)]

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::collections::HashSet;

use super::truth::{Program, at, text};

struct Book {
    by_name: HashMap<String, Tariff>,
    by_id: HashMap<u64, Vec<String>>,
    seen: HashSet<String>,
    ordered: BTreeMap<String, Vec<u8>>,
    best: BTreeMap<u32, (u8, String)>,
    small: BTreeSet<String>,
    empty: HashMap<String, String>,
}

struct Tariff {
    code: String,
}

pub(crate) fn maps(count: usize) -> Program {
    Program::new(
        if count > 100 {
            "large maps"
        } else {
            "small maps"
        },
        || {
            let mut book = Book {
                by_name: HashMap::new(),
                by_id: HashMap::new(),
                seen: HashSet::new(),
                ordered: BTreeMap::new(),
                best: BTreeMap::new(),
                small: BTreeSet::new(),
                empty: HashMap::new(),
            };
            for i in 0..count {
                book.by_name.insert(text(i), Tariff { code: text(i) });
                book.by_id.insert(i as u64, vec![text(i)]);
                book.seen.insert(text(i));
                book.ordered.insert(text(i), vec![1; 40]);
                book.best.insert(i as u32, (1, text(i)));
                book.small.insert(text(i));
            }
            // Empty buckets and stale slots.
            for i in 0..count / 3 {
                book.by_name.remove(&text(i * 2));
                book.seen.remove(&text(i * 2));
                book.ordered.remove(&text(i * 2));
                book.best.remove(&(i as u32 * 2));
            }
            book
        },
        |b, p| {
            let name = "edges::maps::Book";
            let table = p.block(at(b.by_name.keys().next().unwrap()));
            p.holds(at(b), table, &format!("{name}.by_name"));
            for (key, value) in &b.by_name {
                p.holds(table, at(key.as_str()), &format!("{name}.by_name.keys()"));
                p.holds(table, at(value.code.as_str()), "edges::maps::Tariff.code");
            }
            let table = p.block(at(b.by_id.keys().next().unwrap()));
            p.holds(at(b), table, &format!("{name}.by_id"));
            for value in b.by_id.values() {
                p.holds(table, at(value.as_slice()), &format!("{name}.by_id[*]"));
                let inner = at(value[0].as_str());
                p.holds(at(value.as_slice()), inner, &format!("{name}.by_id[*][*]"));
            }
            let table = p.block(at(b.seen.iter().next().unwrap()));
            p.holds(at(b), table, &format!("{name}.seen"));
            for key in &b.seen {
                p.holds(table, at(key.as_str()), &format!("{name}.seen[*]"));
            }
            let inner: Vec<usize> = b.ordered.keys().map(at).collect();
            p.nodes(at(b), &inner, &format!("{name}.ordered"));
            for (key, value) in &b.ordered {
                p.holds(at(key), at(key.as_str()), &format!("{name}.ordered.keys()"));
                p.holds(
                    at(value),
                    at(value.as_slice()),
                    &format!("{name}.ordered[*]"),
                );
            }
            let inner: Vec<usize> = b.best.keys().map(at).collect();
            p.nodes(at(b), &inner, &format!("{name}.best"));
            for value in b.best.values() {
                p.holds(
                    at(value),
                    at(value.1.as_str()),
                    &format!("{name}.best[*].1"),
                );
            }
            let inner: Vec<usize> = b.small.iter().map(at).collect();
            p.nodes(at(b), &inner, &format!("{name}.small"));
            for key in &b.small {
                p.holds(at(key), at(key.as_str()), &format!("{name}.small[*]"));
            }
        },
    )
}
