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
//! asks for; else the edge is marked as a guess, and nothing follows from it.

use std::collections::BTreeMap;
use std::rc::Rc;

use endler_snapshot::{Addr, Memory};

use super::book::Book;
use super::counts::Counted;
use super::edges::{Edges, GUESS, Kind};
use super::fields::Fields;
use super::fills::Fills;
use super::heap::Heap;
use super::labels::{FastMap, Label, NONE};
use super::program::{Form, FormIx, Inside, Named};
use super::vtables::Vtables;

/// The most via names that one block hands on to what it contains.
const MAX_NAMES: usize = 16;

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
    /// For each row of the type table, whether its blocks contain what is named
    /// after their owner.
    pub(super) waits: Vec<bool>,
    /// Blocks that fields borrow whole: the fields' labels, and the elements that
    /// are there.
    pub(super) lent: BTreeMap<u32, Vec<(Label, u64)>>,
    /// Statics and thread-locals whose type is known, by address: from, until.
    pub(super) typed_roots: Vec<(u64, u64)>,
    pub(super) buffer: Vec<u8>,
    pub(super) full: Fills,
    pub(super) counted: Counted,
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
            waits: Vec::new(),
            lent: BTreeMap::new(),
            typed_roots: Vec::new(),
            buffer: Vec::new(),
            full: Fills::default(),
            counted: Counted::default(),
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
        if context.guess != 0 || !matches!(kind, Kind::Own | Kind::Shared) {
            return;
        }
        self.fields.claim(&mut self.book, item.block, item.form);
        self.wait(item);
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
            if lent.len() < MAX_NAMES && !lent.contains(&(label, count)) {
                lent.push((label, count));
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
        let fresh = after && item.label != NONE && self.is_new_name(item.block, item.label);
        if (always && undone) || fresh {
            self.waiting.push(item);
        } else if undone && !always {
            // There is nothing in it that has a name of its own.
            if let Some(done) = self.done.get_mut(item.block as usize) {
                *done = true;
            }
        }
    }

    /// Notes that a block hands on a name; whether it did not before.
    fn is_new_name(&mut self, block: u32, label: Label) -> bool {
        let Some(first) = self.first.get_mut(block as usize) else {
            return false;
        };
        if *first == NONE {
            *first = label;
            return true;
        }
        if *first == label {
            return false;
        }
        let more = self.more.entry(block).or_default();
        if more.contains(&label) || more.len() + 1 >= MAX_NAMES {
            return false;
        }
        more.push(label);
        true
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
        self.with_bytes(start, program.size, |scanner, bytes| {
            scanner.steps(&program.ops, bytes, 0, context);
        });
    }

    /// Reads memory into the one buffer and hands it over.
    pub(super) fn with_bytes(
        &mut self,
        at: u64,
        len: u64,
        then: impl FnOnce(&mut Scanner<'s, 'a>, &[u8]),
    ) {
        let Ok(len) = usize::try_from(len) else {
            return;
        };
        let mut buffer = std::mem::take(&mut self.buffer);
        if buffer.len() < len {
            buffer.resize(len, 0);
        }
        if let Some(bytes) = buffer.get_mut(..len)
            && self.memory.read(Addr(at), bytes).is_ok()
        {
            then(self, bytes);
        }
        self.buffer = buffer;
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
