//! Counted pointers with cycles, and what lies behind `dyn`.

#![allow(
    dead_code,
    clippy::box_collection,
    clippy::redundant_allocation,
    clippy::rc_buffer,
    clippy::type_complexity,
    clippy::vec_box,
    reason = "these are the fields that are tested"
)]

use std::cell::RefCell;
use std::hint::black_box;
use std::mem::ManuallyDrop;
use std::rc::Rc;
use std::rc::Weak;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::RwLock;

use super::truth::{Program, at, text, words};

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

pub(crate) fn counted() -> Vec<Program> {
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
            let name = "edges::pointers::Node";
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
            let name = "edges::pointers::Shared";
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

pub(crate) fn dynamic() -> Program {
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
            let name = "edges::pointers::Rules";
            let boxed = at(r.boxed.as_slice());
            p.holds(at(r), boxed, &format!("{name}.boxed"));
            for (rule, field) in r.boxed.iter().zip(["Cap.0", "Floor.note"]) {
                p.holds(boxed, rule.own(), &format!("{name}.boxed[*]"));
                p.holds(
                    rule.own(),
                    at(rule.text()),
                    &format!("edges::pointers::{field}"),
                );
            }
            p.holds(at(r), r.shared.own(), &format!("{name}.shared"));
            p.holds(
                r.shared.own(),
                at(r.shared.text()),
                "edges::pointers::Floor.note",
            );
            p.holds(at(r), r.sync.own(), &format!("{name}.sync"));
            p.holds(r.sync.own(), at(r.sync.text()), "edges::pointers::Cap.0");
            let closure = at(&*r.call);
            p.holds(at(r), closure, &format!("{name}.call"));
            // What the closure captured: a String and a Vec of one, by size.
            let env = "edges::pointers::dynamic::{closure#0}::{closure_env#1}";
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
