//! Hash tables, trees, lists, deques and heaps, collected, merged, split,
//! emptied by half, and turned into one another.

#![allow(dead_code, reason = "fields are there to have a size")]

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::hint::black_box;
use std::process::ExitCode;

use book::{Book, Name};

#[global_allocator]
static HEAP: book::Heap = book::heap();

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Key(u32, u16);

#[derive(Clone, Debug, Default)]
struct Stock {
    name: String,
    counts: [u32; 6],
}

type Plain<K, V> = HashMap<K, V, BuildHasherDefault<DefaultHasher>>;

fn hashed(book: &mut Book) -> impl Sized + use<> {
    let by_key: HashMap<Key, Stock> = (0..700u32)
        .map(|n| {
            let name = format!("stock {n}");
            (
                Key(n, 1),
                Stock {
                    name,
                    counts: [n; 6],
                },
            )
        })
        .collect();
    let mut words: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, word) in "a b c d e a b a d f g h i j b k l m n o p"
        .split(' ')
        .enumerate()
    {
        words.entry(word.to_owned()).or_default().push(at);
    }
    let mut seen: HashSet<(u16, u16)> = HashSet::with_capacity(2000);
    seen.extend((0..1500u16).map(|n| (n % 40, n / 40)));
    seen.retain(|pair| pair.0 % 2 == 0);
    seen.shrink_to_fit();
    let common: HashSet<u64> = (0..900u64)
        .collect::<HashSet<_>>()
        .intersection(&(300..1200u64).collect())
        .copied()
        .collect();
    let copy = by_key.clone();
    let mut plain: Plain<u8, [u64; 3]> = Plain::default();
    for n in 0..=255u8 {
        match plain.entry(n % 100) {
            Entry::Occupied(mut at) => at.get_mut()[0] += 1,
            Entry::Vacant(at) => _ = at.insert([u64::from(n); 3]),
        }
    }
    let groups: HashMap<u32, HashMap<u16, String>> = (0..50)
        .map(|n| {
            (
                n,
                (0..n as u16 % 9 + 1).map(|m| (m, m.to_string())).collect(),
            )
        })
        .collect();
    for map in [&by_key, &copy] {
        book.hash_map(map)
            .strings(map.values().map(|stock| &stock.name));
    }
    book.hash_map(&words)
        .strings(words.keys())
        .vecs(words.values());
    book.hash_set(&seen).hash_set(&common).hash_map(&groups);
    // Its hasher is no default.
    book.around_each(plain.keys().take(1), Name::of::<Plain<u8, [u64; 3]>>());
    for group in groups.values() {
        book.hash_map(group).strings(group.values());
    }
    (by_key, words, seen, common, copy, plain, groups)
}

fn ordered(book: &mut Book) -> impl Sized + use<> {
    let bulk: BTreeMap<u64, [u8; 24]> = (0..1800u64).rev().map(|n| (n, [n as u8; 24])).collect();
    let mut single: BTreeMap<String, f32> = BTreeMap::new();
    for n in 0..600u32 {
        single.insert(format!("{:04}", n * 7919 % 1000), n as f32);
    }
    let mut merged: BTreeMap<Key, Box<u16>> = (0..300).map(|n| (Key(n, 0), Box::new(1))).collect();
    let mut other = (250..500)
        .map(|n| (Key(n, 0), Box::new(2)))
        .collect::<BTreeMap<_, _>>();
    merged.append(&mut other);
    let upper = merged.split_off(&Key(350, 0));
    let set: BTreeSet<i32> = (-700..700).filter(|n| n % 3 != 0).collect();
    let firsts = BTreeSet::from_iter(single.keys().filter_map(|name| name.chars().next()));
    let lists: BTreeMap<u8, BTreeSet<u32>> = (0..60u8)
        .map(|n| (n, (0..u32::from(n) * 2 + 1).collect()))
        .collect();
    book.btree_map(&bulk)
        .btree_map(&single)
        .strings(single.keys());
    for map in [&merged, &upper] {
        book.btree_map(map);
        for boxed in map.values() {
            book.boxed(boxed);
        }
    }
    book.btree_set(&set).btree_set(&firsts).btree_map(&lists);
    for list in lists.values() {
        book.btree_set(list);
    }
    (bulk, single, merged, upper, set, firsts, lists)
}

fn queued(book: &mut Book) -> impl Sized + use<> {
    let mut rolling: VecDeque<Stock> = VecDeque::new();
    for n in 0..900u32 {
        rolling.push_back(Stock {
            name: format!("{n} in line"),
            counts: [n; 6],
        });
        if n % 3 == 0 {
            rolling.pop_front();
        }
    }
    let front: VecDeque<u16> = (0..800u16).fold(VecDeque::new(), |mut deque, n| {
        deque.push_front(n);
        deque
    });
    let mut extended: VecDeque<[u32; 4]> = VecDeque::with_capacity(10);
    extended.extend(front.iter().map(|&n| [u32::from(n); 4]));
    let collected: VecDeque<i64> = (0..500).collect();
    let back: Vec<u16> = front.clone().into();
    book.deque(&rolling)
        .strings(rolling.iter().map(|stock| &stock.name));
    book.deque(&front).deque(&extended);
    book.deque_as(
        &collected,
        Name::of::<VecDeque<i64>>().was(Name::of::<Vec<i64>>()),
    );
    book.vec_as(
        &back,
        Name::of::<Vec<u16>>().was(Name::of::<VecDeque<u16>>()),
    );

    let pushed: BinaryHeap<(Reverse<u64>, String)> =
        (0..300u64).fold(BinaryHeap::new(), |mut heap, n| {
            heap.push((Reverse(n * 37 % 101), n.to_string()));
            heap
        });
    let made = BinaryHeap::from((0..640u32).map(|n| n ^ 0x55).collect::<Vec<_>>());
    let sorted = made.clone().into_sorted_vec();
    book.binary_heap(&pushed)
        .strings(pushed.iter().map(|pair| &pair.1));
    book.binary_heap_as(
        &made,
        Name::of::<BinaryHeap<u32>>().was(Name::of::<Vec<u32>>()),
    );
    // The copy's block was made by the vector's clone, within that of the heap.
    book.vec_as(
        &sorted,
        Name::of::<Vec<u32>>().was(Name::of::<BinaryHeap<u32>>()),
    );
    (
        rolling, front, extended, collected, back, pushed, made, sorted,
    )
}

fn linked(book: &mut Book) -> impl Sized + use<> {
    let mut list: LinkedList<Stock> = LinkedList::new();
    for n in 0..200u32 {
        let name = format!("link {n}");
        let stock = Stock {
            name,
            counts: [n; 6],
        };
        match n % 2 {
            0 => list.push_back(stock),
            _ => list.push_front(stock),
        }
    }
    let mut numbers: LinkedList<u128> = (0..400).collect();
    numbers.extend(LinkedList::from([1, 2, 3]));
    let cut = numbers.split_off(100);
    book.list(&list)
        .strings(list.iter().map(|stock| &stock.name));
    book.list(&numbers).list(&cut);
    (list, numbers, cut)
}

fn main() -> ExitCode {
    let mut book = Book::new("held_maps").held_out();
    let kept = (
        hashed(&mut book),
        ordered(&mut book),
        queued(&mut book),
        linked(&mut book),
    );
    let code = book.compare();
    drop(black_box(kept));
    code
}
