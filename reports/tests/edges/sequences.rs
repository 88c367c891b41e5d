//! Sequences of all kinds, nested, leaked, wrapped around; and types that only
//! fields know.

#![allow(
    dead_code,
    clippy::box_collection,
    clippy::redundant_allocation,
    clippy::rc_buffer,
    clippy::type_complexity,
    clippy::vec_box,
    reason = "these are the fields that are tested"
)]

use std::cell::Cell;
use std::collections::BinaryHeap;
use std::collections::LinkedList;
use std::collections::VecDeque;
use std::ffi::CString;
use std::ffi::OsString;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;

use super::truth::{Program, at, text, words};

struct Queues {
    ring: VecDeque<String>,
    list: LinkedList<String>,
    heap: BinaryHeap<String>,
    boxed: Box<[String]>,
    word: Box<str>,
    path: PathBuf,
    os: OsString,
    c: CString,
    nested: Vec<Vec<VecDeque<Box<String>>>>,
    array: [Option<String>; 3],
    cell: Cell<Option<Box<u8>>>,
    boxed_vec: Box<Vec<Box<Vec<String>>>>,
    rest: std::vec::IntoIter<String>,
    slice: &'static [String],
    one: &'static String,
    raw: *const u64,
}

pub(crate) fn sequences() -> Program {
    Program::new(
        "sequences",
        || {
            let mut ring: VecDeque<String> = (0..4).map(text).collect();
            ring.reserve_exact(4);
            // Wrapped around: taken in front, put behind.
            for i in 0..6 {
                ring.pop_front();
                ring.push_back(text(i + 100));
            }
            let mut rest = vec![text(20), text(21), text(22)].into_iter();
            drop(rest.next());
            let words: &'static [String] = vec![text(23), text(24)].leak();
            Queues {
                ring,
                list: (30..33).map(text).collect(),
                heap: (40..43).map(text).collect(),
                boxed: vec![text(50), text(51)].into_boxed_slice(),
                word: text(52).into_boxed_str(),
                path: text(53).into(),
                os: text(54).into(),
                c: CString::new(text(55)).unwrap(),
                nested: vec![vec![[Box::new(text(60))].into()]],
                array: [Some(text(70)), None, Some(text(71))],
                cell: Cell::new(Some(Box::new(1))),
                boxed_vec: Box::new(vec![Box::new(vec![text(80)])]),
                rest,
                slice: words,
                one: &words[1],
                raw: Box::into_raw(Box::new(90)),
            }
        },
        |q, p| {
            let of = |rest: &str| format!("edges::sequences::Queues.{rest}");
            assert!(!q.ring.as_slices().1.is_empty(), "the ring does not wrap");
            let ring = p.block(at(&q.ring[0]));
            p.holds(at(q), ring, &of("ring"));
            for one in &q.ring {
                p.holds(ring, at(one.as_str()), &of("ring[*]"));
            }
            let inner: Vec<usize> = q.list.iter().map(at).collect();
            p.nodes(at(q), &inner, &of("list"));
            for one in &q.list {
                p.holds(at(one), at(one.as_str()), &of("list[*]"));
            }
            let heap = at(q.heap.as_slice());
            p.holds(at(q), heap, &of("heap"));
            for one in &q.heap {
                p.holds(heap, at(one.as_str()), &of("heap[*]"));
            }
            p.holds(at(q), at(&*q.boxed), &of("boxed"));
            for one in &q.boxed {
                p.holds(at(&*q.boxed), at(one.as_str()), &of("boxed[*]"));
            }
            p.holds(at(q), at(&*q.word), &of("word"));
            p.holds(at(q), at(q.path.as_os_str()), &of("path"));
            p.holds(at(q), at(q.os.as_os_str()), &of("os"));
            p.holds(at(q), q.c.as_ptr() as usize, &of("c"));
            let (a, b) = (at(q.nested.as_slice()), at(q.nested[0].as_slice()));
            let (c, d) = (p.block(at(&q.nested[0][0][0])), at(&*q.nested[0][0][0]));
            p.holds(at(q), a, &of("nested"));
            p.holds(a, b, &of("nested[*]"));
            p.holds(b, c, &of("nested[*][*]"));
            p.holds(c, d, &of("nested[*][*][*]"));
            p.holds(d, at(q.nested[0][0][0].as_str()), &of("nested[*][*][*]"));
            for one in q.array.iter().flatten() {
                p.holds(at(q), at(one.as_str()), &of("array[*]"));
            }
            let cell = q.cell.take().unwrap();
            p.holds(at(q), at(&*cell), &of("cell"));
            q.cell.set(Some(cell));
            let (a, b) = (at(&*q.boxed_vec), at(q.boxed_vec.as_slice()));
            let (c, d) = (at(&*q.boxed_vec[0]), at(q.boxed_vec[0].as_slice()));
            p.holds(at(q), a, &of("boxed_vec"));
            p.holds(a, b, &of("boxed_vec"));
            p.holds(b, c, &of("boxed_vec[*]"));
            p.holds(c, d, &of("boxed_vec[*]"));
            p.holds(d, at(q.boxed_vec[0][0].as_str()), &of("boxed_vec[*][*]"));
            let rest = p.block(at(&q.rest.as_slice()[0]));
            p.holds(at(q), rest, &of("rest"));
            for one in q.rest.as_slice() {
                p.holds(rest, at(one.as_str()), &of("rest[*]"));
            }
            p.holds(at(q), at(q.slice), &of("slice"));
            for one in q.slice {
                p.holds(at(q.slice), at(one.as_str()), &of("slice[*]"));
            }
            p.holds(at(q), at(q.one), &of("one"));
            p.holds(at(q), q.raw as usize, &of("raw"));
        },
    )
}

#[derive(Clone)]
struct Raw {
    a: u64,
    b: u64,
}

struct Cooked {
    name: [u64; 2],
}

/// Blocks whose last allocator call does not tell what they are now.
struct Fields {
    cooked: Vec<Cooked>,
    slice: Box<[u64]>,
    shared: Arc<[Raw]>,
    /// What was a text, whole and without its beginning.
    body: bytes::Bytes,
    rest: bytes::Bytes,
    /// Two handles, which a third block counts.
    twice: [bytes::Bytes; 2],
}

/// A text without room behind it.
fn full(n: usize) -> String {
    text(n).into_boxed_str().into_string()
}

/// The names that fields must give.
pub(crate) struct Expected {
    pub(crate) types: Vec<(usize, &'static str)>,
}

pub(crate) fn fields() -> (Program, Expected) {
    let mut expected = Expected { types: Vec::new() };
    let types = &mut expected.types;
    let program = Program::new(
        "types by field",
        || {
            let raw = vec![Raw { a: 1, b: 2 }; black_box(5)];
            let cook = |r: Raw| Cooked { name: [r.a, r.b] };
            let array: Box<[u64]> = Box::new([black_box(7u64); 9]);
            Fields {
                cooked: raw.into_iter().map(cook).collect(),
                slice: array,
                shared: vec![Raw { a: 1, b: 2 }; black_box(3)].into(),
                body: bytes::Bytes::from(full(1)),
                rest: {
                    let mut rest = bytes::Bytes::from(full(2));
                    bytes::Buf::advance(&mut rest, 5);
                    rest
                },
                twice: {
                    let one = bytes::Bytes::from(full(3));
                    [one.clone(), one]
                },
            }
        },
        |f, p| {
            let of = |rest: &str| format!("edges::sequences::Fields.{rest}");
            p.holds(at(f), at(f.cooked.as_slice()), &of("cooked"));
            p.holds(at(f), at(&*f.slice), &of("slice"));
            p.holds(at(f), at(&*f.shared), &of("shared"));
            types.push((at(f.cooked.as_slice()), "Vec<edges::sequences::Cooked>"));
            types.push((at(&*f.slice), "Box<[u64]>"));
            p.holds(at(f), at(&*f.body), &of("body"));
            types.push((at(&*f.body), "bytes::bytes::Bytes"));
            let rest = at(&*f.rest) - 5;
            p.holds(at(f), rest, &of("rest"));
            types.push((rest, "bytes::bytes::Bytes"));
            p.holds(at(f), at(&*f.twice[0]), &of("twice[*]"));
            let inside = words(at(&f.twice), 4);
            let mut addresses = p.blocks.iter().map(|b| b.address);
            let count = addresses.find(|a| inside.contains(a) && *a != at(&*f.twice[0]));
            p.holds(at(f), count.unwrap(), &of("twice[*]"));
            p.holds(count.unwrap(), at(&*f.twice[0]), &of("twice[*]"));
        },
    );
    (program, expected)
}
