//! A library without std, so that its debug information is small: built, read and
//! damaged by `hostile_debug.rs`, and never run.

#![no_std]

extern crate alloc;

mod no_heap;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A type that holds itself, and a name that is longer than most.
pub struct Node<T> {
    pub next: Option<Box<Node<T>>>,
    pub named: BTreeMap<String, Vec<T>>,
    pub kind: Kind,
    pub rows: [Option<Arc<str>>; 3],
}

pub enum Kind {
    None,
    Text(String),
    Both { left: Box<u64>, right: Vec<[u8; 4]> },
}

pub trait Rule {
    fn check(&self) -> u64;
}

impl Rule for Node<u32> {
    fn check(&self) -> u64 {
        self.named.len() as u64
    }
}

pub static mut LAST: Option<Node<(u8, &'static str)>> = None;

#[unsafe(no_mangle)]
pub extern "C" fn node(n: u32) -> *mut Node<u32> {
    let mut named = BTreeMap::new();
    for one in 0..n {
        named.insert(String::from("a name"), alloc::vec![one; 7]);
    }
    let kind = match n {
        0 => Kind::None,
        1 => Kind::Text(String::from("a text")),
        _ => Kind::Both {
            left: Box::new(7),
            right: alloc::vec![[1; 4]; 9],
        },
    };
    Box::into_raw(Box::new(Node {
        next: None,
        named,
        kind,
        rows: [None, Some(Arc::from("one")), None],
    }))
}

#[unsafe(no_mangle)]
pub extern "C" fn rule(n: u32) -> *mut Box<dyn Rule> {
    // SAFETY: nobody runs it.
    let node = unsafe { Box::from_raw(node(n)) };
    Box::into_raw(Box::new(node as Box<dyn Rule>))
}

#[unsafe(no_mangle)]
pub extern "C" fn keep(n: u8) {
    let node = Node {
        next: None,
        named: BTreeMap::from([(String::new(), alloc::vec![(n, "x")])]),
        kind: Kind::None,
        rows: [None, None, None],
    };
    // SAFETY: nobody runs it.
    unsafe { LAST = Some(node) };
}
