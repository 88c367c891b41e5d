//! A chat service on tokio: connections that wait for lines, actors that select
//! among channels, limits, locks that tasks share, boxed futures of services,
//! periodic work. On one thread, so that a time holds the births of one thing.

#![allow(dead_code, reason = "fields are there to have a size")]

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::{Arc, Mutex as StdMutex, MutexGuard};
use std::time::Duration;

use book::{Book, Name};
use bytes::{Bytes, BytesMut};
use tokio::sync::{Mutex, Notify, OnceCell, RwLock, Semaphore, broadcast, mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Sleep, interval, sleep, timeout};

#[global_allocator]
static HEAP: book::Heap = book::heap();

static BOOK: StdMutex<Option<Book>> = StdMutex::new(None);

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

/// Spawns and registers the task's block.
fn spawn<F>(future: F, name: Name) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    let mark = book().mark();
    let handle = tokio::spawn(future);
    book().since(mark, name);
    handle
}

/// That of an async function.
fn start<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    spawn(future, Name::task::<F>().env("{async_fn_env#0}"))
}

#[derive(Clone, Debug)]
struct User {
    name: String,
    rooms: Vec<u32>,
    quota: [u64; 3],
}

#[derive(Debug)]
struct Line {
    text: String,
    at: u64,
    from: Option<Box<str>>,
}

struct State {
    users: RwLock<HashMap<u64, User>>,
    outbox: Mutex<VecDeque<(u64, Bytes)>>,
    gate: Semaphore,
    stop: Notify,
    rooms: OnceCell<Vec<Arc<str>>>,
}

impl State {
    async fn rooms(&self) -> &[Arc<str>] {
        let make = || async {
            tokio::task::yield_now().await;
            let rooms = (0..20).map(|n| format!("room {n}").into());
            rooms.collect::<Vec<Arc<str>>>()
        };
        self.rooms.get_or_init(make).await
    }
}

struct Session {
    id: u64,
    name: String,
    history: Vec<String>,
    buffer: BytesMut,
    counts: BTreeMap<String, u32>,
}

async fn connection(
    id: u64,
    state: Arc<State>,
    mut lines: mpsc::Receiver<Line>,
    done: oneshot::Sender<usize>,
) {
    let mut session = Session {
        id,
        name: String::from("guest"),
        history: Vec::new(),
        buffer: BytesMut::with_capacity(128),
        counts: BTreeMap::new(),
    };
    book().around(
        session.buffer.as_ptr(),
        Name::of::<BytesMut>().or(Name::of::<Vec<u8>>()),
    );
    let mut handled = 0;
    while handled < 12 {
        let Ok(Some(line)) = timeout(LONG, lines.recv()).await else {
            break;
        };
        handled += 1;
        let permit = state.gate.acquire().await;
        let words: Vec<&str> = line.text.split(' ').collect();
        *session.counts.entry(words[0].to_owned()).or_default() += 1;
        match words.as_slice() {
            ["login", name] => {
                session.name = name.to_string();
                let rooms = state.rooms().await.len() as u32;
                let user = User {
                    name: session.name.clone(),
                    rooms: (0..rooms).filter(|n| u64::from(*n) % 3 == id % 3).collect(),
                    quota: [id; 3],
                };
                state.users.write().await.insert(id, user);
            }
            ["say", rest @ ..] => session.history.push(rest.join(" ")),
            ["send", text] => {
                let bytes = Bytes::copy_from_slice(text.as_bytes());
                book().around(
                    bytes.as_ptr(),
                    Name::of::<Bytes>()
                        .or(Name::of::<Vec<u8>>())
                        .or(Name::of::<Box<[u8]>>()),
                );
                state.outbox.lock().await.push_back((id, bytes));
            }
            _ => session.buffer.extend_from_slice(b"?"),
        }
        drop(permit);
    }
    book()
        .string(&session.name)
        .vec(&session.history)
        .strings(&session.history)
        .btree_map(&session.counts)
        .strings(session.counts.keys());
    _ = done.send(handled);
    state.stop.notified().await;
    drop(session);
}

async fn connections(state: Arc<State>) -> impl Sized {
    let mut kept = Vec::new();
    for id in 0..40u64 {
        let mark = book().mark();
        let (sender, lines) = mpsc::channel::<Line>(20);
        book().largest_since(mark, block("fresh_async::Line"));
        book().since(
            mark,
            "Arc<tokio::sync::mpsc::chan::Chan<fresh_async::Line, tokio::sync::mpsc::bounded::Semaphore>>",
        );
        let (done, is_done) = oneshot::channel();
        let task = start(connection(id, state.clone(), lines, done));
        for n in 0..12u64 {
            let text = match n % 4 {
                0 => format!("login user-{id}"),
                1 => format!("say this is what user {id} has to say"),
                2 => format!("send message-{n}-of-user-{id}"),
                _ => "nothing known".to_owned(),
            };
            let from = (n % 5 == 0).then(|| "somewhere".into());
            let line = Line { text, at: n, from };
            sender.send(line).await.expect("the connection is there");
        }
        kept.push((sender, task, is_done));
    }
    let mut handled = 0;
    for (_, _, is_done) in &mut kept {
        handled += is_done.await.unwrap_or_default();
    }
    book().vec(&kept);
    (kept, handled)
}

/// A channel's block of places is made by hand from a layout, and held as a box.
fn block(of: &'static str) -> book::Names {
    let (boxed, raw): (&'static str, &'static str) = match of {
        "fresh_async::Line" => (
            "Box<tokio::sync::mpsc::block::Block<fresh_async::Line>>",
            "Raw<tokio::sync::mpsc::block::Block<fresh_async::Line>>",
        ),
        _ => (
            "Box<tokio::sync::mpsc::block::Block<fresh_async::Command>>",
            "Raw<tokio::sync::mpsc::block::Block<fresh_async::Command>>",
        ),
    };
    Name::written(boxed)
        .or(raw)
        .or("Raw in tokio::sync::mpsc::*")
}

#[derive(Debug)]
enum Command {
    Put {
        key: String,
        value: Vec<u8>,
        done: oneshot::Sender<Option<Vec<u8>>>,
    },
    Get(String, oneshot::Sender<Option<Vec<u8>>>),
    /// The actor writes down what it holds.
    Report(oneshot::Sender<usize>),
}

#[derive(Clone, Debug, Default)]
struct Settings {
    level: u8,
    names: Vec<String>,
}

async fn actor(
    mut inbox: mpsc::Receiver<Command>,
    mut settings: watch::Receiver<Settings>,
    mut news: broadcast::Receiver<Arc<str>>,
    state: Arc<State>,
) -> usize {
    let mut table: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut current = settings.borrow_and_update().clone();
    let mut heard: Vec<Arc<str>> = Vec::new();
    let mark = book().mark();
    let mut tick = interval(LONG);
    book().since(mark, Name::of::<Box<Sleep>>());
    tick.tick().await;
    loop {
        tokio::select! {
            command = inbox.recv() => match command {
                Some(Command::Put { key, value, done }) => {
                    _ = done.send(table.insert(key, value));
                }
                Some(Command::Get(key, done)) => {
                    _ = done.send(table.get(&key).cloned());
                }
                Some(Command::Report(done)) => {
                    book()
                        .btree_map(&table)
                        .strings(table.keys())
                        .vecs(table.values())
                        .vec(&current.names)
                        .strings(&current.names)
                        .vec(&heard);
                    _ = done.send(table.len());
                }
                None => break,
            },
            changed = settings.changed() => {
                if changed.is_err() {
                    break;
                }
                current.clone_from(&settings.borrow_and_update());
            }
            Ok(one) = news.recv() => heard.push(one),
            _ = tick.tick() => heard.clear(),
            () = state.stop.notified() => break,
        }
    }
    table.len()
}

async fn ask(actor: &mpsc::Sender<Command>, n: usize) -> Option<Vec<u8>> {
    let (done, answer) = oneshot::channel();
    let key = format!("key-{}", n % 17);
    let command = match n % 3 {
        0 => Command::Get(key, done),
        _ => {
            let value = vec![n as u8; n % 50 + 1];
            Command::Put { key, value, done }
        }
    };
    actor.send(command).await.ok()?;
    answer.await.ok().flatten()
}

async fn actors(state: Arc<State>) -> impl Sized {
    let mark = book().mark();
    let (settings, own) = watch::channel(Settings::default());
    book().since(
        mark,
        "Arc<tokio::sync::watch::Shared<fresh_async::Settings>>",
    );
    let mark = book().mark();
    let (news, first) = broadcast::channel::<Arc<str>>(16);
    book().largest_since(
        mark,
        Name::written(
            "Box<[tokio::loom::std::mutex::Mutex<tokio::sync::broadcast::Slot<Arc<str>>>]>",
        )
        .was("Vec<tokio::loom::std::mutex::Mutex<tokio::sync::broadcast::Slot<Arc<str>>>>"),
    );
    book().since(mark, "Arc<tokio::sync::broadcast::Shared<Arc<str>>>");
    let mut kept = Vec::new();
    for _ in 0..12 {
        let mark = book().mark();
        let (sender, inbox) = mpsc::channel::<Command>(64);
        book().largest_since(mark, block("fresh_async::Command"));
        book().since(
            mark,
            "Arc<tokio::sync::mpsc::chan::Chan<fresh_async::Command, tokio::sync::mpsc::bounded::Semaphore>>",
        );
        let actor = actor(inbox, settings.subscribe(), news.subscribe(), state.clone());
        kept.push((sender, start(actor)));
    }
    let mut answers: Vec<Vec<u8>> = Vec::new();
    for n in 0..300 {
        answers.extend(ask(&kept[n % 12].0, n).await);
        if n % 40 == 0 {
            let text: Arc<str> = Arc::from(format!("news number {n}"));
            book().arc_as(&text, Name::of::<Arc<str>>().was(Name::of::<Arc<[u8]>>()));
            _ = news.send(text);
            settings.send_modify(|settings| {
                settings.level += 1;
                settings.names.push(format!("setting {n}"));
            });
        }
    }
    // All is heard before anything is written down.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    for (sender, _) in &kept {
        let (done, answer) = oneshot::channel();
        if sender.send(Command::Report(done)).await.is_ok() {
            black_box(answer.await.is_ok());
        }
    }
    let names = settings.borrow().names.clone();
    book().vec(&names).strings(&names);
    book()
        .vec(&settings.borrow().names)
        .strings(&settings.borrow().names);
    book().vec(&kept).vec(&answers).vecs(&answers);
    (settings, own, news, first, kept, answers, names)
}

type Reply = Pin<Box<dyn Future<Output = Vec<String>> + Send>>;
type Service = Arc<dyn Fn(Vec<String>) -> Reply + Send + Sync>;

fn uppercase(by: Duration) -> Service {
    Arc::new(move |words| {
        Box::pin(async move {
            let upper: Vec<String> = words.iter().map(|word| word.to_uppercase()).collect();
            book()
                .vec(&words)
                .strings(&words)
                .vec(&upper)
                .strings(&upper);
            sleep(by).await;
            upper
        })
    })
}

fn counted(gate: Arc<Semaphore>, suffix: &'static str) -> Service {
    Arc::new(move |mut words| {
        let gate = gate.clone();
        Box::pin(async move {
            words.sort();
            words.dedup();
            words.push(suffix.to_string());
            book().vec(&words).strings(&words);
            let permit = gate.acquire_owned().await;
            sleep(LONG).await;
            drop(permit);
            words
        })
    })
}

async fn both(one: Service, two: Service, words: Vec<String>) -> usize {
    let (first, second) = (one(words.clone()), two(words));
    reply(
        &first,
        "Box<fresh_async::uppercase::{closure#0}::{async_block_env#0}>",
    );
    reply(
        &second,
        "Box<fresh_async::counted::{closure#0}::{async_block_env#0}>",
    );
    let (first, second) = tokio::join!(first, second);
    first.len() + second.len()
}

fn reply(reply: &Reply, name: &'static str) {
    let within: &(dyn Future<Output = Vec<String>> + Send) = &**reply;
    book().block(within, size_of_val(within), name);
}

fn services() -> impl Sized {
    let gate = Arc::new(Semaphore::new(2));
    let upper = uppercase(LONG);
    let counted = counted(gate.clone(), "and the last");
    book()
        .arc(&gate)
        .arc_as(&upper, "Arc<fresh_async::uppercase::{closure_env#0}>")
        .arc_as(&counted, "Arc<fresh_async::counted::{closure_env#0}>");
    let mut tasks = Vec::new();
    for n in 0..30 {
        let words = ["one", "fish", "two", "fish"]
            .iter()
            .map(|word| format!("{word} {n}"));
        tasks.push(start(both(upper.clone(), counted.clone(), words.collect())));
    }
    let mut replies = Vec::new();
    for n in 0..20 {
        let words = (0..n % 4 + 1).map(|m| format!("word {m}")).collect();
        let one = upper(words);
        reply(
            &one,
            "Box<fresh_async::uppercase::{closure#0}::{async_block_env#0}>",
        );
        replies.push(spawn(one, Name::task::<Reply>()));
    }
    book().vec(&tasks).vec(&replies);
    (gate, upper, counted, tasks, replies)
}

trait Source: Send + 'static {
    type Item: Send + 'static;
    fn next(&mut self) -> Option<Self::Item>;
}

struct Numbers(std::ops::Range<u64>);
struct Names(VecDeque<String>);

impl Source for Numbers {
    type Item = [u64; 2];
    fn next(&mut self) -> Option<[u64; 2]> {
        self.0.next().map(|n| [n, n * n])
    }
}

impl Source for Names {
    type Item = String;
    fn next(&mut self) -> Option<String> {
        self.0.pop_front()
    }
}

async fn gathers<S: Source>(mut source: S, many: usize) -> Vec<S::Item> {
    let mut all = Vec::with_capacity(many);
    while let Some(item) = source.next() {
        all.push(item);
        if all.len() == many {
            break;
        }
        tokio::task::yield_now().await;
    }
    book().vec(&all);
    sleep(LONG).await;
    all
}

/// Work that starts again and again, as a block of its own.
fn periodic(state: Arc<State>, n: u64) -> JoinHandle<u64> {
    let work = async move {
        let mark = book().mark();
        let mut every = interval(LONG + Duration::from_secs(n));
        book().since(mark, Name::of::<Box<Sleep>>());
        let mut rounds = vec![0; 8];
        book().vec(&rounds);
        loop {
            tokio::select! {
                _ = every.tick() => rounds[0] += n,
                () = state.stop.notified() => return rounds[0],
            }
        }
    };
    let mark = book().mark();
    let handle = tokio::spawn(work);
    book().since(mark, "Task<fresh_async::periodic::{async_block_env#0}>");
    handle
}

async fn gathered(state: Arc<State>) -> impl Sized {
    let mut numbers = Vec::new();
    let mut names = Vec::new();
    for n in 0..15usize {
        let source = Numbers(n as u64..100);
        let name = "Task<fresh_async::gathers::{async_fn_env#0}<fresh_async::Numbers>>";
        numbers.push(spawn(gathers(source, n + 10), name.into()));
        let words: VecDeque<String> = (0..20).map(|m| format!("name {m} of {n}")).collect();
        let was = Name::of::<Vec<String>>();
        book().deque_as(&words, Name::of::<VecDeque<String>>().was(was));
        book().strings(&words);
        let name = "Task<fresh_async::gathers::{async_fn_env#0}<fresh_async::Names>>";
        names.push(spawn(gathers(Names(words), 12), name.into()));
    }
    let mut set: JoinSet<u64> = JoinSet::new();
    for n in 0..25 {
        let mark = book().mark();
        let state = state.clone();
        set.spawn(async move {
            state.stop.notified().await;
            n
        });
        book().largest_since(
            mark,
            "Task<fresh_async::gathered::{async_fn#0}::{async_block_env#1}>",
        );
        book().since(
            mark,
            "Arc<tokio::util::idle_notified_set::ListEntry<tokio::runtime::task::join::JoinHandle<u64>>>",
        );
    }
    let periodic: Vec<_> = (0..20).map(|n| periodic(state.clone(), n)).collect();
    book().vec(&numbers).vec(&names).vec(&periodic);
    (numbers, names, set, periodic)
}

async fn all() -> ExitCode {
    let state = Arc::new(State {
        users: RwLock::default(),
        outbox: Mutex::default(),
        gate: Semaphore::new(3),
        stop: Notify::new(),
        rooms: OnceCell::new(),
    });
    let connections = connections(state.clone()).await;
    let actors = actors(state.clone()).await;
    let services = services();
    let gathered = gathered(state.clone()).await;
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    let users = state.users.read().await;
    book().arc(&state).hash_map(&*users);
    for user in users.values() {
        book().string(&user.name).vec(&user.rooms);
    }
    drop(users);
    let outbox = state.outbox.lock().await;
    book().deque(&*outbox);
    drop(outbox);
    if let Some(rooms) = state.rooms.get() {
        book().vec(rooms);
        for room in rooms {
            book().arc_as(room, Name::of::<Arc<str>>().was(Name::of::<Arc<[u8]>>()));
        }
    }
    let book = BOOK
        .lock()
        .expect("nobody panicked")
        .take()
        .expect("it is open");
    let code = book.compare();
    drop(black_box((state, connections, actors, services, gathered)));
    code
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    *BOOK.lock().expect("nobody panicked") = Some(Book::new("fresh_async").fresh());
    runtime.block_on(all())
}
