//! Two threads that allocate, grow, shrink and free at random, also each
//! other's blocks, and keep books of what they hold.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, Mutex};

use super::{Block, Random, born_in, image, live};

pub(crate) const THREADS: usize = 2;
const NAMES: [&str; THREADS] = ["churn-0", "churn-1"];
/// Blocks that a thread holds at most; its book never grows while recorded.
const HELD: usize = 1500;
/// Blocks under way from one thread to the other.
const UNDER_WAY: usize = 64;

/// A line of the book: a block, the thread that made it, the mark in it.
#[derive(Clone, Copy)]
struct Line {
    block: Block,
    maker: usize,
    mark: u8,
}

impl Line {
    fn check(self) {
        let found = (self.block.first_byte(), self.block.last_byte());
        assert_eq!(
            found,
            (self.mark, self.mark),
            "{:?} was overwritten",
            self.block
        );
    }
}

/// What a thread holds, and its next moves.
struct Book {
    own: usize,
    lines: Vec<Line>,
    random: Random,
}

impl Book {
    fn size(&mut self) -> usize {
        let largest = match self.random.below(100) {
            0..30 => 16,
            30..80 => 200,
            80..98 => 5_000,
            98 => 200_000,
            _ => 2 << 20,
        };
        1 + self.random.below(largest)
    }

    /// One random move.
    fn step(&mut self, under_way: &Mutex<Vec<Line>>) {
        let held = self.lines.len();
        match self.random.below(10) {
            0..4 if held < HELD => {
                let (size, align) = (self.size(), 1 << self.random.below(8));
                let zeroed = self.random.below(4) == 0;
                let block = if zeroed {
                    Block::alloc_zeroed(size, align)
                } else {
                    Block::alloc(size, align)
                };
                assert!(!block.at.is_null() && (block.at as usize).is_multiple_of(align));
                if zeroed {
                    assert_eq!((block.first_byte(), block.last_byte()), (0, 0));
                }
                let mark = self.random.below(256) as u8;
                block.mark(mark);
                self.lines.push(Line {
                    block,
                    maker: self.own,
                    mark,
                });
            }
            4..7 if held > 0 => {
                let at = self.random.below(held);
                let size = self.size();
                let line = &mut self.lines[at];
                line.check();
                line.block = line.block.realloc(size).expect("memory");
                assert_eq!(line.block.first_byte(), line.mark, "lost in a realloc");
                line.block.mark(line.mark);
            }
            7 if held > 0 => {
                let mut under_way = under_way.lock().expect("not poisoned");
                let line = self.lines.swap_remove(self.random.below(held));
                if under_way.len() < UNDER_WAY {
                    under_way.push(line);
                } else {
                    self.lines.push(std::mem::replace(&mut under_way[0], line));
                }
            }
            _ if held > 0 => {
                let line = self.lines.swap_remove(self.random.below(held));
                line.check();
                line.block.free();
            }
            _ => {}
        }
    }
}

/// Books that hold nothing yet, made so that they are not recorded.
fn books() -> [Mutex<Book>; THREADS] {
    let _pause = endler_allocator::pause();
    std::array::from_fn(|own| {
        let lines = Vec::with_capacity(HELD + 1);
        Mutex::new(Book {
            own,
            lines,
            random: Random(own as u64 + 1),
        })
    })
}

/// Random moves in rounds; after each, at a quiet point, the image holds
/// exactly the books' blocks, with their sizes and their makers. Gives the
/// addresses that were compared.
pub(crate) fn books_equal_images(rounds: usize, moves: usize) -> Vec<u64> {
    let books = books();
    let under_way = {
        let _pause = endler_allocator::pause();
        Mutex::new(Vec::with_capacity(UNDER_WAY))
    };
    let turn = Barrier::new(THREADS + 1);
    let mut compared = Vec::new();
    std::thread::scope(|scope| {
        for (book, name) in books.iter().zip(NAMES) {
            let (turn, under_way) = (&turn, &under_way);
            let work = move || {
                turn.wait();
                for _ in 0..rounds {
                    turn.wait();
                    let mut book = book.lock().expect("not poisoned");
                    for _ in 0..moves {
                        book.step(under_way);
                    }
                    drop(book);
                    turn.wait();
                }
            };
            let builder = std::thread::Builder::new().name(name.into());
            builder.spawn_scoped(scope, work).expect("a thread");
        }
        // The threads are up, and nothing else allocates from here on.
        turn.wait();
        endler_allocator::enter_phase("churn");
        let _pause = endler_allocator::pause();
        for round in 0..rounds {
            turn.wait();
            turn.wait();
            let held = books
                .iter()
                .flat_map(|book| book.lock().expect("not poisoned").lines.clone());
            let waiting = under_way.lock().expect("not poisoned").clone();
            let mut expect: Vec<_> = held
                .chain(waiting)
                .map(|line| {
                    (
                        line.block.addr(),
                        line.block.layout.size() as u64,
                        NAMES[line.maker],
                    )
                })
                .collect();
            expect.sort_unstable();
            let image = image();
            let rows = born_in(&image, "churn");
            let got: Vec<_> = rows
                .iter()
                .map(|r| (r.addr, r.size, r.thread.as_str()))
                .collect();
            same(round, &got, &expect);
            assert_eq!(image.figures.lost, 0);
            compared.extend(expect.iter().map(|(addr, ..)| *addr));
        }
    });
    let lines = books
        .iter()
        .flat_map(|book| std::mem::take(&mut book.lock().expect("not poisoned").lines));
    for line in lines.chain(std::mem::take(
        &mut *under_way.lock().expect("not poisoned"),
    )) {
        line.check();
        line.block.free();
    }
    assert_eq!(born_in(&image(), "churn"), [], "all was freed");
    compared
}

fn same(round: usize, got: &[(u64, u64, &str)], expect: &[(u64, u64, &str)]) {
    assert!(!expect.is_empty(), "round {round} compares nothing");
    if got != expect {
        let missing: Vec<_> = expect.iter().filter(|e| !got.contains(e)).take(5).collect();
        let ghosts: Vec<_> = got.iter().filter(|g| !expect.contains(g)).take(5).collect();
        panic!(
            "round {round}: {} blocks in the image, {} in the book; only in the book \
             {missing:x?}, only in the image {ghosts:x?}",
            got.len(),
            expect.len(),
        );
    }
}

/// Snapshots in the midst of it: a block that lived before and lives after is in
/// each of them once. A third of those blocks is not touched meanwhile, so that
/// its place and size must be right too; the rest is reallocated all the time.
pub(crate) fn snapshots_during_moves(snapshots: usize) {
    const KEPT: usize = 300;
    let stop = AtomicBool::new(false);
    let turn = Barrier::new(THREADS + 1);
    let books = books();
    let (kept, under_way) = {
        let _pause = endler_allocator::pause();
        let kept: [_; THREADS] = std::array::from_fn(|_| Mutex::new(Vec::with_capacity(KEPT)));
        (kept, Mutex::new(Vec::with_capacity(UNDER_WAY)))
    };
    std::thread::scope(|scope| {
        for ((kept, book), name) in kept.iter().zip(&books).zip(NAMES) {
            let (turn, stop, under_way) = (&turn, &stop, &under_way);
            let work = move || {
                turn.wait();
                let mut book = book.lock().expect("not poisoned");
                let make = |i| Block::alloc(1 + i % 70, 8);
                kept.lock()
                    .expect("not poisoned")
                    .extend((0..KEPT).map(make));
                turn.wait();
                turn.wait();
                let mut kept = kept.lock().expect("not poisoned");
                while !stop.load(Ordering::Relaxed) {
                    book.step(under_way);
                    let at = KEPT / 3 + book.random.below(KEPT - KEPT / 3);
                    let size = book.size();
                    kept[at] = kept[at].realloc(size).expect("memory");
                    // The copy has the lowest priority: leave it some time.
                    if book.random.below(100) == 0 {
                        super::nap(2);
                    }
                }
            };
            let builder = std::thread::Builder::new().name(name.into());
            builder.spawn_scoped(scope, work).expect("a thread");
        }
        turn.wait();
        turn.wait();
        let _pause = endler_allocator::pause();
        let before = image();
        let kept: Vec<Vec<Block>> = kept
            .iter()
            .map(|kept| kept.lock().expect("not poisoned").clone())
            .collect();
        turn.wait();
        let mut moved = 0;
        for _ in 0..snapshots {
            let during = image();
            assert_eq!(during.process.cut, endler_snapshot::Cut::Atomic);
            let mut serials: Vec<(u64, usize)> = during
                .blocks
                .serial
                .iter()
                .enumerate()
                .map(|(row, s)| (s.0, row))
                .collect();
            serials.sort_unstable();
            for (i, block) in kept.iter().flat_map(|kept| kept.iter().enumerate()) {
                let serial = live(&before, block.addr())
                    .expect("it was there before")
                    .serial;
                let from = serials.partition_point(|(s, _)| *s < serial);
                let to = serials.partition_point(|(s, _)| *s <= serial);
                assert_eq!(
                    to - from,
                    1,
                    "block {i} of {serial:#x} stands there so often"
                );
                let row = serials[from].1;
                let (addr, size) = (during.blocks.addr[row].0, during.blocks.size[row].0);
                if i < KEPT / 3 {
                    assert_eq!((addr, size), block.row(), "block {i} was not touched");
                } else {
                    moved += usize::from((addr, size) != block.row());
                }
            }
        }
        assert!(moved > KEPT, "the blocks did not move: {moved}");
        stop.store(true, Ordering::Relaxed);
    });
}
