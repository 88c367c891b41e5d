//! Blocks that threads hand to each other, threads that come and go, and
//! snapshots while threads work.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use std::collections::HashMap;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Barrier};

use endler_snapshot::Image;
use support::{Block, alone, churn, image, live};

#[global_allocator]
static HEAP: endler_allocator::Heap = endler_allocator::Heap::system();

fn named(name: &str) -> std::thread::Builder {
    std::thread::Builder::new().name(name.into())
}

#[test]
fn freed_by_another_thread() {
    alone("freed_by_another_thread", || {
        let (send, receive) = sync_channel::<Block>(4);
        let freer = named("freer").spawn(move || {
            let mut kept = Vec::with_capacity(10_000);
            for (i, block) in receive.iter().enumerate() {
                if i % 2 == 0 {
                    block.free();
                } else {
                    kept.push(block);
                }
            }
            kept
        });
        let maker = named("maker").spawn(move || {
            let mut made = Vec::with_capacity(10_000);
            for i in 0..10_000 {
                made.push(Block::alloc(1 + i % 100, 8));
                send.send(made[i]).expect("the freer listens");
            }
            made
        });
        let made = maker.expect("a thread").join().expect("made");
        let kept = freer.expect("a thread").join().expect("kept");
        assert_eq!(kept.len(), 5000);
        let image = image();
        for block in &kept {
            let row = live(&image, block.addr()).expect("it lives");
            assert_eq!((row.addr, row.size), block.row());
            assert_eq!(row.thread, "maker", "of a thread that has ended");
        }
        let freed = made
            .iter()
            .step_by(2)
            .filter(|block| !kept.iter().any(|k| k.at == block.at));
        for block in freed {
            let row = live(&image, block.addr());
            assert!(
                row.is_none_or(|row| row.thread != "maker"),
                "{block:?} is a ghost"
            );
        }
    });
}

/// `count` threads, `at_once` of them alive at a time, each of which leaves one
/// block behind.
fn short_threads(first: usize, count: usize, at_once: usize, left: &mut Vec<(Block, String)>) {
    let numbers: Vec<usize> = (first..first + count).collect();
    for some in numbers.chunks(at_once) {
        let all = Arc::new(Barrier::new(some.len()));
        let threads = some.iter().map(|number| {
            let name = format!("short-{number}");
            let all = Arc::clone(&all);
            let work = move || {
                let freed = Block::alloc(64, 8);
                let kept = Block::alloc(32, 8);
                freed.free();
                all.wait();
                kept.realloc(48).expect("memory")
            };
            (named(&name).spawn(work).expect("a thread"), name)
        });
        let threads: Vec<_> = threads.collect();
        left.extend(
            threads
                .into_iter()
                .map(|(thread, name)| (thread.join().expect("ran"), name)),
        );
    }
}

fn check_left(image: &Image, left: &[(Block, String)]) {
    let threads = image.threads.iter().map(|t| (t.name.as_str(), t.alive));
    let threads: HashMap<&str, bool> = threads.collect();
    for (block, name) in left {
        let row = live(image, block.addr()).expect("it lives");
        assert_eq!((row.size, row.thread.as_str()), (48, name.as_str()));
        let alive = threads.get(name.as_str());
        assert_eq!(alive, Some(&false), "{name} is listed, and has ended");
    }
}

#[test]
fn ten_thousand_short_threads() {
    alone("ten_thousand_short_threads", || {
        let mut left = Vec::with_capacity(10_000);
        short_threads(0, 200, 4, &mut left);
        let early = image();
        check_left(&early, &left);
        short_threads(200, 9800, 4, &mut left);
        let late = image();
        check_left(&late, &left);
        assert_eq!(left.len(), 10_000);
        // Each thread that needed tables of its own would take 20 KiB and more.
        let grown = late.figures.own.0.saturating_sub(early.figures.own.0);
        assert!(
            grown < 9800 * 512,
            "9,800 threads made the profiler {grown} bytes larger"
        );
        assert_eq!(late.figures.lost, 0);
    });
}

#[test]
fn hundreds_of_threads_at_once() {
    alone("hundreds_of_threads_at_once", || {
        let mut left = Vec::with_capacity(1500);
        short_threads(0, 300, 300, &mut left);
        let early = image();
        check_left(&early, &left);
        short_threads(300, 1200, 300, &mut left);
        let late = image();
        check_left(&late, &left);
        // The tables of 300 threads are those of the next 300, which touch some
        // more of them: tables of their own would make it five times as large.
        let (early, late) = (early.figures, late.figures);
        assert!(late.own.0 < 2 * early.own.0, "{early:?}, later {late:?}");
        assert_eq!(late.lost, 0);
    });
}

#[test]
fn threads_that_end_during_a_snapshot_keep_their_names() {
    let test = "threads_that_end_during_a_snapshot_keep_their_names";
    alone(test, || {
        let names: Vec<String> = (0..30).map(|n| format!("ending-{n}")).collect();
        let made = std::sync::Mutex::new(Vec::with_capacity(30));
        let may_end = std::sync::Barrier::new(31);
        for _ in 0..20 {
            std::thread::scope(|scope| {
                for name in &names {
                    let (made, may_end) = (&made, &may_end);
                    let work = move || {
                        let block = Block::alloc(32, 8);
                        made.lock().expect("not poisoned").push((block, name));
                        may_end.wait();
                    };
                    named(name).spawn_scoped(scope, work).expect("a thread");
                }
                may_end.wait();
                let image = image();
                for (block, name) in made.lock().expect("not poisoned").drain(..) {
                    let row = live(&image, block.addr()).expect("it lives");
                    assert_eq!(row.thread, *name);
                    block.free();
                }
            });
        }
    });
}

#[test]
fn books_equal_images_at_quiet_points() {
    alone("books_equal_images_at_quiet_points", || {
        let compared = churn::books_equal_images(8, 20_000);
        assert!(
            compared.len() > 8 * 1000,
            "{} blocks compared",
            compared.len()
        );
    });
}

#[test]
fn snapshots_while_two_threads_work() {
    alone("snapshots_while_two_threads_work", || {
        churn::snapshots_during_moves(20)
    });
}
