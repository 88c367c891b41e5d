//! Every container of std in each of its births: growth, capacity, literals, collects,
//! clones, conversions; shared handles, trait objects, closures, what is made once.

#![allow(dead_code, reason = "fields are there to have a size")]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::ffi::{CString, OsString};
use std::hint::black_box;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, mpsc};

use book::{Book, Name};

#[global_allocator]
static HEAP: book::Heap = book::heap();

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Stop {
    line: u16,
    at: u64,
}

/// A user's own generic type, which nests.
#[derive(Clone)]
struct Leg<T> {
    stops: Vec<T>,
    names: BTreeMap<u32, String>,
    next: Option<Box<Leg<T>>>,
}

trait Tariff {
    fn price(&self) -> u64;
}

struct Flat(u64);
struct Zones {
    each: [u64; 7],
}

impl Tariff for Flat {
    fn price(&self) -> u64 {
        self.0
    }
}

impl Tariff for Zones {
    fn price(&self) -> u64 {
        self.each.iter().sum()
    }
}

fn stop(n: u64) -> Stop {
    Stop {
        line: n as u16,
        at: n * 60,
    }
}

fn vectors(book: &mut Book) -> impl Sized + use<> {
    let mut grown = Vec::new();
    let mut inserted = Vec::new();
    for n in 0..300 {
        grown.push(stop(n));
        inserted.insert(n as usize / 2, n as u32);
    }
    let literal = vec![1.5f32; 200];
    let listed = vec![stop(1), stop(2), stop(3)];
    let zeroed = vec![0u64; 150];
    let collected: Vec<(u8, u64)> = (0..90).map(|n| (n as u8, n)).collect();
    let filtered: Vec<Stop> = grown.iter().filter(|s| s.at % 7 == 0).cloned().collect();
    let cloned = collected.clone();
    let copied = zeroed[20..70].to_vec();
    let joined = [literal.as_slice(), &literal[..9]].concat();
    let repeated = [(4u16, 60u64), (5, 70)].repeat(20);
    let mut reserved: Vec<[u8; 3]> = Vec::with_capacity(77);
    reserved.push([1, 2, 3]);
    let mut extended: Vec<i16> = Vec::new();
    extended.extend_from_slice(&[5; 64]);
    extended.extend(0..100);
    let mut whole: Vec<u128> = (0..80).collect();
    let half = whole.split_off(40);
    whole.shrink_to_fit();
    let drained: Vec<u32> = inserted.drain(100..).collect();
    let ring: VecDeque<Stop> = (0..50).map(stop).collect();
    let from_ring: Vec<i32> = VecDeque::from(vec![7i32; 60]).into();
    let boxed: Box<[u16]> = (0..40u16).collect();
    let unboxed = vec![9u8; 400].into_boxed_slice().into_vec();
    book.vec(&grown).vec(&inserted).vec(&literal).vec(&listed);
    book.vec(&zeroed)
        .vec(&collected)
        .vec(&filtered)
        .vec(&cloned);
    book.vec(&copied).vec(&joined).vec(&repeated).vec(&reserved);
    book.vec(&extended).vec(&whole).vec(&half).vec(&drained);
    book.deque(&ring);
    let names = Name::of::<Vec<i32>>();
    book.vec_as(&from_ring, names).boxed(&boxed).vec(&unboxed);
    // In the same block, without a call.
    let in_place: Vec<i64> = vec![3u64; 120].into_iter().map(|n| -(n as i64)).collect();
    let names = Name::of::<Vec<i64>>().was(Name::of::<Vec<u64>>());
    book.vec_as(&in_place, names);
    let full = vec![stop(8); 33].into_boxed_slice();
    let names = Name::of::<Box<[Stop]>>().was(Name::of::<Vec<Stop>>());
    book.boxed_as(&full, names);
    let first = (
        grown, inserted, literal, listed, zeroed, collected, filtered, cloned,
    );
    let second = (
        copied, joined, repeated, reserved, extended, whole, half, drained,
    );
    (
        first, second, ring, from_ring, boxed, unboxed, in_place, full,
    )
}

fn texts(book: &mut Book) -> impl Sized + use<> {
    let mut all: Vec<String> = Vec::with_capacity(4000);
    book.vec(&all);
    for n in 0..150u32 {
        let owned = "a text of some length".to_owned();
        let mut pushed = String::new();
        for _ in 0..n % 9 + 1 {
            pushed.push_str("more and ");
            pushed.push('!');
        }
        all.push(format!("{n}: {pushed}"));
        all.push(n.to_string());
        all.push(owned.clone());
        all.push(owned.replace("text", "word"));
        all.push(owned.to_uppercase());
        all.push([owned.as_str(), "and", "another"].join(" "));
        all.push(["no", "space"].concat());
        all.push(owned.repeat(2));
        all.push(owned.chars().rev().collect());
        all.push(owned.split(' ').collect::<Vec<_>>().join("-"));
        all.push(String::from_utf8_lossy(&[b'x', 0xff]).into_owned());
        all.push(owned.as_str().into());
        all.push(String::from(&owned[3..]));
        all.push(owned + " longer");
        all.push(pushed);
    }
    book.strings(&all);
    let bytes: Vec<String> = (1..90u8)
        .map(|n| String::from_utf8(vec![b'a'; usize::from(n)]).unwrap())
        .collect();
    let names = Name::of::<String>().was(Name::of::<Vec<u8>>());
    for one in &bytes {
        book.string_as(one, names);
    }
    book.vec(&bytes);
    let boxed: Box<str> = "a boxed text".into();
    let shared: Arc<str> = Arc::from("a shared text");
    let counted: Rc<str> = "a counted text".into();
    book.boxed(&boxed).arc(&shared).rc(&counted);
    let c = CString::new("of the C world").unwrap();
    let os = OsString::from("of the system");
    let path = PathBuf::from("/a/path").join("further");
    book.c_string(&c).os_string(&os).path(&path);
    (all, bytes, boxed, shared, counted, c, os, path)
}

fn owners(book: &mut Book) -> impl Sized + use<> {
    let plain: Vec<Box<Stop>> = (0..60).map(|n| Box::new(stop(n))).collect();
    for one in &plain {
        book.boxed(one);
    }
    let mut prices: Vec<Box<dyn Tariff>> = Vec::new();
    for n in 0..40 {
        let flat = Box::new(Flat(n));
        let zones = Box::new(Zones { each: [n; 7] });
        book.boxed(&flat).boxed(&zones);
        prices.push(flat);
        prices.push(zones);
    }
    let n = prices.len() as u64;
    let counts: Vec<Rc<RefCell<Stop>>> = (0..50).map(|n| Rc::new(RefCell::new(stop(n)))).collect();
    for one in &counts {
        book.rc(one);
    }
    let shared: Vec<Arc<Mutex<Vec<u32>>>> = (0..30)
        .map(|n| Arc::new(Mutex::new(vec![n; n as usize + 1])))
        .collect();
    for one in &shared {
        book.arc(one).vec(&one.lock().unwrap());
    }
    let slice: Arc<[Stop]> = (0..25).map(stop).collect();
    let from_vec: Rc<[u64]> = Rc::from(vec![1u64; 30]);
    let of_dyn: Arc<dyn Tariff> = Arc::new(Zones { each: [1; 7] });
    book.arc(&slice).rc(&from_vec);
    book.arc_as(&of_dyn, Name::of::<Arc<Zones>>());
    let gone = Rc::downgrade(&Rc::new(stop(3)));
    book.rc_weak(&gone);
    let add = move |m: u64| n + m;
    let boxed = Box::new(add);
    book.boxed_as(&boxed, Name::of_value(&boxed).env("{closure_env#3}"));
    let call: Box<dyn Fn(u64) -> u64> = boxed;
    book.vec(&plain).vec(&prices).vec(&counts).vec(&shared);
    (
        plain, prices, counts, shared, slice, from_vec, of_dyn, gone, call,
    )
}

fn tables(book: &mut Book) -> impl Sized + use<> {
    let mut inserted = HashMap::new();
    for n in 0..400u64 {
        inserted.entry(n).or_insert_with(|| stop(n));
    }
    let collected: HashMap<String, u32> = (0..200).map(|n| (n.to_string(), n)).collect();
    let cloned = inserted.clone();
    let sized: HashMap<u8, [u64; 4]> = {
        let mut map = HashMap::with_capacity(100);
        map.insert(1, [1; 4]);
        map
    };
    let set: HashSet<Stop> = (0..300).map(stop).collect();
    let words: HashSet<&str> = "to be or not to be".split(' ').collect();
    book.hash_map(&inserted)
        .hash_map(&collected)
        .strings(collected.keys());
    book.hash_map(&cloned)
        .hash_map(&sized)
        .hash_set(&set)
        .hash_set(&words);
    let mut tree = BTreeMap::new();
    for n in 0..500u32 {
        tree.insert(n * 7 % 501, stop(u64::from(n)));
    }
    let built: BTreeMap<u64, String> = (0..200).map(|n| (n, n.to_string())).collect();
    let other = tree.clone();
    let sorted: BTreeSet<(u16, u32)> = (0..400).map(|n| (n as u16 % 13, n)).collect();
    book.btree_map(&tree)
        .btree_map(&built)
        .strings(built.values());
    book.btree_map(&other).btree_set(&sorted);
    let mut heap = BinaryHeap::new();
    let mut ring = VecDeque::with_capacity(64);
    let mut list = LinkedList::new();
    for n in 0..120 {
        heap.push(stop(n));
        ring.push_front(n as u16);
        list.push_back(stop(n));
    }
    let heaped = BinaryHeap::from(vec![4u32; 70]);
    book.binary_heap(&heap).deque(&ring).list(&list);
    let names = Name::of::<BinaryHeap<u32>>().was(Name::of::<Vec<u32>>());
    book.binary_heap_as(&heaped, names);
    let hashed = (inserted, collected, cloned, sized, set, words);
    (hashed, tree, built, other, sorted, heap, ring, list, heaped)
}

fn leg<T: Clone>(depth: u32, of: &T) -> Leg<T> {
    Leg {
        stops: vec![of.clone(); depth as usize + 1],
        names: (0..depth).map(|n| (n, format!("leg {n}"))).collect(),
        next: (depth > 0).then(|| Box::new(leg(depth - 1, of))),
    }
}

fn register<T>(book: &mut Book, leg: &Leg<T>) {
    let mut next = Some(leg);
    while let Some(leg) = next {
        book.vec(&leg.stops).btree_map(&leg.names);
        book.strings(leg.names.values());
        if let Some(boxed) = &leg.next {
            book.boxed(boxed);
        }
        next = leg.next.as_deref();
    }
}

static NAMES: OnceLock<Vec<Stop>> = OnceLock::new();
static RULES: LazyLock<HashMap<u16, Vec<u8>>> =
    LazyLock::new(|| (0..50).map(|n| (n, vec![1; usize::from(n) + 1])).collect());

thread_local! {
    static SCRATCH: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

fn shared(book: &mut Book) -> impl Sized + use<> {
    let legs = (leg(12, &stop(1)), leg(9, &[1.0f64; 3]), leg(5, &"a name"));
    register(book, &legs.0);
    register(book, &legs.1);
    register(book, &legs.2);
    let copy = legs.0.clone();
    register(book, &copy);
    book.vec(NAMES.get_or_init(|| (0..80).map(stop).collect()));
    book.hash_map(&RULES).vecs(RULES.values());
    SCRATCH.with_borrow_mut(|scratch| {
        scratch.extend(0..200);
        book.vec(scratch);
    });
    let mark = book.mark();
    let (sender, receiver) = mpsc::sync_channel::<Stop>(64);
    book.largest_since(mark, "Box<[std::sync::mpmc::array::Slot<tuned_std::Stop>]>");
    let thread = std::thread::spawn(|| (0..70).map(stop).collect::<Vec<_>>());
    let made = thread.join().unwrap();
    book.vec(&made);
    (legs, copy, sender, receiver, made)
}

fn main() -> ExitCode {
    let mut book = Book::new("tuned_std").tuned();
    let kept = (
        vectors(&mut book),
        texts(&mut book),
        owners(&mut book),
        tables(&mut book),
        shared(&mut book),
    );
    let code = book.compare();
    drop(black_box(kept));
    code
}
