//! Containers of other crates: hashbrown, indexmap, smallvec, bytes, dashmap, slab,
//! crossbeam, arc-swap, serde_json, regex, the arenas.

#![allow(dead_code, reason = "fields are there to have a size")]

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;

use arc_swap::ArcSwap;
use book::{Book, Name};
use bumpalo::Bump;
use bytes::{BufMut, Bytes, BytesMut};
use crossbeam::channel::bounded;
use dashmap::{DashMap, DashSet};
use indexmap::{IndexMap, IndexSet};
use serde::Deserialize;
use serde_json::Value;
use slab::Slab;
use smallvec::SmallVec;

#[global_allocator]
static HEAP: book::Heap = book::heap();

#[derive(Clone, Debug, Deserialize)]
struct Part {
    name: String,
    sizes: Vec<u32>,
    price: f64,
}

fn part(n: u32) -> Part {
    Part {
        name: format!("part {n}"),
        sizes: (0..n % 11 + 1).collect(),
        price: f64::from(n),
    }
}

fn register(book: &mut Book, part: &Part) {
    book.string(&part.name).vec(&part.sizes);
}

fn maps(book: &mut Book) -> impl Sized + use<> {
    let mark = book.mark();
    let mut ordered: IndexMap<u64, (u32, u32)> = IndexMap::with_capacity(10);
    for n in 0..300 {
        *ordered.entry(n % 250).or_default() = (n as u32, 1);
    }
    book.since(mark, Name::of::<IndexMap<u64, (u32, u32)>>());
    let mark = book.mark();
    let set: IndexSet<u32> = (0..400).collect();
    book.since(mark, Name::of::<IndexSet<u32>>());
    let mut plain: hashbrown::HashMap<u32, Part> = hashbrown::HashMap::new();
    for n in 0..200 {
        plain.insert(n, part(n));
    }
    let names = Name::written("hashbrown::map::HashMap<u32, tuned_crates::Part>");
    book.around_each(plain.keys().take(1), names);
    plain.values().for_each(|one| register(book, one));
    let shared: DashMap<u64, [u32; 6]> = DashMap::with_shard_amount(4);
    let seen: DashSet<u16> = DashSet::new();
    for n in 0..600 {
        shared.insert(n, [n as u32; 6]);
        seen.insert(n as u16);
    }
    for entry in &shared {
        book.around(entry.key(), Name::of::<DashMap<u64, [u32; 6]>>());
    }
    for entry in seen.iter() {
        let names = Name::of::<DashSet<u16>>().or("dashmap::DashMap<u16, ()>");
        book.around(entry.key(), names);
    }
    let mut slots = Slab::with_capacity(8);
    for n in 0..150 {
        slots.insert(part(n));
    }
    for (_, one) in &slots {
        register(book, one);
        let names = Name::of::<Slab<Part>>().or("Vec<slab::Entry<tuned_crates::Part>>");
        book.around(&raw const one.price, names);
    }
    (ordered, set, plain, shared, seen, slots)
}

fn buffers(book: &mut Book) -> impl Sized + use<> {
    let mut small: Vec<SmallVec<[u32; 8]>> = Vec::new();
    for n in 0..120u32 {
        let mut one: SmallVec<[u32; 8]> = SmallVec::new();
        (0..n % 30).for_each(|m| one.push(m));
        if n % 3 == 0 {
            one = one.iter().map(|m| m + 1).collect();
        }
        if n % 5 == 0 {
            one = SmallVec::from_slice(&[n; 12]);
        }
        if one.spilled() {
            let names = Name::of::<SmallVec<[u32; 8]>>();
            book.block(one.as_ptr(), one.capacity() * 4, names);
        }
        small.push(one);
    }
    book.vec(&small);
    let mut frozen: Vec<Bytes> = Vec::new();
    let mut open: Vec<BytesMut> = Vec::new();
    for n in 0..80usize {
        let copied = Bytes::copy_from_slice(&vec![n as u8; n + 9]);
        let names = Name::of::<Bytes>()
            .or(Name::of::<Vec<u8>>())
            .or(Name::of::<Box<[u8]>>());
        book.around(copied.as_ptr(), names);
        frozen.push(copied);
        let mut buffer = BytesMut::with_capacity(20);
        (0..n).for_each(|m| buffer.put_u32(m as u32));
        buffer.put_slice(b"the end of it, and some more");
        let names = Name::of::<BytesMut>().or(Name::of::<Vec<u8>>());
        book.around(buffer.as_ptr(), names);
        open.push(buffer);
    }
    book.vec(&frozen).vec(&open);
    (small, frozen, open)
}

fn others(book: &mut Book) -> impl Sized + use<> {
    let mark = book.mark();
    let (sender, receiver) = bounded::<Part>(90);
    let names = "Box<[crossbeam_channel::flavors::array::Slot<tuned_crates::Part>]>";
    book.largest_since(mark, names);
    let current = ArcSwap::new(Arc::new(part(5)));
    current.store(Arc::new(part(6)));
    register(book, &current.load());
    book.arc(&current.load_full());
    let text = r#"[{"name": "a name", "sizes": [1, 2, 3], "price": 1.5},
                   {"name": "another", "sizes": [4], "price": 2}]"#;
    let parts: Vec<Part> = serde_json::from_str(text).unwrap();
    book.vec(&parts);
    parts.iter().for_each(|one| register(book, one));
    let mut values = Vec::new();
    for n in 0..60 {
        let text = format!(r#"[{n}, "a text of {n}", [1, 2, 3, {n}]]"#);
        let value: Value = serde_json::from_str(&text).unwrap();
        let list = value.as_array().unwrap();
        book.vec(list).vec(list[2].as_array().unwrap());
        if let Value::String(text) = &list[1] {
            book.string(text);
        }
        values.push(value);
    }
    book.vec(&values);
    let mark = book.mark();
    let bump = Bump::new();
    for n in 0..200u64 {
        bump.alloc([n; 9]);
    }
    let chunks = Name::written("Raw in bumpalo::*").or("Box<bumpalo::*");
    book.since(mark, chunks.or("Raw in tuned_crates::*"));
    let arena = typed_arena::Arena::with_capacity(40);
    for n in 0..100 {
        let one: &Part = arena.alloc(part(n));
        register(book, one);
        book.around(&raw const one.price, Name::of::<Vec<Part>>());
    }
    (sender, receiver, current, parts, values, bump, arena)
}

fn main() -> ExitCode {
    let mut book = Book::new("tuned_crates").tuned();
    let kept = (maps(&mut book), buffers(&mut book), others(&mut book));
    let code = book.compare();
    drop(black_box(kept));
    code
}
