//! Values that were forgotten: alone, and with all that they own.

use endler_holding::{Meter, end, lost, plant};
use std::collections::{BTreeMap, HashMap, LinkedList, VecDeque};
use std::mem::forget;
use std::rc::Rc;

#[global_allocator]
static HEAP: endler::Heap<Meter> = endler::Heap::wrapping(Meter);

struct Link {
    #[allow(dead_code, reason = "only held")]
    value: Box<u64>,
    next: Option<Box<Link>>,
}

#[allow(dead_code, reason = "only held")]
enum Tree {
    Leaf(String),
    Fork(Box<Tree>, Box<Tree>),
}

fn tree(depth: u32) -> Tree {
    match depth {
        0 => Tree::Leaf("leaf".repeat(3)),
        _ => Tree::Fork(Box::new(tree(depth - 1)), Box::new(tree(depth - 1))),
    }
}

fn forgotten() {
    for i in 0..500u64 {
        forget(Box::new([i; 5]));
        forget(vec![i; 9]);
        forget(format!("text {i}"));
        Box::leak(vec![i as u16; 11].into_boxed_slice());
        forget(Rc::<str>::from("shared text"));
        forget(Box::new(move || i + 1) as Box<dyn Fn() -> u64>);
    }
}

fn with_what_they_own() {
    let list = (0..1_000).fold(None, |next, value| {
        let value = Box::new(value);
        Some(Box::new(Link { value, next }))
    });
    // The value is read, or the field would be left out.
    assert!(
        list.as_ref()
            .is_some_and(|l| *l.value == 999 && l.next.is_some())
    );
    forget(list);
    forget(Box::new(tree(8)));
    forget(
        (0..300u32)
            .map(|i| (i.to_string(), vec![i]))
            .collect::<HashMap<_, _>>(),
    );
    forget(
        (0..300u32)
            .map(|i| (i, i.to_string()))
            .collect::<BTreeMap<_, _>>(),
    );
    forget(
        (0..300u32)
            .map(|i| i.to_string())
            .collect::<LinkedList<_>>(),
    );
    forget((0..300u32).map(Box::new).collect::<VecDeque<_>>());
    forget(vec![vec![vec!["deep".to_owned(); 4]; 4]; 4]);
}

fn main() {
    plant(|| lost(forgotten));
    plant(|| lost(with_what_they_own));
    // What is not lost.
    let held: Vec<Tree> = (0..20).map(|_| tree(6)).collect();
    end();
    drop(held);
}
