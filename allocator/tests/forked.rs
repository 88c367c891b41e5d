//! The host forks while its threads allocate: the child is a process with a
//! profiler of its own, and the parent's knows nothing of it.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use support::{Block, Live, Random, alone, image, live, nap};

#[global_allocator]
static HEAP: endler_allocator::Heap = endler_allocator::Heap::system();

static STOP: AtomicBool = AtomicBool::new(false);

fn churn(seed: u64) {
    let mut random = Random(seed);
    let mut held: Vec<Block> = Vec::with_capacity(500);
    while !STOP.load(Ordering::Relaxed) {
        match random.below(3) {
            0 if held.len() < 500 => held.push(Block::alloc(1 + random.below(3000), 8)),
            1 if !held.is_empty() => {
                let at = random.below(held.len());
                held[at] = held[at].realloc(1 + random.below(3000)).expect("memory");
            }
            // The copy has the lowest priority: leave it some time.
            _ if random.below(200) == 0 => nap(2),
            _ if !held.is_empty() => held.swap_remove(random.below(held.len())).free(),
            _ => {}
        }
    }
    held.into_iter().for_each(Block::free);
}

/// What the child does: frees, grows and makes blocks, also on a thread of its
/// own, and takes a snapshot.
fn child(blocks: &[Block]) {
    let (freed, rest) = blocks.split_at(blocks.len() / 2);
    freed.iter().for_each(|block| block.free());
    let grown: Vec<Block> = rest
        .iter()
        .map(|b| b.realloc(3000).expect("memory"))
        .collect();
    let made: Vec<Block> = (1..2000).map(|size| Block::alloc(size, 8)).collect();
    let work = || {
        let kept: Vec<Block> = (1..2000).map(|size| Block::alloc(size, 16)).collect();
        (1..2000).for_each(|size| Block::alloc(size, 8).free());
        kept
    };
    let builder = std::thread::Builder::new().name("in-the-child".into());
    let theirs = builder.spawn(work).expect("a thread").join().expect("ends");
    let image = image();
    assert_eq!(image.process.pid, std::process::id());
    for block in grown.iter().chain(&made).chain(&theirs) {
        let row = live(&image, block.addr()).expect("it lives");
        assert_eq!((row.addr, row.size), block.row());
    }
    for block in &theirs {
        let row = live(&image, block.addr()).expect("it lives");
        assert_eq!(row.thread, "in-the-child");
    }
    let all: std::collections::HashSet<u64> = grown
        .iter()
        .chain(&made)
        .chain(&theirs)
        .map(|b| b.addr())
        .collect();
    let ghosts = freed.iter().filter(|b| !all.contains(&b.addr()));
    let ghosts = ghosts.filter(|b| live(&image, b.addr()).is_some_and(|row| row.size == b.row().1));
    assert_eq!(ghosts.count(), 0, "freed blocks are in the child's image");
}

#[test]
fn a_forked_child_records_for_itself() {
    alone("a_forked_child_records_for_itself", || {
        let blocks: Vec<Block> = (0..2000).map(|i| Block::alloc(100_000 + i, 8)).collect();
        let threads = [1, 2].map(|seed| std::thread::spawn(move || churn(seed)));
        let rows = |image: &endler_snapshot::Image| -> Vec<Live> {
            let row = |block: &Block| live(image, block.addr()).expect("it lives");
            blocks.iter().map(row).collect()
        };
        let before = rows(&image());
        for round in 0..10 {
            // SAFETY: the child uses the C library only where glibc allows it
            // after a fork: its allocator, threads, exit.
            let pid = unsafe { libc::fork() };
            if pid == 0 {
                // SAFETY: the child's own alarm clock.
                unsafe { libc::alarm(60) };
                let result = catch_unwind(AssertUnwindSafe(|| child(&blocks)));
                std::process::exit(i32::from(result.is_err()));
            }
            assert!(pid > 0);
            let mut status = 0;
            // SAFETY: waits for our own child.
            assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
            assert!(
                libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0,
                "round {round}: status {status:#x}"
            );
        }
        let image = image();
        assert_eq!(rows(&image), before, "the parent's blocks are as they were");
        assert!(
            image
                .threads
                .iter()
                .all(|thread| thread.name != "in-the-child")
        );
        assert_eq!(image.figures.lost, 0);
        STOP.store(true, Ordering::Relaxed);
        threads
            .into_iter()
            .for_each(|thread| thread.join().expect("ends"));
    });
}

#[test]
fn a_raw_clone_that_runs_no_atfork_handler_records_for_itself() {
    alone(
        "a_raw_clone_that_runs_no_atfork_handler_records_for_itself",
        || {
            let blocks: Vec<Block> = (0..2000).map(|i| Block::alloc(100_000 + i, 8)).collect();
            let no = 0u64;
            // SAFETY: a process without shared memory, as fork makes one; no other
            // thread of this process holds a lock of the C library.
            let pid =
                unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, no, no, no, no) } as i32;
            if pid == 0 {
                // SAFETY: the child's own alarm clock.
                unsafe { libc::alarm(60) };
                let result = catch_unwind(AssertUnwindSafe(|| {
                    endler_allocator::notice_fork();
                    child(&blocks);
                    // The row of the one thread that was cloned is still its own,
                    // however many threads look for a row.
                    let release = std::sync::Barrier::new(9);
                    std::thread::scope(|scope| {
                        for _ in 0..8 {
                            let builder = std::thread::Builder::new().name("in-the-child".into());
                            let allocates = || {
                                let block = Block::alloc(55, 8);
                                release.wait();
                                release.wait();
                                block.free();
                            };
                            builder.spawn_scoped(scope, allocates).expect("a thread");
                        }
                        release.wait();
                        let mine = Block::alloc(77_777, 8);
                        let row = live(&image(), mine.addr()).expect("it lives");
                        release.wait();
                        assert_ne!(row.thread, "in-the-child");
                    });
                }));
                // SAFETY: ends the child.
                unsafe { libc::_exit(i32::from(result.is_err())) };
            }
            let mut status = 0;
            // SAFETY: waits for our own child.
            assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
            assert_eq!(status, 0, "the child failed");
            let image = image();
            for block in &blocks {
                assert!(live(&image, block.addr()).is_some(), "the parent's block");
            }
        },
    );
}
