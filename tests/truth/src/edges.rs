//! A second book, for references: a program writes down which of its fields points to
//! which block, and compares with the reference graph of a snapshot of itself.
//!
//! ```ignore
//! let mut book = Edges::new("held_webs_shop");
//! let order = Box::new(Order { lines: vec![String::from("tea")] });
//! book.field("~Order.lines", &order.lines)
//!     .each("~Order.lines[*]", &order.lines)
//!     .complete(&*order)
//!     .complete(&order.lines[0]);
//! book.compare() // the order is still alive here
//! ```
//!
//! `~` stands for the program's crate: `held_webs_shop::Order.lines`. Labels are
//! written by hand by the rules by which the tables name fields, and know nothing of
//! how the profiler finds them. The holder is the block (or root) in which the field
//! lies, the target what the field's value says ([`Points`]). Labels that are as good
//! as each other are separated by ` or `.
//!
//! Of each registered edge is said: *right*, an edge from this holder to this target has
//! this label; *wrong*, there are only edges of other labels between them; *missing*,
//! there is none. Of a block all whose pointers are registered ([`Edges::complete`]):
//! *false*, an edge that leads to a block it holds no pointer to; one that the profiler
//! itself calls a guess is counted under *guesses* instead. *extra* is an edge between
//! the right two blocks, with a label of which nothing is registered, beside a right one.
//!
//! Printed are the groups of what is not right, and one line for each program:
//! `edges PROGRAM half=held edges=… right=… guessed=… wrong=… missing=… false=… guesses=… extra=…
//! complete=… faults=…`. Environment: `EDGES_LINES=N` prints N groups (default 200),
//! `EDGES_RIGHT=1` those that are right too, `TRUTH_KEEP=DIR` writes the snapshot there.
//!
//! What a block holds of itself is not looked at.
//!
//! The exit code is 1 only if the book itself is wrong: an address that lies in no live
//! block. Addresses are kept inverted, so that nobody takes them for references.

use std::collections::{BTreeMap, BTreeSet, LinkedList};
use std::os::unix::fs::FileExt;
use std::process::ExitCode;

use crate::judge::Outcome;
use crate::meter::{self, Live};
use crate::points::Points;

/// What holds a pointer.
#[derive(Clone, Debug)]
pub enum Source {
    /// The block in which this address lies; it is kept inverted.
    Around(usize),
    /// The root of this name: `static ~QUEUE`.
    Root(String),
    /// Whatever it is.
    Any,
}

impl Source {
    /// The block in which this lies.
    pub fn around<T: ?Sized>(inside: *const T) -> Self {
        Source::Around(!inside.cast::<u8>().addr())
    }

    /// A root by its name.
    #[must_use]
    pub fn root(name: &str) -> Self {
        Source::Root(name.to_owned())
    }
}

/// One registered pointer.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) source: Source,
    pub(crate) label: String,
    /// An inverted address within the target.
    pub(crate) target: usize,
    /// Whether it must be found; else it only may be.
    pub(crate) must: bool,
}

/// A B-tree: which of its nodes points to which is read from memory.
#[derive(Clone, Debug)]
struct Tree {
    source: Source,
    label: String,
    /// The inverted address of the map itself, and its bytes.
    map: (usize, usize),
    /// Inverted addresses of its keys.
    keys: Vec<usize>,
}

/// Which fields point to which blocks. See the module's docs.
#[derive(Debug)]
pub struct Edges {
    program: &'static str,
    entries: Vec<Entry>,
    trees: Vec<Tree>,
    complete: Vec<usize>,
}

impl Edges {
    /// Opens the book of a program: blocks that are born from now on count.
    #[must_use]
    pub fn new(program: &'static str) -> Self {
        meter::open();
        Edges {
            program,
            entries: Vec::new(),
            trees: Vec::new(),
            complete: Vec::new(),
        }
    }

    /// A field that lies in a block: it points to what its value says, if to anything.
    pub fn field<P: Points + ?Sized>(&mut self, label: &str, field: &P) -> &mut Self {
        self.of(Source::around(field), label, field)
    }

    /// Several fields of one label.
    pub fn each<'a, P: Points + ?Sized + 'a>(
        &mut self,
        label: &str,
        fields: impl IntoIterator<Item = &'a P>,
    ) -> &mut Self {
        for field in fields {
            self.field(label, field);
        }
        self
    }

    /// A field that lies in a root.
    pub fn root<P: Points + ?Sized>(&mut self, root: &str, label: &str, field: &P) -> &mut Self {
        self.of(Source::root(root), label, field)
    }

    /// A field that was moved to where its address is not known.
    pub fn moved<P: Points + ?Sized>(&mut self, label: &str, field: &P) -> &mut Self {
        self.of(Source::Any, label, field)
    }

    fn of<P: Points + ?Sized>(&mut self, source: Source, label: &str, field: &P) -> &mut Self {
        if let Some(target) = field.target() {
            self.edge(source, label, target);
        }
        self
    }

    /// A pointer from anything to anything.
    pub fn edge<T: ?Sized>(&mut self, source: Source, label: &str, to: *const T) -> &mut Self {
        self.push(source, label, to, true)
    }

    /// The same, which need not be found: a way back, a pointer within one's own library.
    pub fn may<T: ?Sized>(&mut self, source: Source, label: &str, to: *const T) -> &mut Self {
        self.push(source, label, to, false)
    }

    fn push<T: ?Sized>(
        &mut self,
        source: Source,
        label: &str,
        to: *const T,
        must: bool,
    ) -> &mut Self {
        self.entries.push(Entry {
            source,
            label: label.to_owned(),
            target: !to.cast::<u8>().addr(),
            must,
        });
        self
    }

    /// The nodes of a map: its own pointer to the root, and theirs to their children.
    /// Those to parents may be found.
    pub fn tree<K, V>(&mut self, label: &str, map: &BTreeMap<K, V>) -> &mut Self {
        self.tree_of(Source::around(map), label, map)
    }

    /// The same of a map in a root.
    pub fn tree_of<K, V>(
        &mut self,
        source: Source,
        label: &str,
        map: &BTreeMap<K, V>,
    ) -> &mut Self {
        let keys = map.keys();
        self.nodes_of(source, label, map, keys)
    }

    /// The same of a set.
    pub fn set<K>(&mut self, label: &str, set: &BTreeSet<K>) -> &mut Self {
        self.nodes_of(Source::around(set), label, set, set.iter())
    }

    /// The nodes of a tree that has these keys, whatever type stands for it.
    pub fn nodes_of<'a, M, K: 'a>(
        &mut self,
        source: Source,
        label: &str,
        map: &M,
        keys: impl Iterator<Item = &'a K>,
    ) -> &mut Self {
        self.trees.push(Tree {
            source,
            label: label.to_owned(),
            map: (!(&raw const *map).addr(), size_of::<M>()),
            keys: keys.map(|key| !(&raw const *key).addr()).collect(),
        });
        self
    }

    /// The nodes of a list: its pointers to both ends, and each one's to the next. Those
    /// to the one before may be found.
    pub fn list<T>(&mut self, label: &str, list: &LinkedList<T>) -> &mut Self {
        let nodes: Vec<&T> = list.iter().collect();
        for end in [nodes.first(), nodes.last()].into_iter().flatten() {
            self.edge(Source::around(list), label, *end);
        }
        for pair in nodes.windows(2) {
            self.edge(Source::around(pair[0]), label, pair[1]);
            self.may(Source::around(pair[1]), label, pair[0]);
        }
        self
    }

    /// All pointers of the block in which this lies are registered.
    pub fn complete<T: ?Sized>(&mut self, inside: *const T) -> &mut Self {
        self.complete.push(!inside.cast::<u8>().addr());
        self
    }

    /// All pointers of the block that this points to are registered.
    pub fn whole<P: Points + ?Sized>(&mut self, field: &P) -> &mut Self {
        match field.target() {
            Some(target) => self.complete(target),
            None => self,
        }
    }

    /// The same of several.
    pub fn wholes<'a, P: Points + ?Sized + 'a>(
        &mut self,
        fields: impl IntoIterator<Item = &'a P>,
    ) -> &mut Self {
        for field in fields {
            self.whole(field);
        }
        self
    }

    /// Takes a snapshot, compares, and prints; what was registered must still live.
    #[must_use]
    pub fn compare(self) -> ExitCode {
        meter::close();
        let live = meter::live();
        let snapshot = endler::snapshot().expect("a snapshot of this process");
        if let Ok(folder) = std::env::var("TRUTH_KEEP") {
            let file = format!("{folder}/{}.endler", self.program);
            endler::snapshot_to(&file).expect("the snapshot can be kept");
        }
        let mut outcome = Outcome::new(snapshot.heap(), &live);
        for entry in self.entries.iter().cloned().chain(self.children(&live)) {
            outcome.register(self.program, &entry);
        }
        for inverted in &self.complete {
            outcome.complete(!inverted);
        }
        outcome.judge();
        outcome.print(self.program);
        ExitCode::from(u8::from(outcome.has_faults()))
    }

    /// The edges between the nodes of trees. A node is another's child if each holds
    /// the other's address; which of them is above, the way from the root tells.
    fn children(&self, live: &[Live]) -> Vec<Entry> {
        let mut edges = Vec::new();
        for tree in &self.trees {
            let rows = tree.keys.iter().filter_map(|key| row(live, !key));
            let nodes: BTreeMap<usize, usize> = rows
                .map(|row| (live[row].address, live[row].bytes))
                .collect();
            let held = |address, bytes| -> BTreeSet<usize> {
                let held = words(address, bytes).into_iter();
                held.filter(|word| nodes.contains_key(word)).collect()
            };
            let links: BTreeMap<usize, BTreeSet<usize>> = nodes
                .iter()
                .map(|(&node, &bytes)| (node, held(node, bytes)))
                .collect();
            let mut edge = |source: Source, to: usize, must| {
                edges.push(Entry {
                    source,
                    label: tree.label.clone(),
                    target: !to,
                    must,
                });
            };
            let mut level: Vec<usize> = held(!tree.map.0, tree.map.1).into_iter().collect();
            let mut seen: BTreeSet<usize> = level.iter().copied().collect();
            for &top in &level {
                edge(tree.source.clone(), top, true);
            }
            while !level.is_empty() {
                let mut below = Vec::new();
                for &node in &level {
                    for &child in &links[&node] {
                        if links[&child].contains(&node) && seen.insert(child) {
                            edge(Source::Around(!node), child, true);
                            edge(Source::Around(!child), node, false);
                            below.push(child);
                        }
                    }
                }
                level = below;
            }
            assert_eq!(seen.len(), nodes.len(), "all nodes of a tree hang together");
        }
        edges
    }
}

/// The words of a part of this process's memory.
fn words(address: usize, bytes: usize) -> Vec<usize> {
    let memory = std::fs::File::open("/proc/self/mem").expect("a process can read itself");
    let mut read = vec![0; bytes];
    memory
        .read_exact_at(&mut read, address as u64)
        .expect("a live block can be read");
    let words = read.chunks_exact(size_of::<usize>());
    words
        .map(|word| usize::from_ne_bytes(word.try_into().expect("a word")))
        .collect()
}

/// The live row in which an address lies.
pub(crate) fn row(live: &[Live], address: usize) -> Option<usize> {
    live.partition_point(|row| row.address <= address)
        .checked_sub(1)
        .filter(|&row| address < live[row].address + live[row].bytes)
}
