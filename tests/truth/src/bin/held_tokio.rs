//! Tasks on tokio that wait: for channels of every kind, timers, each other; with
//! what they hold meanwhile. Task blocks, channels and their parts are private, so
//! they are registered by the time of their birth, on one thread.

#![allow(dead_code, reason = "fields are there to have a size")]

use std::collections::HashMap;
use std::future::Future;
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use book::{Book, Name, Names};
use tokio::sync::{Notify, Semaphore, broadcast, mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

#[global_allocator]
static HEAP: book::Heap = book::heap();

static BOOK: Mutex<Option<Book>> = Mutex::new(None);

/// The book, for tasks that register what they hold.
struct Open(MutexGuard<'static, Option<Book>>);

impl std::ops::Deref for Open {
    type Target = Book;
    fn deref(&self) -> &Book {
        self.0.as_ref().expect("it is open")
    }
}

impl std::ops::DerefMut for Open {
    fn deref_mut(&mut self) -> &mut Book {
        self.0.as_mut().expect("it is open")
    }
}

fn book() -> Open {
    Open(BOOK.lock().expect("nobody panicked"))
}

const LONG: Duration = Duration::from_secs(10_000);

/// Spawns a future made by an async function.
fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    let mark = book().mark();
    let handle = tokio::spawn(future);
    book().since(mark, Name::task::<F>().env("{async_fn_env#0}"));
    handle
}

#[derive(Clone, Debug)]
struct Order {
    id: u64,
    lines: [u32; 14],
}

fn order(id: u64) -> Order {
    let lines = [id as u32; 14];
    Order { id, lines }
}

async fn waits_for_time(n: u64) -> u64 {
    let pages: Vec<Vec<u8>> = (0..n % 5 + 1).map(|m| vec![m as u8; 300]).collect();
    let note = format!("waits as number {n}");
    book().vec(&pages).vecs(&pages).string(&note);
    sleep(LONG).await;
    pages.len() as u64 + note.len() as u64
}

async fn collects(mut orders: mpsc::Receiver<Order>, done: oneshot::Receiver<String>) -> usize {
    let mut by_id: HashMap<u64, Order> = HashMap::new();
    while by_id.len() < 40 {
        let Some(order) = orders.recv().await else {
            break;
        };
        by_id.insert(order.id, order);
    }
    book().hash_map(&by_id);
    let word = done.await.unwrap_or_default();
    by_id.len() + word.len()
}

async fn listens(mut news: broadcast::Receiver<Arc<str>>, stop: Arc<Notify>) -> Vec<Arc<str>> {
    let mut heard = Vec::new();
    for _ in 0..8 {
        if let Ok(one) = news.recv().await {
            heard.push(one);
        }
    }
    book().vec(&heard);
    stop.notified().await;
    heard
}

async fn limited(gate: Arc<Semaphore>, n: usize) -> usize {
    let held = vec![n as u64; 100];
    book().vec(&held);
    let permit = gate.acquire_owned().await;
    sleep(LONG).await;
    drop(permit);
    held.len()
}

async fn watches(mut state: watch::Receiver<Vec<u16>>) -> usize {
    let last = state.borrow_and_update().clone();
    book().vec(&last);
    let changed = timeout(LONG, state.changed()).await;
    last.len() + usize::from(changed.is_ok())
}

/// Blocks of a channel, made by hand from a layout and then held as boxes.
fn channel_block(boxed: &'static str, raw: &'static str) -> Names {
    Name::written(boxed)
        .or(raw)
        .or("Raw in tokio::sync::mpsc::*")
}

async fn through_channels() -> impl Sized {
    let mut kept = Vec::new();
    for n in 0..20u64 {
        let mark = book().mark();
        let (sender, receiver) = mpsc::channel::<Order>(200);
        let block = channel_block(
            "Box<tokio::sync::mpsc::block::Block<held_tokio::Order>>",
            "Raw<tokio::sync::mpsc::block::Block<held_tokio::Order>>",
        );
        book().largest_since(mark, block);
        book().since(
            mark,
            "Arc<tokio::sync::mpsc::chan::Chan<held_tokio::Order, tokio::sync::mpsc::bounded::Semaphore>>",
        );
        let mark = book().mark();
        let (done, is_done) = oneshot::channel();
        book().since(mark, "Arc<tokio::sync::oneshot::Inner<String>>");
        let task = spawn(collects(receiver, is_done));
        let mark = book().mark();
        for id in 0..100 {
            sender
                .try_send(order(n * 1000 + id))
                .expect("there is room");
        }
        book().since(mark, block);
        kept.push((sender, done, task));
    }
    book().vec(&kept);

    let mark = book().mark();
    let (unbounded, mut inbox) = mpsc::unbounded_channel::<(u64, [u64; 10])>();
    let block = channel_block(
        "Box<tokio::sync::mpsc::block::Block<(u64, [u64; 10])>>",
        "Raw<tokio::sync::mpsc::block::Block<(u64, [u64; 10])>>",
    );
    book().largest_since(mark, block);
    book().since(
        mark,
        "Arc<tokio::sync::mpsc::chan::Chan<(u64, [u64; 10]), tokio::sync::mpsc::unbounded::Semaphore>>",
    );
    let mark = book().mark();
    for n in 0..300 {
        unbounded.send((n, [n; 10])).expect("the receiver is there");
    }
    book().since(mark, block);
    let first = inbox.recv().await;
    (kept, unbounded, inbox, first)
}

async fn through_news() -> impl Sized {
    let mark = book().mark();
    let (news, own) = broadcast::channel::<Arc<str>>(64);
    book().largest_since(
        mark,
        Name::written(
            "Box<[tokio::loom::std::mutex::Mutex<tokio::sync::broadcast::Slot<Arc<str>>>]>",
        )
        .was("Vec<tokio::loom::std::mutex::Mutex<tokio::sync::broadcast::Slot<Arc<str>>>>"),
    );
    book().since(mark, "Arc<tokio::sync::broadcast::Shared<Arc<str>>>");
    let stop = Arc::new(Notify::new());
    book().arc(&stop);
    let listeners: Vec<_> = (0..25)
        .map(|_| spawn(listens(news.subscribe(), stop.clone())))
        .collect();
    book().vec(&listeners);
    for n in 0..12 {
        let text: Arc<str> = format!("news of hour {n}").into();
        book().arc_as(&text, Name::of::<Arc<str>>().was(Name::of::<Arc<[u8]>>()));
        news.send(text).expect("somebody listens");
    }

    let mark = book().mark();
    let (state, seen) = watch::channel(vec![1u16, 2, 3]);
    let names = Name::of::<Vec<u16>>().was(Name::of::<Box<[u16; 3]>>());
    book().vec_as(&state.borrow(), names);
    book().since(mark, "Arc<tokio::sync::watch::Shared<Vec<u16>>>");
    let watchers: Vec<_> = (0..25).map(|_| spawn(watches(seen.clone()))).collect();
    book().vec(&watchers);

    let gate = Arc::new(Semaphore::new(3));
    book().arc(&gate);
    let limited: Vec<_> = (0..25).map(|n| spawn(limited(gate.clone(), n))).collect();
    book().vec(&limited);
    (
        news, own, stop, listeners, state, seen, watchers, gate, limited,
    )
}

async fn through_sets() -> impl Sized {
    let sleepers: Vec<JoinHandle<u64>> = (0..80).map(|n| spawn(waits_for_time(n))).collect();
    book().vec(&sleepers);
    let mut set = JoinSet::new();
    for n in 0..30 {
        let mark = book().mark();
        set.spawn(waits_for_time(n + 1000));
        book().largest_since(mark, "Task<held_tokio::waits_for_time::{async_fn_env#0}>");
        book().since(
            mark,
            "Arc<tokio::util::idle_notified_set::ListEntry<tokio::runtime::task::join::JoinHandle<u64>>>",
        );
    }
    let timers: Vec<_> = (0..40u64)
        .map(|n| Box::pin(sleep(LONG + Duration::from_secs(n))))
        .collect();
    for timer in &timers {
        let within: &tokio::time::Sleep = timer;
        book().block(
            within,
            size_of_val(within),
            Name::of::<Box<tokio::time::Sleep>>(),
        );
    }
    book().vec(&timers);
    (sleepers, set, timers)
}

async fn all() -> ExitCode {
    let kept = (
        through_channels().await,
        through_news().await,
        through_sets().await,
    );
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    let book = BOOK
        .lock()
        .expect("nobody panicked")
        .take()
        .expect("it is open");
    let code = book.compare();
    drop(black_box(kept));
    code
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    *BOOK.lock().expect("nobody panicked") = Some(Book::new("held_tokio").held_out());
    runtime.block_on(all())
}
