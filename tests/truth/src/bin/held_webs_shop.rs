//! A shop's data: nested structs, enums with payloads, tuples, generics, texts of every
//! kind, and each of std's containers with keys and values that hold pointers.

#![allow(dead_code, reason = "fields are there to be pointers")]

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::ffi::{CString, OsString};
use std::hint::black_box;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;

use book::Edges;

#[global_allocator]
static HEAP: book::Heap = book::heap();

#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Sku(Arc<str>);

struct Customer {
    name: String,
    mails: Vec<String>,
    home: Option<Box<Address>>,
}

struct Address {
    lines: [String; 3],
    country: Arc<str>,
}

struct Line {
    count: u32,
    sku: Sku,
    text: String,
    extras: Vec<Cow<'static, str>>,
}

struct Leg(u16, (String, u8), Box<str>);

struct Card {
    number: [u8; 16],
    owner: String,
}

struct Failure {
    code: i32,
    text: Option<String>,
    cause: Option<Box<Failure>>,
}

enum State {
    New,
    Paid {
        at: u64,
        receipt: String,
        by: Box<Card>,
    },
    Sent(Leg, Vec<String>),
    Failed(Result<String, Box<Failure>>),
    Waits(u64, u64, u64, u64),
}

struct Order {
    id: u64,
    customer: Customer,
    lines: Vec<Line>,
    note: Option<String>,
    state: State,
    addresses: (String, Option<String>),
    memo: Cow<'static, str>,
}

enum Event {
    Tick,
    Clicked { x: i32, target: String },
    Typed(Box<str>),
    Scrolled(i64, i64, i64),
    Dropped(Vec<PathBuf>, Option<Rc<str>>),
}

struct Stock {
    count: u32,
    place: (String, Box<[u16]>),
    suppliers: Vec<Rc<Supplier>>,
}

struct Supplier {
    name: Box<str>,
    mails: Rc<[String]>,
}

struct Tariff {
    code: String,
    steps: Box<[f32]>,
    base: Option<Rc<Tariff>>,
}

struct Page<T> {
    number: u32,
    items: Vec<T>,
    first: Option<T>,
    next: Option<Box<Page<T>>>,
}

enum Either<L, R> {
    Left(L),
    Right { value: R, seen: bool },
    Neither,
}

struct Files {
    root: PathBuf,
    os: OsString,
    c: CString,
    opened: Result<PathBuf, OsString>,
}

struct Shop {
    name: String,
    orders: Vec<Order>,
    by_sku: HashMap<Sku, Stock>,
    words: HashMap<String, Vec<Arc<str>>>,
    by_pair: HashMap<(String, u16), (Box<u32>, Option<String>)>,
    nested: HashMap<u32, HashMap<String, Vec<String>>>,
    seen: HashSet<Arc<str>>,
    index: BTreeMap<String, Vec<u32>>,
    ranks: BTreeMap<u32, Box<Tariff>>,
    deep: BTreeMap<u16, BTreeMap<Box<str>, Sku>>,
    tags: BTreeSet<String>,
    queue: VecDeque<Event>,
    turns: VecDeque<String>,
    best: BinaryHeap<(Reverse<u64>, String)>,
    chain: LinkedList<Leg>,
    names: LinkedList<String>,
    grid: Vec<Vec<String>>,
    pairs: Vec<(String, Box<u64>)>,
    slots: [Option<Box<Tariff>>; 6],
    shelf: [[Box<u32>; 2]; 3],
    cells: Box<[String]>,
    shared: Arc<[Arc<str>]>,
    pages: Page<String>,
    skus: Page<Sku>,
    either: Vec<Either<String, Box<u32>>>,
    files: Files,
}

fn sku(n: u64) -> Sku {
    Sku(format!("sku-{n}").into())
}

fn order(n: u64) -> Order {
    let mails = (0..n % 4).map(|m| format!("{m}@{n}.example")).collect();
    let home = (n % 3 != 0).then(|| {
        let lines = ["street", "town", "land"].map(|line| format!("{line} {n}"));
        let country = "Land".into();
        Box::new(Address { lines, country })
    });
    let customer = Customer {
        name: format!("customer {n}"),
        mails,
        home,
    };
    let mut lines: Vec<Line> = Vec::with_capacity(9);
    for m in 0..n % 7 + 2 {
        let extras = (0..m).map(|e| match e % 2 {
            0 => Cow::Borrowed("gift wrapping"),
            _ => Cow::Owned(format!("card number {e}")),
        });
        lines.push(Line {
            count: m as u32,
            sku: sku(n * 10 + m),
            text: format!("line {m} of order {n}"),
            extras: extras.collect(),
        });
    }
    // What stays in the room beyond the length is no element.
    lines.pop();
    let state = match n % 6 {
        0 => State::New,
        1 => State::Paid {
            at: n,
            receipt: format!("receipt {n}"),
            by: Box::new(Card {
                number: [7; 16],
                owner: format!("owner of card {n}"),
            }),
        },
        2 => State::Sent(leg(n), (0..n % 5).map(|m| format!("parcel {m}")).collect()),
        3 => State::Failed(Ok(format!("tried again {n}"))),
        4 => State::Failed(Err(failure(n % 4))),
        _ => State::Waits(n, n, n, n),
    };
    Order {
        id: n,
        customer,
        lines,
        note: (n % 2 == 0).then(|| format!("note on {n}")),
        state,
        addresses: (format!("from {n}"), (n % 5 == 0).then(|| format!("to {n}"))),
        memo: match n % 3 {
            0 => Cow::Borrowed("none"),
            _ => Cow::Owned(format!("memo {n}")),
        },
    }
}

fn failure(depth: u64) -> Box<Failure> {
    Box::new(Failure {
        code: -1,
        text: (depth % 2 == 0).then(|| format!("failure {depth}")),
        cause: (depth > 0).then(|| failure(depth - 1)),
    })
}

fn leg(n: u64) -> Leg {
    let place = format!("place {n}");
    Leg(n as u16, (place, 3), format!("leg {n}").into_boxed_str())
}

fn event(n: u64) -> Event {
    match n % 5 {
        0 => Event::Tick,
        1 => Event::Clicked {
            x: 1,
            target: format!("button {n}"),
        },
        2 => Event::Typed(format!("typed {n}").into()),
        3 => Event::Scrolled(1, 2, 3),
        _ => Event::Dropped(
            (0..n % 4).map(|m| format!("/tmp/{n}/{m}").into()).collect(),
            (n % 2 == 0).then(|| format!("dropped {n}").into()),
        ),
    }
}

fn tariff(n: u64, base: &Rc<Tariff>) -> Box<Tariff> {
    Box::new(Tariff {
        code: format!("tariff {n}"),
        steps: vec![n as f32; n as usize % 9 + 1].into(),
        base: (n % 2 == 0).then(|| base.clone()),
    })
}

fn page<T>(number: u32, make: &dyn Fn(u32) -> T) -> Page<T> {
    Page {
        number,
        items: (0..number * 3 + 1)
            .map(|n| make(number * 100 + n))
            .collect(),
        first: (number % 2 == 0).then(|| make(number)),
        next: (number > 0).then(|| Box::new(page(number - 1, make))),
    }
}

fn shop() -> Shop {
    let mut orders: Vec<Order> = (0..60).map(order).collect();
    for at in [57, 33, 21, 8, 3] {
        orders.swap_remove(at);
    }
    let suppliers: Vec<Rc<Supplier>> = (0..7)
        .map(|n| {
            let mails = (0..=n)
                .map(|m| format!("{m}@supplier{n}.example"))
                .collect();
            let name = format!("supplier {n}").into();
            Rc::new(Supplier { name, mails })
        })
        .collect();
    let mut by_sku = HashMap::new();
    for n in 0..90u64 {
        let suppliers = suppliers.iter().filter(|s| s.mails.len() as u64 != n % 7);
        let stock = Stock {
            count: n as u32,
            place: (format!("shelf {n}"), vec![1; n as usize % 5 + 1].into()),
            suppliers: suppliers.take(n as usize % 4).cloned().collect(),
        };
        by_sku.insert(sku(n), stock);
    }
    by_sku.retain(|_, stock| stock.count % 4 != 1);
    let mut words: HashMap<String, Vec<Arc<str>>> = HashMap::new();
    let common: Arc<str> = "common".into();
    for n in 0..70u64 {
        let list = words.entry(format!("word {}", n % 25)).or_default();
        list.push(format!("meaning {n}").into());
        list.push(common.clone());
    }
    let by_pair = (0..40u16).map(|n| {
        let name = (n % 3 == 0).then(|| format!("name {n}"));
        ((format!("pair {n}"), n), (Box::new(u32::from(n)), name))
    });
    let nested = (0..12u32).map(|n| {
        let inner = (0..n).map(|m| {
            let list = (0..m % 4).map(|k| format!("{n} {m} {k}")).collect();
            (format!("inner {m}"), list)
        });
        (n, inner.collect())
    });
    let mut seen: HashSet<Arc<str>> = (0..50).map(|n| format!("seen {n}").into()).collect();
    seen.insert(common);
    seen.retain(|text| !text.ends_with('7'));
    let mut index = BTreeMap::new();
    for n in 0..400u32 {
        let list = vec![n; n as usize % 4];
        index.insert(format!("{:03}", n * 7919 % 1000), list);
    }
    for n in 0..100u32 {
        index.remove(&format!("{:03}", n * 7919 % 1000));
    }
    let base = Rc::new(Tariff {
        code: "base".to_owned(),
        steps: Box::new([1.0]),
        base: None,
    });
    let mut ranks: BTreeMap<u32, Box<Tariff>> =
        (0..300u32).map(|n| (n, tariff(n.into(), &base))).collect();
    ranks.retain(|n, _| n % 3 != 0);
    let deep = (0..20u16).map(|n| {
        let inner = (0..n).map(|m| (format!("{n}.{m}").into(), sku(m.into())));
        (n, inner.collect())
    });
    let mut queue: VecDeque<Event> = VecDeque::with_capacity(32);
    let mut turns = VecDeque::new();
    for n in 0..75 {
        queue.push_back(event(n));
        turns.push_back(format!("turn {n}"));
        if n > 25 {
            queue.pop_front();
            turns.pop_front();
        }
    }
    let best = (0..45u64).map(|n| (Reverse(n * 37 % 101), format!("best {n}")));
    let mut chain = LinkedList::new();
    for n in 0..25 {
        match n % 2 {
            0 => chain.push_back(leg(n)),
            _ => chain.push_front(leg(n)),
        }
    }
    chain.pop_front();
    let grid = (0..15).map(|n| (0..n % 6).map(|m| format!("cell {n} {m}")).collect());
    let pairs = (0..33u64).map(|n| (format!("pair {n}"), Box::new(n)));
    let mut slots = [const { None }; 6];
    for at in [0, 2, 5] {
        slots[at] = Some(tariff(at as u64, &base));
    }
    let either = (0..20u32).map(|n| match n % 3 {
        0 => Either::Left(format!("left {n}")),
        1 => Either::Right {
            value: Box::new(n),
            seen: true,
        },
        _ => Either::Neither,
    });
    Shop {
        name: "the shop".to_owned(),
        orders,
        by_sku,
        words,
        by_pair: by_pair.collect(),
        nested: nested.collect(),
        seen,
        index,
        ranks,
        deep: deep.collect(),
        tags: (0..90).map(|n| format!("tag {n}")).collect(),
        queue,
        turns,
        best: best.collect(),
        chain,
        names: (0..18).map(|n| format!("name {n}")).collect(),
        grid: grid.collect(),
        pairs: pairs.collect(),
        slots,
        shelf: [[0, 1], [2, 3], [4, 5]].map(|row| row.map(Box::new)),
        cells: (0..14).map(|n| format!("cell {n}")).collect(),
        shared: (0..10).map(|n| format!("shared {n}").into()).collect(),
        pages: page(4, &|n| format!("item {n}")),
        skus: page(3, &|n| sku(n.into())),
        either: either.collect(),
        files: Files {
            root: PathBuf::from("/srv/shop"),
            os: OsString::from("os text"),
            c: CString::new("c text").expect("no zero in it"),
            opened: Err(OsString::from("not opened")),
        },
    }
}

fn register_order(book: &mut Edges, order: &Order) {
    let customer = &order.customer;
    book.field("~Customer.name", &customer.name)
        .field("~Customer.mails", &customer.mails)
        .each("~Customer.mails[*]", &customer.mails)
        .field("~Customer.home", &customer.home)
        .whole(&customer.mails)
        .whole(&customer.home);
    if let Some(home) = &customer.home {
        book.each("~Address.lines[*]", &home.lines)
            .field("~Address.country", &home.country);
    }
    book.field("~Order.lines", &order.lines).whole(&order.lines);
    for line in &order.lines {
        book.field("~Sku.0", &line.sku.0)
            .field("~Line.text", &line.text)
            .field("~Line.extras", &line.extras)
            .each("~Line.extras[*]", &line.extras)
            .whole(&line.extras);
    }
    book.field("~Order.note", &order.note)
        .field("~Order.addresses.0", &order.addresses.0)
        .field("~Order.addresses.1", &order.addresses.1)
        .field("~Order.memo", &order.memo);
    match &order.state {
        State::New | State::Waits(..) => {}
        State::Paid { receipt, by, .. } => {
            book.field("~State::Paid.receipt", receipt)
                .field("~State::Paid.by", by)
                .field("~Card.owner", &by.owner)
                .whole(by);
        }
        State::Sent(leg, parcels) => {
            register_leg(book, leg);
            book.field("~State::Sent.1", parcels)
                .each("~State::Sent.1[*]", parcels)
                .whole(parcels);
        }
        State::Failed(Ok(text)) => _ = book.field("~State::Failed.0", text),
        State::Failed(Err(failure)) => {
            book.field("~State::Failed.0", failure);
            let mut next = Some(failure);
            while let Some(failure) = next {
                book.field("~Failure.text", &failure.text)
                    .field("~Failure.cause", &failure.cause)
                    .whole(failure);
                next = failure.cause.as_ref();
            }
        }
    }
}

fn register_leg(book: &mut Edges, leg: &Leg) {
    book.field("~Leg.1.0", &leg.1.0).field("~Leg.2", &leg.2);
}

fn register_event(book: &mut Edges, event: &Event) {
    match event {
        Event::Tick | Event::Scrolled(..) => {}
        Event::Clicked { target, .. } => _ = book.field("~Event::Clicked.target", target),
        Event::Typed(text) => _ = book.field("~Event::Typed.0", text),
        Event::Dropped(paths, text) => {
            book.field("~Event::Dropped.0", paths)
                .each("~Event::Dropped.0[*]", paths)
                .field("~Event::Dropped.1", text)
                .whole(paths);
        }
    }
}

fn register_tariff(book: &mut Edges, tariff: &Tariff) {
    book.field("~Tariff.code", &tariff.code)
        .field("~Tariff.steps", &tariff.steps)
        .field("~Tariff.base", &tariff.base)
        .complete(tariff);
    if let Some(base) = &tariff.base {
        book.field("~Tariff.code", &base.code)
            .field("~Tariff.steps", &base.steps)
            .whole(&tariff.base);
    }
}

fn register_hashed(book: &mut Edges, shop: &Shop) {
    book.field("~Shop.by_sku", &shop.by_sku)
        .each("~Sku.0", shop.by_sku.keys().map(|sku| &sku.0))
        .whole(&shop.by_sku);
    for stock in shop.by_sku.values() {
        book.field("~Stock.place.0", &stock.place.0)
            .field("~Stock.place.1", &stock.place.1)
            .field("~Stock.suppliers", &stock.suppliers)
            .each("~Stock.suppliers[*]", &stock.suppliers)
            .whole(&stock.suppliers)
            .wholes(&stock.suppliers);
        for supplier in &stock.suppliers {
            book.field("~Supplier.name", &supplier.name)
                .field("~Supplier.mails", &supplier.mails)
                .each("~Supplier.mails[*]", supplier.mails.iter())
                .whole(&supplier.name)
                .whole(&supplier.mails);
        }
    }
    book.field("~Shop.words", &shop.words)
        .each("~Shop.words.keys()", shop.words.keys())
        .each("~Shop.words[*]", shop.words.values())
        .whole(&shop.words)
        .wholes(shop.words.values());
    for list in shop.words.values() {
        book.each("~Shop.words[*][*]", list).wholes(list);
    }
    book.field("~Shop.by_pair", &shop.by_pair)
        .whole(&shop.by_pair);
    for (key, value) in &shop.by_pair {
        book.field("~Shop.by_pair.keys().0", &key.0)
            .field("~Shop.by_pair[*].0", &value.0)
            .field("~Shop.by_pair[*].1", &value.1);
    }
    book.field("~Shop.nested", &shop.nested).whole(&shop.nested);
    for inner in shop.nested.values() {
        book.field("~Shop.nested[*]", inner)
            .each("~Shop.nested[*].keys()", inner.keys())
            .each("~Shop.nested[*][*]", inner.values())
            .whole(inner)
            .wholes(inner.values());
        for list in inner.values() {
            book.each("~Shop.nested[*][*][*]", list);
        }
    }
    book.field("~Shop.seen", &shop.seen)
        .each("~Shop.seen[*]", &shop.seen)
        .whole(&shop.seen);
}

fn register_ordered(book: &mut Edges, shop: &Shop) {
    book.tree("~Shop.index", &shop.index)
        .each("~Shop.index.keys()", shop.index.keys())
        .each("~Shop.index[*]", shop.index.values())
        .tree("~Shop.ranks", &shop.ranks)
        .each("~Shop.ranks[*]", shop.ranks.values())
        .tree("~Shop.deep", &shop.deep)
        .set("~Shop.tags", &shop.tags)
        .each("~Shop.tags[*]", &shop.tags);
    for key in shop.index.keys().chain(&shop.tags) {
        book.complete(key).whole(key);
    }
    for (key, tariff) in &shop.ranks {
        register_tariff(book, tariff);
        book.complete(key);
    }
    for (key, inner) in &shop.deep {
        book.complete(key)
            .tree("~Shop.deep[*]", inner)
            .each("~Shop.deep[*].keys()", inner.keys())
            .each("~Sku.0", inner.values().map(|sku| &sku.0));
        for key in inner.keys() {
            book.complete(key);
        }
    }
}

fn register_sequences(book: &mut Edges, shop: &Shop) {
    book.field("~Shop.queue", &shop.queue)
        .whole(&shop.queue)
        .field("~Shop.turns", &shop.turns)
        .each("~Shop.turns[*]", &shop.turns)
        .whole(&shop.turns);
    for event in &shop.queue {
        register_event(book, event);
    }
    book.field("~Shop.best", &shop.best)
        .each("~Shop.best[*].1", shop.best.iter().map(|pair| &pair.1))
        .whole(&shop.best);
    book.list("~Shop.chain", &shop.chain)
        .list("~Shop.names", &shop.names)
        .each("~Shop.names[*]", &shop.names);
    for leg in &shop.chain {
        register_leg(book, leg);
        book.complete(leg);
    }
    for name in &shop.names {
        book.complete(name);
    }
    book.field("~Shop.grid", &shop.grid)
        .each("~Shop.grid[*]", &shop.grid)
        .whole(&shop.grid)
        .wholes(&shop.grid);
    for row in &shop.grid {
        book.each("~Shop.grid[*][*]", row);
    }
    book.field("~Shop.pairs", &shop.pairs)
        .each("~Shop.pairs[*].0", shop.pairs.iter().map(|pair| &pair.0))
        .each("~Shop.pairs[*].1", shop.pairs.iter().map(|pair| &pair.1))
        .whole(&shop.pairs);
    book.each("~Shop.slots[*]", &shop.slots)
        .each("~Shop.shelf[*][*]", shop.shelf.iter().flatten())
        .field("~Shop.cells", &shop.cells)
        .each("~Shop.cells[*]", shop.cells.iter())
        .whole(&shop.cells)
        .field("~Shop.shared", &shop.shared)
        .each("~Shop.shared[*]", shop.shared.iter())
        .whole(&shop.shared);
    for tariff in shop.slots.iter().flatten() {
        register_tariff(book, tariff);
    }
}

fn register_generic(book: &mut Edges, shop: &Shop) {
    let mut page = Some(&shop.pages);
    while let Some(this) = page {
        book.field("~Page<String>.items", &this.items)
            .each("~Page<String>.items[*]", &this.items)
            .field("~Page<String>.first", &this.first)
            .field("~Page<String>.next", &this.next)
            .whole(&this.items)
            .whole(&this.next);
        page = this.next.as_deref();
    }
    let mut page = Some(&shop.skus);
    while let Some(this) = page {
        book.field("~Page<~Sku>.items", &this.items)
            .each("~Sku.0", this.items.iter().map(|sku| &sku.0))
            .each("~Sku.0", this.first.iter().map(|sku| &sku.0))
            .field("~Page<~Sku>.next", &this.next)
            .whole(&this.items)
            .whole(&this.next);
        page = this.next.as_deref();
    }
    book.field("~Shop.either", &shop.either).whole(&shop.either);
    for either in &shop.either {
        // doubt: where the variant stands beside type arguments.
        match either {
            Either::Left(text) => {
                book.field("~Either<String, Box<u32>>::Left.0", text);
            }
            Either::Right { value, .. } => {
                book.field("~Either<String, Box<u32>>::Right.value", value);
            }
            Either::Neither => {}
        }
    }
    let files = &shop.files;
    book.field("~Files.root", &files.root)
        .field("~Files.os", &files.os)
        .field("~Files.c", &files.c);
    match &files.opened {
        Ok(path) => book.field("~Files.opened", path),
        Err(text) => book.field("~Files.opened", text),
    };
}

fn main() -> ExitCode {
    let mut book = Edges::new("held_webs_shop");
    // Made and gone before: its blocks are free memory, or others' by now.
    let before: Vec<Order> = (0..40).map(order).collect();
    let shop = Box::new(shop());
    drop(before);
    let late: Vec<Box<Order>> = (100..130).map(order).map(Box::new).collect();
    let shelf = Box::new(Shelf { late });
    book.field("~Shop.name", &shop.name)
        .field("~Shop.orders", &shop.orders)
        .whole(&shop.orders)
        .complete(&*shop);
    for order in &shop.orders {
        register_order(&mut book, order);
    }
    register_hashed(&mut book, &shop);
    register_ordered(&mut book, &shop);
    register_sequences(&mut book, &shop);
    register_generic(&mut book, &shop);
    book.field("~Shelf.late", &shelf.late)
        .each("~Shelf.late[*]", &shelf.late)
        .complete(&*shelf)
        .whole(&shelf.late)
        .wholes(&shelf.late);
    for order in &shelf.late {
        register_order(&mut book, order);
    }
    let code = book.compare();
    drop(black_box((shop, shelf)));
    code
}

struct Shelf {
    late: Vec<Box<Order>>,
}
