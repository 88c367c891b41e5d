//! Futures half-way: boxed ones of an executor of the program's own, and tokio's tasks;
//! what they hold across their awaits, and messages that wait in tokio's channels.

#![allow(dead_code, reason = "fields are there to be pointers")]

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use book::{Edges, Source};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

#[global_allocator]
static HEAP: book::Heap = book::heap();

static BOOK: Mutex<Option<Edges>> = Mutex::new(None);

/// The book, for futures that register what they hold.
struct Open(MutexGuard<'static, Option<Edges>>);

impl std::ops::Deref for Open {
    type Target = Edges;
    fn deref(&self) -> &Edges {
        self.0.as_ref().expect("it is open")
    }
}

impl std::ops::DerefMut for Open {
    fn deref_mut(&mut self) -> &mut Edges {
        self.0.as_mut().expect("it is open")
    }
}

fn book() -> Open {
    Open(BOOK.lock().expect("nobody panicked"))
}

/// Never ready.
struct ForGood;

impl Future for ForGood {
    type Output = ();
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

/// Ready at the second poll.
struct Turn(bool);

impl Future for Turn {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

struct Page {
    url: String,
    links: Vec<String>,
    body: Box<[u8]>,
}

fn page(n: u64) -> Page {
    Page {
        url: format!("http://pond/{n}"),
        links: (0..n % 4).map(|m| format!("link {m} of {n}")).collect(),
        body: vec![n as u8; n as usize % 50 + 1].into(),
    }
}

fn register_page(page: &Page) {
    book()
        .field("~Page.url", &page.url)
        .field("~Page.links", &page.links)
        .each("~Page.links[*]", &page.links)
        .field("~Page.body", &page.body)
        .whole(&page.links);
}

fn register_moved(page: &Page) {
    book()
        .moved("~Page.url", &page.url)
        .moved("~Page.links", &page.links)
        .each("~Page.links[*]", &page.links)
        .moved("~Page.body", &page.body)
        .whole(&page.links);
}

struct Board {
    title: String,
    pages: Vec<Page>,
}

/// Arguments that stay, and locals of several kinds.
async fn visit(n: u64, page: Page, board: Arc<Board>) {
    let words: Vec<String> = (0..n % 5 + 1).map(|m| format!("word {m}")).collect();
    let counts: HashMap<String, Box<u64>> = (0..n % 3 + 1)
        .map(|m| (format!("count {m}"), Box::new(m)))
        .collect();
    let pair = (format!("pair {n}"), Some(Box::new(n)));
    Turn(false).await;
    register_page(&page);
    book()
        .field("~visit::{async_fn_env#0}.board", &board)
        .field("~visit::{async_fn_env#0}.words", &words)
        .each("~visit::{async_fn_env#0}.words[*]", &words)
        .field("~visit::{async_fn_env#0}.counts", &counts)
        .each("~visit::{async_fn_env#0}.counts.keys()", counts.keys())
        .each("~visit::{async_fn_env#0}.counts[*]", counts.values())
        .field("~visit::{async_fn_env#0}.pair.0", &pair.0)
        .field("~visit::{async_fn_env#0}.pair.1", &pair.1)
        .whole(&words)
        .whole(&counts);
    ForGood.await;
    drop((page, board, words, counts, pair));
}

/// Locals that are gone at the await, and one that borrows.
async fn sheds(n: u64, mut list: Vec<Box<str>>) {
    let early: Vec<String> = (0..6).map(|m| format!("early {m}")).collect();
    Turn(false).await;
    let length = early.len();
    drop(early);
    // Grown elsewhere: where it was is free memory now, or a page of these.
    list.extend((0..n + 40).map(|m| format!("grown {m}").into()));
    let pages: Vec<Page> = (0..length as u64).map(page).collect();
    let first = &pages[0].url;
    Turn(false).await;
    book()
        .field("~sheds::{async_fn_env#0}.list", &list)
        .each("~sheds::{async_fn_env#0}.list[*]", &list)
        .field("~sheds::{async_fn_env#0}.pages", &pages)
        .edge(
            Source::around(&raw const pages),
            "~sheds::{async_fn_env#0}.first",
            first,
        )
        .whole(&list)
        .whole(&pages);
    for page in &pages {
        register_page(page);
    }
    ForGood.await;
    black_box(first);
    drop((list, pages));
}

/// Futures within futures, in one block.
async fn outer(n: u64) {
    let name = format!("outer {n}");
    book().field("~outer::{async_fn_env#0}.name", &name);
    inner(n, vec![n; 5]).await;
    drop(name);
}

async fn inner(n: u64, numbers: Vec<u64>) {
    let text: Box<str> = format!("inner {n}").into();
    book()
        .field("~inner::{async_fn_env#0}.numbers", &numbers)
        .field("~inner::{async_fn_env#0}.text", &text);
    innermost(Rc::from(&*text)).await;
    drop((numbers, text));
}

async fn innermost(text: Rc<str>) {
    let mut queue: VecDeque<String> = (0..4).map(|n| format!("queued {n}")).collect();
    queue.rotate_left(2);
    queue.push_back("last".to_owned());
    Turn(false).await;
    book()
        .field("~innermost::{async_fn_env#0}.text", &text)
        .field("~innermost::{async_fn_env#0}.queue", &queue)
        .each("~innermost::{async_fn_env#0}.queue[*]", &queue)
        .whole(&queue);
    ForGood.await;
    drop((text, queue));
}

type Local = Pin<Box<dyn Future<Output = ()>>>;

fn block(words: Vec<String>, tree: BTreeMap<u32, String>) -> Local {
    Box::pin(async move {
        let lengths: Vec<usize> = words.iter().map(String::len).collect();
        Turn(false).await;
        book()
            .field("~block::{async_block_env#0}.words", &words)
            .each("~block::{async_block_env#0}.words[*]", &words)
            .tree("~block::{async_block_env#0}.tree", &tree)
            .each("~block::{async_block_env#0}.tree[*]", tree.values())
            .field("~block::{async_block_env#0}.lengths", &lengths)
            .whole(&words)
            .whole(&lengths);
        for key in tree.keys() {
            book().complete(key);
        }
        ForGood.await;
        drop((words, tree, lengths));
    })
}

/// doubt: what is awaited by value lies in a variable that the compiler makes, `__awaitee`.
fn recursive(depth: u32) -> Local {
    Box::pin(async move {
        let text = format!("depth {depth}");
        book().field("~recursive::{async_block_env#0}.text", &text);
        if depth > 0 {
            let below = recursive(depth - 1);
            book().edge(
                Source::around(&raw const text),
                "~recursive::{async_block_env#0}.__awaitee",
                &raw const *below,
            );
            below.await;
        } else {
            ForGood.await;
        }
        drop(text);
    })
}

/// What is awaited through a reference stays in its own variable.
async fn selects(n: u64) {
    let mut left = recursive(n as u32 % 3);
    let mut right: Pin<Box<dyn Future<Output = ()>>> = Box::pin(outer(n + 100));
    book()
        .field("~selects::{async_fn_env#0}.left", &left)
        .field("~selects::{async_fn_env#0}.right", &right);
    std::future::poll_fn(|cx| {
        let is_ready = left.as_mut().poll(cx).is_ready() || right.as_mut().poll(cx).is_ready();
        match is_ready {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
    drop((left, right));
}

/// A value of each state of its own: not begun, half-way, ended.
async fn begins(n: u64, page: Page) -> u64 {
    let text = format!("begun {n}");
    Turn(false).await;
    (text.len() + page.links.len()) as u64
}

struct Executor {
    futures: Vec<Local>,
    fresh: Vec<Pin<Box<dyn Future<Output = u64>>>>,
    slots: VecDeque<Option<Local>>,
}

fn executor(board: &Arc<Board>) -> Box<Executor> {
    let mut executor = Box::new(Executor {
        futures: Vec::new(),
        fresh: Vec::new(),
        slots: VecDeque::new(),
    });
    for n in 0..16u64 {
        executor
            .futures
            .push(Box::pin(visit(n, page(n), board.clone())));
        let list = (0..8).map(|m| format!("listed {m}").into()).collect();
        executor.futures.push(Box::pin(sheds(n, list)));
        executor.futures.push(Box::pin(outer(n)));
        let words = (0..n % 4 + 1).map(|m| format!("word {m}")).collect();
        let tree = (0..n as u32 * 2 + 1).map(|m| (m, format!("leaf {m}")));
        executor.futures.push(block(words, tree.collect()));
        executor.slots.push_back(Some(Box::pin(selects(n))));
        executor.slots.push_back(Some(recursive(n as u32 % 5)));
    }
    executor.slots.rotate_left(7);
    for n in 0..12 {
        let page = page(n);
        register_moved(&page);
        let mut future = Box::pin(begins(n, page));
        // doubt: of a future that has not begun, only its arguments are there.
        if n % 2 == 0 {
            poll(future.as_mut());
        }
        executor.fresh.push(future);
    }
    executor.slots[3] = None;
    for _ in 0..4 {
        for future in &mut executor.futures {
            poll(future.as_mut());
        }
        for future in executor.slots.iter_mut().flatten() {
            poll(future.as_mut());
        }
    }
    book()
        .complete(&*executor)
        .field("~Executor.futures", &executor.futures)
        .each("~Executor.futures[*]", &executor.futures)
        .whole(&executor.futures)
        .field("~Executor.fresh", &executor.fresh)
        .each("~Executor.fresh[*]", &executor.fresh)
        .whole(&executor.fresh)
        .field("~Executor.slots", &executor.slots)
        .each("~Executor.slots[*]", executor.slots.iter())
        .whole(&executor.slots);
    executor
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) {
    let mut context = Context::from_waker(Waker::noop());
    assert!(future.poll(&mut context).is_pending());
}

enum News {
    Nothing,
    Page(Page),
    Lines { from: String, lines: Vec<Arc<str>> },
}

fn news(n: u64) -> News {
    let news = match n % 3 {
        0 => News::Page(page(n)),
        1 => News::Lines {
            from: format!("from {n}"),
            lines: (0..n % 5).map(|m| format!("line {m}").into()).collect(),
        },
        _ => News::Nothing,
    };
    match &news {
        News::Nothing => {}
        News::Page(page) => register_moved(page),
        News::Lines { from, lines } => {
            book()
                .moved("~News::Lines.from", from)
                .moved("~News::Lines.lines", lines)
                .each("~News::Lines.lines[*]", lines)
                .whole(lines)
                .wholes(lines);
        }
    }
    news
}

struct Latest {
    title: String,
    parts: Vec<Box<str>>,
}

fn latest(n: u64) -> Latest {
    let latest = Latest {
        title: format!("title {n}"),
        parts: (0..n % 6 + 1).map(|m| format!("part {m}").into()).collect(),
    };
    book()
        .moved("~Latest.title", &latest.title)
        .moved("~Latest.parts", &latest.parts)
        .each("~Latest.parts[*]", &latest.parts)
        .whole(&latest.parts);
    latest
}

/// A task that has taken some of its messages and waits for a word.
async fn takes(n: u64, mut from: mpsc::Receiver<News>, word: oneshot::Receiver<String>) {
    let mut taken = Vec::new();
    for _ in 0..n % 4 {
        if let Some(News::Page(page)) = from.recv().await {
            taken.push(page.url.into_boxed_str());
        }
    }
    book()
        .field("~takes::{async_fn_env#0}.taken", &taken)
        .each("~takes::{async_fn_env#0}.taken[*]", &taken)
        .whole(&taken);
    drop(word.await);
    drop((taken, from));
}

/// A task that works on what it was given.
async fn works(page: Page, board: Arc<Board>) -> usize {
    let copy = page.links.clone();
    let slow: Vec<Vec<String>> = (0..3).map(|n| vec![format!("slow {n}"); n]).collect();
    tokio::task::yield_now().await;
    register_page(&page);
    book()
        .field("~works::{async_fn_env#0}.copy", &copy)
        .each("~works::{async_fn_env#0}.copy[*]", &copy)
        .field("~works::{async_fn_env#0}.slow", &slow)
        .each("~works::{async_fn_env#0}.slow[*]", &slow)
        .field("~works::{async_fn_env#0}.board", &board)
        .whole(&copy)
        .whole(&slow);
    for list in &slow {
        book()
            .each("~works::{async_fn_env#0}.slow[*][*]", list)
            .whole(list);
    }
    ForGood.await;
    page.links.len() + copy.len() + slow.len() + board.pages.len()
}

/// A task that ends: what it gives waits in its block.
async fn gives(n: u64) -> Latest {
    let own = format!("own {n}");
    tokio::task::yield_now().await;
    drop(own);
    latest(n)
}

struct Service {
    takers: Vec<(mpsc::Sender<News>, oneshot::Sender<String>, JoinHandle<()>)>,
    workers: Vec<JoinHandle<usize>>,
    given: Vec<JoinHandle<Latest>>,
    unbounded: (mpsc::UnboundedSender<News>, mpsc::UnboundedReceiver<News>),
    once: Vec<oneshot::Receiver<Latest>>,
    broadcast: (
        broadcast::Sender<Arc<Latest>>,
        broadcast::Receiver<Arc<Latest>>,
    ),
    watch: (watch::Sender<Latest>, watch::Receiver<Latest>),
    shared: Arc<tokio::sync::Mutex<Latest>>,
    board: Arc<Board>,
}

async fn service(board: Arc<Board>) -> Box<Service> {
    let mut takers = Vec::new();
    for n in 0..14u64 {
        let (to, from) = mpsc::channel(20);
        let (say, word) = oneshot::channel();
        let task = tokio::spawn(takes(n, from, word));
        for m in 0..n % 4 {
            // These are taken.
            let sent = to.try_send(News::Page(page(m * 3)));
            assert!(sent.is_ok());
        }
        tokio::task::yield_now().await;
        for m in 0..7 {
            assert!(to.try_send(news(n + m)).is_ok());
        }
        takers.push((to, say, task));
    }
    let workers: Vec<_> = (0..20)
        .map(|n| tokio::spawn(works(page(n), board.clone())))
        .collect();
    let given: Vec<_> = (0..10).map(|n| tokio::spawn(gives(n))).collect();
    for _ in 0..30 {
        tokio::task::yield_now().await;
    }
    let mut unbounded = mpsc::unbounded_channel();
    for n in 0..45 {
        // More than a block of the channel, some of them taken.
        let sent = match n < 10 {
            true => News::Page(page(n)),
            false => news(n),
        };
        assert!(unbounded.0.send(sent).is_ok());
        if n < 10 {
            drop(unbounded.1.try_recv());
        }
    }
    let once = (0..9).map(|n| {
        let (to, from) = oneshot::channel();
        assert!(to.send(latest(n)).is_ok());
        from
    });
    let once = once.collect();
    let broadcast = broadcast::channel(8);
    for n in 0..5 {
        let latest = Arc::new(latest(n));
        book()
            .field("~Latest.title", &latest.title)
            .field("~Latest.parts", &latest.parts)
            .whole(&latest);
        assert!(broadcast.0.send(latest).is_ok());
    }
    Box::new(Service {
        takers,
        workers,
        given,
        unbounded,
        once,
        broadcast,
        watch: watch::channel(latest(5)),
        shared: Arc::new(tokio::sync::Mutex::new(latest(4))),
        board,
    })
}

async fn all() -> ExitCode {
    let board = Arc::new(Board {
        title: "the board".to_owned(),
        pages: (0..12).map(page).collect(),
    });
    book()
        .field("~Board.title", &board.title)
        .field("~Board.pages", &board.pages)
        .whole(&board)
        .whole(&board.pages);
    for page in &board.pages {
        register_page(page);
    }
    let executor = executor(&board);
    let service = service(board).await;
    book()
        .field("~Service.takers", &service.takers)
        .field("~Service.workers", &service.workers)
        .field("~Service.given", &service.given)
        .field("~Service.once", &service.once)
        .field("~Service.shared", &service.shared)
        .field("~Service.board", &service.board);
    let book = BOOK
        .lock()
        .expect("nobody panicked")
        .take()
        .expect("it is open");
    let code = book.compare();
    drop(black_box((executor, service)));
    code
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    *BOOK.lock().expect("nobody panicked") = Some(Edges::new("held_webs_async"));
    runtime.block_on(all())
}
