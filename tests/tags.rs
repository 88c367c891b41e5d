//! Tags from end to end: which part of the program allocates what, on threads and in
//! futures that move between threads, are spawned, and are cancelled.
#![allow(missing_docs)]

mod process;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::thread::ThreadId;
use std::time::Duration;

use endler::{tag, tagged};
use process::*;

#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

/// Blocks of a size that nothing else here has, by what should stand in their row.
struct Book(Mutex<Vec<(Box<[u8; SIZE]>, String)>>);
const SIZE: usize = 1237;

static BOOK: Book = Book(Mutex::new(Vec::new()));

/// Makes a block that should bear `tag`.
fn make(tag: &str) {
    let block = std::hint::black_box(Box::new([7; SIZE]));
    let _none = endler::tag("");
    BOOK.0
        .lock()
        .expect("no panic")
        .push((block, tag.to_owned()));
}

/// The tag and the tag's state of each block of the book are what the book says.
fn check(ended: &[&str]) -> BTreeMap<String, usize> {
    let snapshot = endler::snapshot().expect("a snapshot");
    let image = snapshot.image();
    let mut counts = BTreeMap::<String, usize>::new();
    for (block, name) in BOOK.0.lock().expect("no panic").iter() {
        let addr = block.as_ptr() as u64;
        let row = image.blocks.addr.binary_search_by_key(&addr, |addr| addr.0);
        let thread = image.blocks.thread[row.expect("it lives")];
        let tag = image.threads[thread.index()].tag;
        let tag = tag.map(|tag| &image.tags[tag.index()]);
        assert_eq!(tag.map_or("", |tag| tag.name.as_str()), name);
        if let Some(tag) = tag {
            assert_eq!(tag.open, !ended.contains(&name.as_str()), "{name}");
        }
        *counts.entry(name.clone()).or_default() += 1;
    }
    assert_eq!(image.figures.untold, 0);
    // The same through the views.
    for (name, count) in &counts {
        let name = if name.is_empty() { "(none)" } else { name };
        let query = format!("where('size={SIZE}').where('tag={name}').count");
        let found = snapshot.query(&query).expect("a query");
        let found = found.text(endler::reports::render::Columns::Heapy);
        assert_eq!(found, count.to_string(), "{name}");
    }
    counts
}

/// Pending once, and ready at once: another thread may go on with its task.
struct Hop(bool);

impl Future for Hop {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// How often a future went on, on another thread than before.
static HOPS: AtomicUsize = AtomicUsize::new(0);

async fn many_awaits(name: &'static str, rounds: usize) {
    let mut thread: Option<ThreadId> = None;
    for round in 0..rounds {
        make(name);
        if round % 8 == 0 {
            let inner = "inner";
            tagged(inner, async {
                make(inner);
                Hop(false).await;
                make(inner);
            })
            .await;
            make(name);
        }
        if round % 16 == 0 {
            // What is spawned has the tag that it is given, or none.
            tokio::spawn(async { make("") }).await.expect("ran");
            tokio::spawn(tagged(name, async move {
                make(name);
                tokio::task::yield_now().await;
                let _scope = tag("scope in a task");
                make("scope in a task");
            }))
            .await
            .expect("ran");
        }
        Hop(false).await;
        tokio::task::yield_now().await;
        let now = std::thread::current().id();
        if thread.replace(now).is_some_and(|before| before != now) {
            HOPS.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Polls a future on one thread after the other; how often.
fn by_turns(mut future: Pin<Box<dyn Future<Output = ()> + Send>>) -> usize {
    for polls in 1.. {
        let poll = std::thread::spawn(move || {
            let mut context = Context::from_waker(std::task::Waker::noop());
            let ready = future.as_mut().poll(&mut context).is_ready();
            make("");
            (future, ready)
        });
        let (back, ready) = poll.join().expect("ran");
        if ready {
            return polls;
        }
        future = back;
    }
    unreachable!("it counts for ever")
}

/// Makes a block while it is dropped.
struct AtEnd(&'static str);

impl Drop for AtEnd {
    fn drop(&mut self) {
        make(self.0);
    }
}

async fn cancelled(name: &'static str) {
    let _end = AtEnd(name);
    make(name);
    std::future::pending::<()>().await;
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(4).enable_time();
    builder.build().expect("a runtime")
}

fn futures() {
    let runtime = runtime();
    let names = ["spider=books", "spider=quotes", "spider=api"];
    runtime.block_on(async {
        let mut tasks: Vec<_> = Vec::new();
        for &name in names.iter().cycle().take(9) {
            tasks.push(tokio::spawn(tagged(name, many_awaits(name, 200))));
        }
        for task in tasks {
            task.await.expect("ran");
        }
        make("");
    });
    println!("{} changes of thread", HOPS.load(Ordering::Relaxed));
    // Each poll on a thread of its own.
    let polls = by_turns(Box::pin(tagged("turns", async {
        for _ in 0..100 {
            make("turns");
            tagged("inner", async {
                make("inner");
                Hop(false).await;
                make("inner");
            })
            .await;
            make("turns");
            Hop(false).await;
        }
    })));
    assert_eq!(polls, 201);
    // One that waits for ever, one that is aborted, one that ran out of time, one that
    // was never polled.
    let waits = runtime.spawn(tagged("waits", cancelled("waits")));
    wait_for("its first block", || {
        let book = BOOK.0.lock().expect("no panic");
        book.iter().any(|(_, tag)| tag == "waits").then_some(())
    });
    let aborted = runtime.spawn(tagged("aborted", cancelled("aborted")));
    runtime.block_on(async {
        tokio::task::yield_now().await;
        aborted.abort();
        assert!(aborted.await.is_err());
        let late = tagged("late", cancelled("late"));
        let late = tokio::time::timeout(Duration::from_millis(5), late).await;
        assert!(late.is_err());
        let end = AtEnd("never");
        drop(tagged("never", async move {
            let _end = end;
        }));
    });
    let ended = [
        "spider=books",
        "spider=quotes",
        "spider=api",
        "inner",
        "scope in a task",
    ];
    let ended = [&ended[..], &["aborted", "late", "never", "turns"]].concat();
    let counts = check(&ended);
    for name in names {
        // 200 rounds, 25 of them with one block more, 13 with a task's, three times.
        assert_eq!(counts[name], 3 * (200 + 25 + 13));
    }
    assert_eq!(
        (counts["late"], counts["never"], counts["waits"]),
        (2, 1, 1)
    );
    waits.abort();
    drop(runtime);
    assert_eq!(check(&[&ended[..], &["waits"]].concat())["waits"], 2);
}

fn scopes() {
    let threads: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(|| {
                for round in 0..200 {
                    let outer = tag("outer");
                    make("outer");
                    let inner = tag(String::from("inner"));
                    make("inner");
                    if round % 2 == 0 {
                        // The outer ends first: the inner goes on to count.
                        drop(outer);
                        make("inner");
                        drop(inner);
                        make("");
                    } else {
                        drop(inner);
                        make("outer");
                        drop(outer);
                        make("");
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|t| t.join().expect("ran"));
    let held = tag("held");
    make("held");
    let counts = check(&["outer", "inner"]);
    assert_eq!(counts["outer"], 4 * 300);
    assert_eq!(counts["inner"], 4 * 300);
    drop(held);
    check(&["outer", "inner", "held"]);
    // A future that panics leaves no tag behind.
    let panics = std::panic::catch_unwind(|| {
        let mut future = std::pin::pin!(tagged("panics", async { panic!("of the test") }));
        let mut context = Context::from_waker(std::task::Waker::noop());
        let _: Poll<()> = future.as_mut().poll(&mut context);
    });
    assert!(panics.is_err());
    make("");
    check(&["outer", "inner", "held"]);
    // What outlives its tag.
    let snapshot = endler::snapshot().expect("a snapshot");
    let outlived = snapshot
        .query("outlived.where('size=1237')")
        .expect("a query");
    let text = outlived.text(endler::reports::render::Columns::Heapy);
    let is_row = |line: &&str| line.as_bytes().get(5).is_some_and(u8::is_ascii_digit);
    let lines = text.lines().filter(is_row);
    let rows: Vec<&str> = lines.filter_map(|line| line.get(45..)).collect();
    assert_eq!(rows.len(), 3, "{text}");
    for name in ["outer", "inner", "held"] {
        assert!(rows.contains(&name), "{text}");
    }
}

fn in_its_own_process(test: &str, body: fn()) {
    if role().is_some() {
        not_for_ever();
        return body();
    }
    let output = finish(start(&mut again(test, "tags")));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn futures_bear_their_tag_wherever_they_run() {
    in_its_own_process("futures_bear_their_tag_wherever_they_run", futures);
}

#[test]
fn scopes_nest_on_each_thread() {
    in_its_own_process("scopes_nest_on_each_thread", scopes);
}
