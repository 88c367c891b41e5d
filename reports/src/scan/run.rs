//! The scan itself: programs over memory, from block to block.
//!
//! A block of a struct is scanned when its row comes: its edges have names of
//! their own. What lies in a container's buffer, or in a `Box<Vec<T>>`, is
//! named after the field that owns it, so such a block waits until an edge
//! that owns it is found, which also tells how many elements are there. The
//! waiting blocks stand on a stack of their own: nothing recurses over the
//! heap.
//!
//! Nothing that is read is believed. A pointer counts as typed if a live block
//! begins there and has the size that the type, the capacity or the length
//! asks for; else the edge is marked as a guess, and nothing follows from it. What
//! a slot owns that may not be in use is named last, as a guess too.

use std::collections::BTreeMap;
use std::rc::Rc;

use endler_snapshot::{Addr, Memory};

use super::ahead::Ahead;
use super::book::Book;
use super::counts::Counted;
use super::edges::{Edges, GUESS, Kind};
use super::fields::Fields;
use super::fills::Fills;
use super::heap::Heap;
use super::labels::{FastMap, Label, NONE};
use super::program::{Form, FormIx, Inside, Named};
use super::roots::TypedRoot;
use super::vtables::Vtables;

/// How many pointers into memory of other allocators are followed in a row.
const DEEPEST: u8 = 8;
/// The most via names that one block hands on to what it contains: behind them stands
/// [`MORE`].
const MAX_NAMES: usize = 64;
/// The name of all further ways in which a block is held.
const MORE: &str = "(more ways)";

/// A block that waits to be scanned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub(super) block: u32,
    pub(super) form: FormIx,
    /// The via of the field that owns it; [`NONE`] to scan only what has a
    /// name of its own.
    pub(super) label: Label,
    /// Elements that are there.
    pub(super) count: u64,
    /// The first of them.
    pub(super) from: u64,
    /// [`GUESS`] if it is not known which are there.
    pub(super) guess: u8,
}

/// Who holds what a program finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Block(u32),
    Root(u32),
}

/// What a run of a program needs to know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context {
    pub(super) source: Source,
    pub(super) label: Label,
    /// Whether steps with names of their own are run.
    pub(super) always: bool,
    pub(super) guess: u8,
    /// Whether the source was scanned before under another name: its pointers are
    /// not counted twice.
    pub(super) again: bool,
    /// Whether the source is a variable on a stack, which may have been moved out of.
    pub(super) local: bool,
}

/// All that a scan reads and makes.
pub(super) struct Scanner<'s, 'a> {
    pub(super) book: Book<'a>,
    pub(super) heap: Heap<'s>,
    pub(super) memory: &'s dyn Memory,
    pub(super) vtables: Vtables<'s>,
    pub(super) fields: Fields<'s>,
    pub(super) edges: Edges,
    pub(super) root_edges: Edges,
    /// The first name that each block handed on.
    pub(super) first: Vec<Label>,
    /// The others.
    more: FastMap<u32, Vec<Label>>,
    /// Whether what has a name of its own in it was scanned.
    pub(super) done: Vec<bool>,
    /// Whether what is named after its owner was scanned, under some name.
    named: Vec<bool>,
    waiting: Vec<Item>,
    /// Blocks that a guess owns, for when all that is certain is named.
    pub(super) presumed: Vec<Item>,
    /// For each row of the type table, whether its blocks contain what is named
    /// after their owner.
    pub(super) waits: Vec<bool>,
    /// Blocks that fields borrow whole: the fields' labels, and the elements that
    /// are there.
    pub(super) lent: BTreeMap<u32, Vec<(Label, u64)>>,
    /// Statics and thread-locals whose type is known, by address: from, until.
    pub(super) typed_roots: Vec<TypedRoot>,
    pub(super) buffer: Vec<u8>,
    /// How often memory could not be read that is there: of blocks and statics.
    pub(super) unread: u64,
    pub(super) full: Fills,
    pub(super) counted: Counted,
    pub(super) ahead: Ahead,
    /// How far the present step is inside memory of other allocators.
    beyond: u8,
}

impl<'s, 'a> Scanner<'s, 'a> {
    pub(super) fn new(
        book: Book<'a>,
        heap: Heap<'s>,
        memory: &'s dyn Memory,
        vtables: Vtables<'s>,
        fields: Fields<'s>,
    ) -> Scanner<'s, 'a> {
        let blocks = heap.len();
        Scanner {
            book,
            heap,
            memory,
            vtables,
            fields,
            edges: Edges::default(),
            root_edges: Edges::default(),
            first: vec![NONE; blocks],
            more: FastMap::default(),
            done: vec![false; blocks],
            named: vec![false; blocks],
            waiting: Vec::new(),
            presumed: Vec::new(),
            waits: Vec::new(),
            lent: BTreeMap::new(),
            typed_roots: Vec::new(),
            buffer: Vec::new(),
            unread: 0,
            full: Fills::default(),
            counted: Counted::default(),
            ahead: Ahead::default(),
            beyond: 0,
        }
    }

    /// The name of an edge; none if the step is not of this run.
    pub(super) fn name(&mut self, named: Named, context: &Context) -> Option<Label> {
        match named {
            Named::Always(label) => context.always.then_some(label),
            Named::After(suffix) if context.label != NONE => {
                Some(self.book.labels.join(context.label, suffix))
            }
            Named::After(_) => None,
        }
    }

    pub(super) fn edge(
        &mut self,
        context: &Context,
        block: u32,
        label: Label,
        kind: Kind,
        guess: u8,
    ) {
        let guess = guess | context.guess;
        if !context.again {
            self.count_pointer(block, kind, guess);
        }
        match context.source {
            Source::Block(source) => self.edges.push(source, block, label, kind, guess),
            Source::Root(root) => self.root_edges.push(root, block, label, kind, guess),
        }
    }

    /// An edge to whatever block an address lies in that did not pass its test.
    pub(super) fn doubtful(&mut self, context: &Context, address: u64, label: Label, kind: Kind) {
        if let Some(block) = self.heap.find(address) {
            self.edge(context, block, label, kind, GUESS);
        }
    }

    /// An edge that owns a block and passed its test: the block is scanned as
    /// what the edge says it is.
    pub(super) fn hold(&mut self, context: &Context, kind: Kind, item: Item) {
        self.edge(context, item.block, item.label, kind, 0);
        if context.local {
            self.hold_locally(kind, item);
            return;
        }
        if !matches!(kind, Kind::Own | Kind::Shared) {
            return;
        }
        if context.guess != 0 {
            self.presume(item);
            return;
        }
        self.fields.claim(&mut self.book, item.block, item.form);
        self.wait(item);
    }

    /// The same for a field that may not be in use. What it owns has its name unless
    /// something that is certain owns it too, so it waits until that is done.
    fn presume(&mut self, item: Item) {
        // Behind the empty name all names are empty.
        let is_named = item.label != NONE && item.label != 0;
        if is_named && self.first.get(item.block as usize) == Some(&NONE) {
            self.presumed.push(item);
        }
    }

    /// The same for a variable on a stack. It gives a type as a guess, and only where
    /// there is none; what it alone holds is called after it.
    fn hold_locally(&mut self, kind: Kind, item: Item) {
        if !matches!(kind, Kind::Own | Kind::Shared)
            || self.first.get(item.block as usize) != Some(&NONE)
        {
            return;
        }
        let agrees = self
            .fields
            .claim_as_guess(&mut self.book, item.block, item.form);
        self.wait(Item {
            guess: if agrees { item.guess } else { GUESS },
            ..item
        });
    }

    /// A field borrows a whole block, from its first byte on: if nothing turns
    /// out to own it, it was leaked, and the field is what keeps it.
    pub(super) fn lend(&mut self, context: &Context, block: u32, label: Label, count: u64) {
        let waits = self
            .fields
            .row(block)
            .and_then(|row| self.waits.get(row as usize));
        if context.guess == 0
            && waits == Some(&true)
            && self.first.get(block as usize) == Some(&NONE)
        {
            let lent = self.lent.entry(block).or_default();
            if !lent.contains(&(label, count)) {
                match lent.len() {
                    0..MAX_NAMES => lent.push((label, count)),
                    MAX_NAMES => lent.push((self.book.labels.id(MORE), count)),
                    _ => {}
                }
            }
        }
    }

    /// Puts a block on the stack if a scan of it can find anything new.
    pub(super) fn wait(&mut self, item: Item) {
        let Some(form) = self.book.ready(item.form) else {
            return;
        };
        let (after, always) = uses(form);
        let undone = self.done.get(item.block as usize) == Some(&false);
        let fresh = match after && item.label != NONE {
            true => self.new_name(item.block, item.label),
            false => None,
        };
        if (always && undone) || fresh.is_some() {
            let label = fresh.unwrap_or(item.label);
            self.waiting.push(Item { label, ..item });
        } else if undone && !always {
            // There is nothing in it that has a name of its own.
            if let Some(done) = self.done.get_mut(item.block as usize) {
                *done = true;
            }
        }
    }

    /// Notes that a block hands on a name, or [`MORE`] in its place; none if it did
    /// before.
    fn new_name(&mut self, block: u32, label: Label) -> Option<Label> {
        let first = self.first.get_mut(block as usize)?;
        if *first == NONE {
            *first = label;
            return Some(label);
        }
        if *first == label {
            return None;
        }
        let more = self.more.entry(block).or_default();
        if more.contains(&label) || more.len() >= MAX_NAMES {
            return None;
        }
        let label = match more.len() + 1 {
            MAX_NAMES => self.book.labels.id(MORE),
            _ => label,
        };
        more.push(label);
        Some(label)
    }

    /// Scans all that wait, and what comes to wait meanwhile.
    pub(super) fn drain(&mut self) {
        while let Some(item) = self.waiting.pop() {
            self.scan(item);
        }
    }

    /// Scans one block.
    pub(super) fn scan(&mut self, item: Item) {
        let Some(form) = self.book.get(item.form).cloned() else {
            return;
        };
        let Some(program) = form.program.clone() else {
            return;
        };
        let always = match self.done.get_mut(item.block as usize) {
            Some(done) => !std::mem::replace(done, true),
            None => return,
        };
        let again = match self.named.get_mut(item.block as usize) {
            Some(named) if item.label != NONE => std::mem::replace(named, true),
            _ => false,
        };
        let context = Context {
            source: Source::Block(item.block),
            label: item.label,
            always,
            guess: item.guess,
            again,
            local: false,
        };
        self.look_ahead(item.block);
        let whole = self.heap.size(item.block);
        match form.key.inside {
            Inside::One { at, header, .. } => self.one(&item, &program, at, header, &context),
            Inside::Many { at, header } => {
                let fits = whole.saturating_sub(at) / program.size.max(1);
                let from = item.from.min(fits);
                let count = item.count.min(fits - from);
                if header == super::program::Header::Counts && self.is_given_up(item.block) {
                    return;
                }
                self.many(&item, &program, at, from..from + count, &context);
            }
            Inside::Ring => {
                let capacity = whole / program.size.max(1);
                let from = item.from.min(capacity);
                let count = item.count.min(capacity);
                let end = (from + count).min(capacity);
                self.many(&item, &program, 0, from..end, &context);
                self.many(&item, &program, 0, 0..count - (end - from), &context);
            }
            Inside::Table => self.table(&item, &program, &context),
            Inside::Tree(tree) => {
                let values = form.values.clone().unwrap_or_default();
                self.tree_node(&item, &tree, &program, &values, &context);
            }
            Inside::List(list) => self.list_node(&item, &list, &program, &context),
        }
    }

    /// Whether the strong count of an `Rc` or `Arc` is 0: only `Weak` keeps the
    /// block, and its contents are gone.
    fn is_given_up(&self, block: u32) -> bool {
        let mut count = [0; 8];
        let at = Addr(self.heap.start(block));
        self.memory.read(at, &mut count).is_err() || count == [0; 8]
    }

    /// Runs the program of what a smart pointer owns in memory of another allocator,
    /// as if it were a part of the pointer's own value.
    pub(super) fn beyond(
        &mut self,
        context: &Context,
        kind: Kind,
        address: u64,
        form: FormIx,
        label: Label,
    ) {
        if self.beyond == DEEPEST || !matches!(kind, Kind::Own | Kind::Shared) {
            return;
        }
        let Some(form) = self.book.ready(form).cloned() else {
            return;
        };
        let (Inside::One { at, .. }, Some(program)) = (form.key.inside, form.program) else {
            return;
        };
        let context = Context {
            label,
            always: true,
            ..*context
        };
        self.beyond += 1;
        self.with_bytes(address.wrapping_add(at), program.size, |scanner, bytes| {
            scanner.steps(&program.ops, bytes, 0, &context);
        });
        self.beyond -= 1;
    }

    fn one(
        &mut self,
        item: &Item,
        program: &Rc<super::program::Program>,
        at: u64,
        header: super::program::Header,
        context: &Context,
    ) {
        if header == super::program::Header::Counts && self.is_given_up(item.block) {
            return;
        }
        if program.is_empty() || self.heap.size(item.block) < at.saturating_add(program.size) {
            return;
        }
        let start = self.heap.start(item.block).wrapping_add(at);
        let is_read = self.with_bytes(start, program.size, |scanner, bytes| {
            scanner.steps(&program.ops, bytes, 0, context);
        });
        self.unread += u64::from(!is_read);
    }

    /// Reads memory into the one buffer and hands it over; whether it could be read.
    pub(super) fn with_bytes(
        &mut self,
        at: u64,
        len: u64,
        then: impl FnOnce(&mut Scanner<'s, 'a>, &[u8]),
    ) -> bool {
        let Ok(len) = usize::try_from(len) else {
            return false;
        };
        let mut buffer = std::mem::take(&mut self.buffer);
        if buffer.len() < len {
            buffer.resize(len, 0);
        }
        let mut is_read = false;
        if let Some(bytes) = buffer.get_mut(..len) {
            is_read = self.memory.read(Addr(at), bytes).is_ok();
            if is_read {
                then(self, bytes);
            }
        }
        self.buffer = buffer;
        is_read
    }
}

/// Whether a scan of a block of this form finds what is named after its owner,
/// and what has a name of its own.
pub(super) fn uses(form: &Form) -> (bool, bool) {
    let of = |p: &Option<Rc<super::program::Program>>| {
        p.as_ref().map_or((false, false), |p| (p.after, p.always))
    };
    let (program, values) = (of(&form.program), of(&form.values));
    let is_node = matches!(form.key.inside, Inside::Tree(_) | Inside::List(_));
    (program.0 || values.0 || is_node, program.1 || values.1)
}
