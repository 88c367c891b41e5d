//! Vectors in births that no textbook begins with: from chained adaptors, cut
//! off, drained, shrunk, spliced, concatenated, collected in place.

#![allow(dead_code, reason = "fields are there to have a size")]

use std::collections::BTreeSet;
use std::hint::black_box;
use std::num::ParseIntError;
use std::process::ExitCode;

use book::{Book, Name};

#[global_allocator]
static HEAP: book::Heap = book::heap();

#[derive(Clone, Debug, PartialEq)]
struct Reading {
    at: u64,
    level: f32,
    station: u16,
}

#[derive(Clone, Copy, Debug)]
struct Celsius(f64);

#[derive(Clone, Debug)]
enum Event {
    Rise(u32),
    Fall { by: u32, from: u64 },
    Still,
}

fn reading(n: u64) -> Reading {
    Reading {
        at: n * 60,
        level: (n % 97) as f32 / 7.0,
        station: (n % 11) as u16,
    }
}

fn through_adaptors(book: &mut Book) -> impl Sized + use<> {
    let mut evens: Vec<u32> = Vec::new();
    evens.extend((0..9000u32).filter(|n| n % 3 == 0));
    let crossed: Vec<Reading> = (0..40u64)
        .flat_map(|station| (0..30u64).map(move |at| reading(station * 30 + at)))
        .collect();
    let chained: Vec<u32> = evens.iter().chain(&evens[..100]).copied().rev().collect();
    let zipped: Vec<(u32, f64)> = evens.iter().copied().zip((0..).map(f64::from)).collect();
    let scanned: Vec<i64> = evens
        .iter()
        .scan(0i64, |sum, &n| {
            *sum += i64::from(n);
            Some(*sum)
        })
        .take_while(|&sum| sum < 3_000_000)
        .collect();
    let stepped = Vec::from_iter(zipped.iter().step_by(7).map(|pair| [pair.1 as f32; 3]));
    let grown: Vec<u128> = std::iter::successors(Some(1u128), |n| n.checked_mul(3)).collect();
    let repeated: Vec<Event> = std::iter::repeat_with(|| Event::Rise(7)).take(90).collect();
    let cycled: Vec<char> = "abcdefg".chars().cycle().take(700).collect();
    book.vec(&evens).vec(&crossed).vec(&chained).vec(&zipped);
    book.vec(&scanned).vec(&stepped).vec(&grown).vec(&repeated);
    book.vec(&cycled);
    (
        evens, crossed, chained, zipped, scanned, stepped, grown, repeated, cycled,
    )
}

fn through_results(book: &mut Book) -> impl Sized + use<> {
    let text = (0..500)
        .map(|n| n.to_string())
        .collect::<Vec<_>>()
        .join(",");
    let parsed: Result<Vec<u64>, ParseIntError> = text.split(',').map(str::parse).collect();
    let parsed = parsed.expect("numbers");
    let known: Option<Vec<Celsius>> = parsed.iter().map(|&n| Some(Celsius(n as f64))).collect();
    let known = known.expect("all there");
    let parts: Vec<&str> = text.split(',').collect();
    let wide: Vec<u16> = text.encode_utf16().collect();
    let bytes = text.as_bytes().to_vec();
    let (low, high): (Vec<u64>, Vec<u64>) = parsed.iter().partition(|&&n| n < 200);
    let (numbers, names): (Vec<usize>, Vec<String>) = parts
        .iter()
        .map(|part| (part.len(), part.to_uppercase()))
        .unzip();
    book.vec(&parsed).vec(&known).vec(&wide).vec(&bytes);
    book.vec(&low)
        .vec(&high)
        .vec(&numbers)
        .vec(&names)
        .strings(&names);
    drop(parts);
    book.string(&text);
    (text, parsed, known, wide, bytes, low, high, numbers, names)
}

fn cut_and_joined(book: &mut Book) -> impl Sized + use<> {
    let mut all: Vec<Reading> = (0..3000).map(reading).collect();
    all.sort_by(|a, b| a.level.total_cmp(&b.level).then(b.at.cmp(&a.at)));
    let tail = all.split_off(2100);
    let drained: Vec<Reading> = all.drain(100..700).collect();
    all.retain(|one| one.station != 3);
    all.shrink_to_fit();
    let mut spliced: Vec<u32> = (0..400).collect();
    let taken: Vec<u32> = spliced.splice(10..20, 1000..1900).collect();
    let mut doubled = taken.clone();
    doubled.extend_from_within(..);
    doubled.resize(200, 9);
    doubled.insert(50, 1);
    let mut events: Vec<Event> = Vec::new();
    events.resize_with(75, || Event::Still);
    events.append(&mut vec![Event::Fall { by: 1, from: 2 }; 130]);
    let joined: Vec<u16> = [vec![1u16; 300], vec![2; 200], vec![3; 100]].concat();
    let woven: Vec<u8> = [[1u8, 2], [3, 4], [5, 6]].join(&0xff).repeat(60);
    let mut unique: Vec<u64> = (0..2000u64).map(|n| n / 4).collect();
    unique.dedup();
    unique.shrink_to(600);
    book.vec(&all)
        .vec(&tail)
        .vec(&drained)
        .vec(&spliced)
        .vec(&taken);
    book.vec(&doubled)
        .vec(&events)
        .vec(&joined)
        .vec(&woven)
        .vec(&unique);
    (
        all, tail, drained, spliced, taken, doubled, events, joined, woven, unique,
    )
}

fn in_place(book: &mut Book) -> impl Sized + use<> {
    let raw: Vec<f64> = (0..1500).map(f64::from).collect();
    let degrees: Vec<Celsius> = raw.into_iter().map(Celsius).collect();
    book.vec_as(
        &degrees,
        Name::of::<Vec<Celsius>>().was(Name::of::<Vec<f64>>()),
    );
    let kept: Vec<Reading> = (0..1000).map(reading).collect::<Vec<_>>();
    let kept: Vec<Reading> = kept
        .into_iter()
        .filter(|one| one.station > 2)
        .skip(5)
        .collect();
    book.vec(&kept);
    let literal = vec![reading(1), reading(2), reading(3), reading(4), reading(5)];
    book.vec_as(
        &literal,
        Name::of::<Vec<Reading>>().was(Name::of::<Box<[Reading; 5]>>()),
    );
    let array = Vec::from(std::array::from_fn::<u64, 64, _>(|n| n as u64));
    book.vec_as(
        &array,
        Name::of::<Vec<u64>>().was(Name::of::<Box<[u64; 64]>>()),
    );
    let boxed: Box<[Celsius]> = degrees.iter().map(|one| Celsius(one.0 + 1.0)).collect();
    book.boxed_as(
        &boxed,
        Name::of::<Box<[Celsius]>>().was(Name::of::<Vec<Celsius>>()),
    );
    let mut spare = Vec::with_capacity(1000);
    spare.extend(kept.iter().map(|one| one.at));
    let shrunk = spare.into_boxed_slice();
    book.boxed_as(
        &shrunk,
        Name::of::<Box<[u64]>>().was(Name::of::<Vec<u64>>()),
    );
    (degrees, kept, literal, array, boxed, shrunk)
}

fn copies<T: Clone>(one: &T, many: usize) -> Vec<T> {
    let mut out = Vec::new();
    for _ in 0..many {
        out.push(one.clone());
    }
    out
}

fn nested(book: &mut Book) -> impl Sized + use<> {
    let ragged: Vec<Vec<u64>> = (0..600u64).map(|n| vec![n; n as usize % 17 + 1]).collect();
    let chunks: Vec<Vec<u32>> = (0..6400u32)
        .collect::<Vec<_>>()
        .chunks(48)
        .map(<[u32]>::to_vec)
        .collect();
    let boxes: Vec<Box<Reading>> = (0..800).map(|n| Box::new(reading(n))).collect();
    let ordered: BTreeSet<u16> = (0..900u16).rev().collect();
    let sorted = Vec::from_iter(ordered.iter().map(|&n| (n, n.to_be_bytes())));
    let many = copies(&Event::Rise(3), 333);
    let deep = copies(&copies(&Celsius(1.5), 20), 50);
    let lists: Vec<Option<Vec<i8>>> = (0..120i8)
        .map(|n| (n % 3 > 0).then(|| vec![n; 30]))
        .collect();
    book.vec(&ragged).vecs(&ragged).vec(&chunks).vecs(&chunks);
    book.vec(&boxes).btree_set(&ordered).vec(&sorted).vec(&many);
    for one in &boxes {
        book.boxed(one);
    }
    book.vec(&deep)
        .vecs(&deep)
        .vec(&lists)
        .vecs(lists.iter().flatten());
    (ragged, chunks, boxes, ordered, sorted, many, deep, lists)
}

fn main() -> ExitCode {
    let mut book = Book::new("held_vectors").held_out();
    let kept = (
        through_adaptors(&mut book),
        through_results(&mut book),
        cut_and_joined(&mut book),
        in_place(&mut book),
        nested(&mut book),
    );
    let code = book.compare();
    drop(black_box(kept));
    code
}
