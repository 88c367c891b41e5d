//! Graphs of a program's own: parents and children, rings of raw pointers, syntax trees,
//! tries; trait objects, closures, iterators that are kept; and what was overwritten,
//! taken or dropped, whose bytes are still there.

#![allow(dead_code, reason = "fields are there to be pointers")]

use std::any::Any;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hint::black_box;
use std::iter::Peekable;
use std::process::ExitCode;
use std::ptr::NonNull;
use std::rc::{self, Rc};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, RwLock};
use std::vec::IntoIter;

use book::{Edges, Source};

#[global_allocator]
static HEAP: book::Heap = book::heap();

mod rules {
    use super::*;

    pub trait Rule {
        fn holds(&self, word: &str) -> bool;
        /// Writes down its own fields and those of the rules below it.
        fn register(&self, book: &mut Edges);
    }

    pub struct Named {
        pub name: String,
    }
    pub struct Both(pub Box<dyn Rule>, pub Box<dyn Rule>);
    pub struct Not {
        pub inner: Rc<dyn Rule>,
        pub why: Option<String>,
    }
    pub struct Listed {
        pub words: HashSet<String>,
        pub fallback: Option<Box<dyn Rule>>,
    }
    pub struct Never;
    pub struct Cached<R: ?Sized> {
        pub answers: RefCell<HashMap<String, bool>>,
        pub rule: Box<R>,
    }

    impl Rule for Named {
        fn holds(&self, word: &str) -> bool {
            self.name == word
        }
        fn register(&self, book: &mut Edges) {
            book.field("~rules::Named.name", &self.name).complete(self);
        }
    }
    impl Rule for Both {
        fn holds(&self, word: &str) -> bool {
            self.0.holds(word) && self.1.holds(word)
        }
        fn register(&self, book: &mut Edges) {
            book.field("~rules::Both.0", &self.0)
                .field("~rules::Both.1", &self.1)
                .complete(self);
            self.0.register(book);
            self.1.register(book);
        }
    }
    impl Rule for Not {
        fn holds(&self, word: &str) -> bool {
            !self.inner.holds(word)
        }
        fn register(&self, book: &mut Edges) {
            book.field("~rules::Not.inner", &self.inner)
                .field("~rules::Not.why", &self.why)
                .complete(self);
            self.inner.register(book);
        }
    }
    impl Rule for Listed {
        fn holds(&self, word: &str) -> bool {
            self.words.contains(word)
        }
        fn register(&self, book: &mut Edges) {
            book.field("~rules::Listed.words", &self.words)
                .each("~rules::Listed.words[*]", &self.words)
                .field("~rules::Listed.fallback", &self.fallback)
                .complete(self)
                .whole(&self.words);
            if let Some(fallback) = &self.fallback {
                fallback.register(book);
            }
        }
    }
    impl Rule for Never {
        fn holds(&self, _: &str) -> bool {
            false
        }
        fn register(&self, _: &mut Edges) {}
    }
    impl Rule for Cached<Named> {
        fn holds(&self, word: &str) -> bool {
            let answer = self.rule.holds(word);
            self.answers.borrow_mut().insert(word.to_owned(), answer);
            answer
        }
        fn register(&self, book: &mut Edges) {
            const ANSWERS: &str = "~rules::Cached<~rules::Named>.answers";
            const KEYS: &str = "~rules::Cached<~rules::Named>.answers.keys()";
            book.field(ANSWERS, &self.answers)
                .each(KEYS, self.answers.borrow().keys())
                .field("~rules::Cached<~rules::Named>.rule", &self.rule)
                .complete(self)
                .whole(&self.answers);
            self.rule.register(book);
        }
    }
}

use rules::{Both, Cached, Listed, Named, Never, Not, Rule};

fn named(n: u32) -> Named {
    Named {
        name: format!("named {n}"),
    }
}

fn rule(n: u32) -> Box<dyn Rule> {
    match n % 6 {
        0 => Box::new(named(n)),
        1 => Box::new(Both(rule(n / 2), rule(n / 3))),
        2 => Box::new(Not {
            inner: match n % 4 {
                0 => Rc::new(named(n)),
                _ => Rc::new(Both(Box::new(Never), rule(n / 5))),
            },
            why: (n % 3 == 0).then(|| format!("why {n}")),
        }),
        3 => Box::new(Listed {
            words: (0..n % 9 + 1).map(|m| format!("word {m}")).collect(),
            fallback: (n % 2 == 0).then(|| rule(n / 2)),
        }),
        4 => Box::new(Never),
        _ => {
            let cached = Cached {
                answers: RefCell::default(),
                rule: Box::new(named(n)),
            };
            for m in 0..n % 5 {
                black_box(cached.holds(&format!("asked {m}")));
            }
            Box::new(cached)
        }
    }
}

struct Limit {
    text: String,
    most: usize,
}

type Hook = Box<dyn Fn(&str) -> bool>;

fn word_hook(book: &mut Edges, words: Vec<String>, limit: &Rc<Limit>) -> Hook {
    let limit = limit.clone();
    let (to_words, to_limit) = (words.as_ptr(), Rc::as_ptr(&limit));
    book.each("~word_hook::{closure_env#0}.words[*]", &words)
        .complete(to_words);
    let hook: Hook = Box::new(move |word| word.len() < limit.most || words.iter().any(|w| w == word));
    let env = &raw const *hook;
    book.edge(Source::around(env), "~word_hook::{closure_env#0}.words", to_words)
        .edge(Source::around(env), "~word_hook::{closure_env#0}.limit", to_limit)
        .complete(env);
    hook
}

fn shared_hook(book: &mut Edges, text: Arc<str>, found: Option<Box<[u16]>>) -> Hook {
    let (to_text, to_found) = (Arc::as_ptr(&text), found.as_deref().map(|f| f.as_ptr()));
    let hook: Hook = Box::new(move |word| {
        word == &*text || found.as_ref().is_some_and(|f| f.len() > word.len())
    });
    let env = &raw const *hook;
    book.edge(Source::around(env), "~shared_hook::{closure_env#0}.text", to_text)
        .complete(env);
    if let Some(found) = to_found {
        book.edge(Source::around(env), "~shared_hook::{closure_env#0}.found", found);
    }
    hook
}

/// doubt: whether the type arguments of a generic function stand behind its closure.
fn generic_hook<T: AsRef<str> + 'static>(book: &mut Edges, value: Box<T>, label: &str) -> Hook {
    let to_value = &raw const *value;
    let hook: Hook = Box::new(move |word| word == (*value).as_ref());
    let env = &raw const *hook;
    book.edge(Source::around(env), label, to_value).complete(env);
    hook
}

fn chained_hook(book: &mut Edges, first: Hook, second: Hook) -> Hook {
    let (to_first, to_second) = (&raw const *first, &raw const *second);
    let hook: Hook = Box::new(move |word| first(word) || second(word));
    let env = &raw const *hook;
    book.edge(Source::around(env), "~chained_hook::{closure_env#0}.first", to_first)
        .edge(Source::around(env), "~chained_hook::{closure_env#0}.second", to_second)
        .complete(env);
    hook
}

trait Sink: Send + Sync {
    fn put(&self, line: String);
    fn register(&self, book: &mut Edges);
}

struct Memory {
    lines: Mutex<Vec<String>>,
}
struct Tee(Arc<dyn Sink>, Arc<dyn Sink>);

impl Sink for Memory {
    fn put(&self, line: String) {
        self.lines.lock().expect("nobody panicked").push(line);
    }
    fn register(&self, book: &mut Edges) {
        book.field("~Memory.lines", &self.lines)
            .each("~Memory.lines[*]", &*self.lines.lock().expect("nobody panicked"))
            .whole(&self.lines)
            .complete(self);
    }
}
impl Sink for Tee {
    fn put(&self, line: String) {
        self.0.put(line.clone());
        self.1.put(line);
    }
    fn register(&self, book: &mut Edges) {
        book.field("~Tee.0", &self.0).field("~Tee.1", &self.1).complete(self);
        self.0.register(book);
        self.1.register(book);
    }
}

struct Engine {
    rules: Vec<Box<dyn Rule>>,
    hooks: Vec<Hook>,
    sinks: Vec<Arc<dyn Sink>>,
    any: Vec<Box<dyn Any>>,
    last: Option<Rc<dyn Rule>>,
}

fn engine(book: &mut Edges) -> Box<Engine> {
    let limit = Rc::new(Limit {
        text: "the limit".to_owned(),
        most: 3,
    });
    book.field("~Limit.text", &limit.text).complete(&*limit);
    let mut hooks = Vec::new();
    for n in 0..36u32 {
        let words = (0..n % 5 + 1).map(|m| format!("word {m} of {n}")).collect();
        let hook = match n % 4 {
            0 => word_hook(book, words, &limit),
            1 => {
                let found = (n % 3 == 0).then(|| vec![7; 9].into_boxed_slice());
                shared_hook(book, words[0].as_str().into(), found)
            }
            2 if n % 8 == 2 => {
                let label = "~generic_hook::{closure_env#0}<String>.value";
                generic_hook(book, Box::new(words[0].clone()), label)
            }
            2 => {
                let label = "~generic_hook::{closure_env#0}<Arc<str>>.value";
                generic_hook(book, Box::new(Arc::<str>::from("shared")), label)
            }
            _ => {
                let first = word_hook(book, words, &limit);
                let second = shared_hook(book, format!("second {n}").into(), None);
                chained_hook(book, first, second)
            }
        };
        hooks.push(hook);
    }
    let memory: Vec<Arc<dyn Sink>> = (0..5)
        .map(|_| -> Arc<dyn Sink> { Arc::new(Memory { lines: Mutex::default() }) })
        .collect();
    let mut sinks = memory.clone();
    for n in 0..6 {
        let tee = Tee(memory[n % 5].clone(), sinks[(n * 3) % sinks.len()].clone());
        tee.put(format!("line {n}"));
        sinks.push(Arc::new(tee));
    }
    let mut any: Vec<Box<dyn Any>> = Vec::new();
    for n in 0..12u32 {
        any.push(match n % 3 {
            0 => Box::new(format!("any {n}")),
            1 => Box::new(named(n)),
            _ => Box::new((n, vec![n; 3])),
        });
    }
    let engine = Box::new(Engine {
        rules: (0..70).map(rule).collect(),
        hooks,
        sinks,
        any,
        last: Some(Rc::new(Both(rule(60), rule(61)))),
    });
    book.complete(&*engine)
        .field("~Engine.rules", &engine.rules)
        .each("~Engine.rules[*]", &engine.rules)
        .whole(&engine.rules)
        .field("~Engine.hooks", &engine.hooks)
        .each("~Engine.hooks[*]", &engine.hooks)
        .whole(&engine.hooks)
        .field("~Engine.sinks", &engine.sinks)
        .each("~Engine.sinks[*]", &engine.sinks)
        .whole(&engine.sinks)
        .field("~Engine.any", &engine.any)
        .each("~Engine.any[*]", &engine.any)
        .whole(&engine.any)
        .wholes(&engine.any)
        .field("~Engine.last", &engine.last);
    for rule in &engine.rules {
        rule.register(book);
    }
    if let Some(last) = &engine.last {
        last.register(book);
    }
    for sink in &engine.sinks {
        sink.register(book);
    }
    // doubt: what lies behind `dyn` and has no owner of its own has that of the field.
    for any in &engine.any {
        if let Some(text) = any.downcast_ref::<String>() {
            book.field("~Engine.any[*]", text);
        } else if let Some(named) = any.downcast_ref::<Named>() {
            named.register(book);
        } else if let Some((_, list)) = any.downcast_ref::<(u32, Vec<u32>)>() {
            book.field("~Engine.any[*].1", list);
        }
    }
    engine
}

struct Node {
    name: String,
    parent: RefCell<rc::Weak<Node>>,
    children: RefCell<Vec<Rc<Node>>>,
    favourite: Cell<Option<NonNull<Node>>>,
    gone: RefCell<Vec<rc::Weak<Node>>>,
}

fn node(name: String) -> Rc<Node> {
    Rc::new(Node {
        name,
        parent: RefCell::default(),
        children: RefCell::default(),
        favourite: Cell::new(None),
        gone: RefCell::default(),
    })
}

fn family(depth: u32) -> Rc<Node> {
    let this = node(format!("node at {depth}"));
    for n in 0..depth {
        let child = family(depth - 1);
        *child.parent.borrow_mut() = Rc::downgrade(&this);
        if n == 1 {
            this.favourite.set(Some(NonNull::from(&*child)));
        }
        this.children.borrow_mut().push(child);
    }
    for n in 0..depth % 3 {
        let dead = node(format!("dead {n} of {depth}"));
        let weak = Rc::downgrade(&dead);
        dead.children.borrow_mut().push(node("below".to_owned()));
        this.gone.borrow_mut().push(weak);
    }
    this
}

fn register_family(book: &mut Edges, this: &Rc<Node>) {
    book.whole(this)
        .field("~Node.name", &this.name)
        .field("~Node.parent (weak)", &this.parent)
        .field("~Node.children", &this.children)
        .each("~Node.children[*]", &*this.children.borrow())
        .field("~Node.gone", &this.gone)
        .each("~Node.gone[*] (weak)", &*this.gone.borrow())
        .whole(&this.children)
        .whole(&this.gone)
        // The values are gone: what is left of them points to nothing.
        .wholes(&*this.gone.borrow());
    if let Some(favourite) = this.favourite.get() {
        book.edge(Source::around(&raw const *this.favourite.as_ptr()), "~Node.favourite", favourite.as_ptr());
    }
    for child in this.children.borrow().iter() {
        register_family(book, child);
    }
}

struct Link {
    text: Box<str>,
    next: Option<Rc<RefCell<Link>>>,
    before: Option<rc::Weak<RefCell<Link>>>,
}

/// A knot of a ring that is tied with raw pointers.
struct Knot {
    next: *const Knot,
    before: *const Knot,
    text: Option<Box<str>>,
}

struct Radix {
    kids: [Option<Box<Radix>>; 4],
    text: Option<Rc<str>>,
}

#[derive(Default)]
struct Trie {
    children: BTreeMap<char, Trie>,
    word: Option<String>,
}

struct Bst<K, V> {
    root: Option<Box<BstNode<K, V>>>,
    len: usize,
}

struct BstNode<K, V> {
    key: K,
    value: V,
    left: Option<Box<BstNode<K, V>>>,
    right: Option<Box<BstNode<K, V>>>,
}

enum Op {
    Add,
    Mul,
}

enum Expr {
    Num(f64),
    Name(Rc<str>),
    Call { f: Box<Expr>, args: Vec<Expr> },
    Binary(Box<Expr>, Op, Box<Expr>),
    Block(Vec<(String, Expr)>),
    Lambda(Rc<[String]>, Option<Rc<Expr>>),
}

fn expr(n: u32) -> Expr {
    if n < 2 {
        return Expr::Num(1.0);
    }
    match n % 5 {
        0 => Expr::Name(format!("name {n}").into()),
        1 => Expr::Call {
            f: Box::new(expr(n / 2)),
            args: (0..n % 4).map(|m| expr(n / 2 - m.min(n / 2))).collect(),
        },
        2 => Expr::Binary(Box::new(expr(n - 1)), Op::Mul, Box::new(expr(n / 3))),
        3 => Expr::Block((0..n % 3).map(|m| (format!("let {m}"), expr(n / 2))).collect()),
        _ => Expr::Lambda(
            (0..n % 3 + 1).map(|m| format!("parameter {m}")).collect(),
            (n % 2 == 0).then(|| Rc::new(expr(n / 2))),
        ),
    }
}

fn register_expr(book: &mut Edges, this: &Expr) {
    match this {
        Expr::Num(_) => {}
        Expr::Name(name) => _ = book.field("~Expr::Name.0", name),
        Expr::Call { f, args } => {
            book.field("~Expr::Call.f", f)
                .field("~Expr::Call.args", args)
                .whole(f)
                .whole(args);
            register_expr(book, f);
            for arg in args {
                register_expr(book, arg);
            }
        }
        Expr::Binary(left, _, right) => {
            book.field("~Expr::Binary.0", left)
                .field("~Expr::Binary.2", right)
                .whole(left)
                .whole(right);
            register_expr(book, left);
            register_expr(book, right);
        }
        Expr::Block(lines) => {
            book.field("~Expr::Block.0", lines).whole(lines);
            for (name, value) in lines {
                book.field("~Expr::Block.0[*].0", name);
                register_expr(book, value);
            }
        }
        Expr::Lambda(names, body) => {
            book.field("~Expr::Lambda.0", names)
                .each("~Expr::Lambda.0[*]", names.iter())
                .field("~Expr::Lambda.1", body)
                .whole(names)
                .whole(body);
            if let Some(body) = body {
                register_expr(book, body);
            }
        }
    }
}

struct Shapes {
    family: Rc<Node>,
    first: Option<Rc<RefCell<Link>>>,
    ring: *const Knot,
    radix: Radix,
    trie: Trie,
    bst: Bst<String, Rc<str>>,
    exprs: Vec<Expr>,
}

fn radix(depth: u32) -> Radix {
    let mut kids = [const { None }; 4];
    for (at, kid) in kids.iter_mut().enumerate().take(depth as usize) {
        *kid = (at != 1).then(|| Box::new(radix(depth - 1)));
    }
    let text = (depth % 2 == 0).then(|| format!("radix {depth}").into());
    Radix { kids, text }
}

fn register_radix(book: &mut Edges, this: &Radix) {
    book.each("~Radix.kids[*]", &this.kids)
        .field("~Radix.text", &this.text);
    for kid in this.kids.iter().flatten() {
        book.whole(kid);
        register_radix(book, kid);
    }
}

fn register_trie(book: &mut Edges, this: &Trie) {
    book.tree("~Trie.children", &this.children)
        .field("~Trie.word", &this.word);
    for (key, child) in &this.children {
        book.complete(key);
        register_trie(book, child);
    }
}

fn register_bst(book: &mut Edges, this: &Option<Box<BstNode<String, Rc<str>>>>) {
    let Some(this) = this else { return };
    book.field("~BstNode<String, Rc<str>>.key", &this.key)
        .field("~BstNode<String, Rc<str>>.value", &this.value)
        .field("~BstNode<String, Rc<str>>.left", &this.left)
        .field("~BstNode<String, Rc<str>>.right", &this.right)
        .whole(this);
    register_bst(book, &this.left);
    register_bst(book, &this.right);
}

fn shapes(book: &mut Edges) -> Box<Shapes> {
    let mut first: Option<Rc<RefCell<Link>>> = None;
    for n in 0..30 {
        let text = format!("link {n}").into();
        let link = Rc::new(RefCell::new(Link {
            text,
            next: first.take(),
            before: None,
        }));
        if let Some(next) = &link.borrow().next {
            next.borrow_mut().before = Some(Rc::downgrade(&link));
        }
        first = Some(link);
    }
    let knots: Vec<*mut Knot> = (0..24)
        .map(|n| {
            Box::into_raw(Box::new(Knot {
                next: std::ptr::null(),
                before: std::ptr::null(),
                text: (n % 3 != 0).then(|| format!("knot {n}").into()),
            }))
        })
        .collect();
    for (at, &knot) in knots.iter().enumerate() {
        // SAFETY: it came from a box and nobody else refers to it.
        let knot = unsafe { &mut *knot };
        knot.next = knots[(at + 1) % knots.len()];
        knot.before = knots[(at + knots.len() - 1) % knots.len()];
        book.field("~Knot.next", &knot.next)
            .field("~Knot.before", &knot.before)
            .field("~Knot.text", &knot.text)
            .complete(&raw const *knot);
    }
    let mut trie = Trie::default();
    for word in "a an and ant any be bee been beer bet by do dog dot door".split(' ') {
        let end = word.chars().fold(&mut trie, |at, c| at.children.entry(c).or_default());
        end.word = Some(word.to_owned());
    }
    let mut bst = Bst { root: None, len: 0 };
    for n in 0..50u32 {
        let key = format!("{:02}", n * 37 % 64);
        let mut at = &mut bst.root;
        while let Some(node) = at {
            at = match key < node.key {
                true => &mut node.left,
                false => &mut node.right,
            };
        }
        *at = Some(Box::new(BstNode {
            value: format!("value {key}").into(),
            key,
            left: None,
            right: None,
        }));
        bst.len += 1;
    }
    let shapes = Box::new(Shapes {
        family: family(4),
        first,
        ring: knots[0],
        radix: radix(4),
        trie,
        bst,
        exprs: (0..60).map(expr).collect(),
    });
    drop(knots);
    book.complete(&*shapes)
        .field("~Shapes.family", &shapes.family)
        .field("~Shapes.first", &shapes.first)
        .field("~Shapes.ring", &shapes.ring)
        .field("~Bst<String, Rc<str>>.root", &shapes.bst.root)
        .field("~Shapes.exprs", &shapes.exprs)
        .whole(&shapes.exprs);
    register_family(book, &shapes.family);
    register_radix(book, &shapes.radix);
    register_trie(book, &shapes.trie);
    register_bst(book, &shapes.bst.root);
    for expr in &shapes.exprs {
        register_expr(book, expr);
    }
    let mut next = shapes.first.clone();
    while let Some(link) = next {
        let this = link.borrow();
        book.field("~Link.text", &this.text)
            .field("~Link.next", &this.next)
            .field("~Link.before (weak)", &this.before)
            .complete(&*this);
        next = this.next.clone();
    }
    shapes
}

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
        locked.lock().expect("nobody panicked").insert(n, format!("locked {n}"));
    }
    let counted: Rc<RefCell<Vec<Rc<str>>>> = Rc::default();
    for n in 0..20 {
        counted.borrow_mut().push(format!("counted {n}").into());
    }
    let leaked = |n| {
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
        .each("~Common.log[*]", &*common.log.lock().expect("nobody panicked"))
        .whole(&common.log)
        .field("~Common.table", &common.table)
        .whole(&common.table)
        .field("~Common.once", &common.once)
        .edge(Source::around(&common.lazy), "~Common.lazy", common.lazy.as_ptr())
        .each("~Common.lazy[*]", &*common.lazy)
        .whole(&*common.lazy)
        .edge(Source::around(&common.newest), "~Common.newest", common.newest.load(Ordering::Relaxed))
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
    book.edge(Source::around(&common.cell), "~Common.cell", &raw const **cell)
        .field("~Session.user", &cell.user)
        .whole(cell);
    // Held by two fields alike, and with no owner of its own.
    book.field("~Common.locked or ~Common.again", &*common.locked)
        .each(
            "~Common.locked[*] or ~Common.again[*]",
            common.locked.lock().expect("nobody panicked").values(),
        )
        .whole(&*common.locked);
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
        .edge(Source::around(&cursors.rest), "~Cursors.rest", rest.as_ptr())
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
        .edge(Source::around(&window.words), "~Window.words.ptr", window.words.as_slice().as_ptr())
        .may(Source::around(&window.words), "~Window.words.end_or_len", index.words.as_ptr())
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
    Busy { job: String, parts: Vec<Box<u64>>, of: [u64; 3] },
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
    let mut book = Edges::new("held_webs_graph");
    let index: &'static Index = Box::leak(Box::new(Index {
        words: (0..16).map(|n| format!("index {n}")).collect(),
        map: (0..9).map(|n| (format!("key {n}"), format!("value {n}"))).collect(),
    }));
    let kept = (
        engine(&mut book),
        shapes(&mut book),
        common(&mut book),
        cursors(&mut book),
        windows(&mut book, index),
        wear(&mut book),
    );
    let code = book.compare();
    drop(black_box(kept));
    code
}
