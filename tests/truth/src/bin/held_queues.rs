//! Lock-free structures and handles that are swapped: crossbeam's channels, deques
//! and queues, arc-swap, once_cell; with the values that pass through them.

#![allow(dead_code, reason = "fields are there to have a size")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use book::{Book, Name, Names};
use crossbeam::channel::{bounded, unbounded};
use crossbeam::deque::{Injector, Steal, Worker};
use crossbeam::queue::{ArrayQueue, SegQueue};
use once_cell::sync::{Lazy, OnceCell};
use once_cell::unsync;

#[global_allocator]
static HEAP: book::Heap = book::heap();

#[derive(Clone, Debug)]
struct Parcel {
    weight: [u32; 5],
    to: String,
}

fn parcel(n: u32) -> Parcel {
    Parcel {
        weight: [n; 5],
        to: format!("address {n}"),
    }
}

/// A block of places, made by hand from a layout and then held as a box.
fn by_hand(boxed: &'static str, raw: &'static str, within: &'static str) -> Names {
    Name::written(boxed).or(raw).or(within)
}

fn channels(book: &mut Book) -> impl Sized + use<> {
    let mark = book.mark();
    let (sender, receiver) = unbounded::<Parcel>();
    book.since(
        mark,
        "Box<crossbeam_channel::counter::Counter<crossbeam_channel::flavors::list::Channel<held_queues::Parcel>>>",
    );
    let parcels: Vec<Parcel> = (0..400).map(parcel).collect();
    book.strings(parcels.iter().map(|parcel| &parcel.to));
    let mark = book.mark();
    for one in parcels {
        sender.send(one).expect("the receiver is there");
    }
    book.since(
        mark,
        by_hand(
            "Box<crossbeam_channel::flavors::list::Block<held_queues::Parcel>>",
            "Raw<crossbeam_channel::flavors::list::Block<held_queues::Parcel>>",
            "Raw in crossbeam_channel::flavors::list::*",
        ),
    );
    let mark = book.mark();
    let (to, from) = bounded::<[u64; 3]>(256);
    book.largest_since(
        mark,
        Name::written("Box<[crossbeam_channel::flavors::array::Slot<[u64; 3]>]>")
            .was("Vec<crossbeam_channel::flavors::array::Slot<[u64; 3]>>"),
    );
    book.since(
        mark,
        "Box<crossbeam_channel::counter::Counter<crossbeam_channel::flavors::array::Channel<[u64; 3]>>>",
    );
    for n in 0..200 {
        to.send([n; 3]).expect("the receiver is there");
    }
    let drained: Vec<[u64; 3]> = from.try_iter().take(90).collect();
    book.vec(&drained);
    (sender, receiver, to, from, drained)
}

fn deques(book: &mut Book) -> impl Sized + use<> {
    let mark = book.mark();
    let worker: Worker<Box<Parcel>> = Worker::new_fifo();
    let boxed: Vec<Box<Parcel>> = (0..64).map(|n| Box::new(parcel(n))).collect();
    for one in &boxed {
        book.boxed(one).string(&one.to);
    }
    boxed.into_iter().for_each(|one| worker.push(one));
    book.largest_since(
        mark,
        Name::written("Box<[core::mem::maybe_uninit::MaybeUninit<Box<held_queues::Parcel>>]>")
            .was("Vec<core::mem::maybe_uninit::MaybeUninit<Box<held_queues::Parcel>>>"),
    );
    let mark = book.mark();
    let injector: Injector<(u32, [u16; 10])> = Injector::new();
    for n in 0..500 {
        injector.push((n, [n as u16; 10]));
    }
    book.since(
        mark,
        by_hand(
            "Box<crossbeam_deque::deque::Block<(u32, [u16; 10])>>",
            "Raw<crossbeam_deque::deque::Block<(u32, [u16; 10])>>",
            "Raw in crossbeam_deque::deque::*",
        ),
    );
    let stolen: Vec<u32> = std::iter::from_fn(|| match injector.steal() {
        Steal::Success(one) => Some(one.0),
        _ => None,
    })
    .take(20)
    .collect();
    book.vec(&stolen);
    (worker, injector, stolen)
}

fn queues(book: &mut Book) -> impl Sized + use<> {
    let mark = book.mark();
    let ring: ArrayQueue<Parcel> = ArrayQueue::new(150);
    book.since(
        mark,
        Name::written("Box<[crossbeam_queue::array_queue::Slot<held_queues::Parcel>]>")
            .was("Vec<crossbeam_queue::array_queue::Slot<held_queues::Parcel>>"),
    );
    let parcels: Vec<Parcel> = (1000..1150).map(parcel).collect();
    book.strings(parcels.iter().map(|parcel| &parcel.to));
    parcels
        .into_iter()
        .for_each(|one| assert!(ring.push(one).is_ok()));
    let queue: SegQueue<Arc<[u8]>> = SegQueue::new();
    let slices: Vec<Arc<[u8]>> = (0..200u8).map(|n| vec![n; 40].into()).collect();
    for one in &slices {
        book.arc(one);
    }
    let mark = book.mark();
    slices.into_iter().for_each(|one| queue.push(one));
    book.since(
        mark,
        by_hand(
            "Box<crossbeam_queue::seg_queue::Block<Arc<[u8]>>>",
            "Raw<crossbeam_queue::seg_queue::Block<Arc<[u8]>>>",
            "Raw in crossbeam_queue::seg_queue::*",
        ),
    );
    (ring, queue)
}

static WORDS: Lazy<BTreeMap<usize, Vec<&'static str>>> = Lazy::new(|| {
    let mut by_length: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for word in "the endler is the smallest of the livebearers that people keep".split(' ') {
        by_length.entry(word.len()).or_default().push(word);
    }
    by_length
});
static CELL: OnceCell<Box<[Parcel]>> = OnceCell::new();

fn swapped(book: &mut Book) -> impl Sized + use<> {
    let current: Vec<ArcSwap<Parcel>> =
        (0..100).map(|n| ArcSwap::from_pointee(parcel(n))).collect();
    for (n, one) in current.iter().enumerate().filter(|(n, _)| n % 2 == 0) {
        one.store(Arc::new(parcel(n as u32 + 2000)));
    }
    for one in &current {
        let held = one.load_full();
        book.arc(&held).string(&held.to);
    }
    let optional: Vec<ArcSwapOption<Vec<u32>>> = (0..80)
        .map(|n| ArcSwapOption::from((n % 4 > 0).then(|| Arc::new(vec![n; n as usize]))))
        .collect();
    for held in optional.iter().filter_map(ArcSwapOption::load_full) {
        book.arc(&held).vec(&held);
    }
    // Their strategy is a default argument that is shown.
    book.vec_as(
        &current,
        "Vec<arc_swap::ArcSwapAny<Arc<held_queues::Parcel>, \
         arc_swap::strategy::hybrid::HybridStrategy<arc_swap::strategy::hybrid::DefaultConfig>>>",
    );
    book.vec_as(
        &optional,
        "Vec<arc_swap::ArcSwapAny<core::option::Option<Arc<Vec<u32>>>, \
         arc_swap::strategy::hybrid::HybridStrategy<arc_swap::strategy::hybrid::DefaultConfig>>>",
    );

    book.btree_map(&*WORDS).vecs(WORDS.values());
    let parcels = CELL.get_or_init(|| (3000..3070).map(parcel).collect());
    book.boxed_as(
        parcels,
        Name::of::<Box<[Parcel]>>().was(Name::of::<Vec<Parcel>>()),
    );
    book.strings(parcels.iter().map(|parcel| &parcel.to));
    let cells: Vec<unsync::OnceCell<String>> = (0..90).map(|_| unsync::OnceCell::new()).collect();
    for (n, cell) in cells.iter().enumerate() {
        book.string(cell.get_or_init(|| format!("cell {n}")));
    }
    book.vec(&cells);
    (current, optional, cells)
}

fn main() -> ExitCode {
    let mut book = Book::new("held_queues").held_out();
    let kept = (
        channels(&mut book),
        deques(&mut book),
        queues(&mut book),
        swapped(&mut book),
    );
    let code = book.compare();
    drop(black_box(kept));
    code
}
