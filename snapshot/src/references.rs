//! What refers to what: the reference graph of an image.
//!
//! ```text
//!  nodes   0 … blocks-1            the blocks, in address order
//!          blocks … blocks+roots-1 the roots: statics, thread-locals, stacks
//!
//!  edges   source ── label ──► target               one row a pointer
//!          node                block
//! ```
//!
//! Contents of memory are never kept: an edge is which field holds a pointer and
//! which block it points into. What else is told of a block's contents are numbers:
//! the counts of an `Rc`, how full a vector is, how many texts are equal. Found by the scan of the frozen memory (the
//! reports crate), by the layout of the source's type where that is known, word
//! by word where it is not.
//!
//! Invariants, checked by [`References::check_invariants`]:
//! * all columns of [`Edges`] have one length;
//! * `scan.roots` and `scan.edges` are the numbers of rows;
//! * `edges` are sorted by source; sources are nodes, targets blocks;
//! * every label is a row of [`References::labels`], whose row 0 is empty;
//! * `counts`, `fills` and `repeats` are strictly rising by block.

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
    /// What `Rc` and `Arc` blocks whose type is known say of themselves, by block.
    pub counts: Vec<Count>,
    /// How full the blocks of containers are whose length is known, by block.
    pub fills: Vec<Fill>,
    /// Texts that several blocks hold alike, by block: those that take the most bytes.
    pub repeats: Vec<Repeat>,
}

/// The two counts at the head of an `Rc` or `Arc` block, and the pointers that were
/// found to stand for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Which block.
    pub block: BlockId,
    /// How many `Rc` or `Arc` there are; 0 if the value is gone and only `Weak` keeps
    /// the block.
    pub strong: u64,
    /// How many `Weak` there are, and one more for all strong ones together.
    pub weak: u64,
    /// Pointers to it that are an `Rc` or `Arc` by layout.
    pub found: u32,
    /// Pointers to it that are a `Weak` by layout.
    pub found_weak: u32,
    /// All others: references, raw pointers, and words that only look like one. Each may
    /// stand for a count.
    pub found_other: u32,
}

impl Count {
    /// Strong counts that no pointer can stand for: an `Rc` that was forgotten. Each of
    /// them keeps the value for ever.
    #[must_use]
    pub fn lost(&self) -> u64 {
        let found = u64::from(self.found) + u64::from(self.found_other);
        self.strong.saturating_sub(found)
    }

    /// The same of `Weak`: each of them keeps the block, not the value.
    #[must_use]
    pub fn lost_weak(&self) -> u64 {
        let weak = self.weak.saturating_sub(u64::from(self.strong > 0));
        let strong = self.strong.saturating_sub(u64::from(self.found));
        let others = u64::from(self.found_other).saturating_sub(strong);
        weak.saturating_sub(u64::from(self.found_weak) + others)
    }

    /// `Rc` or `Arc` by layout beyond the count: pointers that were left behind, or a
    /// count that went down too often.
    #[must_use]
    pub fn beyond(&self) -> u64 {
        u64::from(self.found).saturating_sub(self.strong)
    }
}

/// How full a container's block is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fill {
    /// Which block.
    pub block: BlockId,
    /// Elements that are there; bytes for a text.
    pub length: u64,
    /// Bytes for elements that are not there. Of a hash table those of one bucket in
    /// eight are not counted, which it keeps empty.
    pub unused: Bytes,
    /// Whether a block at a lower address holds the same text. Never set for what is
    /// no text, or is empty.
    pub is_copy: bool,
}

/// A text that several blocks hold. The text itself is not kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repeat {
    /// The block with the lowest address.
    pub block: BlockId,
    /// How many blocks hold it.
    pub count: u64,
    /// The requested bytes of all of them.
    pub size: Bytes,
}

/// How much of the heap was scanned, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Blocks scanned by the layout of their type.
    pub by_layout: u64,
    /// Blocks scanned word by word, since their type or its layout is unknown.
    pub by_word: u64,
    /// How often memory of blocks and statics could not be read.
    pub unread: u64,
    /// Whether edges are missing, since memory could not be read: nothing can be said
    /// to be unreachable then.
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
        let mut pairs = edges.source.windows(2);
        if let Some(i) = pairs.position(|pair| pair[0] > pair[1]) {
            return Err(format!("edge {} is out of order", i + 1));
        }
        rising("count", self.counts.iter().map(|c| c.block), blocks)?;
        rising("fill", self.fills.iter().map(|f| f.block), blocks)?;
        rising("repeat", self.repeats.iter().map(|r| r.block), blocks)?;
        let threads = image.threads.len();
        let is_lost = |root: &Root| root.thread.is_some_and(|t| t.index() >= threads);
        if let Some(i) = self.roots.iter().position(is_lost) {
            return Err(format!("root {i} has no thread"));
        }
        Ok(())
    }
}

/// Checks a table that has one row a block at the most.
fn rising(name: &str, rows: impl Iterator<Item = BlockId>, blocks: usize) -> Result<(), String> {
    let mut before = None;
    for (i, block) in rows.enumerate() {
        if block.index() >= blocks {
            return Err(format!("{name} {i} is of no block"));
        }
        if before >= Some(block) {
            return Err(format!("{name} {i} is out of order"));
        }
        before = Some(block);
    }
    Ok(())
}
