//! Locks, cells and shared handles; iterators and slices that are kept; and what was
//! overwritten, taken or dropped, whose bytes are still there.

#![allow(dead_code, reason = "fields are there to be pointers")]

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::iter::Peekable;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, RwLock};
use std::vec::IntoIter;

use book::{Edges, Source};

#[global_allocator]
static HEAP: book::Heap = book::heap();

struct Session {
    user: String,
    peer: Option<Arc<Session>>,
}

/// What threads share.
struct Common {
    log: Mutex<Vec<String>>,
    table: RwLock<HashMap<String, Arc<Session>>>,
    once: OnceLock<String>,
    lazy: LazyLock<Vec<String>>,
    cell: OnceCell<Box<Session>>,
    newest: AtomicPtr<Session>,
    /// Owners of nothing but what they share.
    boxed: Box<Vec<String>>,
    counted: Rc<RefCell<Vec<Rc<str>>>>,
    locked: Arc<Mutex<HashMap<u32, String>>>,
    again: Arc<Mutex<HashMap<u32, String>>>,
    first: &'static Session,
    word: &'static str,
}

fn common(book: &mut Edges) -> Box<Common> {
    let mut peer = None;
    let mut table = HashMap::new();
    for n in 0..40 {
        let user = format!("user {n}");
        let session = Arc::new(Session {
            user: user.clone(),
            peer: peer.clone(),
        });
        peer = (n % 3 != 0).then(|| session.clone());
        table.insert(user, session);
    }
    let newest = Arc::as_ptr(&table["user 39"]).cast_mut();
    let locked: Arc<Mutex<HashMap<u32, String>>> = Arc::default();
    for n in 0..30 {
        locked
            .lock()
            .expect("nobody panicked")
            .insert(n, format!("locked {n}"));
    }
    let counted: Rc<RefCell<Vec<Rc<str>>>> = Rc::default();
    for n in 0..20 {
        counted.borrow_mut().push(format!("counted {n}").into());
    }
    let leaked = |n| -> &'static Session {
        Box::leak(Box::new(Session {
            user: format!("leaked {n}"),
            peer: None,
        }))
    };
    let common = Box::new(Common {
        log: Mutex::new((0..15).map(|n| format!("log {n}")).collect()),
        table: RwLock::new(table),
        once: OnceLock::new(),
        lazy: LazyLock::new(|| (0..8).map(|n| format!("lazy {n}")).collect()),
        cell: OnceCell::new(),
        newest: AtomicPtr::new(newest),
        boxed: Box::new((0..9).map(|n| format!("boxed {n}")).collect()),
        counted,
        again: locked.clone(),
        locked,
        first: leaked(1),
        word: &leaked(2).user[3..],
    });
    common.once.set("once".to_owned()).expect("it is the first");
    let user = "in a cell".to_owned();
    let session = Box::new(Session { user, peer: None });
    assert!(common.cell.set(session).is_ok(), "it is the first");

    book.complete(&*common)
        .field("~Common.log", &common.log)
        .whole(&common.log)
        .field("~Common.table", &common.table)
        .whole(&common.table)
        .field("~Common.once", &common.once)
        .edge(
            Source::around(&common.lazy),
            "~Common.lazy",
            common.lazy.as_ptr(),
        )
        .each("~Common.lazy[*]", &*common.lazy)
        .whole(&*common.lazy)
        .edge(
            Source::around(&common.newest),
            "~Common.newest",
            common.newest.load(Ordering::Relaxed),
        )
        .field("~Common.boxed", &common.boxed)
        .field("~Common.boxed", &*common.boxed)
        .each("~Common.boxed[*]", &*common.boxed)
        .whole(&common.boxed)
        .whole(&*common.boxed)
        .field("~Common.counted", &common.counted)
        .field("~Common.counted", &*common.counted)
        .each("~Common.counted[*]", &*common.counted.borrow())
        .whole(&common.counted)
        .whole(&*common.counted)
        .field("~Common.locked", &common.locked)
        .field("~Common.again", &common.again)
        .whole(&common.locked)
        .field("~Common.first", &common.first)
        .field("~Session.user", &common.first.user)
        .whole(&common.first)
        .field("~Common.word", &common.word);
    let cell = common.cell.get().expect("it is set");
    book.edge(
        Source::around(&common.cell),
        "~Common.cell",
        &raw const **cell,
    )
    .field("~Session.user", &cell.user)
    .whole(cell);
    // Held by two fields alike, and with no owner of its own.
    book.field("~Common.locked or ~Common.again", &*common.locked)
        .whole(&*common.locked);
    let locked = common.locked.lock().expect("nobody panicked");
    book.each("~Common.locked[*] or ~Common.again[*]", locked.values());
    drop(locked);
    let log = common.log.lock().expect("nobody panicked");
    book.each("~Common.log[*]", &*log);
    drop(log);
    let table = common.table.read().expect("nobody panicked");
    book.each("~Common.table.keys()", table.keys())
        .each("~Common.table[*]", table.values());
    for session in table.values() {
        book.field("~Session.user", &session.user)
            .field("~Session.peer", &session.peer)
            .whole(session);
    }
    drop(table);
    common
}

/// Iterators that are kept half-way.
struct Cursors {
    rest: IntoIter<String>,
    peeked: Peekable<IntoIter<Box<u32>>>,
    done: IntoIter<String>,
}

struct Window<'a> {
    all: &'a [String],
    from: &'a str,
    words: std::slice::Iter<'a, String>,
    map: &'a HashMap<String, String>,
}

struct Index {
    words: Vec<String>,
    map: HashMap<String, String>,
}

fn cursors(book: &mut Edges) -> Box<Cursors> {
    let words = |many| (0..many).map(|n| format!("rest {n}")).collect::<Vec<_>>();
    let numbers: Vec<Box<u32>> = (0..12).map(Box::new).collect();
    let to_numbers = numbers.as_ptr();
    let mut cursors = Box::new(Cursors {
        rest: words(20).into_iter(),
        peeked: numbers.into_iter().peekable(),
        done: words(5).into_iter(),
    });
    for _ in 0..6 {
        drop(cursors.rest.next());
        drop(cursors.peeked.next());
    }
    while cursors.done.next().is_some() {}
    // doubt: an iterator that owns a vector's block counts as its container, whose
    // elements are those that are left.
    let rest = cursors.rest.as_slice();
    book.complete(&*cursors)
        .edge(
            Source::around(&cursors.rest),
            "~Cursors.rest",
            rest.as_ptr(),
        )
        .each("~Cursors.rest[*]", rest)
        .complete(rest.as_ptr());
    let source = Source::around(&cursors.peeked);
    let next: *const Box<u32> = cursors.peeked.peek().expect("six are left");
    // SAFETY: it points to the iterator's field, which lives.
    let next = unsafe { &*next };
    book.edge(source, "~Cursors.peeked.iter", to_numbers)
        .field("~Cursors.peeked.peeked", next);
    // Its end is one past its last element, where there is no room: nothing is
    // said of whether that counts.
    let done = cursors.done.as_slice().as_ptr().wrapping_sub(5);
    book.may(Source::around(&cursors.done), "~Cursors.done", done)
        .complete(done);
    cursors
}

fn windows(book: &mut Edges, index: &'static Index) -> Box<Window<'static>> {
    let mut words = index.words.iter();
    words.next();
    words.next();
    let window = Box::new(Window {
        all: &index.words[..5],
        from: &index.words[3][1..],
        words,
        map: &index.map,
    });
    // doubt: std's slice iterator is no container; its fields are those of core.
    book.complete(&*window)
        .field("~Window.all", &window.all)
        .field("~Window.from", &window.from)
        .edge(
            Source::around(&window.words),
            "~Window.words.ptr",
            window.words.as_slice().as_ptr(),
        )
        .may(
            Source::around(&window.words),
            "~Window.words.end_or_len",
            index.words.as_ptr(),
        )
        .field("~Window.map", &window.map)
        .field("~Index.words", &index.words)
        .each("~Index.words[*]", &index.words)
        .field("~Index.map", &index.map)
        .each("~Index.map.keys()", index.map.keys())
        .each("~Index.map[*]", index.map.values())
        .complete(index)
        .whole(&index.words)
        .whole(&index.map);
    window
}

/// What was there and is no more, while its bytes are.
struct Worn {
    note: Option<String>,
    state: Phase,
    list: Vec<String>,
    map: HashMap<u32, String>,
    tree: BTreeMap<u32, Box<[u8]>>,
    slots: [Option<Box<u64>>; 5],
    shared: Option<Rc<str>>,
}

enum Phase {
    Idle,
    Busy {
        job: String,
        parts: Vec<Box<u64>>,
        of: [u64; 3],
    },
    Done(u64),
}

fn worn(n: u64) -> Worn {
    Worn {
        note: Some(format!("{n:040}")),
        state: Phase::Busy {
            job: format!("{n:040}"),
            parts: (0..9).map(Box::new).collect(),
            of: [n; 3],
        },
        list: (0..10).map(|m| format!("{m:040}")).collect(),
        map: (0..10).map(|m| (m, format!("{m:040}"))).collect(),
        tree: (0..30).map(|m| (m, vec![1; 40].into())).collect(),
        slots: [0, 1, 2, 3, 4].map(|m| Some(Box::new(m))),
        shared: Some(format!("{n:040}").into()),
    }
}

struct Wear {
    worn: Vec<Worn>,
    /// Blocks of the same sizes, born after the others were freed.
    texts: Vec<String>,
    numbers: Vec<Box<u64>>,
}

fn wear(book: &mut Edges) -> Box<Wear> {
    let mut all: Vec<Worn> = (0..24).map(worn).collect();
    for (n, worn) in all.iter_mut().enumerate() {
        if n % 2 == 0 {
            worn.note = None;
            worn.state = Phase::Idle;
        }
        if n % 3 == 0 {
            worn.state = Phase::Done(7);
            worn.shared = None;
        }
        worn.list.truncate(n % 10);
        worn.map.retain(|m, _| *m as usize % 4 == n % 4);
        worn.tree.retain(|m, _| *m as usize % 5 != n % 5);
        worn.slots[n % 5] = None;
    }
    let wear = Box::new(Wear {
        worn: all,
        texts: (0..300).map(|m| format!("{m:040}")).collect(),
        numbers: (0..300).map(Box::new).collect(),
    });
    book.complete(&*wear)
        .field("~Wear.worn", &wear.worn)
        .whole(&wear.worn)
        .field("~Wear.texts", &wear.texts)
        .each("~Wear.texts[*]", &wear.texts)
        .whole(&wear.texts)
        .field("~Wear.numbers", &wear.numbers)
        .each("~Wear.numbers[*]", &wear.numbers)
        .whole(&wear.numbers);
    for worn in &wear.worn {
        book.field("~Worn.note", &worn.note)
            .field("~Worn.list", &worn.list)
            .each("~Worn.list[*]", &worn.list)
            .whole(&worn.list)
            .field("~Worn.map", &worn.map)
            .each("~Worn.map[*]", worn.map.values())
            .whole(&worn.map)
            .tree("~Worn.tree", &worn.tree)
            .each("~Worn.tree[*]", worn.tree.values())
            .each("~Worn.slots[*]", &worn.slots)
            .field("~Worn.shared", &worn.shared);
        for key in worn.tree.keys() {
            book.complete(key);
        }
        if let Phase::Busy { job, parts, .. } = &worn.state {
            book.field("~Phase::Busy.job", job)
                .field("~Phase::Busy.parts", parts)
                .each("~Phase::Busy.parts[*]", parts)
                .whole(parts);
        }
    }
    wear
}

fn main() -> ExitCode {
    let mut book = Edges::new("held_webs_shared");
    let index: &'static Index = Box::leak(Box::new(Index {
        words: (0..16).map(|n| format!("index {n}")).collect(),
        map: (0..9)
            .map(|n| (format!("key {n}"), format!("value {n}")))
            .collect(),
    }));
    let kept = (
        common(&mut book),
        cursors(&mut book),
        windows(&mut book, index),
        wear(&mut book),
    );
    let code = book.compare();
    drop(black_box(kept));
    code
}
