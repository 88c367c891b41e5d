//! Graphs of a program's own: parents and children, rings of raw pointers, syntax trees,
//! tries.

#![allow(dead_code, reason = "fields are there to be pointers")]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::process::ExitCode;
use std::ptr::NonNull;
use std::rc::{self, Rc};

use book::{Edges, Source};

#[global_allocator]
static HEAP: book::Heap = book::heap();

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
        let source = Source::around(this.favourite.as_ptr());
        book.edge(source, "~Node.favourite", favourite.as_ptr());
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
        3 => Expr::Block(
            (0..n % 3)
                .map(|m| (format!("let {m}"), expr(n / 2)))
                .collect(),
        ),
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
        let end = word
            .chars()
            .fold(&mut trie, |at, c| at.children.entry(c).or_default());
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

fn main() -> ExitCode {
    let mut book = Edges::new("held_webs_graph");
    let kept = shapes(&mut book);
    let code = book.compare();
    drop(black_box(kept));
    code
}
