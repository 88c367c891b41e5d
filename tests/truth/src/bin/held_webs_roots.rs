//! What begins in roots: statics of many types, in modules and in functions, the
//! thread-locals of several threads; and channels of std and crossbeam with messages queued.

#![allow(dead_code, reason = "fields are there to be pointers")]

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap, LinkedList, VecDeque};
use std::hint::black_box;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Barrier, LazyLock, Mutex, MutexGuard, OnceLock, RwLock};

use book::{Edges, Source};
use crossbeam::channel;

#[global_allocator]
static HEAP: book::Heap = book::heap();

struct Job {
    name: String,
    parts: Vec<Arc<str>>,
    then: Option<Box<Job>>,
}

fn job(n: u64) -> Job {
    Job {
        name: format!("job {n}"),
        parts: (0..n % 4)
            .map(|m| format!("part {m} of {n}").into())
            .collect(),
        then: (n % 3 == 0).then(|| Box::new(job(n + 1))),
    }
}

/// A job that lies where it will stay.
fn register(book: &mut Edges, job: &Job) {
    book.field("~Job.name", &job.name)
        .field("~Job.parts", &job.parts)
        .field("~Job.then", &job.then);
    register_below(book, job);
}

/// A job that is yet to be moved.
fn register_moved(book: &mut Edges, job: &Job) {
    book.moved("~Job.name", &job.name)
        .moved("~Job.parts", &job.parts)
        .moved("~Job.then", &job.then);
    register_below(book, job);
}

fn register_below(book: &mut Edges, job: &Job) {
    book.each("~Job.parts[*]", &job.parts)
        .whole(&job.parts)
        .wholes(&job.parts);
    if let Some(then) = &job.then {
        register(book, then);
        book.whole(&job.then);
    }
}

struct Config {
    path: String,
    limits: BTreeMap<String, Box<u64>>,
    jobs: Vec<Arc<Job>>,
}

static QUEUE: Mutex<Vec<Job>> = Mutex::new(Vec::new());
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
static NAMES: LazyLock<HashMap<String, Arc<str>>> = LazyLock::new(|| {
    let pairs = (0..25).map(|n| (format!("key {n}"), format!("value {n}").into()));
    pairs.collect()
});
static CONFIG: OnceLock<Config> = OnceLock::new();
static TEXT: OnceLock<String> = OnceLock::new();
static TREE: Mutex<BTreeMap<u32, String>> = Mutex::new(BTreeMap::new());
static DEQUE: RwLock<VecDeque<Box<Job>>> = RwLock::new(VecDeque::new());
static SLOTS: [Mutex<Option<Box<Job>>>; 4] = [const { Mutex::new(None) }; 4];
static HEAD: AtomicPtr<Job> = AtomicPtr::new(std::ptr::null_mut());
static LIST: Mutex<LinkedList<String>> = Mutex::new(LinkedList::new());
static HOOKS: Mutex<Vec<Box<dyn Fn() -> usize + Send>>> = Mutex::new(Vec::new());
static PAIR: Mutex<(Vec<String>, Option<Arc<Job>>)> = Mutex::new((Vec::new(), None));
static SET: LazyLock<Mutex<BTreeSet<Arc<str>>>> = LazyLock::new(Mutex::default);
static SHARED: OnceLock<Arc<Mutex<Vec<Arc<Job>>>>> = OnceLock::new();
static BOXED: Mutex<Option<Box<Vec<String>>>> = Mutex::new(None);
static FIRST: OnceLock<&'static Job> = OnceLock::new();
static RULE: OnceLock<Box<dyn Rule>> = OnceLock::new();

trait Rule: Send + Sync {
    fn holds(&self) -> bool;
}
struct Worded {
    words: Vec<String>,
}
impl Rule for Worded {
    fn holds(&self) -> bool {
        self.words.is_empty()
    }
}

mod store {
    use super::*;

    pub struct Item {
        pub title: Box<str>,
        pub tags: Vec<String>,
    }
    pub static ITEMS: RwLock<Vec<Arc<Item>>> = RwLock::new(Vec::new());
    pub static BY_TITLE: LazyLock<RwLock<HashMap<Box<str>, Vec<Arc<Item>>>>> =
        LazyLock::new(RwLock::default);
}

fn cache() -> MutexGuard<'static, HashMap<u32, String>> {
    static CACHE: LazyLock<Mutex<HashMap<u32, String>>> = LazyLock::new(Mutex::default);
    CACHE.lock().expect("nobody panicked")
}

fn seen() -> &'static Mutex<Vec<Box<[u32]>>> {
    static SEEN: Mutex<Vec<Box<[u32]>>> = Mutex::new(Vec::new());
    &SEEN
}

fn hook(book: &mut Edges, words: Vec<String>) -> Box<dyn Fn() -> usize + Send> {
    let to_words = words.as_ptr();
    book.each("~hook::{closure_env#0}.words[*]", &words)
        .whole(&words);
    let hook = Box::new(move || words.len());
    let env = &raw const *hook;
    book.edge(
        Source::around(env),
        "~hook::{closure_env#0}.words",
        to_words,
    )
    .complete(env);
    hook
}

fn fill(book: &mut Edges) {
    for n in 0..30 {
        lock(&QUEUE).push(job(n));
        lock(&LINES).push(format!("line {n}"));
        lock(&TREE).insert(n as u32 * 7 % 31, format!("tree {n}"));
        DEQUE
            .write()
            .expect("nobody panicked")
            .push_back(Box::new(job(n)));
        lock(&LIST).push_front(format!("list {n}"));
        lock(&SET).insert(format!("set {n}").into());
        lock(seen()).push(vec![1; n as usize % 7 + 1].into());
        cache().insert(n as u32, format!("cache {n}"));
        if n % 3 == 0 {
            DEQUE.write().expect("nobody panicked").pop_front();
            lock(&QUEUE).swap_remove(0);
            cache().remove(&(n as u32 / 2));
        }
    }
    for n in [0, 1, 3] {
        *lock(&SLOTS[n]) = Some(Box::new(job(n as u64 + 3)));
    }
    HEAD.store(Box::into_raw(Box::new(job(6))), Ordering::Relaxed);
    for n in 0..6 {
        let words = (0..n + 1).map(|m| format!("word {m}")).collect();
        let hook = hook(book, words);
        lock(&HOOKS).push(hook);
    }
    *lock(&PAIR) = (
        (0..8).map(|n| format!("pair {n}")).collect(),
        Some(Arc::new(job(9))),
    );
    let jobs: Vec<Arc<Job>> = (0..12).map(|n| Arc::new(job(n))).collect();
    let is_set = CONFIG.set(Config {
        path: "/etc/config".to_owned(),
        limits: (0..20)
            .map(|n| (format!("limit {n}"), Box::new(n)))
            .collect(),
        jobs: jobs.clone(),
    });
    assert!(is_set.is_ok());
    assert!(TEXT.set("a text".to_owned()).is_ok());
    assert!(SHARED.set(Arc::new(Mutex::new(jobs))).is_ok());
    assert!(FIRST.set(Box::leak(Box::new(job(3)))).is_ok());
    let words = (0..5).map(|n| format!("ruled {n}")).collect();
    assert!(RULE.set(Box::new(Worded { words })).is_ok());
    *lock(&BOXED) = Some(Box::new((0..7).map(|n| format!("boxed {n}")).collect()));
    for n in 0..16 {
        let title: Box<str> = format!("title {}", n % 6).into();
        let tags = (0..n % 4).map(|m| format!("tag {m}")).collect();
        let item = Arc::new(store::Item {
            title: title.clone(),
            tags,
        });
        store::ITEMS
            .write()
            .expect("nobody panicked")
            .push(item.clone());
        let mut by_title = store::BY_TITLE.write().expect("nobody panicked");
        by_title.entry(title).or_default().push(item);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nobody panicked")
}

fn statics(book: &mut Edges) {
    book.root("static ~QUEUE", "static ~QUEUE", &QUEUE)
        .whole(&QUEUE);
    for job in lock(&QUEUE).iter() {
        register(book, job);
    }
    book.each("static ~LINES[*]", &*lock(&LINES));
    book.root("static ~LINES", "static ~LINES", &LINES)
        .whole(&LINES)
        .root("static ~NAMES", "static ~NAMES", &*NAMES)
        .each("static ~NAMES.keys()", NAMES.keys())
        .each("static ~NAMES[*]", NAMES.values())
        .whole(&*NAMES)
        .root("static ~TEXT", "static ~TEXT", &TEXT);
    let tree = lock(&TREE);
    book.tree_of(Source::root("static ~TREE"), "static ~TREE", &tree)
        .each("static ~TREE[*]", tree.values());
    for key in tree.keys() {
        book.complete(key);
    }
    drop(tree);
    let deque = DEQUE.read().expect("nobody panicked");
    book.root("static ~DEQUE", "static ~DEQUE", &*deque)
        .each("static ~DEQUE[*]", &*deque)
        .whole(&*deque);
    for job in deque.iter() {
        register(book, job);
        book.whole(job);
    }
    drop(deque);
    for slot in &SLOTS {
        book.root("static ~SLOTS", "static ~SLOTS[*]", slot);
        if let Some(job) = &*lock(slot) {
            register(book, job);
            book.whole(job);
        }
    }
    let head: *const Job = HEAD.load(Ordering::Relaxed);
    book.root("static ~HEAD", "static ~HEAD", &head)
        .whole(&head);
    // SAFETY: it came from a box that nobody freed.
    register(book, unsafe { &*head });
    let list = lock(&LIST);
    for end in [list.front(), list.back()].into_iter().flatten() {
        book.edge(Source::root("static ~LIST"), "static ~LIST", end);
    }
    let links: Vec<&String> = list.iter().collect();
    for pair in links.windows(2) {
        book.edge(Source::around(pair[0]), "static ~LIST", pair[1])
            .may(Source::around(pair[1]), "static ~LIST", pair[0]);
    }
    for link in links {
        book.field("static ~LIST[*]", link).complete(link);
    }
    drop(list);
    book.each("static ~HOOKS[*]", &*lock(&HOOKS));
    book.root("static ~HOOKS", "static ~HOOKS", &HOOKS)
        .whole(&HOOKS);
    let pair = lock(&PAIR);
    book.root("static ~PAIR", "static ~PAIR.0", &pair.0)
        .each("static ~PAIR.0[*]", &pair.0)
        .whole(&pair.0)
        .root("static ~PAIR", "static ~PAIR.1", &pair.1)
        .whole(&pair.1);
    register(book, pair.1.as_ref().expect("it is there"));
    let set = lock(&SET);
    book.nodes_of(
        Source::root("static ~SET"),
        "static ~SET",
        &*set,
        set.iter(),
    )
    .each("static ~SET[*]", &*set);
    for text in set.iter() {
        book.complete(text);
    }
    let shared = SHARED.get().expect("it is set");
    book.root("static ~SHARED", "static ~SHARED", &SHARED)
        .field("static ~SHARED", &**shared)
        .whole(shared)
        .whole(&**shared);
    book.each("static ~SHARED[*]", &*lock(shared));
    let boxed = lock(&BOXED);
    let boxed = boxed.as_ref().expect("it is there");
    book.root("static ~BOXED", "static ~BOXED", boxed)
        .field("static ~BOXED", &**boxed)
        .whole(boxed)
        .each("static ~BOXED[*]", &**boxed)
        .whole(&**boxed);
    book.root("static ~FIRST", "static ~FIRST", &FIRST)
        .whole(&FIRST);
    register(book, FIRST.get().expect("it is set"));
    let rule = RULE.get().expect("it is set");
    book.root("static ~RULE", "static ~RULE", rule).whole(rule);
    // Its only field is a vector.
    let words: *const Vec<String> = (&raw const **rule).cast();
    // SAFETY: the concrete type is `Worded`, of which this is the only field.
    let words = unsafe { &*words };
    book.field("~Worded.words", words)
        .each("~Worded.words[*]", words)
        .whole(words);

    let config = CONFIG.get().expect("it is set");
    book.root("static ~CONFIG", "~Config.path", &config.path)
        .tree_of(
            Source::root("static ~CONFIG"),
            "~Config.limits",
            &config.limits,
        )
        .each("~Config.limits.keys()", config.limits.keys())
        .each("~Config.limits[*]", config.limits.values())
        .root("static ~CONFIG", "~Config.jobs", &config.jobs)
        .each("~Config.jobs[*]", &config.jobs)
        .whole(&config.jobs)
        .wholes(&config.jobs);
    for key in config.limits.keys() {
        book.complete(key);
    }
    for job in &config.jobs {
        register(book, job);
    }
    const ITEMS: &str = "static ~store::ITEMS";
    let items = store::ITEMS.read().expect("nobody panicked");
    book.root(ITEMS, ITEMS, &*items)
        .each("static ~store::ITEMS[*]", &*items)
        .whole(&*items)
        .wholes(&*items);
    for item in items.iter() {
        book.field("~store::Item.title", &item.title)
            .field("~store::Item.tags", &item.tags)
            .each("~store::Item.tags[*]", &item.tags)
            .whole(&item.tags);
    }
    const BY_TITLE: &str = "static ~store::BY_TITLE";
    let by_title = store::BY_TITLE.read().expect("nobody panicked");
    book.root(BY_TITLE, BY_TITLE, &*by_title)
        .each("static ~store::BY_TITLE.keys()", by_title.keys())
        .each("static ~store::BY_TITLE[*]", by_title.values())
        .whole(&*by_title);
    for list in by_title.values() {
        book.each("static ~store::BY_TITLE[*][*]", list).whole(list);
    }
    let cache = cache();
    let seen = lock(seen());
    book.root("static ~cache::CACHE", "static ~cache::CACHE", &*cache)
        .each("static ~cache::CACHE[*]", cache.values())
        .whole(&*cache)
        .root("static ~seen::SEEN", "static ~seen::SEEN", &*seen)
        .each("static ~seen::SEEN[*]", &*seen)
        .whole(&*seen);
}

struct Worker {
    name: String,
    done: RefCell<Vec<Rc<Job>>>,
}

thread_local! {
    static SCRATCH: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    static LAST: RefCell<Option<Rc<Job>>> = RefCell::default();
    static COUNTS: RefCell<HashMap<String, Box<u64>>> = RefCell::default();
    static ME: OnceCell<Worker> = const { OnceCell::new() };
    static SPARE: Cell<Option<Box<[u64; 4]>>> = const { Cell::new(None) };
    static SHARES: RefCell<Vec<Arc<Job>>> = RefCell::new(Vec::with_capacity(20));
}

/// Fills this thread's locals.
fn locals(book: &Mutex<Option<Edges>>, n: u64) {
    SCRATCH.with_borrow_mut(|lines| lines.extend((0..n + 3).map(|m| format!("{m} of {n}"))));
    LAST.set(Some(Rc::new(job(n * 2))));
    let counts = (0..n + 2).map(|m| (format!("count {m}"), Box::new(m)));
    COUNTS.set(counts.collect());
    let worker = Worker {
        name: format!("worker {n}"),
        done: RefCell::new((0..n + 1).map(|m| Rc::new(job(m))).collect()),
    };
    ME.with(|me| assert!(me.set(worker).is_ok()));
    let spare = Box::new([n; 4]);
    let to_spare = &raw const *spare;
    SPARE.set(Some(spare));
    let config = CONFIG.get().expect("it is set");
    SHARES.with_borrow_mut(|shares| {
        shares.extend(config.jobs.iter().skip(n as usize).step_by(2).cloned());
    });

    let mut book = lock(book);
    let book = book.as_mut().expect("it is open");
    SCRATCH.with_borrow(|lines| {
        book.root("thread_local ~SCRATCH", "thread_local ~SCRATCH", lines)
            .each("thread_local ~SCRATCH[*]", lines)
            .whole(lines);
    });
    LAST.with_borrow(|last| {
        book.root("thread_local ~LAST", "thread_local ~LAST", last)
            .whole(last);
        register(book, last.as_ref().expect("it is set"));
    });
    COUNTS.with_borrow(|counts| {
        book.root("thread_local ~COUNTS", "thread_local ~COUNTS", counts)
            .each("thread_local ~COUNTS.keys()", counts.keys())
            .each("thread_local ~COUNTS[*]", counts.values())
            .whole(counts);
    });
    ME.with(|me| {
        let me = me.get().expect("it is set");
        let done = me.done.borrow();
        book.root("thread_local ~ME", "~Worker.name", &me.name)
            .root("thread_local ~ME", "~Worker.done", &*done)
            .each("~Worker.done[*]", &*done)
            .whole(&*done)
            .wholes(&*done);
        for job in done.iter() {
            register(book, job);
        }
    });
    book.edge(
        Source::root("thread_local ~SPARE"),
        "thread_local ~SPARE",
        to_spare,
    );
    SHARES.with_borrow(|shares| {
        book.root("thread_local ~SHARES", "thread_local ~SHARES", shares)
            .each("thread_local ~SHARES[*]", shares)
            .whole(shares);
    });
}

enum Command {
    Stop,
    Run(Job),
    Store { key: String, value: Arc<[u8]> },
    Many(Vec<Job>),
    Answer(mpsc::Sender<String>, Option<String>),
}

fn command(book: &mut Edges, n: u64) -> Command {
    let command = match n % 5 {
        0 => Command::Stop,
        1 => Command::Run(job(n)),
        2 => Command::Store {
            key: format!("key {n}"),
            value: vec![7; n as usize + 1].into(),
        },
        3 => Command::Many((0..n % 4).map(job).collect()),
        _ => Command::Answer(mpsc::channel().0, Some(format!("answer {n}"))),
    };
    match &command {
        Command::Stop => {}
        Command::Run(job) => register_moved(book, job),
        Command::Store { key, value } => {
            book.moved("~Command::Store.key", key)
                .moved("~Command::Store.value", value);
        }
        Command::Many(jobs) => {
            book.moved("~Command::Many.0", jobs).whole(jobs);
            for job in jobs {
                register(book, job);
            }
        }
        Command::Answer(_, text) => _ = book.moved("~Command::Answer.1", text),
    }
    command
}

struct Plumbing {
    std: (mpsc::Sender<Command>, mpsc::Receiver<Command>),
    sync: (mpsc::SyncSender<Command>, mpsc::Receiver<Command>),
    bounded: (channel::Sender<Command>, channel::Receiver<Command>),
    unbounded: (channel::Sender<Command>, channel::Receiver<Command>),
    jobs: (channel::Sender<Box<Job>>, channel::Receiver<Box<Job>>),
}

fn plumbing(book: &mut Edges) -> Box<Plumbing> {
    let plumbing = Box::new(Plumbing {
        std: mpsc::channel(),
        sync: mpsc::sync_channel(20),
        bounded: channel::bounded(16),
        unbounded: channel::unbounded(),
        jobs: channel::unbounded(),
    });
    // Sent and received before: the ring wraps, and what was received is gone.
    let mut gone = Edges::new("gone");
    for n in 0..13 {
        assert!(plumbing.std.0.send(command(&mut gone, n)).is_ok());
        assert!(plumbing.sync.0.send(command(&mut gone, n)).is_ok());
        assert!(plumbing.bounded.0.send(command(&mut gone, n)).is_ok());
        assert!(plumbing.unbounded.0.send(command(&mut gone, n)).is_ok());
    }
    for _ in 0..13 {
        drop(plumbing.std.1.recv());
        drop(plumbing.sync.1.recv());
        drop(plumbing.bounded.1.recv());
        drop(plumbing.unbounded.1.recv());
    }
    drop(gone);
    for n in 0..15 {
        assert!(plumbing.std.0.send(command(book, n)).is_ok());
        assert!(plumbing.sync.0.send(command(book, n + 1)).is_ok());
        assert!(plumbing.bounded.0.send(command(book, n + 2)).is_ok());
        assert!(plumbing.unbounded.0.send(command(book, n + 3)).is_ok());
        let boxed = Box::new(job(n));
        register(book, &boxed);
        book.whole(&boxed);
        assert!(plumbing.jobs.0.send(boxed).is_ok());
    }
    plumbing
}

fn main() -> ExitCode {
    let book = Mutex::new(Some(Edges::new("held_webs_roots")));
    let (ready, done) = (Barrier::new(5), Barrier::new(5));
    let plumbing = {
        let mut book = lock(&book);
        let book = book.as_mut().expect("it is open");
        fill(book);
        statics(book);
        plumbing(book)
    };
    std::thread::scope(|scope| {
        for n in 1..5 {
            let (book, ready, done) = (&book, &ready, &done);
            scope.spawn(move || {
                locals(book, n);
                ready.wait();
                done.wait();
            });
        }
        locals(&book, 0);
        ready.wait();
        let book = lock(&book).take().expect("it is open");
        let code = book.compare();
        done.wait();
        drop(black_box(plumbing));
        code
    })
}
