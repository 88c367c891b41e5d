//! A soak: four threads allocate, reallocate and free blocks of 1 B to 1 MiB,
//! also each other's, with a snapshot each second while they run and one at
//! each quiet point, which equals their own books block for block. The
//! profiler's own memory is told, and does not grow with the work done.
//!
//! `ENDLER_SOAK_SECONDS` says how long; 5 without it.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, Mutex};
use std::time::{Duration, Instant};

use endler_snapshot::{Cut, Image};
use support::{Block, Random, again, image, is_alone, text};

#[global_allocator]
static HEAP: endler_allocator::Heap = endler_allocator::Heap::system();

const THREADS: usize = 4;
const NAMES: [&str; THREADS] = ["soak-0", "soak-1", "soak-2", "soak-3"];
/// What a thread holds at most.
const HELD: usize = 20_000;
const HELD_BYTES: usize = 48 << 20;
/// Blocks on their way to a thread at most.
const MAIL: usize = 256;
const LARGEST_BITS: usize = 20;
/// Between two quiet points.
const TURN: Duration = Duration::from_secs(1);

/// A block in a book.
#[derive(Clone, Copy)]
struct Line {
    block: Block,
    mark: u8,
}

impl Line {
    fn check(self) {
        let found = (self.block.first_byte(), self.block.last_byte());
        let block = self.block;
        assert_eq!(found, (self.mark, self.mark), "{block:?} was overwritten");
    }
}

struct Book {
    lines: Vec<Line>,
    bytes: usize,
    random: Random,
    moves: u64,
}

impl Book {
    fn new(own: usize) -> Self {
        Book {
            lines: Vec::with_capacity(HELD + MAIL),
            bytes: 0,
            random: Random(own as u64 + 1),
            moves: 0,
        }
    }

    /// As many of 1 to 2 bytes as of 2 to 4, and so on up to 1 MiB.
    fn size(&mut self) -> usize {
        let floor = 1 << self.random.below(LARGEST_BITS);
        floor + self.random.below(floor)
    }

    fn keep(&mut self, line: Line) {
        self.bytes += line.block.layout.size();
        self.lines.push(line);
    }

    /// The larger of two, so that a book has more small blocks than large ones.
    fn drop_one(&mut self) -> Line {
        let held = self.lines.len();
        let (a, b) = (self.random.below(held), self.random.below(held));
        let size = |at: usize| self.lines[at].block.layout.size();
        let line = self
            .lines
            .swap_remove(if size(a) > size(b) { a } else { b });
        self.bytes -= line.block.layout.size();
        line
    }

    fn alloc(&mut self) {
        let (size, align) = (self.size(), 1 << self.random.below(7));
        let mark = self.random.below(256) as u8;
        let block = match self.random.below(4) {
            0 => {
                let block = Block::alloc_zeroed(size, align);
                assert_eq!((block.first_byte(), block.last_byte()), (0, 0));
                block
            }
            _ => Block::alloc(size, align),
        };
        assert!(!block.at.is_null() && (block.at as usize).is_multiple_of(align));
        block.mark(mark);
        self.keep(Line { block, mark });
    }

    fn realloc(&mut self) {
        let at = self.random.below(self.lines.len());
        let size = self.size();
        let line = &mut self.lines[at];
        line.check();
        self.bytes = self.bytes - line.block.layout.size() + size;
        line.block = line.block.realloc(size).expect("memory");
        assert_eq!(line.block.first_byte(), line.mark, "lost in a realloc");
        line.block.mark(line.mark);
    }

    /// One random move, by `own`.
    fn step(&mut self, own: usize, mail: &[Mutex<Vec<Line>>; THREADS]) {
        self.moves += 1;
        let (held, full) = (self.lines.len(), self.bytes > HELD_BYTES);
        match self.random.below(16) {
            0..8 if held < HELD && !full => self.alloc(),
            8..11 if held > 0 => self.realloc(),
            11 if held > 0 => {
                let line = self.drop_one();
                let mut to = mail[(own + 1) % THREADS].lock().expect("not poisoned");
                if to.len() < MAIL {
                    return to.push(line);
                }
                drop(to);
                self.keep(line);
            }
            12 => {
                let mut from = mail[own].lock().expect("not poisoned");
                let half = from.len() / 2;
                from.drain(half..).for_each(|line| self.keep(line));
            }
            _ if held > 0 => {
                let line = self.drop_one();
                line.check();
                line.block.free();
            }
            _ => {}
        }
    }
}

/// What the threads and the comparing thread share. It grows nowhere while the
/// threads run.
struct Shared {
    books: [Mutex<Book>; THREADS],
    mail: [Mutex<Vec<Line>>; THREADS],
    turn: Barrier,
    quiet: AtomicBool,
    over: AtomicBool,
}

impl Shared {
    fn work(&self, own: usize) {
        self.turn.wait();
        loop {
            self.turn.wait();
            if self.over.load(Ordering::SeqCst) {
                return;
            }
            let mut book = self.books[own].lock().expect("not poisoned");
            while !self.quiet.load(Ordering::Relaxed) {
                for _ in 0..100 {
                    book.step(own, &self.mail);
                }
            }
            drop(book);
            self.turn.wait();
        }
    }

    /// Everything that the books and the mail hold, by address.
    fn expected(&self) -> Vec<(u64, u64)> {
        let mut expected = Vec::new();
        for book in &self.books {
            let book = book.lock().expect("not poisoned");
            expected.extend(book.lines.iter().map(|line| line.block.row()));
        }
        for mail in &self.mail {
            let mail = mail.lock().expect("not poisoned");
            expected.extend(mail.iter().map(|line| line.block.row()));
        }
        expected.sort_unstable();
        expected
    }
}

/// The soak's blocks in an image: those that were born in its phase.
fn recorded(image: &Image) -> Vec<(u64, u64)> {
    let named = image.phases.iter().position(|phase| phase.name == "soak");
    let phase = named.expect("the phase");
    let blocks = &image.blocks;
    (0..blocks.len())
        .filter(|row| blocks.phase[*row].index() == phase)
        .map(|row| (blocks.addr[row].0, blocks.size[row].0))
        .collect()
}

fn compare(image: &Image, expected: &[(u64, u64)]) {
    assert_eq!((image.process.cut, image.figures.lost), (Cut::Atomic, 0));
    let got = recorded(image);
    if got != expected {
        let only = |a: &[(u64, u64)], b: &[(u64, u64)]| {
            let rows = a.iter().filter(|row| b.binary_search(row).is_err());
            rows.take(5).copied().collect::<Vec<_>>()
        };
        panic!(
            "{} blocks in the image, {} in the books; only in the books {:x?}, only in the image {:x?}",
            got.len(),
            expected.len(),
            only(expected, &got),
            only(&got, expected),
        );
    }
}

/// Resident bytes of the mappings that bear the profiler's name; none where the
/// kernel does not keep names.
fn named_resident() -> Option<u64> {
    let smaps = std::fs::read_to_string("/proc/self/smaps").ok()?;
    let (mut ours, mut any, mut bytes) = (false, false, 0);
    for line in smaps.lines() {
        if let Some(rest) = line.strip_prefix("Rss:") {
            let kib: u64 = rest.trim().trim_end_matches(" kB").parse().ok()?;
            bytes += if ours { kib * 1024 } else { 0 };
        } else if line.split(' ').next().is_some_and(|w| w.contains('-')) {
            ours = line.ends_with("[anon:endler]");
            any |= ours;
        }
    }
    any.then_some(bytes)
}

fn seconds() -> u64 {
    let text = std::env::var("ENDLER_SOAK_SECONDS").ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(5)
}

/// The soak, in a process of its own. Its last line tells what it did.
fn soak() {
    // SAFETY: sets this process's own alarm clock.
    unsafe { libc::alarm(120 + 2 * seconds() as u32) };
    support::panics_end_the_process();
    let shared = {
        let _pause = endler_allocator::pause();
        Shared {
            books: std::array::from_fn(|own| Mutex::new(Book::new(own))),
            mail: std::array::from_fn(|_| Mutex::new(Vec::with_capacity(MAIL))),
            turn: Barrier::new(THREADS + 1),
            quiet: AtomicBool::new(false),
            over: AtomicBool::new(false),
        }
    };
    let (mut own, mut snapshots, mut compared, mut most) = (Vec::new(), 0, 0, 0);
    std::thread::scope(|scope| {
        for (at, name) in NAMES.iter().enumerate() {
            let shared = &shared;
            let builder = std::thread::Builder::new().name((*name).into());
            builder
                .spawn_scoped(scope, move || shared.work(at))
                .expect("a thread");
        }
        // The threads are up, and nothing else allocates from here on.
        shared.turn.wait();
        endler_allocator::enter_phase("soak");
        let _pause = endler_allocator::pause();
        let end = Instant::now() + Duration::from_secs(seconds());
        while Instant::now() < end {
            shared.quiet.store(false, Ordering::SeqCst);
            shared.turn.wait();
            std::thread::sleep(TURN / 2);
            let during = image();
            assert_eq!(during.process.cut, Cut::Atomic);
            std::thread::sleep(TURN / 2);
            shared.quiet.store(true, Ordering::SeqCst);
            shared.turn.wait();
            let expected = shared.expected();
            assert!(expected.len() > 100, "{} blocks", expected.len());
            let quiet = image();
            compare(&quiet, &expected);
            snapshots += 2;
            compared += expected.len();
            most = most.max(expected.len());
            let told = quiet.figures.own.0;
            if let Some(named) = named_resident() {
                // Reading a snapshot's tables may touch a page here and there.
                let apart = told.abs_diff(named);
                assert!(apart < 1 << 20, "told {told}, the kernel says {named}");
            }
            own.push(told);
        }
        shared.over.store(true, Ordering::SeqCst);
        shared.turn.wait();
    });
    let moves: u64 = shared
        .books
        .iter()
        .map(|book| book.lock().expect("not poisoned").moves)
        .sum();
    let (first, middle, last) = (own[0], own[own.len() / 2], own[own.len() - 1]);
    let mib = |bytes: u64| format!("{:.1} MiB", bytes as f64 / (1 << 20) as f64);
    println!(
        "soak: {} s, {moves} moves, {snapshots} snapshots, {compared} blocks compared ({most} at \
         most at once); resident memory of the profiler {} at the start, {} in the middle, {} at \
         the end{}",
        seconds(),
        mib(first),
        mib(middle),
        mib(last),
        match named_resident() {
            Some(_) => ", as smaps says",
            None => " (smaps could not be asked: this kernel keeps no names of mappings)",
        },
    );
    // Slots, contexts and totals follow what lives at once. The shadow takes a
    // quarter of the addresses that were ever used, which settle after a while.
    assert!(last < 256 << 20, "it has no bound");
    let settled = seconds() >= 60;
    assert!(
        !settled || last < middle + middle / 4 + (4 << 20),
        "it grows"
    );
    let books = shared.books.iter().map(|b| b.lock().expect("not poisoned"));
    let held = books.flat_map(|book| book.lines.clone());
    let mail = shared.mail.iter().map(|m| m.lock().expect("not poisoned"));
    let held: Vec<Line> = held.chain(mail.flat_map(|mail| mail.clone())).collect();
    for line in held {
        line.check();
        line.block.free();
    }
    assert_eq!(recorded(&image()), [], "all was freed");
}

#[test]
fn a_soak() {
    if is_alone() {
        return soak();
    }
    let out = again("a_soak", None);
    assert!(out.status.success(), "{}\n{}", out.status, text(&out));
    let said = String::from_utf8_lossy(&out.stdout);
    let line = said.lines().find_map(|line| {
        let at = line.find("soak: ")?;
        line.get(at..)
    });
    // Past the harness, which would keep it to itself.
    writeln!(std::io::stderr(), "{}", line.expect("what it did")).expect("told");
}
