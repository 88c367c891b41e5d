//! Threads and what they share: results of threads, channels of std, values that
//! are made once, and what lives in thread-locals.

#![allow(dead_code, reason = "fields are there to have a size")]

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Condvar, LazyLock, Mutex, OnceLock};
use std::thread;

use book::{Book, Name};

#[global_allocator]
static HEAP: book::Heap = book::heap();

#[derive(Clone, Debug)]
struct Job {
    id: u64,
    text: String,
    weight: f32,
}

static NAMES: LazyLock<HashMap<u32, String>> =
    LazyLock::new(|| (0..300).map(|n| (n, format!("name {n}"))).collect());
static TABLE: OnceLock<Vec<[u64; 4]>> = OnceLock::new();
static QUEUE: Mutex<Vec<Job>> = Mutex::new(Vec::new());

thread_local! {
    static SCRATCH: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
    static CACHE: RefCell<BTreeMap<u16, String>> = RefCell::new((0..3).map(name).collect());
    static FIRST: OnceCell<Box<[u8]>> = const { OnceCell::new() };
}

fn name(n: u16) -> (u16, String) {
    (n, format!("first {n}"))
}

fn jobs(from: u64, many: u64) -> Vec<Job> {
    (from..from + many)
        .map(|id| Job {
            id,
            text: format!("job number {id}"),
            weight: id as f32,
        })
        .collect()
}

fn results(book: &mut Book) -> impl Sized + use<> {
    let handles: Vec<_> = (0..6)
        .map(|n| thread::spawn(move || jobs(n * 100, 80 + n)))
        .collect();
    let by_thread: Vec<Vec<Job>> = handles
        .into_iter()
        .map(|handle| handle.join().expect("it ends"))
        .collect();
    // Handles and vectors are of one size: collected in place.
    book.vec_as(
        &by_thread,
        Name::of::<Vec<Vec<Job>>>().was(Name::of::<Vec<thread::JoinHandle<Vec<Job>>>>()),
    );
    book.vecs(&by_thread);
    book.strings(by_thread.iter().flatten().map(|job| &job.text));

    let mut sums = vec![0u64; 4];
    let parts: Mutex<Vec<(usize, Vec<u64>)>> = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for (at, sum) in sums.iter_mut().enumerate() {
            let parts = &parts;
            scope.spawn(move || {
                let own: Vec<u64> = (0..1000).map(|n| n * at as u64).collect();
                *sum = own.iter().sum();
                parts.lock().expect("nobody panicked").push((at, own));
            });
        }
    });
    let parts = parts.into_inner().expect("nobody panicked");
    book.vec_as(&sums, Name::of::<Vec<u64>>());
    book.vec(&parts).vecs(parts.iter().map(|part| &part.1));

    let pair = Arc::new((Mutex::new(VecHolder::default()), Condvar::new()));
    let other = pair.clone();
    let filler = thread::spawn(move || {
        let mut held = other.0.lock().expect("nobody panicked");
        held.items.extend((0..500u16).map(|n| n.wrapping_mul(3)));
        held.done = true;
        other.1.notify_one();
    });
    let held = pair.0.lock().expect("nobody panicked");
    drop(
        pair.1
            .wait_while(held, |held| !held.done)
            .expect("nobody panicked"),
    );
    filler.join().expect("it ends");
    book.arc(&pair)
        .vec(&pair.0.lock().expect("nobody panicked").items);
    (by_thread, sums, parts, pair)
}

#[derive(Debug, Default)]
struct VecHolder {
    done: bool,
    items: Vec<u16>,
}

type Channels = (
    (Sender<Job>, Receiver<Job>),
    (SyncSender<Box<[u64; 8]>>, Receiver<Box<[u64; 8]>>),
);

/// Blocks of 31 places each, and the channel itself.
fn channels(book: &mut Book) -> Channels {
    let mark = book.mark();
    let (sender, receiver) = channel::<Job>();
    book.since(
        mark,
        "Box<std::sync::mpmc::counter::Counter<std::sync::mpmc::list::Channel<held_threads::Job>>>",
    );
    let waiting = jobs(5000, 200);
    book.strings(waiting.iter().map(|job| &job.text));
    let mark = book.mark();
    for job in waiting {
        sender.send(job).expect("the receiver is there");
    }
    book.since(mark, "Box<std::sync::mpmc::list::Block<held_threads::Job>>");

    let mark = book.mark();
    let (bounded, held) = sync_channel::<Box<[u64; 8]>>(64);
    book.largest_since(
        mark,
        Name::written("Box<[std::sync::mpmc::array::Slot<Box<[u64; 8]>>]>")
            .was("Vec<std::sync::mpmc::array::Slot<Box<[u64; 8]>>>"),
    );
    let mark = book.mark();
    for n in 0..64 {
        bounded
            .send(Box::new([n; 8]))
            .expect("the receiver is there");
    }
    book.since_of(mark, 64, Name::of::<Box<[u64; 8]>>());
    ((sender, receiver), (bounded, held))
}

fn once(book: &mut Book) {
    book.hash_map(&*NAMES).strings(NAMES.values());
    let table = TABLE.get_or_init(|| (0..250).map(|n| [n; 4]).collect());
    book.vec(table);
    thread::spawn(|| {
        QUEUE
            .lock()
            .expect("nobody panicked")
            .extend(jobs(9000, 120))
    })
    .join()
    .expect("it ends");
    let queue = QUEUE.lock().expect("nobody panicked");
    book.vec(&queue).strings(queue.iter().map(|job| &job.text));
    SCRATCH.with_borrow_mut(|scratch| {
        scratch.extend(0..1200);
        scratch.push(1);
        book.vec(scratch);
    });
    CACHE.with_borrow_mut(|cache| {
        for n in 0..400u16 {
            cache
                .entry(n / 2)
                .or_insert_with(|| n.to_string())
                .push('!');
        }
        book.btree_map(cache).strings(cache.values());
    });
    FIRST.with(|first| {
        let bytes = first.get_or_init(|| (0..90u8).filter(|n| n % 4 != 0).collect());
        book.boxed_as(bytes, Name::of::<Box<[u8]>>().was(Name::of::<Vec<u8>>()));
    });
}

fn main() -> ExitCode {
    let mut book = Book::new("held_threads").held_out();
    let results = results(&mut book);
    let channels = channels(&mut book);
    once(&mut book);
    let code = book.compare();
    drop(black_box((results, channels)));
    code
}
