//! What refers to what: the reference graph of an image.
//!
//! ```text
//!  nodes   0 … blocks-1            the blocks, in address order
//!          blocks … blocks+roots-1 the roots: statics, thread-locals, stacks
//!
//!  edges   source ── offset, label ──► target       one row a pointer
//!          node                        block
//! ```
//!
//! Contents of memory are never kept: an edge is where a pointer stands and
//! which block it points into. Found by the scan of the frozen memory (the
//! reports crate), by the layout of the source's type where that is known, word
//! by word where it is not.
//!
//! Invariants, checked by [`References::check_invariants`]:
//! * all columns of [`Edges`] have one length;
//! * `scan.roots` and `scan.edges` are the numbers of rows;
//! * `edges` are sorted by (source, offset); sources are nodes, targets blocks;
//! * every label is a row of [`References::labels`], whose row 0 is empty.

use crate::ids::*;
use crate::image::Image;

/// The reference graph. See the module's drawing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// How the graph was made.
    pub scan: Scan,
    /// Where references into the heap begin, by [`RootId`].
    pub roots: Vec<Root>,
    /// Distinct names of fields, as tables print them, by [`LabelId`]:
    /// `crawl::Request.meta`. Row 0 is empty: no field is known.
    pub labels: Vec<String>,
    /// The pointers.
    pub edges: Edges,
}

/// How much of the heap was scanned, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Blocks scanned by the layout of their type.
    pub by_layout: u64,
    /// Blocks scanned word by word, since their type or its layout is unknown.
    pub by_word: u64,
    /// Blocks whose memory could not be read.
    pub unread: u64,
    /// Whether the scan ended early, for want of memory: edges are missing, so
    /// nothing can be said to be unreachable.
    pub cut_short: bool,
    /// Number of roots and of edges that were found, so that a file without them
    /// is not taken for a heap without.
    pub roots: u64,
    /// See above.
    pub edges: u64,
}

/// What kind of root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RootKind {
    /// A static variable.
    #[default]
    Static,
    /// A thread-local variable of one thread.
    ThreadLocal,
    /// The stack of a thread, or one function's frame on it.
    Stack,
}

impl RootKind {
    /// The word before a root's name in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            RootKind::Static => "static",
            RootKind::ThreadLocal => "thread_local",
            RootKind::Stack => "stack",
        }
    }
}

/// Where references into the heap begin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Root {
    /// What kind.
    pub kind: RootKind,
    /// Its name: `static crawl::QUEUE`, `stack crawl::run`.
    pub name: String,
    /// The thread that it belongs to; none for a static.
    pub thread: Option<ThreadId>,
}

/// What a pointer does to its target, and how sure it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EdgeKind {
    /// By layout, and it keeps its target alive.
    #[default]
    Owned,
    /// By layout: a reference or a raw pointer, which owns nothing.
    Borrowed,
    /// By layout: a `Weak` of `Rc` or `Arc`. It keeps the memory, not the value.
    Weak,
    /// A word that looks like a pointer, in memory whose layout is not known: a
    /// guess.
    Conservative,
}

/// The pointers, one row each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edges {
    /// The block or root that holds the pointer.
    pub source: Vec<NodeId>,
    /// Where in the source, in bytes from its start; 4 GiB and more are
    /// `u32::MAX`.
    pub offset: Vec<u32>,
    /// The block that it points into.
    pub target: Vec<BlockId>,
    /// The field that it stands in.
    pub label: Vec<LabelId>,
    /// What it does to the target.
    pub kind: Vec<EdgeKind>,
}

impl Edges {
    /// Number of pointers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.source.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.source.is_empty()
    }
}

impl References {
    /// The text of a label; empty for one out of range.
    #[must_use]
    pub fn label(&self, label: LabelId) -> &str {
        self.labels.get(label.index()).map_or("", String::as_str)
    }

    /// Checks the invariants of the module's docs. O(edges).
    pub fn check_invariants(&self, image: &Image) -> Result<(), String> {
        let edges = &self.edges;
        let lengths = [
            ("offset", edges.offset.len()),
            ("target", edges.target.len()),
            ("label", edges.label.len()),
            ("kind", edges.kind.len()),
        ];
        for (name, len) in lengths {
            if len != edges.len() {
                return Err(format!(
                    "edges.{name} has {len} rows, edges.source {}",
                    edges.len()
                ));
            }
        }
        let found = (self.scan.roots, self.scan.edges);
        let here = (self.roots.len() as u64, edges.len() as u64);
        if found != here {
            return Err(format!(
                "the scan found {} roots and {} edges, here are {} and {}",
                found.0, found.1, here.0, here.1
            ));
        }
        if self.labels.first().is_none_or(|label| !label.is_empty()) {
            return Err("label 0 is not the empty text".into());
        }
        let nodes = image.blocks.len().saturating_add(self.roots.len());
        if let Some(i) = edges.source.iter().position(|s| s.index() >= nodes) {
            return Err(format!("edge {i} comes from no block and no root"));
        }
        let blocks = image.blocks.len();
        if let Some(i) = edges.target.iter().position(|t| t.index() >= blocks) {
            return Err(format!("edge {i} leads to no block"));
        }
        let labels = self.labels.len();
        if let Some(i) = edges.label.iter().position(|l| l.index() >= labels) {
            return Err(format!("edge {i} has no label"));
        }
        let sorted = |i: &usize| {
            let at = |i: usize| (edges.source[i], edges.offset[i]);
            at(*i) <= at(i + 1)
        };
        let pairs = edges.len().saturating_sub(1);
        if let Some(i) = (0..pairs).find(|i| !sorted(i)) {
            return Err(format!("edge {} is out of order", i + 1));
        }
        let threads = image.threads.len();
        let is_lost = |root: &Root| root.thread.is_some_and(|t| t.index() >= threads);
        if let Some(i) = self.roots.iter().position(is_lost) {
            return Err(format!("root {i} has no thread"));
        }
        Ok(())
    }
}
