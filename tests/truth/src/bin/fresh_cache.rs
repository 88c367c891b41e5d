//! Caches as services keep them: least recently used, by time, in shards behind
//! locks, in two generations, and memories of computed answers.

#![allow(dead_code, reason = "fields are there to have a size")]

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::hint::black_box;
use std::mem;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::{Arc, Mutex, RwLock};

use book::{Book, Name};

#[global_allocator]
static HEAP: book::Heap = book::heap();

const NONE: usize = usize::MAX;

struct Slot<K, V> {
    key: K,
    value: V,
    newer: usize,
    older: usize,
}

/// Least recently used goes first. Slots are linked by number.
struct Lru<K, V> {
    index: HashMap<K, usize>,
    slots: Vec<Slot<K, V>>,
    newest: usize,
    oldest: usize,
    limit: usize,
    evicted: u64,
}

impl<K: Clone + Eq + Hash, V> Lru<K, V> {
    fn new(limit: usize) -> Self {
        Lru {
            index: HashMap::with_capacity(limit),
            slots: Vec::new(),
            newest: NONE,
            oldest: NONE,
            limit,
            evicted: 0,
        }
    }

    fn unlink(&mut self, at: usize) {
        let (newer, older) = (self.slots[at].newer, self.slots[at].older);
        match newer {
            NONE => self.newest = older,
            _ => self.slots[newer].older = older,
        }
        match older {
            NONE => self.oldest = newer,
            _ => self.slots[older].newer = newer,
        }
    }

    fn link(&mut self, at: usize) {
        self.slots[at].newer = NONE;
        self.slots[at].older = self.newest;
        match self.newest {
            NONE => self.oldest = at,
            newest => self.slots[newest].newer = at,
        }
        self.newest = at;
    }

    fn get(&mut self, key: &K) -> Option<&V> {
        let at = *self.index.get(key)?;
        self.unlink(at);
        self.link(at);
        Some(&self.slots[at].value)
    }

    fn put(&mut self, key: K, value: V) -> Option<V> {
        if let Some(&at) = self.index.get(&key) {
            let old = mem::replace(&mut self.slots[at].value, value);
            self.unlink(at);
            self.link(at);
            return Some(old);
        }
        if self.slots.len() < self.limit {
            let at = self.slots.len();
            self.slots.push(Slot {
                key: key.clone(),
                value,
                newer: NONE,
                older: NONE,
            });
            self.index.insert(key, at);
            self.link(at);
            return None;
        }
        let at = self.oldest;
        self.unlink(at);
        self.index.remove(&self.slots[at].key);
        let slot = &mut self.slots[at];
        slot.key = key.clone();
        let old = mem::replace(&mut slot.value, value);
        self.index.insert(key, at);
        self.link(at);
        self.evicted += 1;
        Some(old)
    }

    fn register(&self, book: &mut Book) {
        book.hash_map(&self.index).vec(&self.slots);
    }
}

#[derive(Clone, Debug)]
struct Page {
    url: String,
    body: Vec<u8>,
    headers: Vec<(String, String)>,
    etag: Option<Box<str>>,
}

fn page(n: u32) -> Page {
    Page {
        url: format!("https://fish.example/pages/{n}"),
        body: (0..n % 400).map(|m| (m * n) as u8).collect(),
        headers: vec![
            ("content-type".to_string(), "text/html".to_string()),
            ("content-length".to_string(), n.to_string()),
        ],
        etag: (n % 2 == 0).then(|| format!("\"{n:x}\"").into_boxed_str()),
    }
}

impl Page {
    fn register(&self, book: &mut Book) {
        book.string(&self.url).vec(&self.body);
        let literal = Name::of::<Box<[(String, String); 2]>>();
        let names = Name::of::<Vec<(String, String)>>().was(literal);
        book.vec_as(&self.headers, names);
        for (key, value) in &self.headers {
            book.string(key).string(value);
        }
        if let Some(etag) = &self.etag {
            book.boxed_as(etag, Name::of::<Box<str>>().was(Name::of::<String>()));
        }
    }
}

fn recent(book: &mut Book) -> impl Sized + use<> {
    let mut pages: Lru<String, Arc<Page>> = Lru::new(150);
    let mut tiles: Lru<(u32, u32, u8), Vec<u16>> = Lru::new(300);
    let mut names: Lru<u64, Box<str>> = Lru::new(100);
    for n in 0..400u32 {
        let page = page(n % 230);
        pages.put(page.url.clone(), Arc::new(page));
        if n % 3 == 0 {
            let hit = pages.get(&format!("https://fish.example/pages/{}", n / 2));
            black_box(hit.is_some());
        }
        tiles.put((n / 20, n % 20, 3), vec![n as u16; 16 + n as usize % 64]);
        names.put(u64::from(n % 170), format!("name {n}").into());
    }
    pages.register(book);
    book.strings(pages.index.keys());
    for slot in &pages.slots {
        book.string(&slot.key).arc(&slot.value);
        slot.value.register(book);
    }
    tiles.register(book);
    book.vecs(tiles.slots.iter().map(|slot| &slot.value));
    names.register(book);
    for slot in &names.slots {
        let names = Name::of::<Box<str>>().was(Name::of::<String>());
        book.boxed_as(&slot.value, names);
    }
    (pages, tiles, names)
}

/// Entries that end at a time.
#[derive(Default)]
struct Expiring<V> {
    entries: HashMap<String, (u64, V)>,
    ends: BTreeMap<u64, Vec<String>>,
}

impl<V: Clone> Expiring<V> {
    fn insert(&mut self, key: &str, value: V, end: u64) {
        self.ends.entry(end).or_default().push(key.to_owned());
        self.entries.insert(key.into(), (end, value));
    }

    fn advance(&mut self, now: u64) -> usize {
        let later = self.ends.split_off(&now);
        let ended = mem::replace(&mut self.ends, later);
        let mut gone = 0;
        for key in ended.into_values().flatten() {
            if self.entries.get(&key).is_some_and(|entry| entry.0 < now) {
                self.entries.remove(&key);
                gone += 1;
            }
        }
        gone
    }

    fn register(&self, book: &mut Book) {
        book.hash_map(&self.entries)
            .strings(self.entries.keys())
            .btree_map(&self.ends)
            .vecs(self.ends.values())
            .strings(self.ends.values().flatten());
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Token {
    user: u64,
    scopes: Vec<&'static str>,
}

fn timed(book: &mut Book) -> impl Sized + use<> {
    let mut tokens: Expiring<Token> = Expiring {
        entries: HashMap::new(),
        ends: BTreeMap::new(),
    };
    let mut limits: Expiring<[u32; 4]> = Expiring {
        entries: HashMap::new(),
        ends: BTreeMap::new(),
    };
    for n in 0..500u64 {
        let scopes = ["read", "write", "admin"]
            .into_iter()
            .take(1 + n as usize % 3)
            .collect();
        tokens.insert(
            &format!("{:016x}", n * 7919),
            Token { user: n, scopes },
            n % 90,
        );
        limits.insert(
            &format!("10.0.{}.{}", n / 100, n % 100),
            [n as u32; 4],
            n % 50,
        );
    }
    black_box(tokens.advance(30) + limits.advance(20));
    tokens.register(book);
    book.vecs(tokens.entries.values().map(|entry| &entry.1.scopes));
    limits.register(book);
    (tokens, limits)
}

type Shard = RwLock<HashMap<u64, Arc<[u8]>>>;

struct Sharded {
    shards: Box<[Shard]>,
    hits: Box<[Mutex<[u64; 2]>]>,
}

impl Sharded {
    fn shard(&self, key: u64) -> &Shard {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        &self.shards[hasher.finish() as usize % self.shards.len()]
    }
}

fn sharded(book: &mut Book) -> impl Sized + use<> {
    let cache = Arc::new(Sharded {
        shards: (0..16).map(|_| RwLock::default()).collect(),
        hits: (0..16).map(|_| Mutex::new([0; 2])).collect(),
    });
    let workers: Vec<_> = (0..4u64)
        .map(|worker| {
            let cache = cache.clone();
            std::thread::spawn(move || {
                for n in 0..250u64 {
                    let key = worker * 200 + n;
                    let mut shard = cache.shard(key).write().expect("nobody panicked");
                    shard.entry(key).or_insert_with(|| vec![n as u8; 60].into());
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().expect("it ends");
    }
    book.arc(&cache);
    let names = Name::of::<Box<[Shard]>>().was(Name::of::<Vec<Shard>>());
    book.boxed_as(&cache.shards, names);
    let was = Name::of::<Vec<Mutex<[u64; 2]>>>();
    book.boxed_as(&cache.hits, Name::of::<Box<[Mutex<[u64; 2]>]>>().was(was));
    for shard in &cache.shards {
        let shard = shard.read().expect("nobody panicked");
        book.hash_map(&shard);
        for value in shard.values() {
            book.arc(value);
        }
    }
    cache
}

/// What was asked in this period and in the one before.
#[derive(Default)]
struct Generations {
    young: HashMap<u32, Rc<Answer>>,
    old: HashMap<u32, Rc<Answer>>,
}

#[derive(Debug)]
struct Answer {
    of: u32,
    factors: Vec<u32>,
}

impl Generations {
    fn ask(&mut self, n: u32) -> Rc<Answer> {
        if let Some(known) = self.young.get(&n) {
            return Rc::clone(known);
        }
        let answer = self.old.remove(&n).unwrap_or_else(|| {
            let factors = (2..=n).filter(|m| n.is_multiple_of(*m)).collect();
            Rc::new(Answer { of: n, factors })
        });
        self.young.insert(n, answer.clone());
        if self.young.len() >= 120 {
            self.old = mem::take(&mut self.young);
        }
        answer
    }
}

#[derive(Default)]
struct Memo {
    by_input: HashMap<Vec<u8>, u64>,
    order: VecDeque<Vec<u8>>,
}

impl Memo {
    fn sum(&mut self, input: &[u8]) -> u64 {
        if let Some(&sum) = self.by_input.get(input) {
            return sum;
        }
        let sum = input.iter().map(|&byte| u64::from(byte)).sum();
        self.by_input.insert(input.to_vec(), sum);
        self.order.push_back(input.to_vec());
        if self.order.len() > 180 {
            let first = self.order.pop_front().expect("it is not empty");
            self.by_input.remove(&first);
        }
        sum
    }
}

fn remembered(book: &mut Book) -> impl Sized + use<> {
    let mut generations = Generations::default();
    let mut last = Vec::with_capacity(64);
    for n in 0..300u32 {
        let answer = generations.ask(n * 37 % 211);
        if n >= 250 {
            last.push(answer);
        }
    }
    let mut memo = Memo::default();
    for n in 0..260usize {
        let input: Vec<u8> = (0..n % 60 + 4).map(|m| (m * n) as u8).collect();
        black_box(memo.sum(&input));
    }
    book.vec(&last)
        .hash_map(&generations.young)
        .hash_map(&generations.old);
    let answers = generations.young.values().chain(generations.old.values());
    for answer in answers.chain(&last) {
        book.rc(answer).vec(&answer.factors);
    }
    book.hash_map(&memo.by_input)
        .vecs(memo.by_input.keys())
        .deque(&memo.order)
        .vecs(&memo.order);
    (generations, last, memo)
}

fn main() -> ExitCode {
    let mut book = Book::new("fresh_cache").fresh();
    let kept = (
        recent(&mut book),
        timed(&mut book),
        sharded(&mut book),
        remembered(&mut book),
    );
    let code = book.compare();
    drop(black_box(kept));
    code
}
