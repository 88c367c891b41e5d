//! The book in which a program writes down what its blocks truly are, and its
//! comparison with a snapshot of that same program.
//!
//! ```ignore
//! #[global_allocator]
//! static HEAP: book::Heap = book::heap();
//!
//! fn main() -> std::process::ExitCode {
//!     // Whatever is set up before the book is opened is not looked at.
//!     let mut book = Book::new("held_lists").held_out();
//!     let words: Vec<String> = "one two".split(' ').map(str::to_owned).collect();
//!     book.vec(&words).strings(&words);
//!     book.compare() // the words are still alive here
//! }
//! ```
//!
//! The truth is computed without the profiler: names come from
//! `std::any::type_name` or are written by hand by the rules that the tables
//! follow ([`Name`]), addresses and sizes from the values themselves. Below endler
//! lies a [`Meter`], an allocator that lists what was born while the book was open.
//!
//! Five ways to register blocks:
//! * by address and size: [`Book::block`], and for std's types [`Book::vec`],
//!   [`Book::boxed`], [`Book::rc`], …;
//! * by anything that lies inside the block: [`Book::around`], [`Book::around_each`]
//!   (the entries of a hash table, the keys of a tree, the elements of a list);
//! * by time: all that was born, and still lives, since a [`Mark`]: [`Book::since`],
//!   [`Book::since_of`], [`Book::largest_since`];
//! * by count and total size where none of these helps: [`Book::many`];
//! * what must not be in the snapshot at all: [`Book::absent`].
//!
//! A block that changed hands without a call of the allocator (an in-place
//! collect, `into_boxed_slice` of a full vector, `String::from_utf8`) has two
//! names: `Name::of::<Box<[u8]>>().was(Name::of::<Vec<u8>>())`. The score is given
//! twice: `right` wants what the block is, `call_right` takes the name at the last
//! call of the allocator too.
//!
//! What is printed, one line for each program:
//! `truth PROGRAM half=held blocks=… right=… wrong=… unknown=… bytes=… right_bytes=…
//! wrong_bytes=… unknown_bytes=… call_right=… call_wrong=… call_right_bytes=…
//! call_wrong_bytes=… coverage=97.3 heap_blocks=… heap_bytes=…`,
//! where coverage is the registered share, in percent, of all bytes that were
//! born while the book was open and still live. Before it stand the groups of
//! blocks that are wrong or unknown, largest first: `wrong COUNT BYTES expected … given
//! … evidence … site …`. Environment: `TRUTH_STACKS=1` adds a stack to each group,
//! `TRUTH_RIGHT=1` lists the right ones too, `TRUTH_REST=1` the blocks that are not
//! registered, `TRUTH_LINES=N` prints N groups (default 40), `TRUTH_KEEP=DIR`
//! writes the snapshot there as well.
//!
//! The exit code is 1 if the book itself is wrong (a registered block is not
//! there, or has another size or two names, or more is registered than lives), if coverage is below 90 %, or if
//! a block that must be absent is there. It is 0 however many names are wrong.

#![warn(missing_docs)]

mod compare;
mod edges;
mod judge;
mod meter;
mod name;
mod points;
mod print;
mod values;

pub use edges::{Edges, Source};
pub use meter::Meter;
pub use name::{Name, Names};
pub use points::Points;

/// endler around the allocator that lists what is live.
pub type Heap = endler::Heap<Meter>;

/// The allocator that a program sets.
#[must_use]
pub const fn heap() -> Heap {
    endler::Heap::wrapping(Meter)
}

/// Entries that fit before the book's own memory grows. It is reserved before the
/// book is opened, so it is never among the blocks that are looked at.
const RESERVED: usize = 1 << 18;

/// Which half of the suite a program belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Half {
    /// The rules were tuned on it.
    Tuned,
    /// Written without knowledge of the rules, committed before its first run.
    HeldOut,
    /// Likewise, when the rules had been tuned on all of the others.
    Fresh,
}

/// A point in the order of births.
#[derive(Clone, Copy, Debug)]
pub struct Mark(u64);

/// Where a registered block is. Addresses are kept inverted, so that nobody who
/// scans the book takes them for references.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// It begins here and has this many bytes.
    At(usize, usize),
    /// This lies inside of it.
    Around(usize),
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    place: Place,
    names: Names,
}

/// Which of the blocks of a time are meant.
#[derive(Clone, Copy, Debug)]
enum Which {
    All,
    OfSize(usize),
    Largest,
}

/// Blocks born within a time, as far as they are not registered otherwise.
#[derive(Clone, Copy, Debug)]
struct Time {
    from: u64,
    to: u64,
    which: Which,
    names: Names,
}

/// Blocks that are known by count and total size alone.
#[derive(Clone, Copy, Debug)]
struct Many {
    count: usize,
    bytes: usize,
    names: Names,
}

/// The true names of a program's blocks.
#[derive(Debug)]
pub struct Book {
    program: &'static str,
    half: Half,
    entries: Vec<Entry>,
    times: Vec<Time>,
    many: Vec<Many>,
    absent: Vec<usize>,
}

impl Book {
    /// Opens the book of a program: blocks that are born from now on count.
    #[must_use]
    pub fn new(program: &'static str) -> Self {
        let book = Book {
            program,
            half: Half::Tuned,
            entries: Vec::with_capacity(RESERVED),
            times: Vec::with_capacity(1 << 10),
            many: Vec::with_capacity(1 << 10),
            absent: Vec::with_capacity(1 << 10),
        };
        meter::open();
        book
    }

    /// The program was written without knowledge of the rules.
    #[must_use]
    pub fn held_out(mut self) -> Self {
        self.half = Half::HeldOut;
        self
    }

    /// The program was written without knowledge of the rules, when these had been
    /// tuned on all programs before it.
    #[must_use]
    pub fn fresh(mut self) -> Self {
        self.half = Half::Fresh;
        self
    }

    /// The rules may be tuned on the program.
    #[must_use]
    pub fn tuned(mut self) -> Self {
        self.half = Half::Tuned;
        self
    }

    /// A block that begins at `address`. None is registered if it has no bytes.
    pub fn block<T: ?Sized>(
        &mut self,
        address: *const T,
        bytes: usize,
        names: impl Into<Names>,
    ) -> &mut Self {
        if bytes > 0 {
            let place = Place::At(!address.cast::<u8>().addr(), bytes);
            let names = names.into();
            self.entries.push(Entry { place, names });
        }
        self
    }

    /// The block in which this lies, wherever it begins. Said twice it is one.
    pub fn around<T: ?Sized>(&mut self, inside: *const T, names: impl Into<Names>) -> &mut Self {
        let place = Place::Around(!inside.cast::<u8>().addr());
        let names = names.into();
        self.entries.push(Entry { place, names });
        self
    }

    /// The blocks in which these lie.
    pub fn around_each<'a, T: ?Sized + 'a>(
        &mut self,
        inside: impl IntoIterator<Item = &'a T>,
        names: impl Into<Names>,
    ) -> &mut Self {
        let names = names.into();
        for one in inside {
            self.around(one, names);
        }
        self
    }

    /// Now.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark(meter::next_birth())
    }

    /// All blocks born between the mark and now, of any thread, that live until
    /// the comparison and are registered in no other way.
    pub fn since(&mut self, mark: Mark, names: impl Into<Names>) -> &mut Self {
        self.time(mark, Which::All, names.into())
    }

    /// Those of them that have this size.
    pub fn since_of(&mut self, mark: Mark, bytes: usize, names: impl Into<Names>) -> &mut Self {
        self.time(mark, Which::OfSize(bytes), names.into())
    }

    /// The largest of them.
    pub fn largest_since(&mut self, mark: Mark, names: impl Into<Names>) -> &mut Self {
        self.time(mark, Which::Largest, names.into())
    }

    /// So many blocks of so many bytes in all have this name; they are scored by
    /// count and size, among the blocks that are registered in no other way.
    pub fn many(&mut self, count: usize, bytes: usize, names: impl Into<Names>) -> &mut Self {
        let names = names.into();
        self.many.push(Many {
            count,
            bytes,
            names,
        });
        self
    }

    /// No block begins here that the profiler may know of.
    pub fn absent<T: ?Sized>(&mut self, address: *const T) -> &mut Self {
        self.absent.push(!address.cast::<u8>().addr());
        self
    }

    fn time(&mut self, mark: Mark, which: Which, names: Names) -> &mut Self {
        self.times.push(Time {
            from: mark.0,
            to: meter::next_birth(),
            which,
            names,
        });
        self
    }
}
