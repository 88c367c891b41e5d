//! Boxes, shared handles and trait objects: concrete types behind `dyn`, closures
//! that capture, errors of all kinds, blocks that only a Weak keeps.

#![allow(dead_code, reason = "fields are there to have a size")]

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::hint::black_box;
use std::io;
use std::process::ExitCode;
use std::rc::{self, Rc};
use std::sync::{self, Arc, Mutex, RwLock};

use book::{Book, Name};

#[global_allocator]
static HEAP: book::Heap = book::heap();

trait Rule: Send {
    fn holds(&self, at: u64) -> bool;
}

struct Before(u64);
struct Within {
    from: u64,
    to: u64,
    note: String,
}
struct Both(Box<dyn Rule>, Box<dyn Rule>);

impl Rule for Before {
    fn holds(&self, at: u64) -> bool {
        at < self.0
    }
}
impl Rule for Within {
    fn holds(&self, at: u64) -> bool {
        (self.from..self.to).contains(&at)
    }
}
impl Rule for Both {
    fn holds(&self, at: u64) -> bool {
        self.0.holds(at) && self.1.holds(at)
    }
}

fn rules(book: &mut Book) -> impl Sized + use<> {
    let mut rules: Vec<Box<dyn Rule>> = Vec::new();
    for n in 0..300u64 {
        let within: Box<dyn Rule> = Box::new(Within {
            from: n,
            to: n * 2,
            note: format!("from {n} to twice that"),
        });
        book.boxed_as(&within, Name::of::<Box<Within>>());
        let before: Box<dyn Rule> = Box::new(Before(n));
        book.boxed_as(&before, Name::of::<Box<Before>>());
        let both: Box<dyn Rule> = Box::new(Both(within, before));
        book.boxed_as(&both, Name::of::<Box<Both>>());
        rules.push(both);
    }
    book.many(300, (0..300u64).map(note_bytes).sum(), "String");
    book.vec(&rules);
    rules
}

/// The capacity that such a note has; formatted anew, since it cannot be reached.
fn note_bytes(n: u64) -> usize {
    let text = format!("from {n} to twice that");
    text.capacity()
}

fn adder(by: u64, note: String) -> Box<dyn Fn(u64) -> u64> {
    Box::new(move |n| n + by + note.len() as u64)
}

fn once(values: Vec<u32>) -> Box<dyn FnOnce() -> u32 + Send> {
    Box::new(move || values.iter().sum())
}

fn counter(start: u64) -> Box<dyn FnMut() -> u64> {
    let mut at = [start; 6];
    Box::new(move || {
        at[0] += 1;
        at.iter().sum()
    })
}

fn shared_check(limit: usize, words: Arc<[u16]>) -> Arc<dyn Fn(usize) -> bool + Send + Sync> {
    Arc::new(move |n| n < limit && words.len() > n)
}

fn closures(book: &mut Book) -> impl Sized + use<> {
    let words: Arc<[u16]> = (0..500u16).filter(|n| n % 2 == 0).collect();
    book.arc(&words);
    let mut adders = Vec::new();
    let mut onces = Vec::new();
    let mut counters = Vec::new();
    let mut checks = Vec::new();
    for n in 0..250u32 {
        let note = format!("adds {n}");
        book.string(&note);
        adders.push(adder(u64::from(n), note));
        let values = vec![n; n as usize % 23 + 1];
        book.vec(&values);
        onces.push(once(values));
        counters.push(counter(u64::from(n)));
        checks.push(shared_check(n as usize, words.clone()));
    }
    for one in &adders {
        book.boxed_as(one, "Box<held_owners::adder::{closure_env#0}>");
    }
    for one in &onces {
        book.boxed_as(one, "Box<held_owners::once::{closure_env#0}>");
    }
    for one in &counters {
        book.boxed_as(one, "Box<held_owners::counter::{closure_env#0}>");
    }
    for one in &checks {
        book.arc_as(one, "Arc<held_owners::shared_check::{closure_env#0}>");
    }
    book.vec(&adders).vec(&onces).vec(&counters).vec(&checks);
    (words, adders, onces, counters, checks)
}

#[derive(Debug)]
struct Refused {
    code: u16,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused with {}", self.code)
    }
}

impl Error for Refused {}

fn fails(n: u32) -> Result<u32, Box<dyn Error + Send + Sync>> {
    match n % 3 {
        0 => Err("a plain text")?,
        1 => Err(Refused {
            code: n as u16,
            source: None,
        })?,
        _ => Ok("x".parse::<u32>()?),
    }
}

fn errors(book: &mut Book) -> impl Sized + use<> {
    const PLAIN: &str = "Box<alloc::boxed::convert::{impl#17}::from::StringError>";
    let mut all = Vec::new();
    for n in 0..240 {
        let error = fails(n).expect_err("always");
        match n % 3 {
            0 => {
                book.boxed_as(&error, PLAIN);
                book.many(1, "a plain text".len(), "String");
            }
            1 => _ = book.boxed_as(&error, Name::of::<Box<Refused>>()),
            _ => _ = book.boxed_as(&error, Name::of::<Box<std::num::ParseIntError>>()),
        }
        all.push(error);
    }
    let mut custom = Vec::new();
    for n in 0..100 {
        let mark = book.mark();
        let inner = Refused {
            code: n,
            source: None,
        };
        let error = io::Error::other(inner);
        let inner = error.get_ref().expect("it was made of one");
        book.around(inner, Name::of::<Box<Refused>>());
        book.since(mark, "Box<std::io::error::Custom>");
        custom.push(error);
    }
    book.vec(&all).vec(&custom);
    (all, custom)
}

struct Node {
    name: String,
    parent: RefCell<rc::Weak<Node>>,
    children: RefCell<Vec<Rc<Node>>>,
    seen: Cell<u32>,
}

fn tree(book: &mut Book, depth: usize) -> Rc<Node> {
    let node = Rc::new(Node {
        name: format!("node at depth {depth}"),
        parent: RefCell::default(),
        children: RefCell::default(),
        seen: Cell::new(0),
    });
    if depth > 0 {
        for _ in 0..4 {
            let child = tree(book, depth - 1);
            *child.parent.borrow_mut() = Rc::downgrade(&node);
            node.children.borrow_mut().push(child);
        }
    }
    book.rc(&node)
        .string(&node.name)
        .vec(&*node.children.borrow());
    node
}

struct Cyclic {
    me: sync::Weak<Cyclic>,
    body: [u64; 9],
}

fn counted(book: &mut Book) -> impl Sized + use<> {
    let root = tree(book, 4);
    let mut weak = Vec::new();
    let mut locked = Vec::new();
    let mut cyclic = Vec::new();
    let mut slices = Vec::new();
    let mut anys: Vec<Rc<dyn Any>> = Vec::new();
    for n in 0..200usize {
        // Its value is gone, its block is not.
        let gone = Rc::new([n as u64; 5]);
        weak.push(Rc::downgrade(&gone));
        locked.push((
            Arc::new(Mutex::new(vec![n as u8; n + 1])),
            Arc::new(RwLock::new(Some(Box::new(n)))),
        ));
        cyclic.push(Arc::new_cyclic(|me| Cyclic {
            me: me.clone(),
            body: [n as u64; 9],
        }));
        let list: Rc<[(u32, u8)]> = (0..n as u32).map(|m| (m, 7)).collect();
        slices.push(list);
        anys.push(Rc::new(RefCell::new(vec![n as i32; 12])));
        anys.push(Rc::new((n, "a pair")));
    }
    for one in &weak {
        book.rc_weak(one);
    }
    for (list, boxed) in &locked {
        book.arc(list).vec(&*list.lock().expect("nobody panicked"));
        book.arc(boxed);
        book.boxed(
            boxed
                .read()
                .expect("nobody panicked")
                .as_ref()
                .expect("it is there"),
        );
    }
    for one in &cyclic {
        book.arc(one);
    }
    for one in &slices {
        book.rc(one);
    }
    for pair in anys.chunks(2) {
        book.rc_as(&pair[0], Name::of::<Rc<RefCell<Vec<i32>>>>());
        let list = pair[0].downcast_ref::<RefCell<Vec<i32>>>().expect("a list");
        book.vec(&*list.borrow());
        book.rc_as(&pair[1], Name::of::<Rc<(usize, &str)>>());
    }
    book.vec(&weak)
        .vec(&locked)
        .vec(&cyclic)
        .vec(&slices)
        .vec(&anys);
    (root, weak, locked, cyclic, slices, anys)
}

fn main() -> ExitCode {
    let mut book = Book::new("held_owners").held_out();
    let kept = (
        rules(&mut book),
        closures(&mut book),
        errors(&mut book),
        counted(&mut book),
    );
    let code = book.compare();
    drop(black_box(kept));
    code
}
