//! Snapshots while two threads allocate at full speed, and what must be in
//! them by the threads' own books.
//!
//! ```text
//!   tick 3k     tick 3k+1                    tick 3k+2      quiet
//!   ──── run ───┤ image() is called … it returned ├─ run ───┤ books, image
//! ```
//!
//! A line of a book says at which tick its block was born and last changed.
//! Once the threads have stopped, a line that was born before tick 3k+1 is of a
//! block that lived through the whole call: it is in the image, once. Who it is
//! follows from the quiet image, by the serial, which no realloc changes. Each
//! block is asked for through one of 16 functions, which is in its stack.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Barrier, Mutex};

use endler_snapshot::{Cut, Image};

use super::sites::{STEPS, at_path};
use super::{Block, Random, image, live, nap};

const THREADS: usize = 2;
const HELD: usize = 1200;
/// Lines from the first on that are touched now and then only, and lines behind
/// them that are reallocated all the time, but freed now and then only.
const KEPT: usize = 400;
const GROWN: usize = 400;
const MAIL: usize = 64;
/// States of a block that are kept while a snapshot is taken.
const STATES: usize = 6;

#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Alloc,
    Zeroed,
    Realloc,
}

/// What an image should say of a block: its place, its size, and the function
/// of [`STEPS`] that asked for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    addr: u64,
    size: u64,
    site: usize,
}

#[derive(Clone, Copy)]
struct Line {
    block: Block,
    site: usize,
    mark: u8,
    born: u32,
    /// The tick in which the last change ended.
    changed: u32,
    /// Those that ended since the call began; `len` counts beyond the array.
    states: [State; STATES],
    len: usize,
}

impl Line {
    fn state(&self) -> State {
        let (addr, size) = self.block.row();
        let site = self.site;
        State { addr, size, site }
    }

    fn check(&self) {
        let found = (self.block.first_byte(), self.block.last_byte());
        assert_eq!(found, (self.mark, self.mark), "{:?}", self.block);
    }

    /// Notes the state that ends, which may be the one of the snapshot.
    fn note(&mut self, tick: u32) {
        if self.changed < tick / 3 * 3 + 1 {
            self.len = 0;
        }
        self.states[self.len % STATES] = self.state();
        self.len += 1;
    }
}

struct Book {
    lines: Vec<Line>,
    random: Random,
}

struct Shared {
    books: [Mutex<Book>; THREADS],
    mail: [Mutex<Vec<Line>>; THREADS],
    turn: Barrier,
    quiet: AtomicBool,
    over: AtomicBool,
    tick: AtomicU32,
}

impl Shared {
    fn new() -> Self {
        let book = |own: usize| Book {
            lines: Vec::with_capacity(HELD + 1),
            random: Random(own as u64 + 1),
        };
        Shared {
            books: std::array::from_fn(|own| Mutex::new(book(own))),
            mail: std::array::from_fn(|_| Mutex::new(Vec::with_capacity(MAIL))),
            turn: Barrier::new(THREADS + 1),
            quiet: AtomicBool::new(false),
            over: AtomicBool::new(false),
            tick: AtomicU32::new(0),
        }
    }

    fn now(&self) -> u32 {
        self.tick.load(Ordering::SeqCst)
    }

    /// A block that a site asks for.
    #[inline(never)]
    fn ask(&self, site: usize, how: How, old: Option<Block>, size: usize) -> Block {
        let mut made = None;
        at_path(&[site], &mut || {
            made = match (how, old) {
                (How::Realloc, Some(old)) => old.realloc(size),
                (How::Zeroed, _) => Some(Block::alloc_zeroed(size, 8)),
                _ => Some(Block::alloc(size, 8)),
            };
        });
        made.expect("memory")
    }

    /// Makes one block (`at` is none) or reallocates the one at a line.
    fn ask_for(&self, book: &mut Book, at: Option<usize>, site: usize, how: How) {
        let largest = match book.random.below(16) {
            0..3 => 24,
            3..8 => 300,
            8..12 => 5_000,
            12..15 => 200_000,
            _ => 1_000_000,
        };
        let size = 1 + book.random.below(largest);
        let mark = book.random.below(256) as u8;
        if let Some(at) = at {
            let line = &mut book.lines[at];
            line.check();
            line.note(self.now());
            line.block = self.ask(site, how, Some(line.block), size);
            assert_eq!(line.block.first_byte(), line.mark, "lost in a realloc");
            (line.site, line.mark) = (site, mark);
            line.block.mark(mark);
            line.changed = self.now();
            return;
        }
        let block = self.ask(site, how, None, size);
        if how == How::Zeroed {
            assert_eq!((block.first_byte(), block.last_byte()), (0, 0));
        }
        block.mark(mark);
        let now = self.now();
        book.lines.push(Line {
            block,
            site,
            mark,
            born: now,
            changed: now,
            states: [State::default(); STATES],
            len: 0,
        });
    }

    fn step(&self, own: usize, book: &mut Book) {
        let held = book.lines.len();
        let now_and_then = book.random.below(3000) == 0;
        let mut line_from = |first: usize| {
            let first = if now_and_then { 0 } else { first.min(held) };
            (first < held).then(|| first + book.random.below(held - first))
        };
        let (grown, moving) = (line_from(KEPT), line_from(KEPT + GROWN));
        let site = book.random.below(STEPS.len());
        match (book.random.below(12), grown, moving) {
            (0..4, ..) if held < HELD => {
                let zeroed = book.random.below(2) == 0;
                let how = if zeroed { How::Zeroed } else { How::Alloc };
                self.ask_for(book, None, site, how);
            }
            (4..7, Some(at), _) => self.ask_for(book, Some(at), site, How::Realloc),
            (7, _, Some(at)) => {
                let mut to = self.mail[1 - own].lock().expect("not poisoned");
                if to.len() < MAIL {
                    to.push(book.lines.swap_remove(at));
                }
            }
            (8, ..) if held < HELD => {
                let mut from = self.mail[own].lock().expect("not poisoned");
                book.lines.extend(from.pop());
            }
            (_, _, Some(at)) => {
                let line = book.lines.swap_remove(at);
                line.check();
                line.block.free();
            }
            _ => {}
        }
    }

    fn work(&self, own: usize) {
        self.turn.wait();
        loop {
            self.turn.wait();
            if self.over.load(Ordering::SeqCst) {
                return;
            }
            let mut book = self.books[own].lock().expect("not poisoned");
            while !self.quiet.load(Ordering::Relaxed) {
                self.step(own, &mut book);
            }
            drop(book);
            self.turn.wait();
        }
    }

    fn lines(&self) -> Vec<Line> {
        let books = self.books.iter().map(|b| b.lock().expect("not poisoned"));
        let mail = self.mail.iter().map(|m| m.lock().expect("not poisoned"));
        let held = books.flat_map(|book| book.lines.clone());
        held.chain(mail.flat_map(|mail| mail.clone())).collect()
    }
}

/// The frames of a context, innermost first.
fn frames(image: &Image, context: usize) -> Vec<u64> {
    let mut at = image.contexts[context].stack;
    let mut frames = Vec::new();
    while at.index() != 0 {
        let frame = image.stacks.frame[at.index()];
        frames.push(image.frames[frame.index()].address.0);
        at = image.stacks.parent[at.index()];
    }
    frames
}

/// The sites of a context: the functions of [`STEPS`] that its return addresses
/// lie closely behind. (One address behind the last of them may be another's.)
fn sites(image: &Image, context: u32) -> Vec<usize> {
    let starts = STEPS.map(|step| step as usize as u64);
    let site_of = |frame: &u64| {
        let before = (0..starts.len()).filter(|site| starts[*site] < *frame);
        let site = before.max_by_key(|site| starts[*site])?;
        (frame - starts[site] < 300).then_some(site)
    };
    let frames = frames(image, context as usize);
    frames.iter().filter_map(site_of).collect()
}

/// What was compared, for the line that the test tells.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) untouched: usize,
    pub(crate) changed: usize,
    /// Blocks that were left out because their realloc was in flight.
    pub(crate) in_flight: usize,
}

fn by_serial(image: &Image) -> HashMap<u64, usize> {
    let serials = image.blocks.serial.iter().enumerate();
    let map: HashMap<u64, usize> = serials.map(|(row, serial)| (serial.0, row)).collect();
    assert_eq!(map.len(), image.blocks.len(), "a block stands there twice");
    map
}

/// No two blocks of an instant overlap.
fn are_apart(image: &Image) {
    let blocks = &image.blocks;
    for next in 1..blocks.len() {
        let end = blocks.addr[next - 1].0 + blocks.size[next - 1].0;
        assert!(end <= blocks.addr[next].0, "row {next} lies in another");
    }
}

/// Whether a block lies in a place, of which `size` is not zero.
fn is_taken(image: &Image, addr: u64, size: u64) -> bool {
    let blocks = &image.blocks;
    let next = blocks.addr.partition_point(|start| start.0 < addr + size);
    let last = next.checked_sub(1);
    last.is_some_and(|row| blocks.addr[row].0 + blocks.size[row].0 > addr)
}

/// Compares a snapshot that was asked for in `tick` with what the books say of it.
fn compare(during: &Image, quiet: &Image, lines: &[Line], tick: u32, seen: &mut Seen) {
    assert_eq!((during.process.cut, during.figures.lost), (Cut::Atomic, 0));
    are_apart(during);
    let rows = by_serial(during);
    let mut known: HashMap<u32, Vec<usize>> = HashMap::new();
    let mut left_out = 0;
    for line in lines {
        let live = live(quiet, line.block.addr()).expect("in the quiet image");
        let context = live.context;
        let mut is = |addr: u64, size: u64, context: u32, state: &State| {
            let of = known.entry(context);
            let of = of.or_insert_with(|| sites(quiet, context));
            (addr, size) == (state.addr, state.size) && of.contains(&state.site)
        };
        let now = line.state();
        assert!(
            is(live.addr, live.size, context, &now),
            "{live:x?} is no {now:x?}"
        );
        if line.born >= tick {
            continue;
        }
        let Some(row) = rows.get(&live.serial) else {
            left_out += 1;
            // Its realloc had moved it, not yet returned, and its old place is
            // another's: its new one is not known to anyone.
            let olds = line.states[..line.len.min(STATES)].iter();
            let is_taken = |old: &State| is_taken(during, old.addr, old.size);
            assert!(line.changed >= tick, "{now:x?} is missing");
            let lost = line.len <= STATES && !olds.clone().any(is_taken);
            assert!(!lost, "one of {olds:x?} is missing");
            continue;
        };
        let blocks = &during.blocks;
        let (addr, size) = (blocks.addr[*row].0, blocks.size[*row].0);
        let then = blocks.context[*row].0;
        if line.changed < tick {
            assert_eq!((addr, size, then), (now.addr, now.size, context));
            seen.untouched += 1;
            continue;
        }
        seen.changed += 1;
        if line.len > STATES {
            continue;
        }
        // Each state of that time, the last, and between two the new place and
        // size while the new stack is walked.
        let mut states = line.states[..line.len].to_vec();
        states.push(now);
        let between = states.windows(2).map(|two| State {
            site: two[0].site,
            ..two[1]
        });
        let between: Vec<State> = between.collect();
        states.extend(between);
        assert!(
            states.iter().any(|state| is(addr, size, then, state)),
            "{addr:x}, {size} with context {then} is none of {states:x?}"
        );
    }
    assert!(left_out <= THREADS, "{left_out} blocks are missing");
    seen.in_flight += left_out;
    // A context is the same stack in both, where both have it.
    for context in known.keys().map(|context| *context as usize) {
        let both = context < during.contexts.len();
        assert!(!both || frames(during, context) == frames(quiet, context));
    }
}

/// Takes snapshots, and gives what was compared.
pub(crate) fn snapshots(count: usize) -> Seen {
    let shared = {
        let _pause = endler_allocator::pause();
        Shared::new()
    };
    let mut seen = Seen::default();
    std::thread::scope(|scope| {
        for own in 0..THREADS {
            let shared = &shared;
            scope.spawn(move || shared.work(own));
        }
        shared.turn.wait();
        let _pause = endler_allocator::pause();
        for _ in 0..count {
            shared.quiet.store(false, Ordering::SeqCst);
            shared.turn.wait();
            nap(1);
            let tick = shared.tick.fetch_add(1, Ordering::SeqCst) + 1;
            let during = image();
            shared.tick.fetch_add(1, Ordering::SeqCst);
            shared.quiet.store(true, Ordering::SeqCst);
            shared.turn.wait();
            compare(&during, &image(), &shared.lines(), tick, &mut seen);
            shared.tick.fetch_add(1, Ordering::SeqCst);
        }
        shared.over.store(true, Ordering::SeqCst);
        shared.turn.wait();
    });
    for line in shared.lines() {
        line.check();
        line.block.free();
    }
    seen
}

/// How many snapshots a case takes: a few seconds' worth, or what the variable says.
pub(crate) fn count() -> usize {
    let text = std::env::var("ENDLER_SNAPSHOTS").ok();
    text.and_then(|text| text.parse().ok())
        .unwrap_or(if cfg!(debug_assertions) { 2 } else { 10 })
}

/// The case: [`count`] snapshots; enough of the blocks were compared.
pub(crate) fn case() {
    // SAFETY: sets this process's own alarm clock.
    unsafe { libc::alarm(120 + 4 * count() as u32) };
    super::panics_end_the_process();
    let seen = snapshots(count());
    println!("{} snapshots: {seen:?}", count());
    assert!(
        seen.untouched > 50 * count() && seen.changed > 50 * count(),
        "{seen:?}"
    );
}
