//! The programs, each with the edges it has.

#![allow(
    dead_code,
    clippy::box_collection,
    clippy::redundant_allocation,
    clippy::rc_buffer,
    clippy::type_complexity,
    clippy::vec_box,
    reason = "these are the fields that are tested"
)]

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::ffi::{CString, OsString};
use std::hint::black_box;
use std::mem::ManuallyDrop;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, RwLock};
use std::task::{Context, Waker};

use super::truth::{Program, at, words};

fn text(n: usize) -> String {
    format!("a text that is long enough to be told apart, {n}")
}

struct Request {
    url: String,
    tags: Vec<String>,
    numbers: Vec<u32>,
    meta: Option<Box<Meta>>,
    empty: Vec<String>,
}

struct Meta {
    referer: String,
    parts: (String, u8, Box<u64>),
}

struct Leg(u8, String, Vec<u16>);

fn structs() -> Program {
    Program::new(
        "structs",
        || Request {
            url: text(0),
            tags: {
                let mut tags = Vec::with_capacity(8);
                tags.extend([text(1), text(2), text(3), text(4)]);
                // Stale slots behind the length.
                drop(tags.split_off(3));
                let moved = tags.pop();
                std::mem::forget(moved);
                tags
            },
            numbers: vec![1, 2, 3],
            meta: Some(Box::new(Meta {
                referer: text(5),
                parts: (text(6), 1, Box::new(7)),
            })),
            empty: Vec::new(),
        },
        |r, p| {
            p.holds(at(r), at(r.url.as_str()), "edges::programs::Request.url");
            let tags = at(r.tags.as_slice());
            p.holds(at(r), tags, "edges::programs::Request.tags");
            for tag in &r.tags {
                p.holds(tags, at(tag.as_str()), "edges::programs::Request.tags[*]");
            }
            let numbers = at(r.numbers.as_slice());
            p.holds(at(r), numbers, "edges::programs::Request.numbers");
            let meta = r.meta.as_deref().unwrap();
            p.holds(at(r), at(meta), "edges::programs::Request.meta");
            let m = at(meta);
            p.holds(
                m,
                at(meta.referer.as_str()),
                "edges::programs::Meta.referer",
            );
            p.holds(
                m,
                at(meta.parts.0.as_str()),
                "edges::programs::Meta.parts.0",
            );
            p.holds(m, at(&*meta.parts.2), "edges::programs::Meta.parts.2");
        },
    )
}

fn tuples() -> Program {
    Program::new(
        "tuples",
        || {
            vec![
                (Leg(1, text(1), vec![1]), text(2)),
                (Leg(2, text(3), vec![2]), text(4)),
            ]
        },
        |v: &Vec<(Leg, String)>, p| {
            let buffer = at(v.as_slice());
            // No struct of the user's owns the vector.
            p.holds(at(v), buffer, "");
            for (leg, name) in v {
                p.holds(buffer, at(name.as_str()), "");
                p.holds(buffer, at(leg.1.as_str()), "edges::programs::Leg.1");
                p.holds(buffer, at(leg.2.as_slice()), "edges::programs::Leg.2");
            }
        },
    )
}

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

fn maps(count: usize) -> Program {
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
            let name = "edges::programs::Book";
            let table = p.block(at(b.by_name.keys().next().unwrap()));
            p.holds(at(b), table, &format!("{name}.by_name"));
            for (key, value) in &b.by_name {
                p.holds(table, at(key.as_str()), &format!("{name}.by_name.keys()"));
                p.holds(
                    table,
                    at(value.code.as_str()),
                    "edges::programs::Tariff.code",
                );
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

struct Node {
    name: String,
    parent: RefCell<Weak<Node>>,
    children: RefCell<Vec<Rc<Node>>>,
    next: RefCell<Option<Rc<Node>>>,
}

struct Shared {
    list: Arc<Mutex<Vec<String>>>,
    again: Arc<Mutex<Vec<String>>>,
    lock: Arc<RwLock<Option<String>>>,
    text: Arc<str>,
    short: Rc<[u16]>,
    names: Rc<[String]>,
    dead: Weak<ManuallyDrop<String>>,
}

fn counted() -> Vec<Program> {
    let cycle = Program::new(
        "Rc cycles and Weak",
        || {
            let node = |n| Node {
                name: text(n),
                parent: RefCell::new(Weak::new()),
                children: RefCell::new(Vec::new()),
                next: RefCell::new(None),
            };
            let root = Rc::new(node(1));
            for n in 2..4 {
                let child = Rc::new(node(n));
                *child.parent.borrow_mut() = Rc::downgrade(&root);
                *child.next.borrow_mut() = Some(root.clone());
                root.children.borrow_mut().push(child);
            }
            root
        },
        |root: &Rc<Node>, p| {
            let name = "edges::programs::Node";
            let inner = |n: &Rc<Node>| at(&**n);
            p.holds(at(root), inner(root), "");
            let children: &'static Vec<Rc<Node>> =
                Box::leak(Box::new(root.children.borrow().clone()));
            let buffer = at(root.children.borrow().as_slice());
            p.holds(inner(root), buffer, &format!("{name}.children"));
            p.holds(inner(root), at(root.name.as_str()), &format!("{name}.name"));
            for child in children {
                p.holds(buffer, inner(child), &format!("{name}.children[*]"));
                p.holds(
                    inner(child),
                    at(child.name.as_str()),
                    &format!("{name}.name"),
                );
                p.holds(inner(child), inner(root), &format!("{name}.parent (weak)"));
                p.holds(inner(child), inner(root), &format!("{name}.next"));
            }
        },
    );
    let shared = Program::new(
        "Rc and Arc around std's types",
        || {
            let list = Arc::new(Mutex::new(vec![text(1), text(2)]));
            // What it held is leaked: a stale pointer to a live block.
            let dead = Rc::new(ManuallyDrop::new(text(9)));
            Shared {
                again: list.clone(),
                list,
                lock: Arc::new(RwLock::new(Some(text(3)))),
                text: text(4).into(),
                short: vec![1u16, 2, 3].into(),
                names: vec![text(5), text(6)].into(),
                dead: Rc::downgrade(&dead),
            }
        },
        |s, p| {
            let name = "edges::programs::Shared";
            let list = at(&*s.list);
            p.holds(at(s), list, &format!("{name}.list"));
            p.holds(at(s), list, &format!("{name}.again"));
            let guard = s.list.lock().unwrap();
            let buffer = at(guard.as_slice());
            for field in ["list", "again"] {
                p.holds(list, buffer, &format!("{name}.{field}"));
                for text in guard.iter() {
                    p.holds(buffer, at(text.as_str()), &format!("{name}.{field}[*]"));
                }
            }
            p.holds(at(s), at(&*s.lock), &format!("{name}.lock"));
            let guard = s.lock.read().unwrap();
            p.holds(
                at(&*s.lock),
                at(guard.as_deref().unwrap()),
                &format!("{name}.lock"),
            );
            p.holds(at(s), at(&*s.text), &format!("{name}.text"));
            p.holds(at(s), at(&*s.short), &format!("{name}.short"));
            p.holds(at(s), at(&*s.names), &format!("{name}.names"));
            for one in s.names.iter() {
                p.holds(at(&*s.names), at(one.as_str()), &format!("{name}.names[*]"));
            }
            // Its contents are gone, the block is not.
            p.holds(
                at(s),
                s.dead.as_ptr() as usize,
                &format!("{name}.dead (weak)"),
            );
        },
    );
    vec![cycle, shared]
}

enum Event {
    Clicked { target: String, x: u8 },
    Halt(Box<u64>),
    Nothing,
    Pair(String, String),
}

#[repr(u8)]
enum Tagged {
    Text(String) = 3,
    Number(u64) = 7,
    Both(String, Vec<u8>) = 200,
}

enum Only {
    One(String),
}

struct Events {
    all: Vec<Event>,
    tagged: Vec<Tagged>,
    only: Only,
    maybe: Option<String>,
    nothing: Option<Box<String>>,
    deep: Option<Option<Result<String, Box<u32>>>>,
    failed: Result<u8, Box<u32>>,
    cow: std::borrow::Cow<'static, str>,
    borrowed: std::borrow::Cow<'static, str>,
}

fn enums() -> Program {
    Program::new(
        "enums",
        || Events {
            all: vec![
                Event::Clicked {
                    target: text(1),
                    x: 1,
                },
                Event::Halt(Box::new(2)),
                Event::Nothing,
                Event::Pair(text(3), text(4)),
            ],
            tagged: vec![
                Tagged::Text(text(5)),
                Tagged::Number(6),
                Tagged::Both(text(7), vec![8; 30]),
            ],
            only: Only::One(text(9)),
            maybe: Some(text(10)),
            nothing: None,
            deep: Some(Some(Err(Box::new(11)))),
            failed: Err(Box::new(12)),
            cow: text(13).into(),
            borrowed: "borrowed".into(),
        },
        |e, p| {
            let of = |rest: &str| format!("edges::programs::{rest}");
            let all = at(e.all.as_slice());
            p.holds(at(e), all, &of("Events.all"));
            for event in &e.all {
                match event {
                    Event::Clicked { target, .. } => {
                        p.holds(all, at(target.as_str()), &of("Event::Clicked.target"));
                    }
                    Event::Halt(number) => p.holds(all, at(&**number), &of("Event::Halt.0")),
                    Event::Nothing => {}
                    Event::Pair(a, b) => {
                        p.holds(all, at(a.as_str()), &of("Event::Pair.0"));
                        p.holds(all, at(b.as_str()), &of("Event::Pair.1"));
                    }
                }
            }
            let tagged = at(e.tagged.as_slice());
            p.holds(at(e), tagged, &of("Events.tagged"));
            for one in &e.tagged {
                match one {
                    Tagged::Text(text) => p.holds(tagged, at(text.as_str()), &of("Tagged::Text.0")),
                    Tagged::Number(_) => {}
                    Tagged::Both(text, bytes) => {
                        p.holds(tagged, at(text.as_str()), &of("Tagged::Both.0"));
                        p.holds(tagged, at(bytes.as_slice()), &of("Tagged::Both.1"));
                    }
                }
            }
            let Only::One(text) = &e.only;
            p.holds(at(e), at(text.as_str()), &of("Only::One.0"));
            p.holds(at(e), at(e.maybe.as_deref().unwrap()), &of("Events.maybe"));
            let Some(Some(Err(deep))) = &e.deep else {
                panic!();
            };
            p.holds(at(e), at(&**deep), &of("Events.deep"));
            p.holds(
                at(e),
                at(&**e.failed.as_ref().unwrap_err()),
                &of("Events.failed"),
            );
            p.holds(at(e), at(&*e.cow), &of("Events.cow"));
        },
    )
}

trait Rule {
    fn text(&self) -> &str;
    fn own(&self) -> usize;
}

struct Cap(String);
struct Floor {
    note: String,
    _more: u64,
}

impl Rule for Cap {
    fn text(&self) -> &str {
        &self.0
    }
    fn own(&self) -> usize {
        at(self)
    }
}

impl Rule for Floor {
    fn text(&self) -> &str {
        &self.note
    }
    fn own(&self) -> usize {
        at(self)
    }
}

impl Rule for Vec<String> {
    fn text(&self) -> &str {
        &self[0]
    }
    fn own(&self) -> usize {
        at(self)
    }
}

struct Rules {
    boxed: Vec<Box<dyn Rule>>,
    shared: Rc<dyn Rule>,
    sync: Arc<dyn Rule + Send + Sync>,
    zero: Box<dyn Fn() -> u8>,
    call: Box<dyn Fn() -> usize>,
    of_vec: Box<dyn Rule>,
}

fn dynamic() -> Program {
    Program::new(
        "dyn",
        || {
            let (a, b) = (text(6), vec![text(7)]);
            Rules {
                boxed: vec![
                    Box::new(Cap(text(1))),
                    Box::new(Floor {
                        note: text(2),
                        _more: 3,
                    }),
                ],
                shared: Rc::new(Floor {
                    note: text(3),
                    _more: 3,
                }),
                sync: Arc::new(Cap(text(4))),
                zero: Box::new(|| 1),
                call: Box::new(move || black_box(&a).len() + black_box(&b).len()),
                of_vec: Box::new(vec![text(5)]),
            }
        },
        |r, p| {
            let name = "edges::programs::Rules";
            let boxed = at(r.boxed.as_slice());
            p.holds(at(r), boxed, &format!("{name}.boxed"));
            for (rule, field) in r.boxed.iter().zip(["Cap.0", "Floor.note"]) {
                p.holds(boxed, rule.own(), &format!("{name}.boxed[*]"));
                p.holds(
                    rule.own(),
                    at(rule.text()),
                    &format!("edges::programs::{field}"),
                );
            }
            p.holds(at(r), r.shared.own(), &format!("{name}.shared"));
            p.holds(
                r.shared.own(),
                at(r.shared.text()),
                "edges::programs::Floor.note",
            );
            p.holds(at(r), r.sync.own(), &format!("{name}.sync"));
            p.holds(r.sync.own(), at(r.sync.text()), "edges::programs::Cap.0");
            let closure = at(&*r.call);
            p.holds(at(r), closure, &format!("{name}.call"));
            // What the closure captured: a String and a Vec of one, by size.
            let env = "edges::programs::dynamic::{closure#0}::{closure_env#1}";
            let is_block =
                |p: &Program, a: usize| p.blocks.iter().find(|b| b.address == a).cloned();
            for word in words(closure, 6) {
                let Some(block) = is_block(p, word) else {
                    continue;
                };
                let field = if block.size == 24 { "b" } else { "a" };
                p.holds(closure, word, &format!("{env}.{field}"));
                if field == "b" {
                    p.holds(word, words(word, 2)[1], &format!("{env}.b[*]"));
                }
            }
            p.holds(at(r), r.of_vec.own(), &format!("{name}.of_vec"));
            let inner = at(r.of_vec.text());
            let buffer = words(r.of_vec.own(), 2)[1];
            p.holds(r.of_vec.own(), buffer, &format!("{name}.of_vec"));
            p.holds(buffer, inner, &format!("{name}.of_vec[*]"));
        },
    )
}

struct Queues {
    ring: VecDeque<String>,
    list: LinkedList<String>,
    heap: BinaryHeap<String>,
    boxed: Box<[String]>,
    word: Box<str>,
    path: PathBuf,
    os: OsString,
    c: CString,
    nested: Vec<Vec<VecDeque<Box<String>>>>,
    array: [Option<String>; 3],
    cell: Cell<Option<Box<u8>>>,
    boxed_vec: Box<Vec<Box<Vec<String>>>>,
    rest: std::vec::IntoIter<String>,
    slice: &'static [String],
    one: &'static String,
    raw: *const u64,
}

fn sequences() -> Program {
    Program::new(
        "sequences",
        || {
            let mut ring: VecDeque<String> = (0..4).map(text).collect();
            ring.reserve_exact(4);
            // Wrapped around: taken in front, put behind.
            for i in 0..6 {
                ring.pop_front();
                ring.push_back(text(i + 100));
            }
            let mut rest = vec![text(20), text(21), text(22)].into_iter();
            drop(rest.next());
            let words: &'static [String] = vec![text(23), text(24)].leak();
            Queues {
                ring,
                list: (30..33).map(text).collect(),
                heap: (40..43).map(text).collect(),
                boxed: vec![text(50), text(51)].into_boxed_slice(),
                word: text(52).into_boxed_str(),
                path: text(53).into(),
                os: text(54).into(),
                c: CString::new(text(55)).unwrap(),
                nested: vec![vec![[Box::new(text(60))].into()]],
                array: [Some(text(70)), None, Some(text(71))],
                cell: Cell::new(Some(Box::new(1))),
                boxed_vec: Box::new(vec![Box::new(vec![text(80)])]),
                rest,
                slice: words,
                one: &words[1],
                raw: Box::into_raw(Box::new(90)),
            }
        },
        |q, p| {
            let of = |rest: &str| format!("edges::programs::Queues.{rest}");
            assert!(!q.ring.as_slices().1.is_empty(), "the ring does not wrap");
            let ring = p.block(at(&q.ring[0]));
            p.holds(at(q), ring, &of("ring"));
            for one in &q.ring {
                p.holds(ring, at(one.as_str()), &of("ring[*]"));
            }
            let inner: Vec<usize> = q.list.iter().map(at).collect();
            p.nodes(at(q), &inner, &of("list"));
            for one in &q.list {
                p.holds(at(one), at(one.as_str()), &of("list[*]"));
            }
            let heap = at(q.heap.as_slice());
            p.holds(at(q), heap, &of("heap"));
            for one in &q.heap {
                p.holds(heap, at(one.as_str()), &of("heap[*]"));
            }
            p.holds(at(q), at(&*q.boxed), &of("boxed"));
            for one in &q.boxed {
                p.holds(at(&*q.boxed), at(one.as_str()), &of("boxed[*]"));
            }
            p.holds(at(q), at(&*q.word), &of("word"));
            p.holds(at(q), at(q.path.as_os_str()), &of("path"));
            p.holds(at(q), at(q.os.as_os_str()), &of("os"));
            p.holds(at(q), q.c.as_ptr() as usize, &of("c"));
            let (a, b) = (at(q.nested.as_slice()), at(q.nested[0].as_slice()));
            let (c, d) = (p.block(at(&q.nested[0][0][0])), at(&*q.nested[0][0][0]));
            p.holds(at(q), a, &of("nested"));
            p.holds(a, b, &of("nested[*]"));
            p.holds(b, c, &of("nested[*][*]"));
            p.holds(c, d, &of("nested[*][*][*]"));
            p.holds(d, at(q.nested[0][0][0].as_str()), &of("nested[*][*][*]"));
            for one in q.array.iter().flatten() {
                p.holds(at(q), at(one.as_str()), &of("array[*]"));
            }
            let cell = q.cell.take().unwrap();
            p.holds(at(q), at(&*cell), &of("cell"));
            q.cell.set(Some(cell));
            let (a, b) = (at(&*q.boxed_vec), at(q.boxed_vec.as_slice()));
            let (c, d) = (at(&*q.boxed_vec[0]), at(q.boxed_vec[0].as_slice()));
            p.holds(at(q), a, &of("boxed_vec"));
            p.holds(a, b, &of("boxed_vec"));
            p.holds(b, c, &of("boxed_vec[*]"));
            p.holds(c, d, &of("boxed_vec[*]"));
            p.holds(d, at(q.boxed_vec[0][0].as_str()), &of("boxed_vec[*][*]"));
            let rest = p.block(at(&q.rest.as_slice()[0]));
            p.holds(at(q), rest, &of("rest"));
            for one in q.rest.as_slice() {
                p.holds(rest, at(one.as_str()), &of("rest[*]"));
            }
            p.holds(at(q), at(q.slice), &of("slice"));
            for one in q.slice {
                p.holds(at(q.slice), at(one.as_str()), &of("slice[*]"));
            }
            p.holds(at(q), at(q.one), &of("one"));
            p.holds(at(q), q.raw as usize, &of("raw"));
        },
    )
}

struct Fetch {
    future: Pin<Box<dyn Future<Output = usize>>>,
    fresh: Pin<Box<dyn Future<Output = usize>>>,
}

/// Where the async functions say that their variables point to.
static TOLD: [AtomicUsize; 6] = [const { AtomicUsize::new(0) }; 6];

fn tell(slot: usize, address: usize) {
    TOLD[slot].store(address, Relaxed);
}

fn told(slot: usize) -> usize {
    TOLD[slot].load(Relaxed)
}

async fn inner(depth: Vec<String>) -> usize {
    tell(0, at(depth.as_slice()));
    tell(1, at(depth[0].as_str()));
    std::future::pending::<()>().await;
    black_box(&depth).len()
}

async fn outer(url: String, given_away: String) -> usize {
    let response = url.repeat(2);
    tell(2, at(response.as_str()));
    tell(3, at(url.as_str()));
    // Its slot keeps a stale copy: the block lives on, and is not ours.
    std::mem::forget(given_away);
    let boxed = Box::new(7u64);
    let borrowed = &response;
    tell(4, at(&*boxed));
    let count = inner(vec![text(3)]).await;
    let zeros = black_box(boxed).trailing_zeros() as usize;
    black_box(borrowed).len() + black_box(&url).len() + count + zeros
}

fn futures() -> Program {
    Program::new(
        "async",
        || {
            let mut future: Pin<Box<dyn Future<Output = usize>>> =
                Box::pin(outer(text(1), text(2)));
            let mut context = Context::from_waker(Waker::noop());
            assert!(future.as_mut().poll(&mut context).is_pending());
            // A block: the future not yet begun, its captures inside.
            let (name, kept) = (text(4), text(5));
            tell(5, at(kept.as_str()));
            let fresh = async move { black_box(name).len() + black_box(kept).len() };
            Fetch {
                future,
                fresh: Box::pin(fresh),
            }
        },
        |f, p| {
            let env = at(&*f.future);
            p.holds(at(f), env, "edges::programs::Fetch.future");
            let name = "edges::programs::outer::{async_fn_env#0}";
            p.holds(env, told(2), &format!("{name}.response"));
            p.holds(env, told(3), &format!("{name}.url"));
            p.holds(env, told(4), &format!("{name}.boxed"));
            p.holds(env, env, &format!("{name}.borrowed"));
            let depth = "edges::programs::inner::{async_fn_env#0}.depth";
            p.holds(env, told(0), depth);
            p.holds(told(0), told(1), &format!("{depth}[*]"));
            let fresh = at(&*f.fresh);
            p.holds(at(f), fresh, "edges::programs::Fetch.fresh");
            let name = "edges::programs::futures::{closure#0}::{async_block_env#0}";
            p.holds(fresh, told(5), &format!("{name}.kept"));
            let inside = words(fresh, 6);
            let addresses = p.blocks.iter().map(|b| b.address);
            let other = addresses
                .into_iter()
                .find(|a| *a != told(5) && inside.contains(a));
            p.holds(fresh, other.unwrap(), &format!("{name}.name"));
        },
    )
}

struct Generic<T> {
    items: Vec<T>,
}

mod deep {
    pub(super) struct Slot<K, V> {
        pub(super) pair: Option<Box<(K, V)>>,
    }
}

fn generics() -> Program {
    Program::new(
        "generics",
        || Generic {
            items: vec![deep::Slot {
                pair: Some(Box::new((text(1), vec![Box::new(1u8)]))),
            }],
        },
        |g: &Generic<deep::Slot<String, Vec<Box<u8>>>>, p| {
            let slot = "edges::programs::deep::Slot<String, Vec<Box<u8>>>";
            let items = at(g.items.as_slice());
            p.holds(
                at(g),
                items,
                &format!("edges::programs::Generic<{slot}>.items"),
            );
            let pair = g.items[0].pair.as_deref().unwrap();
            p.holds(items, at(pair), &format!("{slot}.pair"));
            p.holds(at(pair), at(pair.0.as_str()), &format!("{slot}.pair.0"));
            let v = at(pair.1.as_slice());
            p.holds(at(pair), v, &format!("{slot}.pair.1"));
            p.holds(v, at(&*pair.1[0]), &format!("{slot}.pair.1[*]"));
        },
    )
}

struct Twins {
    hidden: [usize; 2],
    all: Vec<Box<dyn Text>>,
}

trait Text {
    fn texts(&self) -> Vec<(usize, usize, &'static str)>;
}

/// Two types of one name and size that lie differently in memory.
fn twins() -> Program {
    fn one() -> Box<dyn Text> {
        struct Twin {
            name: String,
            number: [u64; 2],
        }
        impl Text for Twin {
            fn texts(&self) -> Vec<(usize, usize, &'static str)> {
                assert_eq!(size_of_val(self), 40);
                black_box(self.number);
                vec![(at(self), at(self.name.as_str()), "name")]
            }
        }
        Box::new(Twin {
            name: text(1),
            number: [2; 2],
        })
    }
    let two = || -> [Box<dyn Text>; 2] {
        let second: Box<dyn Text> = {
            struct Twin {
                number: u64,
                lent: &'static str,
                other: Box<[u8]>,
            }
            impl Text for Twin {
                fn texts(&self) -> Vec<(usize, usize, &'static str)> {
                    assert_eq!(size_of_val(self), 40);
                    black_box((self.number, self.lent));
                    vec![(at(self), at(&*self.other), "other")]
                }
            }
            Box::new(Twin {
                number: 1,
                lent: "static",
                other: vec![1; 33].into(),
            })
        };
        let third: Box<dyn Text> = {
            struct Twin {
                first: Option<Box<u64>>,
                text: String,
                number: u64,
            }
            impl Text for Twin {
                fn texts(&self) -> Vec<(usize, usize, &'static str)> {
                    assert_eq!(size_of_val(self), 40);
                    black_box(self.number);
                    let first = self.first.as_deref().unwrap();
                    vec![
                        (at(self), at(first), "first"),
                        (at(self), at(self.text.as_str()), "text"),
                    ]
                }
            }
            Box::new(Twin {
                first: Some(Box::new(4)),
                text: text(5),
                number: 1,
            })
        };
        [second, third]
    };
    Program::new(
        "two types of one name",
        || {
            let [second, third] = two();
            // Nothing that can be seen holds these, so only their name is known,
            // and that is not enough.
            let hide = |b: Box<dyn Text>| at(Box::leak(b)).rotate_left(7);
            Twins {
                hidden: two().map(hide),
                all: vec![one(), second, third],
            }
        },
        |t, p| {
            let all = at(t.all.as_slice());
            p.holds(at(t), all, "edges::programs::Twins.all");
            for (i, one) in t.all.iter().enumerate() {
                let owner = match i {
                    0 => "edges::programs::twins::one::Twin",
                    _ => "edges::programs::twins::{closure#0}::Twin",
                };
                for (n, (holder, target, field)) in one.texts().into_iter().enumerate() {
                    if n == 0 {
                        p.holds(all, holder, "edges::programs::Twins.all[*]");
                    }
                    p.holds(holder, target, &format!("{owner}.{field}"));
                }
            }
        },
    )
}

#[derive(Clone)]
struct Raw {
    a: u64,
    b: u64,
}

struct Cooked {
    name: [u64; 2],
}

/// Blocks whose last allocator call does not tell what they are now.
struct Fields {
    cooked: Vec<Cooked>,
    slice: Box<[u64]>,
    shared: Arc<[Raw]>,
}

/// The names that fields must give.
pub(crate) struct Expected {
    pub(crate) types: Vec<(usize, &'static str)>,
}

pub(crate) fn fields() -> (Program, Expected) {
    let mut expected = Expected { types: Vec::new() };
    let types = &mut expected.types;
    let program = Program::new(
        "types by field",
        || {
            let raw = vec![Raw { a: 1, b: 2 }; black_box(5)];
            let cook = |r: Raw| Cooked { name: [r.a, r.b] };
            let array: Box<[u64]> = Box::new([black_box(7u64); 9]);
            Fields {
                cooked: raw.into_iter().map(cook).collect(),
                slice: array,
                shared: vec![Raw { a: 1, b: 2 }; black_box(3)].into(),
            }
        },
        |f, p| {
            let of = |rest: &str| format!("edges::programs::Fields.{rest}");
            p.holds(at(f), at(f.cooked.as_slice()), &of("cooked"));
            p.holds(at(f), at(&*f.slice), &of("slice"));
            p.holds(at(f), at(&*f.shared), &of("shared"));
            types.push((at(f.cooked.as_slice()), "Vec<edges::programs::Cooked>"));
            types.push((at(&*f.slice), "Box<[u64]>"));
        },
    );
    (program, expected)
}

pub(crate) fn all() -> Vec<Program> {
    let mut programs = vec![structs(), tuples(), maps(5), maps(700)];
    programs.extend(counted());
    programs.extend([
        enums(),
        dynamic(),
        sequences(),
        futures(),
        generics(),
        twins(),
    ]);
    programs
}
