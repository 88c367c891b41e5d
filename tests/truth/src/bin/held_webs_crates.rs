//! Types of the crates that people use, in the fields of a program's own, and holding
//! types of its own.

#![allow(dead_code, reason = "fields are there to be pointers")]

use std::hint::black_box;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use book::{Edges, Source};
use bytes::{Bytes, BytesMut};
use crossbeam::channel;
use crossbeam::queue::{ArrayQueue, SegQueue};
use dashmap::DashMap;
use indexmap::{IndexMap, IndexSet};
use once_cell::sync::{Lazy, OnceCell};
use serde_json::{Map, Value, json};
use slab::Slab;
use smallvec::SmallVec;

#[global_allocator]
static HEAP: book::Heap = book::heap();

#[derive(Clone, PartialEq, Eq, Hash)]
struct Sku(Box<str>);

struct Session {
    user: String,
    marks: Vec<Rc<str>>,
}

struct Part {
    name: String,
    labels: SmallVec<[String; 2]>,
    codes: SmallVec<[u64; 4]>,
    boxes: SmallVec<[Box<Sku>; 3]>,
}

struct Frame {
    body: Bytes,
    again: Bytes,
    tail: Option<Bytes>,
    head: BytesMut,
}

struct Config {
    path: String,
    lines: Vec<String>,
}

/// What several threads may take from.
struct Item {
    text: String,
    kind: Kind,
}

enum Kind {
    Plain,
    Tagged(Vec<String>),
    Boxed { with: Box<Sku> },
}

struct Depot {
    index: IndexMap<String, Vec<String>>,
    parts: IndexMap<Sku, Part>,
    order: IndexSet<Arc<str>>,
    table: hashbrown::HashMap<String, Box<Session>>,
    set: hashbrown::HashSet<Rc<str>>,
    sessions: Slab<Session>,
    frames: Vec<Frame>,
    config: ArcSwap<Config>,
    older: ArcSwapOption<Config>,
    once: OnceCell<Session>,
    json: Value,
    object: Map<String, Value>,
    values: Vec<(String, Value)>,
    stack: SmallVec<[Item; 2]>,
}

struct Shares {
    by_sku: DashMap<Sku, Config>,
    segments: SegQueue<Item>,
    ring: ArrayQueue<Item>,
    channel: (channel::Sender<Item>, channel::Receiver<Item>),
    bounded: (channel::Sender<Box<Item>>, channel::Receiver<Box<Item>>),
}

static LINES: Lazy<Vec<String>> = Lazy::new(|| (0..9).map(|n| format!("line {n}")).collect());
static CONFIG: OnceCell<Config> = OnceCell::new();
static CACHE: Lazy<DashMap<u32, Config>> = Lazy::new(DashMap::new);

fn sku(n: u32) -> Sku {
    Sku(format!("sku {n}").into())
}

fn session(n: u32) -> Session {
    Session {
        user: format!("user {n}"),
        marks: (0..n % 4).map(|m| format!("mark {m}").into()).collect(),
    }
}

fn register_session(book: &mut Edges, session: &Session) {
    book.field("~Session.user", &session.user)
        .field("~Session.marks", &session.marks)
        .each("~Session.marks[*]", &session.marks)
        .whole(&session.marks);
}

fn config(n: u32) -> Config {
    Config {
        path: format!("/etc/{n}"),
        lines: (0..n % 5).map(|m| format!("line {m}")).collect(),
    }
}

fn register_config(book: &mut Edges, config: &Config) {
    book.field("~Config.path", &config.path)
        .field("~Config.lines", &config.lines)
        .each("~Config.lines[*]", &config.lines)
        .whole(&config.lines);
}

fn part(n: u32) -> Part {
    Part {
        name: format!("part {n}"),
        labels: (0..n % 5).map(|m| format!("label {m}")).collect(),
        codes: (0..u64::from(n) % 9).collect(),
        boxes: (0..n % 7).map(|m| Box::new(sku(m))).collect(),
    }
}

fn register_part(book: &mut Edges, part: &Part) {
    book.field("~Part.name", &part.name)
        .each("~Part.labels[*]", &part.labels)
        .each("~Part.boxes[*]", &part.boxes)
        .each("~Sku.0", part.boxes.iter().map(|sku| &sku.0))
        .wholes(&part.boxes);
    // doubt: a small vector is a container, not an owner of its own.
    if part.labels.spilled() {
        book.edge(Source::around(part), "~Part.labels", part.labels.as_ptr())
            .complete(part.labels.as_ptr());
    }
    if part.codes.spilled() {
        book.edge(Source::around(part), "~Part.codes", part.codes.as_ptr())
            .complete(part.codes.as_ptr());
    }
    if part.boxes.spilled() {
        book.edge(Source::around(part), "~Part.boxes", part.boxes.as_ptr())
            .complete(part.boxes.as_ptr());
    }
}

fn frame(n: u32) -> Frame {
    let body = match n % 4 {
        0 => Bytes::from(vec![1; 64 + n as usize]),
        1 => {
            let mut roomy = Vec::with_capacity(200);
            roomy.extend_from_slice(b"less than there is room for");
            Bytes::from(roomy)
        }
        2 => Bytes::from(format!("a text of frame {n}")),
        _ => Bytes::from_static(b"static"),
    };
    let mut head = BytesMut::with_capacity(80);
    head.extend_from_slice(b"head of a frame");
    Frame {
        again: body.slice(2..),
        tail: (n % 3 == 0).then(|| body.slice(3..5)),
        body,
        head,
    }
}

/// doubt: `Bytes` is a container, not an owner of its own.
fn register_frame(book: &mut Edges, frame: &Frame, n: usize) {
    if n % 4 != 3 {
        let source = || Source::around(frame);
        book.edge(source(), "~Frame.body", frame.body.as_ptr())
            .edge(source(), "~Frame.again", frame.again.as_ptr());
        if let Some(tail) = &frame.tail {
            book.edge(source(), "~Frame.tail", tail.as_ptr());
        }
    }
    book.edge(Source::around(frame), "~Frame.head", frame.head.as_ptr());
}

fn item(book: &mut Edges, n: u32) -> Item {
    let kind = match n % 3 {
        0 => Kind::Plain,
        1 => Kind::Tagged((0..n % 4).map(|m| format!("tag {m}")).collect()),
        _ => Kind::Boxed {
            with: Box::new(sku(n)),
        },
    };
    let item = Item {
        text: format!("item {n}"),
        kind,
    };
    book.moved("~Item.text", &item.text);
    match &item.kind {
        Kind::Plain => {}
        Kind::Tagged(tags) => {
            book.moved("~Kind::Tagged.0", tags)
                .each("~Kind::Tagged.0[*]", tags)
                .whole(tags);
        }
        Kind::Boxed { with } => {
            book.moved("~Kind::Boxed.with", with)
                .field("~Sku.0", &with.0)
                .whole(with);
        }
    }
    item
}

fn depot(book: &mut Edges) -> Box<Depot> {
    let mut index = IndexMap::new();
    for n in 0..60 {
        let list = (0..n % 4).map(|m| format!("{m} of {n}")).collect();
        index.insert(format!("index {n}"), list);
    }
    index.retain(|key, _| !key.ends_with('3'));
    index.swap_remove("index 20");
    let mut sessions = Slab::new();
    for n in 0..40 {
        sessions.insert(session(n));
    }
    for n in (0..40).step_by(3) {
        sessions.remove(n);
    }
    sessions.insert(session(100));
    let mut table: hashbrown::HashMap<_, _> = (0..45)
        .map(|n| (format!("key {n}"), Box::new(session(n))))
        .collect();
    table.retain(|_, session| session.marks.len() != 2);
    let json = json!({
        "name": "a value", "list": ["one", "two", {"deep": ["three"], "n": 1.5}],
        "none": null, "yes": true, "empty": [], "text": "and a longer text",
        "inner": {"a": "b", "c": {"d": "e"}},
    });
    let object = (0..30).map(|n| {
        let value = match n % 4 {
            0 => json!(n),
            1 => json!(format!("text {n}")),
            2 => json!([format!("in a list {n}"), n]),
            _ => json!({"in": {"an": format!("object {n}")}}),
        };
        (format!("key {n}"), value)
    });
    let depot = Box::new(Depot {
        index,
        parts: (0..40).map(|n| (sku(n), part(n))).collect(),
        order: (0..25).map(|n| format!("order {n}").into()).collect(),
        table,
        set: (0..30).map(|n| format!("set {n}").into()).collect(),
        sessions,
        frames: (0..24).map(frame).collect(),
        config: ArcSwap::from_pointee(config(1)),
        older: ArcSwapOption::from_pointee(config(2)),
        once: OnceCell::with_value(session(3)),
        json,
        object: object.collect(),
        values: (0..8)
            .map(|n| (format!("value {n}"), json!([format!("{n}")])))
            .collect(),
        stack: (0..5).map(|n| item(book, n)).collect(),
    });
    let old = depot.config.swap(Arc::new(config(4)));
    drop(old);
    depot
}

fn register_depot(book: &mut Edges, depot: &Depot) {
    let at = |field: &dyn Fn(&Depot) -> *const u8| Source::around(field(depot));
    let first = depot.index.get_index(0).expect("there are more").0;
    book.edge(at(&|d| (&raw const d.index).cast()), "~Depot.index", first)
        .each("~Depot.index.keys()", depot.index.keys())
        .each("~Depot.index[*]", depot.index.values())
        .complete(first)
        .wholes(depot.index.values());
    for list in depot.index.values() {
        book.each("~Depot.index[*][*]", list);
    }
    let first = depot.parts.get_index(0).expect("there are more").0;
    book.edge(at(&|d| (&raw const d.parts).cast()), "~Depot.parts", first)
        .each("~Sku.0", depot.parts.keys().map(|sku| &sku.0))
        .complete(first);
    for part in depot.parts.values() {
        register_part(book, part);
    }
    let first = depot.order.get_index(0).expect("there are more");
    book.edge(at(&|d| (&raw const d.order).cast()), "~Depot.order", first)
        .each("~Depot.order[*]", &depot.order)
        .complete(first);
    let key = depot.table.keys().next().expect("there are more");
    book.edge(at(&|d| (&raw const d.table).cast()), "~Depot.table", key)
        .each("~Depot.table.keys()", depot.table.keys())
        .each("~Depot.table[*]", depot.table.values())
        .complete(key)
        .wholes(depot.table.values());
    for session in depot.table.values() {
        register_session(book, session);
    }
    let key = depot.set.iter().next().expect("there are more");
    book.edge(at(&|d| (&raw const d.set).cast()), "~Depot.set", key)
        .each("~Depot.set[*]", &depot.set)
        .complete(key);
    // doubt: a slab is a container, not an owner of its own.
    let (_, first) = depot.sessions.iter().next().expect("there are more");
    book.edge(
        at(&|d| (&raw const d.sessions).cast()),
        "~Depot.sessions",
        first,
    )
    .complete(first);
    for (_, session) in &depot.sessions {
        register_session(book, session);
    }
    book.field("~Depot.frames", &depot.frames);
    for (n, frame) in depot.frames.iter().enumerate() {
        register_frame(book, frame, n);
    }
    // doubt: the types of dependencies are owners, and these two crates' are no containers.
    let config = depot.config.load();
    let older = depot.older.load();
    let older = older.as_ref().expect("it is set");
    book.edge(
        at(&|d| (&raw const d.config).cast()),
        "arc_swap::ArcSwapAny<Arc<~Config>, arc_swap::strategy::hybrid::HybridStrategy<\
         arc_swap::strategy::hybrid::DefaultConfig>>.ptr",
        Arc::as_ptr(&config),
    )
    .edge(
        at(&|d| (&raw const d.older).cast()),
        "arc_swap::ArcSwapAny<core::option::Option<Arc<~Config>>, \
         arc_swap::strategy::hybrid::HybridStrategy<arc_swap::strategy::hybrid::DefaultConfig>>.ptr",
        Arc::as_ptr(older),
    )
    .complete(Arc::as_ptr(&config))
    .complete(Arc::as_ptr(older));
    register_config(book, &config);
    register_config(book, older);
    register_session(book, depot.once.get().expect("it is set"));
    register_json(book, &depot.json);
    register_map(book, &depot.object);
    book.field("~Depot.values", &depot.values)
        .whole(&depot.values);
    for (name, value) in &depot.values {
        book.field("~Depot.values[*].0", name);
        register_json(book, value);
    }
    book.edge(
        at(&|d| (&raw const d.stack).cast()),
        "~Depot.stack",
        depot.stack.as_ptr(),
    )
    .complete(depot.stack.as_ptr());
    for item in &depot.stack {
        book.field("~Item.text", &item.text);
        match &item.kind {
            Kind::Plain => {}
            Kind::Tagged(tags) => _ = book.field("~Kind::Tagged.0", tags),
            Kind::Boxed { with } => _ = book.field("~Kind::Boxed.with", with),
        }
    }
}

/// doubt: serde_json's types are owners like any dependency's.
fn register_json(book: &mut Edges, value: &Value) {
    match value {
        Value::String(text) => _ = book.field("serde_json::value::Value::String.0", text),
        Value::Array(list) => {
            book.field("serde_json::value::Value::Array.0", list)
                .whole(list);
            for value in list {
                register_json(book, value);
            }
        }
        Value::Object(map) => register_map(book, map),
        _ => {}
    }
}

fn register_map(book: &mut Edges, map: &Map<String, Value>) {
    const MAP: &str = "serde_json::map::Map<String, serde_json::value::Value>.map";
    const KEYS: &str = "serde_json::map::Map<String, serde_json::value::Value>.map.keys()";
    book.nodes_of(Source::around(map), MAP, map, map.keys())
        .each(KEYS, map.keys());
    for (key, value) in map {
        book.complete(key);
        register_json(book, value);
    }
}

fn shares(book: &mut Edges) -> Box<Shares> {
    let shares = Box::new(Shares {
        by_sku: (0..50).map(|n| (sku(n), config(n))).collect(),
        segments: SegQueue::new(),
        ring: ArrayQueue::new(16),
        channel: channel::unbounded(),
        bounded: channel::bounded(12),
    });
    shares.by_sku.retain(|_, config| config.lines.len() != 3);
    let mut gone = Edges::new("gone");
    for n in 0..11 {
        shares.segments.push(item(&mut gone, n));
        assert!(shares.ring.push(item(&mut gone, n)).is_ok());
        assert!(shares.channel.0.send(item(&mut gone, n)).is_ok());
        assert!(shares.bounded.0.send(Box::new(item(&mut gone, n))).is_ok());
    }
    for _ in 0..11 {
        drop((shares.segments.pop(), shares.ring.pop()));
        drop((shares.channel.1.recv(), shares.bounded.1.recv()));
    }
    drop(gone);
    for n in 0..12 {
        shares.segments.push(item(book, n));
        assert!(shares.ring.push(item(book, n + 1)).is_ok());
        assert!(shares.channel.0.send(item(book, n + 2)).is_ok());
        let boxed = Box::new(item(book, n));
        book.whole(&boxed);
        match &boxed.kind {
            Kind::Plain => {}
            Kind::Tagged(tags) => _ = book.field("~Kind::Tagged.0", tags),
            Kind::Boxed { with } => _ = book.field("~Kind::Boxed.with", with),
        }
        book.field("~Item.text", &boxed.text);
        assert!(shares.bounded.0.send(boxed).is_ok());
    }
    for entry in &shares.by_sku {
        book.field("~Sku.0", &entry.key().0).complete(entry.key());
        register_config(book, entry.value());
    }
    shares
}

fn statics(book: &mut Edges) {
    // doubt: once_cell's types are owners like any dependency's.
    const VALUE: &str = "once_cell::imp::OnceCell<Vec<String>>.value";
    book.root("static ~LINES", VALUE, &*LINES)
        .each("once_cell::imp::OnceCell<Vec<String>>.value[*]", &*LINES)
        .whole(&*LINES);
    assert!(CONFIG.set(config(9)).is_ok());
    let config_of = CONFIG.get().expect("it is set");
    book.root("static ~CONFIG", "~Config.path", &config_of.path)
        .root("static ~CONFIG", "~Config.lines", &config_of.lines)
        .each("~Config.lines[*]", &config_of.lines);
    for n in 0..20 {
        CACHE.insert(n, config(n));
    }
    for entry in CACHE.iter() {
        book.complete(entry.key());
        register_config(book, entry.value());
    }
}

fn main() -> ExitCode {
    let mut book = Edges::new("held_webs_crates");
    let depot = depot(&mut book);
    register_depot(&mut book, &depot);
    let shares = shares(&mut book);
    statics(&mut book);
    let code = book.compare();
    drop(black_box((depot, shares)));
    code
}
