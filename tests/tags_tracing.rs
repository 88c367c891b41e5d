//! Fields of `tracing`'s spans as tags, in futures that move between threads. Only with
//! the feature `tracing`.
#![cfg(feature = "tracing")]
#![allow(missing_docs)]

use std::future::Future;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

const SIZE: usize = 1237;
type Made = (Box<[u8; SIZE]>, String);
static BOOK: Mutex<Vec<Made>> = Mutex::new(Vec::new());

/// Makes a block that should bear `tag`.
fn make(tag: &str) {
    let block = std::hint::black_box(Box::new([7; SIZE]));
    let _none = endler::tag("");
    BOOK.lock().expect("no panic").push((block, tag.to_owned()));
}

fn check(open: &[&str]) {
    let snapshot = endler::snapshot().expect("a snapshot");
    let image = snapshot.image();
    for (block, name) in BOOK.lock().expect("no panic").iter() {
        let addr = block.as_ptr() as u64;
        let row = image.blocks.addr.iter().position(|a| a.0 == addr);
        let thread = image.blocks.thread[row.expect("it lives")];
        let tag = image.threads[thread.index()].tag;
        let tag = tag.map(|tag| &image.tags[tag.index()]);
        assert_eq!(tag.map_or("", |tag| tag.name.as_str()), name);
        if let Some(tag) = tag {
            assert_eq!(tag.open, open.contains(&name.as_str()), "{name}");
        }
    }
}

/// How often a task went on, on another thread than before.
static HOPS: AtomicUsize = AtomicUsize::new(0);

async fn many_awaits(tag: String) {
    use tracing::Instrument;
    let mut thread = std::thread::current().id();
    for round in 0..100 {
        make(&tag);
        tokio::task::yield_now().await;
        let now = std::thread::current().id();
        HOPS.fetch_add(usize::from(now != thread), Ordering::Relaxed);
        thread = now;
        if round % 10 == 0 {
            // Without a field of its own a span is its parent's, also in a task that
            // runs elsewhere; without the span the task has no tag.
            let inner = tracing::info_span!("inner", other = round);
            let name = tag.clone();
            let task = async move { make(&name) };
            tokio::spawn(task.instrument(inner)).await.expect("ran");
            tokio::spawn(async { make("") }).await.expect("ran");
            let shop = tracing::info_span!("shop", shop = 3_u32);
            let both = format!("{tag},shop=3");
            shop.in_scope(|| make(&both));
            make(&tag);
        }
    }
}

#[test]
fn spans_are_tags_wherever_they_are_entered() {
    use tracing::Instrument;
    tracing_subscriber::registry()
        .with(endler::tracing::TagLayer::fields(["spider", "shop"]))
        .init();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(4).build().expect("a runtime");
    runtime.block_on(async {
        let tasks: Vec<_> = ["books", "quotes", "api"]
            .into_iter()
            .cycle()
            .take(6)
            .map(|spider| {
                let span = tracing::info_span!("crawl", spider);
                let work = many_awaits(format!("spider={spider}"));
                tokio::spawn(work.instrument(span))
            })
            .collect();
        for task in tasks {
            task.await.expect("ran");
        }
    });
    make("");
    println!("{} changes of thread", HOPS.load(Ordering::Relaxed));
    // Each poll on a thread of its own.
    let span = tracing::info_span!("turns", spider = "turns");
    let work = async {
        for _ in 0..100 {
            make("spider=turns");
            let mut pending = true;
            std::future::poll_fn(|_| match std::mem::replace(&mut pending, false) {
                true => std::task::Poll::Pending,
                false => std::task::Poll::Ready(()),
            })
            .await;
        }
    };
    let mut future = Box::pin(work.instrument(span));
    for _ in 0..101 {
        let poll = std::thread::spawn(move || {
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            let _ = future.as_mut().poll(&mut context);
            make("");
            future
        });
        future = poll.join().expect("ran");
    }
    drop(future);
    check(&[]);

    // Left in another order than entered; fields that are told later; one span twice.
    let late = tracing::info_span!("late", spider = tracing::field::Empty);
    late.in_scope(|| make(""));
    late.record("spider", "late");
    let outer = late.enter();
    let again = late.enter();
    make("spider=late");
    let inner = tracing::info_span!("inner", shop = 7, spider = ?Some("own"));
    let within = inner.enter();
    make("spider=Some(\"own\"),shop=7");
    drop(outer);
    make("spider=Some(\"own\"),shop=7");
    drop(within);
    make("spider=late");
    drop(again);
    make("");
    check(&["spider=late", "spider=Some(\"own\"),shop=7"]);
    drop(inner);
    check(&["spider=late"]);
    drop(late);
    check(&[]);
}
