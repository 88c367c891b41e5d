//! A library without std and with few types, so that its debug information is small:
//! `seeds.sh` builds the fuzzer's corpus from it. Never run.

#![no_std]

extern crate alloc;

#[path = "../reports/tests/hostile_debug/no_heap.rs"]
mod no_heap;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A type that holds itself.
pub struct Node<T> {
    pub next: Option<Box<Node<T>>>,
    pub named: Vec<(String, T)>,
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

pub static mut LAST: Option<Node<u32>> = None;

#[unsafe(no_mangle)]
pub extern "C" fn node(n: u32) -> *mut Node<u32> {
    let mut named = Vec::new();
    for one in 0..n {
        named.push((String::from("a name"), one));
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
pub extern "C" fn keep(n: u32) {
    // SAFETY: nobody runs it.
    unsafe { LAST = Some(*Box::from_raw(node(n))) };
}
