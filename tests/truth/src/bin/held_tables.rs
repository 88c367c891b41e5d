//! Containers of other crates: hashbrown, indexmap, smallvec, bytes, dashmap, slab.
//!
//! The tables call a described container by its definition path. Where a crate's
//! container keeps a plain vector of its own, that name is right as well.

#![allow(dead_code, reason = "fields are there to have a size")]

use std::hint::black_box;
use std::process::ExitCode;

use book::{Book, Name};
use bytes::{BufMut, Bytes, BytesMut};
use dashmap::{DashMap, DashSet};
use hashbrown::HashTable;
use indexmap::{IndexMap, IndexSet};
use slab::Slab;
use smallvec::{SmallVec, smallvec};

#[global_allocator]
static HEAP: book::Heap = book::heap();

#[derive(Clone, Debug)]
struct Session {
    user: String,
    roles: SmallVec<[u16; 4]>,
    since: u64,
}

fn session(n: u64) -> Session {
    Session {
        user: format!("user {n}"),
        roles: (0..n as u16 % 9).collect(),
        since: n,
    }
}

fn register(book: &mut Book, session: &Session) {
    book.string(&session.user);
    if session.roles.spilled() {
        let bytes = session.roles.capacity() * 2;
        let name = Name::of::<SmallVec<[u16; 4]>>();
        book.block(session.roles.as_ptr(), bytes, name);
    }
}

fn tables(book: &mut Book) -> impl Sized + use<> {
    let map: hashbrown::HashMap<u64, Session> = (0..500).map(|n| (n, session(n))).collect();
    let mut set: hashbrown::HashSet<[u8; 12]> = hashbrown::HashSet::new();
    for n in 0..700u32 {
        set.insert(std::array::from_fn(|at| (n >> (at % 4)) as u8));
    }
    let mut table: HashTable<(u32, String)> = HashTable::new();
    for n in 0..300u32 {
        let hash = |one: &(u32, String)| u64::from(one.0).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let one = (n, n.to_string());
        table.insert_unique(hash(&one), one, hash);
    }
    let names = Name::written("hashbrown::map::HashMap<u64, held_tables::Session>").or(
        "hashbrown::map::HashMap<u64, held_tables::Session, hashbrown::hasher::DefaultHashBuilder>",
    );
    book.around_each(map.keys().take(1), names);
    let names = Name::written("hashbrown::set::HashSet<[u8; 12]>")
        .or("hashbrown::set::HashSet<[u8; 12], hashbrown::hasher::DefaultHashBuilder>");
    book.around_each(set.iter().take(1), names);
    book.around_each(table.iter().take(1), Name::of::<HashTable<(u32, String)>>());
    book.strings(table.iter().map(|one| &one.1));
    map.values().for_each(|one| register(book, one));
    (map, set, table)
}

fn indexed(book: &mut Book) -> impl Sized + use<> {
    let mark = book.mark();
    let mut map: IndexMap<u32, [f64; 3]> = IndexMap::new();
    for n in 0..800 {
        map.insert(n * 3, [f64::from(n); 3]);
    }
    map.shift_remove(&30);
    book.since(mark, Name::of::<IndexMap<u32, [f64; 3]>>());
    let mark = book.mark();
    let set: IndexSet<(u16, u16)> = (0..600).map(|n| (n, n / 2)).collect();
    book.since(mark, Name::of::<IndexSet<(u16, u16)>>());
    let mark = book.mark();
    let mut sorted: IndexMap<i64, u8> = (0..900i64).map(|n| (n * 7919 % 1009, 1)).collect();
    sorted.sort_keys();
    book.since(mark, Name::of::<IndexMap<i64, u8>>());
    let groups: Vec<IndexMap<String, u32>> = (0..40u32)
        .map(|n| {
            let mark = book.mark();
            let mut group: IndexMap<String, u32> = IndexMap::with_capacity(8);
            for m in 0..n % 7 + 1 {
                *group.entry(format!("entry {m}")).or_insert(0) += n;
            }
            book.strings(group.keys());
            book.since(mark, Name::of::<IndexMap<String, u32>>());
            group
        })
        .collect();
    book.vec(&groups);
    (map, set, sorted, groups)
}

fn small(book: &mut Book) -> impl Sized + use<> {
    let mut all: Vec<SmallVec<[u64; 6]>> = Vec::new();
    for n in 0..300u64 {
        let mut one: SmallVec<[u64; 6]> = smallvec![n; 3];
        one.extend(0..n % 40);
        if one.spilled() {
            book.block(
                one.as_ptr(),
                one.capacity() * 8,
                Name::of::<SmallVec<[u64; 6]>>(),
            );
        }
        all.push(one);
    }
    let from_vec: SmallVec<[u8; 16]> = SmallVec::from_vec(vec![7u8; 500]);
    let names = Name::of::<SmallVec<[u8; 16]>>().was(Name::of::<Vec<u8>>());
    book.block(from_vec.as_ptr(), from_vec.capacity(), names);
    let into_vec: Vec<u64> = all[39].clone().into_vec();
    let names = Name::of::<Vec<u64>>().was(Name::of::<SmallVec<[u64; 6]>>());
    book.vec_as(&into_vec, names).vec(&all);
    (all, from_vec, into_vec)
}

fn buffers(book: &mut Book) -> impl Sized + use<> {
    let mut kept: Vec<Bytes> = Vec::new();
    let mut growing: Vec<BytesMut> = Vec::new();
    for n in 0..150usize {
        let vec = vec![n as u8; n * 4 + 1];
        let address = vec.as_ptr();
        let names = Name::of::<Bytes>()
            .or(Name::of::<Vec<u8>>())
            .was(Name::of::<Vec<u8>>());
        book.block(address, vec.capacity(), names);
        kept.push(Bytes::from(vec));
        let copied = Bytes::copy_from_slice(format!("copied {n} times").as_bytes());
        let names = Name::of::<Bytes>()
            .or(Name::of::<Vec<u8>>())
            .or(Name::of::<Box<[u8]>>());
        book.around(copied.as_ptr(), names);
        kept.push(copied);
        let mut buffer = BytesMut::with_capacity(64);
        for m in 0..n as u64 {
            buffer.put_u64(m);
        }
        buffer.put_slice(b"at the end");
        book.around(
            buffer.as_ptr(),
            Name::of::<BytesMut>().or(Name::of::<Vec<u8>>()),
        );
        growing.push(buffer);
    }
    // A second handle makes a shared header, which is private.
    let mark = book.mark();
    let mut clones: Vec<Bytes> = Vec::with_capacity(150);
    book.vec(&clones);
    clones.extend(kept.iter().step_by(2).map(|one| one.slice(1..)));
    book.since_of(mark, 24, "Box<bytes::bytes::Shared>");
    let frozen: Vec<Bytes> = (0..40)
        .map(|n| {
            let mut buffer = BytesMut::new();
            buffer.extend_from_slice(&[n; 900]);
            let head = buffer.split_to(100);
            book.around(
                head.as_ptr(),
                Name::of::<BytesMut>().or(Name::of::<Vec<u8>>()),
            );
            head.freeze()
        })
        .collect();
    book.vec(&kept).vec(&growing).vec(&frozen);
    (kept, growing, clones, frozen)
}

fn concurrent(book: &mut Book) -> impl Sized + use<> {
    let mark = book.mark();
    let map: DashMap<u32, (u64, [u8; 16])> = DashMap::with_shard_amount(8);
    book.since(
        mark,
        Name::of::<DashMap<u32, (u64, [u8; 16])>>()
            .or("Box<[crossbeam_utils::cache_padded::CachePadded<lock_api::rwlock::RwLock<dashmap::lock::RawRwLock, hashbrown::raw::inner::RawTable<(u32, dashmap::util::SharedValue<(u64, [u8; 16])>)>>>]>"),
    );
    for n in 0..1500 {
        map.insert(n, (u64::from(n), [1; 16]));
    }
    map.retain(|key, _| key % 5 != 0);
    for entry in &map {
        book.around(entry.key(), Name::of::<DashMap<u32, (u64, [u8; 16])>>());
    }
    let set: DashSet<u64> = DashSet::new();
    for n in 0..900 {
        set.insert(n * n);
    }
    for entry in set.iter() {
        book.around(
            entry.key(),
            Name::of::<DashSet<u64>>().or("dashmap::DashMap<u64, ()>"),
        );
    }
    let mut slab: Slab<Session> = Slab::new();
    for n in 0..400 {
        slab.insert(session(n));
        if n % 3 == 0 {
            slab.remove(n as usize / 3);
        }
    }
    for (_, one) in &slab {
        register(book, one);
        book.around(
            &raw const one.since,
            Name::of::<Slab<Session>>().or("Vec<slab::Entry<held_tables::Session>>"),
        );
    }
    (map, set, slab)
}

fn main() -> ExitCode {
    let mut book = Book::new("held_tables").held_out();
    let kept = (
        tables(&mut book),
        indexed(&mut book),
        small(&mut book),
        buffers(&mut book),
        concurrent(&mut book),
    );
    let code = book.compare();
    drop(black_box(kept));
    code
}
