//! The program's own containers, generic and nested, boxed iterators, and types
//! whose names are long, foreign or alike.

#![allow(dead_code, reason = "fields are there to have a size")]

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt::Debug;
use std::hash::Hash;
use std::hint::black_box;
use std::marker::PhantomData;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use book::{Book, Name};

#[global_allocator]
static HEAP: book::Heap = book::heap();

mod east {
    #[derive(Clone, Debug, Default)]
    pub struct Ticket {
        pub number: u64,
        pub seats: Vec<(u8, char)>,
    }
}

mod west {
    #[derive(Clone, Debug, Default)]
    pub struct Ticket {
        pub number: u64,
        pub seats: Vec<(u8, char)>,
    }
}

/// A binary tree of boxes.
#[derive(Debug)]
enum Tree<K, V> {
    Empty,
    Node(Box<Branch<K, V>>),
}

#[derive(Debug)]
struct Branch<K, V> {
    key: K,
    value: V,
    left: Tree<K, V>,
    right: Tree<K, V>,
}

impl<K: Ord + 'static, V: 'static> Tree<K, V> {
    fn insert(&mut self, key: K, value: V) {
        let mut at = self;
        loop {
            match at {
                Tree::Empty => {
                    let (left, right) = (Tree::Empty, Tree::Empty);
                    *at = Tree::Node(Box::new(Branch {
                        key,
                        value,
                        left,
                        right,
                    }));
                    return;
                }
                Tree::Node(branch) => {
                    at = match key < branch.key {
                        true => &mut branch.left,
                        false => &mut branch.right,
                    };
                }
            }
        }
    }

    fn register(&self, book: &mut Book) {
        if let Tree::Node(branch) = self {
            book.boxed(branch);
            branch.left.register(book);
            branch.right.register(book);
        }
    }
}

/// A stack of fixed chunks.
struct Chunked<T, const N: usize> {
    chunks: Vec<Box<[Option<T>; N]>>,
    len: usize,
}

impl<T: 'static, const N: usize> Chunked<T, N> {
    fn push(&mut self, value: T) {
        if self.len.is_multiple_of(N) {
            self.chunks.push(Box::new([const { None }; N]));
        }
        let last = self.chunks.last_mut().expect("just made");
        last[self.len % N] = Some(value);
        self.len += 1;
    }

    fn register(&self, book: &mut Book) {
        book.vec(&self.chunks);
        for chunk in &self.chunks {
            book.boxed(chunk);
        }
    }
}

/// A table with an index beside it.
struct Indexed<K, V> {
    rows: Vec<Arc<(K, V)>>,
    index: HashMap<K, usize>,
    recent: VecDeque<Arc<(K, V)>>,
}

impl<K: Clone + Eq + Hash + 'static, V: 'static> Indexed<K, V> {
    fn new() -> Self {
        Indexed {
            rows: Vec::new(),
            index: HashMap::new(),
            recent: VecDeque::new(),
        }
    }

    fn add(&mut self, key: K, value: V) {
        let row = Arc::new((key.clone(), value));
        self.index.insert(key, self.rows.len());
        self.recent.push_back(row.clone());
        if self.recent.len() > 20 {
            self.recent.pop_front();
        }
        self.rows.push(row);
    }

    fn register(&self, book: &mut Book) {
        book.vec(&self.rows)
            .hash_map(&self.index)
            .deque(&self.recent);
        for row in &self.rows {
            book.arc(row);
        }
    }
}

fn containers(book: &mut Book) -> impl Sized + use<> {
    let mut ages: Tree<String, u16> = Tree::Empty;
    let mut words: Tree<(u32, i8), Cow<'static, str>> = Tree::Empty;
    for n in 0..350u32 {
        let name = format!("{:03}", n * 7919 % 997);
        book.string(&name);
        ages.insert(name, n as u16);
        words.insert((n * 31 % 211, -1), Cow::Borrowed("word"));
    }
    ages.register(book);
    words.register(book);
    let mut pairs: Chunked<(u64, f32), 16> = Chunked {
        chunks: Vec::new(),
        len: 0,
    };
    let mut delays: Chunked<Duration, 8> = Chunked {
        chunks: Vec::new(),
        len: 0,
    };
    for n in 0..500u64 {
        pairs.push((n, 0.5));
        delays.push(Duration::from_millis(n));
    }
    pairs.register(book);
    delays.register(book);
    let mut by_name: Indexed<Rc<str>, [u8; 30]> = Indexed::new();
    let mut by_pair: Indexed<(u16, bool), Result<u64, String>> = Indexed::new();
    for n in 0..250u16 {
        let name: Rc<str> = n.to_string().into();
        book.rc_as(&name, Name::of::<Rc<str>>().was(Name::of::<Rc<[u8]>>()));
        by_name.add(name, [n as u8; 30]);
        by_pair.add((n, n % 2 == 0), Ok(u64::from(n)));
    }
    by_name.register(book);
    by_pair.register(book);
    (ages, words, pairs, delays, by_name, by_pair)
}

/// Types of one shape and two names.
fn twins(book: &mut Book) -> impl Sized + use<> {
    let mut east: Vec<Box<east::Ticket>> = Vec::new();
    let mut west: Vec<Box<west::Ticket>> = Vec::new();
    for number in 0..200u64 {
        let seats: Vec<(u8, char)> = (0..number as u8 % 6 + 1).map(|n| (n, 'a')).collect();
        book.vec(&seats);
        east.push(Box::new(east::Ticket { number, seats }));
        let seats = vec![(1, 'b'); 3];
        book.vec(&seats);
        west.push(Box::new(west::Ticket { number, seats }));
    }
    for (east, west) in east.iter().zip(&west) {
        book.boxed(east).boxed(west);
    }
    book.vec(&east).vec(&west);
    (east, west)
}

type Numbers = Box<dyn Iterator<Item = u64>>;

fn multiples(of: u64) -> Numbers {
    Box::new((0..100u64).map(move |n| n * of))
}

fn odd(numbers: Vec<u64>) -> Numbers {
    Box::new(numbers.into_iter().filter(|n| n % 2 == 1))
}

fn joined(a: Numbers, b: Numbers) -> Numbers {
    Box::new(a.chain(b).skip(3))
}

fn iterators(book: &mut Book) -> impl Sized + use<> {
    let mut all: Vec<Numbers> = Vec::new();
    for n in 0..120u64 {
        let multiples = multiples(n);
        book.boxed_as(
            &multiples,
            "Box<core::iter::adapters::map::Map<core::ops::range::Range<u64>, held_generics::multiples::{closure_env#0}>>",
        );
        let numbers: Vec<u64> = (n..n * 2 + 1).collect();
        book.vec(&numbers);
        let odd = odd(numbers);
        book.boxed_as(
            &odd,
            "Box<core::iter::adapters::filter::Filter<alloc::vec::into_iter::IntoIter<u64>, held_generics::odd::{closure_env#0}>>",
        );
        let mut joined = joined(multiples, odd);
        book.boxed_as(
            &joined,
            "Box<core::iter::adapters::skip::Skip<core::iter::adapters::chain::Chain<Box<dyn core::iter::traits::iterator::Iterator<Item = u64>>, Box<dyn core::iter::traits::iterator::Iterator<Item = u64>>>>>",
        );
        joined.next();
        all.push(joined);
    }
    book.vec(&all);
    all
}

#[derive(Clone, Debug)]
struct Typed<Unit: ?Sized, const SCALE: i32> {
    values: Box<[f64]>,
    unit: PhantomData<Unit>,
}

fn long_names(book: &mut Book) -> impl Sized + use<> {
    type Deep =
        BTreeMap<(u8, Option<char>), Vec<Result<HashMap<u16, [Option<Rc<u32>>; 2]>, String>>>;
    let mut deep: Deep = BTreeMap::new();
    for n in 0..60u8 {
        let mut list = Vec::new();
        for m in 0..n % 4 + 1 {
            let shared = Rc::new(u32::from(m));
            book.rc(&shared);
            let map: HashMap<u16, [Option<Rc<u32>>; 2]> =
                [(u16::from(m), [Some(shared), None])].into();
            book.hash_map(&map);
            list.push(Ok(map));
        }
        book.vec(&list);
        deep.insert((n, None), list);
    }
    book.btree_map(&deep);
    let mut typed: Vec<Mutex<Typed<dyn Debug + Send, -3>>> = Vec::new();
    let mut plain: Vec<Typed<str, 12>> = Vec::new();
    for n in 0..90usize {
        let values: Box<[f64]> = vec![0.5; n + 1].into();
        book.boxed_as(
            &values,
            Name::of::<Box<[f64]>>().was(Name::of::<Vec<f64>>()),
        );
        let unit = PhantomData;
        typed.push(Mutex::new(Typed { values, unit }));
        let values: Box<[f64]> = Box::new([1.0, 2.0, 4.0]);
        book.boxed_as(
            &values,
            Name::of::<Box<[f64]>>().was(Name::of::<Box<[f64; 3]>>()),
        );
        let unit = PhantomData;
        plain.push(Typed { values, unit });
    }
    type Functions = (fn(u8, &str) -> String, unsafe extern "C" fn(*const u8));
    let functions: Vec<Functions> = Vec::with_capacity(50);
    let pointers: Vec<*const [u16]> = (0..40)
        .map(|_| std::ptr::slice_from_raw_parts(std::ptr::null(), 0))
        .collect();
    book.vec(&typed).vec(&plain).vec(&functions).vec(&pointers);
    (deep, typed, plain, functions, pointers)
}

fn main() -> ExitCode {
    let mut book = Book::new("held_generics").held_out();
    let kept = (
        containers(&mut book),
        twins(&mut book),
        iterators(&mut book),
        long_names(&mut book),
    );
    let code = book.compare();
    drop(black_box(kept));
    code
}
