//! Tags: each block bears the one that was set where it was made, whatever the scopes
//! did; and the rest of its record stays right.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use endler_allocator::{Scope, Tag};
use endler_snapshot::{Addr, Image};
use support::{Block, Random, alone, alone_in_mode, image, live, nap};

#[global_allocator]
static HEAP: endler_allocator::Heap = endler_allocator::Heap::system();

/// The tag that an image says a block has; empty for none.
fn tag_of(image: &Image, block: Block) -> &str {
    let row = image.blocks.addr.binary_search(&Addr(block.addr()));
    let row = row.expect("it lives");
    assert_eq!(image.blocks.size[row].0, block.row().1);
    let thread = &image.threads[image.blocks.thread[row].index()];
    thread.tag.map_or("", |tag| &image.tags[tag.index()].name)
}

fn is_open(image: &Image, name: &str) -> bool {
    let tag = image.tags.iter().find(|tag| tag.name == name);
    tag.expect("it was set").open
}

const NAMES: [&str; 6] = [
    "",
    "spider=books",
    "spider=quotes",
    "a",
    "b",
    "spider=books,page=7",
];

/// What one thread did: blocks, with the tag that its own book says.
struct Book {
    name: String,
    blocks: Vec<(Block, &'static str)>,
}

/// Opens and closes scopes in a random order, and makes, grows and frees blocks in them.
fn work(seed: u64, steps: usize) -> Vec<(Block, &'static str)> {
    let mut random = Random(seed);
    let mut open: Vec<(Scope, &'static str)> = Vec::with_capacity(64);
    let mut blocks: Vec<(Block, &'static str)> = Vec::with_capacity(steps);
    for _ in 0..steps {
        let now = open.last().map_or("", |(_, name)| *name);
        match random.below(8) {
            0 if open.len() < 60 => {
                let name = NAMES[random.below(NAMES.len())];
                open.push((Tag::new(name).enter(), name));
            }
            1 if !open.is_empty() => drop(open.remove(random.below(open.len()))),
            2 if !open.is_empty() => drop(open.pop()),
            3 if !blocks.is_empty() => {
                let (block, _) = blocks.swap_remove(random.below(blocks.len()));
                block.free();
            }
            4 if !blocks.is_empty() => {
                // The block keeps its tag, whatever is set now.
                let at = random.below(blocks.len());
                let (block, name) = blocks[at];
                let grown = block.realloc(1 + random.below(3000)).expect("memory");
                blocks[at] = (grown, name);
            }
            _ => blocks.push((Block::alloc(1 + random.below(200), 8), now)),
        }
    }
    blocks
}

#[test]
fn each_block_bears_what_was_set_where_it_was_made() {
    alone("each_block_bears_what_was_set_where_it_was_made", || {
        let done = Barrier::new(5);
        let read = Barrier::new(5);
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4u64)
                .map(|seed| {
                    let (done, read) = (&done, &read);
                    let worker = move || {
                        let blocks = work(seed, 20_000);
                        done.wait();
                        read.wait();
                        let name = format!("worker-{seed}");
                        Book { name, blocks }
                    };
                    let named = std::thread::Builder::new().name(format!("worker-{seed}"));
                    named.spawn_scoped(scope, worker).expect("a thread")
                })
                .collect();
            done.wait();
            let image = image();
            read.wait();
            assert_eq!((image.figures.lost, image.figures.untold), (0, 0));
            let mut seen = BTreeSet::new();
            for thread in threads {
                let Book { name, blocks } = thread.join().expect("ran");
                for (block, tag) in blocks {
                    assert_eq!(tag_of(&image, block), tag);
                    let row = live(&image, block.addr()).expect("it lives");
                    assert_eq!(row.thread, name, "under {tag:?}");
                    seen.insert((name.clone(), tag));
                }
            }
            assert_eq!(seen.len(), 4 * NAMES.len(), "each tag on each thread");
            // A thread is there once for each of its tags; its stack once.
            for thread in image.threads.iter().filter(|t| t.tag.is_some()) {
                assert!(thread.alive && thread.stack_pointer.is_none());
                let own = |t: &&endler_snapshot::Thread| t.tid == thread.tid && t.tag.is_none();
                let own = image.threads.iter().find(own).expect("without a tag");
                assert_eq!(own.name, thread.name);
            }
            let names: BTreeSet<&str> = image.tags.iter().map(|t| t.name.as_str()).collect();
            assert_eq!(names, NAMES[1..].iter().copied().collect());
        });
    });
}

#[test]
fn a_tag_is_open_while_a_scope_or_a_use_of_it_is() {
    alone("a_tag_is_open_while_a_scope_or_a_use_of_it_is", || {
        let (a, b) = (Tag::new("a"), Tag::new("b"));
        let kept = b.keep();
        let outer = a.enter();
        let other = std::thread::spawn(|| drop(Tag::new("c").enter()));
        other.join().expect("ran");
        let inner = a.enter();
        let first = image();
        assert_eq!(
            ["a", "b", "c"].map(|n| is_open(&first, n)),
            [true, true, false]
        );
        // Not the last, and not in order.
        drop(outer);
        assert!(is_open(&image(), "a"));
        drop(inner);
        drop(kept);
        let second = image();
        assert_eq!(["a", "b", "c"].map(|n| is_open(&second, n)), [false; 3]);
        let again = Tag::new("c").enter();
        assert!(is_open(&image(), "c"), "a tag that is set again is open");
        drop(again);
    });
}

#[test]
fn dead_threads_leave_their_tags_to_their_blocks_only() {
    alone("dead_threads_leave_their_tags_to_their_blocks_only", || {
        let mut left = Vec::new();
        for round in 0..200 {
            let named = std::thread::Builder::new().name(format!("t{round}"));
            let thread = named.spawn(move || {
                let plain = Block::alloc(40, 8);
                let scope = Tag::new("spider=books").enter();
                let tagged = Block::alloc(48, 8);
                // Never closed: the row goes to the next thread with it.
                std::mem::forget(scope);
                [plain, tagged]
            });
            left.push((round, thread.expect("a thread").join().expect("ran")));
        }
        let image = image();
        for (round, [plain, tagged]) in left {
            assert_eq!(tag_of(&image, plain), "", "of thread {round}");
            assert_eq!(tag_of(&image, tagged), "spider=books");
            for block in [plain, tagged] {
                let row = live(&image, block.addr()).expect("it lives");
                assert_eq!(row.thread, format!("t{round}"));
            }
        }
    });
}

#[test]
fn tags_beyond_the_last_number_are_counted_and_threads_keep_theirs() {
    alone(
        "tags_beyond_the_last_number_are_counted_and_threads_keep_theirs",
        || {
            let blocks: Vec<Block> = (0..70_000)
                .map(|n| {
                    let _scope = Tag::new(&n.to_string()).enter();
                    Block::alloc(24, 8)
                })
                .collect();
            let other = std::thread::Builder::new().name("later".into()).spawn(|| {
                let plain = Block::alloc(32, 8);
                let _scope = Tag::new("one more").enter();
                [plain, Block::alloc(32, 8)]
            });
            let other = other.expect("a thread").join().expect("ran");
            let image = image();
            let told = blocks
                .iter()
                .zip(0..)
                .take_while(|(block, n): &(_, u32)| tag_of(&image, **block) == n.to_string());
            let told = told.count();
            assert!((40_000..65_000).contains(&told), "{told} are told");
            for block in &blocks[told..] {
                assert_eq!(tag_of(&image, *block), "(later tags)");
            }
            assert_eq!(tag_of(&image, other[1]), "(later tags)");
            for block in other {
                assert_eq!(
                    live(&image, block.addr()).expect("it lives").thread,
                    "later"
                );
            }
            assert_eq!(image.figures.untold, (blocks.len() - told + 1) as u64);
            assert_eq!(image.figures.lost, 0);
            assert!(
                is_open(&image, "(later tags)"),
                "nobody knows that they ended"
            );
            assert!(!is_open(&image, "7"));
        },
    );
}

#[test]
fn scopes_beyond_the_deepest_are_counted() {
    alone("scopes_beyond_the_deepest_are_counted", || {
        let [a, b] = ["a", "b"].map(Tag::new);
        let mut open: Vec<Scope> = (0..5000).map(|_| a.enter()).collect();
        open.push(b.enter());
        let deep = Block::alloc(24, 8);
        let deepest = image();
        assert_eq!(tag_of(&deepest, deep), "a", "the deepest that was opened");
        assert_eq!(deepest.figures.untold, 5001 - 4096);
        drop(open);
        let _scope = b.enter();
        let after = Block::alloc(24, 8);
        let image = image();
        assert_eq!(tag_of(&image, after), "b");
        assert_eq!((is_open(&image, "a"), is_open(&image, "b")), (false, true));
    });
}

#[test]
fn a_forked_child_has_its_own_scopes_alone() {
    alone("a_forked_child_has_its_own_scopes_alone", || {
        let _own = Tag::new("own").enter();
        let before = Block::alloc(24, 8);
        let (opened, end) = (Barrier::new(2), Barrier::new(2));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _scope = Tag::new("other").enter();
                opened.wait();
                end.wait();
            });
            opened.wait();
            // SAFETY: the child uses what glibc allows after a fork: its allocator, exit.
            let pid = unsafe { libc::fork() };
            if pid == 0 {
                // SAFETY: the child's own alarm clock.
                unsafe { libc::alarm(60) };
                let after = Block::alloc(24, 8);
                let mine = Tag::new("child").enter();
                let inner = Block::alloc(24, 8);
                drop(mine);
                let image = image();
                let right = [before, after, inner].map(|b| tag_of(&image, b));
                let open = ["own", "other", "child"].map(|n| is_open(&image, n));
                let right = right == ["own", "own", "child"] && open == [true, false, false];
                std::process::exit(i32::from(!right));
            }
            assert!(pid > 0);
            let mut status = 0;
            // SAFETY: waits for our own child.
            assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
            assert_eq!(status, 0, "the child's image");
            let image = image();
            let open = ["own", "other"].map(|n| is_open(&image, n));
            assert_eq!(open, [true, true], "the parent's");
            end.wait();
        });
    });
}

/// Scopes that a signal handler opened.
static HANDLED: AtomicU64 = AtomicU64::new(0);
static WORKS: AtomicBool = AtomicBool::new(true);

extern "C" fn handler(_: i32) {
    // Made before: a new name would be allocated.
    let scope = Tag::new("handler").enter();
    HANDLED.fetch_add(1, Ordering::Relaxed);
    drop(scope);
}

/// A handler that sets a tag while the thread opens and closes scopes changes nothing.
#[test]
fn a_signal_handler_may_set_a_tag() {
    alone("a_signal_handler_may_set_a_tag", || {
        drop(Tag::new("handler").enter());
        // SAFETY: the handler opens a scope of a name that is there, and allocates nothing.
        unsafe { libc::signal(libc::SIGUSR1, handler as extern "C" fn(i32) as usize) };
        // SAFETY: names this thread.
        let worker = unsafe { libc::pthread_self() } as usize;
        let blocks = std::thread::scope(|scope| {
            scope.spawn(move || {
                while WORKS.load(Ordering::Relaxed) {
                    // SAFETY: the thread works until it is told to end, below.
                    unsafe { libc::pthread_kill(worker as libc::pthread_t, libc::SIGUSR1) };
                    std::hint::spin_loop();
                }
            });
            let mut all = Vec::new();
            let mut seed = 0;
            while HANDLED.load(Ordering::Relaxed) < 2000 {
                all.extend(work(seed, 2000));
                seed += 1;
                nap(0);
            }
            WORKS.store(false, Ordering::Relaxed);
            all
        });
        let image = image();
        for (block, tag) in blocks {
            assert_eq!(tag_of(&image, block), tag);
        }
        assert!(!is_open(&image, "handler"));
    });
}

#[test]
fn nothing_is_set_where_nothing_is_recorded() {
    let test = "nothing_is_set_where_nothing_is_recorded";
    alone_in_mode(test, Some("off"), || {
        let tag = Tag::new("a");
        let (kept, scope) = (tag.keep(), tag.enter());
        Block::alloc(24, 8).free();
        drop((scope, kept));
    });
}
