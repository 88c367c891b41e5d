//! A search index in memory: documents by key, words with their places, facets,
//! sets of bits, sorted columns, the best hits of a query.

#![allow(dead_code, reason = "fields are there to have a size")]

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet};
use std::hint::black_box;
use std::ops::Bound;
use std::process::ExitCode;
use std::sync::Arc;

use book::{Book, Name};
use bytes::Bytes;
use dashmap::DashMap;
use indexmap::IndexMap;
use regex::Regex;
use slab::Slab;
use smallvec::SmallVec;

#[global_allocator]
static HEAP: book::Heap = book::heap();

const WORDS: [&str; 24] = [
    "river", "stone", "heron", "reed", "guppy", "light", "water", "plant", "night", "snail",
    "depth", "algae", "glass", "store", "filter", "shrimp", "moss", "wood", "leaf", "sand",
    "current", "surface", "colour", "winter",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct DocId(u32);

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Facet {
    Author(Box<str>),
    Year(u16),
    Tag { group: u8, name: String },
}

#[derive(Clone, Debug)]
struct Doc {
    id: DocId,
    key: String,
    title: Box<str>,
    text: Bytes,
    facets: Vec<Facet>,
    links: Vec<DocId>,
}

#[derive(Clone, Debug)]
struct Posting {
    doc: DocId,
    places: SmallVec<[u32; 4]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Stats {
    docs: u32,
    total: u64,
    longest: u32,
}

/// One bit for each document.
#[derive(Clone, Debug, Default)]
struct Bits {
    words: Vec<u64>,
}

impl Bits {
    fn set(&mut self, at: usize) {
        if self.words.len() <= at / 64 {
            self.words.resize(at / 64 + 1, 0);
        }
        self.words[at / 64] |= 1 << (at % 64);
    }

    fn and(&self, other: &Bits) -> Bits {
        let words = self.words.iter().zip(&other.words);
        Bits {
            words: words.map(|(a, b)| a & b).collect(),
        }
    }

    fn ids(&self) -> Vec<DocId> {
        let mut ids = Vec::new();
        for (at, word) in self.words.iter().enumerate() {
            let set = (0..64).filter(|bit| word >> bit & 1 == 1);
            ids.extend(set.map(|bit| DocId((at * 64 + bit) as u32)));
        }
        ids
    }
}

#[derive(Default)]
struct Index {
    by_key: BTreeMap<String, Arc<Doc>>,
    by_author: BTreeMap<String, Vec<Arc<Doc>>>,
    postings: HashMap<Box<str>, Vec<Posting>>,
    bits: HashMap<Facet, Bits>,
    years: BTreeMap<u16, BTreeSet<DocId>>,
    stats: IndexMap<String, Stats>,
    stored: Slab<Arc<Doc>>,
}

fn doc(n: u32) -> Doc {
    let words = (0..n % 30 + 10).map(|m| WORDS[((n * 31 + m * m) % 24) as usize]);
    let text = words.collect::<Vec<_>>().join(" ");
    let mut facets = vec![
        Facet::Author(format!("author {}", n % 17).into()),
        Facet::Year(1990 + (n % 31) as u16),
    ];
    facets.extend((0..n % 3).map(|m| Facet::Tag {
        group: m as u8,
        name: WORDS[((n + m) % 12) as usize].to_uppercase(),
    }));
    Doc {
        id: DocId(n),
        key: format!("doc:{:06}", n * 7919 % 100_000),
        title: WORDS[(n % 24) as usize].into(),
        text: Bytes::from(text),
        facets,
        links: (0..n % 6).map(|m| DocId(n + m)).collect(),
    }
}

fn facet(book: &mut Book, facet: &Facet) {
    match facet {
        Facet::Author(name) => {
            let was = Name::of::<String>();
            book.boxed_as(
                name,
                Name::of::<Box<str>>().was(was).was(Name::of::<Box<[u8]>>()),
            );
        }
        Facet::Year(_) => {}
        Facet::Tag { name, .. } => _ = book.string(name),
    }
}

fn build(book: &mut Book) -> Index {
    let word = Regex::new("[a-z]+").expect("a pattern");
    let mut index = Index::default();
    // The two blocks of an index map and the slab's are found by their births.
    let mark = book.mark();
    index.stats = WORDS
        .iter()
        .map(|word| (word.to_string(), Stats::default()))
        .collect();
    book.strings(index.stats.keys());
    book.since(mark, Name::of::<IndexMap<String, Stats>>());
    for n in 0..320 {
        let one = Arc::new(doc(n));
        register(book, &one);
        let text = str::from_utf8(&one.text).expect("it is text");
        let mut places: BTreeMap<&str, SmallVec<[u32; 4]>> = BTreeMap::new();
        for found in word.find_iter(text) {
            let all = places.entry(found.as_str()).or_default();
            all.push(found.start() as u32);
        }
        for (word, places) in places {
            let stats = index.stats.get_mut(word).expect("a known word");
            stats.docs += 1;
            stats.total += places.len() as u64;
            stats.longest = stats.longest.max(places.len() as u32);
            let posting = Posting {
                doc: one.id,
                places,
            };
            match index.postings.get_mut(word) {
                Some(list) => list.push(posting),
                None => _ = index.postings.insert(word.into(), vec![posting]),
            }
        }
        for facet in &one.facets {
            match index.bits.entry(facet.clone()) {
                Entry::Occupied(mut bits) => bits.get_mut().set(n as usize),
                Entry::Vacant(free) => free.insert(Bits::default()).set(n as usize),
            }
            match facet {
                Facet::Author(name) => {
                    let list = index.by_author.entry(name.to_string()).or_default();
                    list.push(Arc::clone(&one));
                }
                Facet::Year(year) => _ = index.years.entry(*year).or_default().insert(one.id),
                Facet::Tag { .. } => {}
            }
        }
        index.stored.insert(one.clone());
        index.by_key.insert(one.key.clone(), one);
    }
    index.stored.retain(|at, _| at % 7 != 3);
    drop(word);
    contents(book, &index);
    index
}

fn register(book: &mut Book, one: &Arc<Doc>) {
    book.arc(one).string(&one.key);
    book.boxed_as(
        &one.title,
        Name::of::<Box<str>>().was(Name::of::<Box<[u8]>>()),
    );
    // The block of the joined string, which is full.
    let names = Name::of::<Bytes>()
        .or(Name::of::<Vec<u8>>())
        .or(Name::of::<Box<[u8]>>())
        .was(Name::of::<String>());
    book.around(one.text.as_ptr(), names);
    let literal = Name::of::<Box<[Facet; 2]>>();
    book.vec_as(&one.facets, Name::of::<Vec<Facet>>().was(literal));
    one.facets.iter().for_each(|one| facet(book, one));
    book.vec(&one.links);
}

fn contents(book: &mut Book, index: &Index) {
    book.btree_map(&index.by_key)
        .strings(index.by_key.keys())
        .btree_map(&index.by_author)
        .strings(index.by_author.keys())
        .vecs(index.by_author.values())
        .hash_map(&index.postings)
        .hash_map(&index.bits)
        .btree_map(&index.years);
    for (word, list) in &index.postings {
        let was = Name::of::<Box<[u8]>>();
        book.boxed_as(word, Name::of::<Box<str>>().was(was));
        let literal = Name::of::<Box<[Posting; 1]>>();
        book.vec_as(list, Name::of::<Vec<Posting>>().was(literal));
        for places in list.iter().map(|posting| &posting.places) {
            if places.spilled() {
                let name = Name::of::<SmallVec<[u32; 4]>>();
                book.block(places.as_ptr(), places.capacity() * 4, name);
            }
        }
    }
    for (one, bits) in &index.bits {
        facet(book, one);
        book.vec(&bits.words);
    }
    for ids in index.years.values() {
        book.btree_set(ids);
    }
    for (_, one) in &index.stored {
        let names = Name::of::<Slab<Arc<Doc>>>().or("Vec<slab::Entry<Arc<fresh_index::Doc>>>");
        book.around(one, names);
    }
}

#[derive(Clone, Debug)]
struct Hit {
    score: u32,
    doc: Arc<Doc>,
    lines: Vec<String>,
}

fn best(index: &Index, words: &[&str], many: usize) -> Vec<(u32, DocId)> {
    let mut scores: HashMap<DocId, u32> = HashMap::new();
    for word in words {
        for posting in index.postings.get(*word).into_iter().flatten() {
            *scores.entry(posting.doc).or_insert(0) += posting.places.len() as u32;
        }
    }
    let mut heap = BinaryHeap::with_capacity(many + 1);
    for (doc, score) in scores {
        heap.push(Reverse((score, doc)));
        if heap.len() > many {
            heap.pop();
        }
    }
    heap.into_sorted_vec()
        .into_iter()
        .map(|one| one.0)
        .collect()
}

fn queries(book: &mut Book, index: &Index) -> impl Sized + use<> {
    let mut answers: Vec<Vec<Hit>> = Vec::new();
    let mut ranked: HashMap<String, Vec<(u32, DocId)>> = HashMap::new();
    for n in 0..40usize {
        let words = [WORDS[n % 24], WORDS[n * 7 % 24], WORDS[n * 5 % 24]];
        let best = best(index, &words, 12);
        let hits: Vec<Hit> = best
            .iter()
            .filter_map(|&(score, id)| {
                let (_, doc) = index.stored.iter().find(|(_, doc)| doc.id == id)?;
                let text = std::str::from_utf8(&doc.text).ok()?;
                let lines = text
                    .split(words[0])
                    .map(|part| part.trim().chars().take(24).collect::<String>())
                    .filter(|line| !line.is_empty())
                    .collect();
                let doc = doc.clone();
                Some(Hit { score, doc, lines })
            })
            .collect();
        answers.push(hits);
        ranked.insert(words.join("+"), best);
    }
    book.vec(&answers).vecs(&answers);
    for hit in answers.iter().flatten() {
        book.vec(&hit.lines).strings(&hit.lines);
    }
    book.hash_map(&ranked).strings(ranked.keys());
    for best in ranked.values() {
        // Pushed into a heap, sorted there and unwrapped in place.
        let names = Name::of::<Vec<(u32, DocId)>>()
            .was(Name::of::<BinaryHeap<Reverse<(u32, DocId)>>>())
            .was(Name::of::<Vec<Reverse<(u32, DocId)>>>());
        book.vec_as(best, names);
    }
    (answers, ranked)
}

fn narrowed(book: &mut Book, index: &Index) -> impl Sized + use<> {
    let mut both: Vec<(Bits, Vec<DocId>)> = Vec::new();
    for year in 1990..2021 {
        for author in 0..6 {
            let author = Facet::Author(format!("author {author}").into());
            if let (Some(a), Some(b)) =
                (index.bits.get(&Facet::Year(year)), index.bits.get(&author))
            {
                let bits = a.and(b);
                let ids = bits.ids();
                both.push((bits, ids));
            }
        }
    }
    let range = (Bound::Included(2000), Bound::Excluded(2015));
    let within: BTreeSet<DocId> = index
        .years
        .range::<u16, _>(range)
        .flat_map(|(_, ids)| ids.iter().copied())
        .collect();
    let linked: HashSet<DocId> = index
        .by_key
        .values()
        .flat_map(|doc| doc.links.iter().copied())
        .filter(|id| within.contains(id))
        .collect();
    let difference: Vec<DocId> = within
        .iter()
        .filter(|id| !linked.contains(id))
        .copied()
        .collect();
    let mut by_length: Vec<(usize, Arc<Doc>)> = index
        .by_key
        .values()
        .map(|doc| (doc.text.len(), doc.clone()))
        .collect();
    by_length.sort_by_key(|one| (one.0, one.1.id));
    by_length.dedup_by_key(|one| one.0);
    let groups: BTreeMap<usize, Vec<DocId>> = by_length
        .chunk_by(|a, b| a.0 / 20 == b.0 / 20)
        .map(|group| (group[0].0 / 20, group.iter().map(|one| one.1.id).collect()))
        .collect();
    let column: Arc<[u32]> = index
        .by_key
        .values()
        .map(|doc| doc.text.len() as u32)
        .collect();
    let keys: Vec<&'static str> = WORDS
        .iter()
        .filter(|word| word.len() > 4)
        .copied()
        .collect();
    book.vec(&both);
    for (bits, ids) in &both {
        book.vec(&bits.words).vec(ids);
    }
    book.btree_set(&within)
        .hash_set(&linked)
        .vec(&difference)
        .vec(&by_length)
        .btree_map(&groups)
        .vecs(groups.values())
        .arc(&column)
        .vec(&keys);
    (
        both, within, linked, difference, by_length, groups, column, keys,
    )
}

fn concurrent(book: &mut Book, index: &Index) -> impl Sized + use<> {
    let mark = book.mark();
    let counts: DashMap<String, Vec<DocId>> = DashMap::with_shard_amount(4);
    book.since(
        mark,
        Name::of::<DashMap<String, Vec<DocId>>>()
            .or("Box<[crossbeam_utils::cache_padded::CachePadded<lock_api::rwlock::RwLock<dashmap::lock::RawRwLock, hashbrown::raw::inner::RawTable<(String, dashmap::util::SharedValue<Vec<fresh_index::DocId>>)>>>]>"),
    );
    let docs: Vec<Arc<Doc>> = index.by_key.values().cloned().collect();
    std::thread::scope(|scope| {
        for part in docs.chunks(100) {
            let counts = &counts;
            scope.spawn(move || {
                for doc in part {
                    for one in &doc.facets {
                        if let Facet::Tag { name, .. } = one {
                            counts.entry(name.clone()).or_default().push(doc.id);
                        }
                    }
                }
            });
        }
    });
    for entry in &counts {
        book.around(entry.key(), Name::of::<DashMap<String, Vec<DocId>>>());
        book.string(entry.key()).vec(entry.value());
    }
    book.vec(&docs);
    (counts, docs)
}

fn main() -> ExitCode {
    // The first use of a pattern makes tables of the crate's own.
    let warm = Regex::new("[a-z]+").is_ok_and(|word| word.is_match("word"));
    let mut book = Book::new("fresh_index").fresh();
    let index = build(&mut book);
    let kept = (
        queries(&mut book, &index),
        narrowed(&mut book, &index),
        concurrent(&mut book, &index),
    );
    let code = book.compare();
    drop(black_box((index, kept, warm)));
    code
}
