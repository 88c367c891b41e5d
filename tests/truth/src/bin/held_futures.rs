//! An executor of the program's own: boxed futures behind `dyn`, async blocks that
//! hold buffers across their awaits, wakers, streams made by hand.

#![allow(dead_code, reason = "fields are there to have a size")]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};

use book::Book;

#[global_allocator]
static HEAP: book::Heap = book::heap();

static BOOK: Mutex<Option<Book>> = Mutex::new(None);

/// The book, for futures that register what they hold.
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

struct Flag {
    id: usize,
    ready: Arc<Mutex<VecDeque<usize>>>,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.ready
            .lock()
            .expect("nobody panicked")
            .push_back(self.id);
    }
}

type Local = Pin<Box<dyn Future<Output = ()>>>;

#[derive(Default)]
struct Executor {
    futures: Vec<Option<Local>>,
    flags: Vec<Arc<Flag>>,
    ready: Arc<Mutex<VecDeque<usize>>>,
}

impl Executor {
    fn add(&mut self, future: Local) {
        let id = self.futures.len();
        self.futures.push(Some(future));
        let ready = self.ready.clone();
        self.flags.push(Arc::new(Flag { id, ready }));
        self.ready.lock().expect("nobody panicked").push_back(id);
    }

    fn run(&mut self) {
        loop {
            let next = self.ready.lock().expect("nobody panicked").pop_front();
            let Some(id) = next else { break };
            let waker = Waker::from(self.flags[id].clone());
            let slot = &mut self.futures[id];
            let Some(future) = slot else { continue };
            if future
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_ready()
            {
                *slot = None;
            }
        }
    }
}

/// Ready at the second poll; never, if it is asked to wait for good.
struct Turn {
    left: u32,
    for_good: bool,
}

impl Future for Turn {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.for_good {
            return Poll::Pending;
        }
        if self.left == 0 {
            return Poll::Ready(());
        }
        self.left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

fn turn(left: u32) -> Turn {
    let for_good = false;
    Turn { left, for_good }
}

fn for_good() -> Turn {
    Turn {
        left: 0,
        for_good: true,
    }
}

#[derive(Clone, Debug)]
struct Page {
    url: String,
    body: Vec<u8>,
    links: Vec<u32>,
}

async fn fetch(n: u32) -> Page {
    turn(n % 3).await;
    Page {
        url: format!("http://pond/{n}"),
        body: vec![n as u8; 200 + n as usize],
        links: (0..n % 10).collect(),
    }
}

async fn visit(n: u32, into: Rc<RefCell<Vec<Page>>>) {
    let page = fetch(n).await;
    let copy = page.clone();
    turn(1).await;
    book().string(&copy.url).vec(&copy.body).vec(&copy.links);
    into.borrow_mut().push(copy);
    // The page itself stays in the future.
    book().string(&page.url).vec(&page.body).vec(&page.links);
    for_good().await;
    drop(page);
}

async fn gather(from: u64, many: u64) -> u64 {
    let mut all = Vec::new();
    for n in from..from + many {
        all.push(n * n);
        turn(1).await;
    }
    let inner: Pin<Box<dyn Future<Output = u64>>> = Box::pin(total(all.clone()));
    book().vec(&all);
    future(&inner, "Box<held_futures::total::{async_fn_env#0}>");
    let sum = inner.await;
    sum + all.len() as u64
}

async fn total(all: Vec<u64>) -> u64 {
    book().vec(&all);
    for_good().await;
    all.iter().sum()
}

fn block(words: Vec<String>) -> Local {
    Box::pin(async move {
        let lengths: Vec<usize> = words.iter().map(String::len).collect();
        book().vec(&words).strings(&words).vec(&lengths);
        for_good().await;
        drop((words, lengths));
    })
}

fn recursive(depth: u32) -> Pin<Box<dyn Future<Output = u32>>> {
    Box::pin(async move {
        if depth == 0 {
            for_good().await;
            return 0;
        }
        let below = recursive(depth - 1);
        future(&below, "Box<held_futures::recursive::{async_block_env#0}>");
        below.await + 1
    })
}

/// Registers a future's box.
fn future<F: Future + ?Sized>(boxed: &Pin<Box<F>>, name: &'static str) {
    let within: &F = boxed;
    book().block(within, size_of_val(within), name);
}

async fn descends(depth: u32) {
    let top = recursive(depth);
    future(&top, "Box<held_futures::recursive::{async_block_env#0}>");
    top.await;
}

async fn forgets(from: u64, many: u64) {
    gather(from, many).await;
}

fn main() -> ExitCode {
    *BOOK.lock().expect("nobody panicked") = Some(Book::new("held_futures").held_out());
    let pages = Rc::new(RefCell::new(Vec::new()));
    let mut executor = Executor::default();
    for n in 0..150 {
        let visits = Box::pin(visit(n, pages.clone()));
        future(&visits, "Box<held_futures::visit::{async_fn_env#0}>");
        executor.add(visits);
        let forgets = Box::pin(forgets(u64::from(n), u64::from(n) % 30 + 1));
        future(&forgets, "Box<held_futures::forgets::{async_fn_env#0}>");
        executor.add(forgets);
        let words = (0..n % 7 + 1).map(|m| format!("word {m} of {n}")).collect();
        let words = block(words);
        future(&words, "Box<held_futures::block::{async_block_env#0}>");
        executor.add(words);
    }
    for depth in 1..12 {
        let descends = Box::pin(descends(depth));
        future(&descends, "Box<held_futures::descends::{async_fn_env#0}>");
        executor.add(descends);
    }
    executor.run();
    book()
        .vec(&executor.futures)
        .vec(&executor.flags)
        .arc(&executor.ready);
    for flag in &executor.flags {
        book().arc(flag);
    }
    book().rc(&pages).vec(&*pages.borrow());
    let book = BOOK
        .lock()
        .expect("nobody panicked")
        .take()
        .expect("it is open");
    let code = book.compare();
    drop(black_box((pages, executor)));
    code
}
