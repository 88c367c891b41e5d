//! Circles of Rc and Arc, which nothing frees, and such that a Weak opens.

use endler_holding::{Meter, end, lost, plant};
use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::sync::{Arc, Mutex};

#[global_allocator]
static HEAP: endler::Heap<Meter> = endler::Heap::wrapping(Meter);

#[derive(Default)]
struct Node {
    #[allow(dead_code, reason = "only held")]
    name: String,
    next: RefCell<Option<Rc<Node>>>,
    up: RefCell<Weak<Node>>,
}

#[derive(Default)]
struct Actor {
    #[allow(dead_code, reason = "only held")]
    inbox: Vec<u64>,
    peers: Mutex<Vec<Arc<Actor>>>,
}

fn node() -> Rc<Node> {
    Rc::new(Node {
        name: "a name of a node".into(),
        ..Node::default()
    })
}

fn ring(length: usize) {
    let nodes: Vec<Rc<Node>> = (0..length).map(|_| node()).collect();
    for (i, node) in nodes.iter().enumerate() {
        *node.next.borrow_mut() = Some(nodes[(i + 1) % length].clone());
    }
}

/// A ring, and a tail that only holds it: the tail's first node is a direct leak.
fn ring_with_tail() {
    let (first, second, tail) = (node(), node(), node());
    *first.next.borrow_mut() = Some(second.clone());
    *second.next.borrow_mut() = Some(first.clone());
    *tail.next.borrow_mut() = Some(first);
    std::mem::forget(tail);
}

fn actors() {
    let make = |_| {
        Arc::new(Actor {
            inbox: vec![7; 20],
            ..Actor::default()
        })
    };
    let actors: Vec<Arc<Actor>> = (0..50).map(make).collect();
    for (i, actor) in actors.iter().enumerate() {
        let peers = (1..4).map(|by| actors[(i + by * by) % actors.len()].clone());
        actor.peers.lock().expect("nobody panicked").extend(peers);
    }
}

/// Freed: the way back is weak.
fn no_circle() {
    let (first, second) = (node(), node());
    *second.up.borrow_mut() = Rc::downgrade(&first);
    *first.next.borrow_mut() = Some(second);
}

fn main() {
    plant(|| {
        lost(|| {
            for length in 1..60 {
                ring(length);
            }
        });
        lost(|| (0..200).for_each(|_| ring_with_tail()));
        lost(|| (0..20).for_each(|_| actors()));
        (0..100).for_each(|_| no_circle());
    });
    let held = node();
    *held.up.borrow_mut() = Rc::downgrade(&held);
    end();
    drop(held);
}
