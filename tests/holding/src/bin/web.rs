//! A heap of some 150,000 blocks that hold one another in every way that Rust has:
//! alone, shared, in circles, weakly, by borrow, and from nowhere any more. Writes a
//! snapshot of itself to the path that it is given (tests/memlab.sh).

#![allow(clippy::vec_box, reason = "each is a block of its own")]

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::{Rc, Weak};
use std::sync::{Arc, Mutex, OnceLock};

#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

/// A tree with ways up and across.
struct Node {
    name: String,
    parent: RefCell<Weak<Node>>,
    children: RefCell<Vec<Rc<Node>>>,
    friend: RefCell<Option<Rc<Node>>>,
    #[allow(dead_code, reason = "only held")]
    shared: Arc<Shared>,
}

struct Shared {
    text: Box<str>,
    next: Option<Arc<Shared>>,
}

/// A list of its own nodes, by hand.
struct Link {
    value: Box<u64>,
    next: Option<Box<Link>>,
}

/// What is known by a reference only.
struct View {
    whole: &'static [Box<u32>],
    first: &'static u32,
}

static CACHE: Mutex<BTreeMap<u64, Arc<Shared>>> = Mutex::new(BTreeMap::new());
static VIEWS: OnceLock<Vec<View>> = OnceLock::new();

thread_local! {
    static QUEUE: RefCell<VecDeque<Rc<Node>>> = const { RefCell::new(VecDeque::new()) };
}

/// Numbers that look random and are the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

fn shared(random: &mut Random) -> Vec<Arc<Shared>> {
    let mut all: Vec<Arc<Shared>> = Vec::new();
    for i in 0..10_000 {
        let next = (i > 0 && random.below(3) > 0).then(|| all[random.below(i)].clone());
        all.push(Arc::new(Shared {
            text: format!("shared {i}").into(),
            next,
        }));
    }
    all
}

fn nodes(random: &mut Random, shared: &[Arc<Shared>]) -> Vec<Rc<Node>> {
    let mut all: Vec<Rc<Node>> = Vec::new();
    for i in 0..20_000 {
        let node = Rc::new(Node {
            name: format!("node {i}"),
            parent: RefCell::default(),
            children: RefCell::default(),
            friend: RefCell::default(),
            shared: shared[random.below(shared.len())].clone(),
        });
        if i > 0 && random.below(50) > 0 {
            let parent = &all[random.below(i)];
            *node.parent.borrow_mut() = Rc::downgrade(parent);
            parent.children.borrow_mut().push(node.clone());
        }
        all.push(node);
    }
    for node in &all {
        // Some of these close circles, which nothing frees any more.
        if random.below(4) == 0 {
            *node.friend.borrow_mut() = Some(all[random.below(all.len())].clone());
        }
    }
    all
}

fn list(length: u64) -> Option<Box<Link>> {
    (0..length).fold(None, |next, value| {
        let value = Box::new(value);
        Some(Box::new(Link { value, next }))
    })
}

fn views(random: &mut Random) -> Vec<View> {
    let numbers: Vec<Box<u32>> = (0..10_000).map(Box::new).collect();
    let numbers: &'static [Box<u32>] = numbers.leak();
    let cut = |random: &mut Random| {
        let start = random.below(numbers.len() - 1);
        View {
            whole: &numbers[start..],
            first: &numbers[start],
        }
    };
    (0..100).map(|_| cut(random)).collect()
}

fn main() {
    let path = std::env::args().nth(1).expect("the path of a snapshot");
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let shared = shared(&mut random);
    let nodes = nodes(&mut random, &shared);
    let mut by_name: HashMap<String, Weak<Node>> = HashMap::new();
    for (i, node) in nodes.iter().enumerate() {
        if i % 100 == 0 {
            QUEUE.with_borrow_mut(|queue| queue.push_back(node.clone()));
        }
        by_name.insert(node.name.clone(), Rc::downgrade(node));
    }
    for (i, one) in shared.iter().enumerate() {
        if i % 3 == 0 {
            let mut cache = CACHE.lock().expect("nobody panicked");
            cache.insert(i as u64, one.clone());
        }
    }
    let made = VIEWS.get_or_init(|| views(&mut random));
    // Only what the queue, the cache and the circles hold stays.
    drop(nodes);
    drop(shared);
    let list = list(30_000);
    std::mem::forget(self::list(2_000));
    endler::snapshot_to(&path).expect("a snapshot");
    let sum: u64 = made
        .iter()
        .map(|v| u64::from(*v.first) + v.whole.len() as u64)
        .sum();
    let held: u64 = std::iter::successors(list.as_deref(), |link| link.next.as_deref())
        .map(|link| *link.value)
        .sum();
    let texts: usize = shared_texts();
    println!("{} names, {sum} {held} {texts}", by_name.len());
    // A list of its own nodes is dropped by recursion.
    std::mem::forget(list);
}

fn shared_texts() -> usize {
    let cache = CACHE.lock().expect("nobody panicked");
    let ways = cache.values().map(|one| {
        let chain = std::iter::successors(Some(one), |shared| shared.next.as_ref());
        chain.map(|shared| shared.text.len()).sum::<usize>()
    });
    ways.sum()
}
