//! Which field of which block points to which block.
//!
//! ```text
//! rows of types ─► rows:  forms of blocks    layouts ─► compile, contain: programs
//! blocks ─► heap: address ─► block           vtables: what lies behind `dyn`
//!
//! blocks, statics, thread-locals ─► run, steps, nodes ─► edges with via names
//! stacks, blocks of unknown type ─► word by word       ─► edges marked as guesses
//!                                                      └► fields: types for blocks
//! ```
//!
//! A typed block is scanned by its layout: only the variant that is there, only
//! the elements that are there, only the buckets that are occupied. An edge is
//! called after the innermost struct or enum of the user's and its field
//! (`crawl::Request.tags[*]`), whatever containers and smart pointers lie
//! between. Memory is not trusted: see `run`.
//!
//! `values` reads single values by the same layouts. Not for: walking the graph. Cost: one look at each word that can point, and
//! for each edge one look-up in a table of pages.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod ahead;
pub(crate) mod book;
mod compile;
mod contain;
mod copies;
mod counts;
mod edges;
mod fields;
mod fills;
pub(crate) mod heap;
mod labels;
mod locals;
pub(crate) mod nodes;
mod orphans;
pub(crate) mod program;
mod raw;
mod refer;
mod rest;
mod roots;
pub(crate) mod rows;
mod run;
mod segments;
mod stacks;
mod steps;
mod unwind;
mod variants;
pub(crate) mod vtables;

use endler_snapshot::{Addr, Count, Fill, Image, Memory, Repeat, ThreadId};

use self::book::Book;
use self::counts::Counted;
pub use self::edges::{Edges, GUESS, Kind};
pub use self::fields::FieldType;
use self::fields::Fields;
use self::heap::Heap;
pub use self::refer::refer;
pub use self::roots::{Root, RootKind};
use self::rows::Rows;
use self::run::Scanner;
use self::vtables::Vtables;
use crate::layout::Layouts;
use crate::layout::files::{Opened, files};
use crate::layout::index::{Index, index};
use crate::resolve::Options;

/// One thread's memory at the copy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThreadSpan {
    /// Which thread.
    pub thread: ThreadId,
    /// The innermost byte of its stack that is in use.
    pub stack_pointer: Addr,
    /// The instruction that it stands at, if that is known: then its innermost
    /// frames are certain.
    pub instruction_pointer: Option<Addr>,
    /// One past the outermost byte.
    pub stack_end: Addr,
    /// The registers that are known: for a thread that waits, the arguments of
    /// its system call.
    pub registers: Vec<u64>,
    /// Its thread pointer (`fs` on x86-64), if that is known: behind it lie its
    /// thread-locals.
    pub thread_pointer: Option<Addr>,
}

/// All edges of a heap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// Via names; row 0 is the empty one.
    pub labels: Vec<String>,
    /// From block to block; the source is a block's row.
    pub edges: Edges,
    /// Statics, thread-locals, stacks.
    pub roots: Vec<Root>,
    /// From root to block; the source is a row of `roots`.
    pub root_edges: Edges,
    /// Types that fields give to blocks, by block.
    pub field_types: Vec<FieldType>,
    /// For each block, whether it was scanned by its layout; else word by word.
    pub by_layout: Vec<bool>,
    /// What `Rc` and `Arc` blocks say of themselves, by block.
    pub counts: Vec<Count>,
    /// How full containers' blocks are, by block.
    pub fills: Vec<Fill>,
    /// Texts that several blocks hold, by block.
    pub repeats: Vec<Repeat>,
    /// How often memory of blocks and statics could not be read: what only it holds
    /// seems to be held by nothing.
    pub unread: u64,
}

/// Finds the edges of a resolved image.
///
/// Reads memory where `image` says that blocks lie, where its modules' statics
/// and the threads' stacks and thread-locals lie (the loader's lists of these among it), and nowhere
/// else. An image without a resolution
/// gets only guesses. Never panics on what memory holds.
pub fn scan(
    image: &Image,
    memory: &dyn Memory,
    options: &Options,
    threads: &[ThreadSpan],
) -> Graph {
    let nothing = endler_snapshot::Resolution::default();
    let resolution = image.resolution.as_ref().unwrap_or(&nothing);
    let opened = Opened::new(image, options);
    let sources = opened.sources(image);
    let mut layouts = Layouts::new(files(&sources));
    let mut rows = Rows::new(resolution);
    let Index {
        found,
        statics,
        vtables,
    } = index(&mut layouts, rows.wants());
    let mut book = Book::new(layouts);
    rows.make(&mut book, &found);
    let waits = rows.waits(&mut book);
    let mut scanner = Scanner::new(
        book,
        Heap::new(&image.blocks),
        memory,
        Vtables::new(vtables, &image.modules),
        Fields::new(resolution),
    );
    scanner.waits = waits;
    scanner.counted = Counted::new(resolution);
    scanner.typed_blocks(resolution, &rows);
    let mut roots = Vec::new();
    scanner.statics(&statics, &mut roots);
    scanner.thread_locals(&statics, &sources, threads, &mut roots);
    scanner.leaked(resolution, &rows);
    let mut known = std::mem::take(&mut scanner.typed_roots);
    known.sort_by_key(|typed| (typed.root.address, typed.until));
    let typed: Vec<(u64, u64)> = known.iter().map(|t| (t.root.address.0, t.until)).collect();
    let mut pieces = segments::statics(image, &sources, &typed);
    let (thread_locals, ranges) = segments::thread_locals(image, &sources, threads, memory, &typed);
    pieces.extend(thread_locals);
    let stacks = stacks::walk(image, memory, &sources, threads);
    let spoken = scanner.locals(image, &sources, threads, &stacks, &mut roots);
    scanner.presumed(resolution, &rows);
    pieces.extend(stacks::pieces(&stacks, threads, &ranges));
    scanner.raw(resolution, &rows, &pieces, &spoken, &mut roots);
    scanner.presumed(resolution, &rows);
    scanner.registers(threads, &mut roots);
    let by_layout = scanner.left_over(resolution, &rows);
    scanner.orphans(&by_layout, &known, &mut roots);
    let counts = scanner.counts();
    let (fills, repeats) = scanner.fills();
    let Scanner {
        mut book,
        fields,
        edges,
        root_edges,
        unread,
        ..
    } = scanner;
    Graph {
        field_types: fields.types(&mut book),
        labels: book.labels.into_rows(),
        edges,
        roots,
        root_edges,
        by_layout,
        counts,
        fills,
        repeats,
        unread,
    }
}
