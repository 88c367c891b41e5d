//! Tasks on tokio that wait, with what they hold: timers, channels, joins; and
//! futures that the program boxes itself.

#![allow(dead_code, reason = "fields are there to have a size")]

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use book::{Book, Name};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;

#[global_allocator]
static HEAP: book::Heap = book::heap();

#[derive(Clone, Debug)]
struct Ticket {
    row: u32,
    seats: Vec<u16>,
}

fn ticket(row: u32) -> Ticket {
    Ticket {
        row,
        seats: (0..row as u16 % 20 + 1).collect(),
    }
}

/// Where a task says what it holds: address and capacity of its buffers.
type Said = Arc<Mutex<Vec<(usize, usize)>>>;

fn say<T>(said: &Said, vec: &Vec<T>) {
    let mut said = said.lock().unwrap();
    said.push((!vec.as_ptr().addr(), vec.capacity()));
}

async fn waits(said: Said, size: usize, stop: Arc<Notify>) -> usize {
    let buffer = vec![1u32; size];
    say(&said, &buffer);
    stop.notified().await;
    buffer.len()
}

async fn sleeps(said: Said, size: usize) -> u64 {
    let buffer: Vec<u64> = (0..size as u64).collect();
    say(&said, &buffer);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    buffer.iter().sum()
}

fn register<T>(book: &mut Book, said: &Said) {
    for (address, capacity) in said.lock().unwrap().drain(..) {
        let start = std::ptr::without_provenance::<T>(!address);
        book.block(start, capacity * size_of::<T>(), Name::of::<Vec<T>>());
    }
}

fn name_of_future<F: Future>(_: &F) -> Name {
    Name::task::<F>().env("{async_fn_env#0}")
}

async fn run(mut opened: Book) -> ExitCode {
    let book = &mut opened;
    let said: Said = Arc::new(Mutex::new(Vec::with_capacity(500)));
    let stop = Arc::new(Notify::new());
    book.vec(&said.lock().unwrap()).arc(&said).arc(&stop);
    // Spawned first, run later: all that is born at the call is the task.
    let mut tasks = Vec::with_capacity(200);
    book.vec(&tasks);
    for n in 0..40 {
        let future = waits(said.clone(), n * 3 + 1, stop.clone());
        let name = name_of_future(&future);
        let mark = book.mark();
        tasks.push(tokio::spawn(future));
        book.largest_since(mark, name);
    }
    tokio::task::yield_now().await;
    register::<u32>(book, &said);
    let mut sleepers = Vec::with_capacity(200);
    book.vec(&sleepers);
    for n in 0..30 {
        let future = sleeps(said.clone(), n * 5 + 2);
        let name = name_of_future(&future);
        let mark = book.mark();
        sleepers.push(tokio::spawn(future));
        book.largest_since(mark, name);
    }
    tokio::task::yield_now().await;
    register::<u64>(book, &said);
    let mut joined = JoinSet::new();
    for n in 0..20 {
        let future = waits(said.clone(), n + 1, stop.clone());
        let name = name_of_future(&future);
        let mark = book.mark();
        joined.spawn(future);
        book.largest_since(mark, name);
    }
    tokio::task::yield_now().await;
    register::<u32>(book, &said);
    let (sender, receiver) = mpsc::unbounded_channel::<Ticket>();
    for n in 0..100 {
        let ticket = ticket(n);
        book.vec(&ticket.seats);
        sender.send(ticket).unwrap();
    }
    let mark = book.mark();
    let answers: Vec<_> = (0..25).map(|_| oneshot::channel::<[u64; 4]>()).collect();
    book.vec(&answers);
    book.since(mark, "Arc<tokio::sync::oneshot::Inner<[u64; 4]>>");
    let boxed: Vec<Pin<Box<dyn Future<Output = usize>>>> = (0..15)
        .map(|n| {
            let future = Box::new(waits(said.clone(), n, stop.clone()));
            let name = Name::of_value(&future).env("{async_fn_env#0}");
            book.boxed_as(&future, name);
            Pin::from(future as Box<dyn Future<Output = usize>>)
        })
        .collect();
    book.vec(&boxed);
    let code = opened.compare();
    drop(black_box((
        tasks, sleepers, sender, receiver, answers, boxed,
    )));
    joined.detach_all();
    code
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    // What the runtime needs at the first task is not looked at.
    runtime.block_on(async { tokio::spawn(async {}).await.unwrap() });
    let book = Book::new("tuned_tasks").tuned();
    let code = runtime.block_on(run(book));
    runtime.shutdown_background();
    code
}
