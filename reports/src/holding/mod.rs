//! Who holds what: the reference graph of one heap, and sets of its blocks.
//!
//! ```text
//! References of the image ─► edges that count ─► Graph ─► sets of blocks
//!                            (two rules)                  (retained, referrers, …)
//! ```
//!
//! What *holds* a block ([`Purpose::Retain`]): the fields that own it. A
//! reference or a raw pointer owns nothing, and a word of memory of unknown layout
//! may be no pointer: they count only where no owner was found (a leaked box behind
//! a `&'static`, a container whose layout is not known), or not all of them: an `Arc`
//! whose count is higher than the fields that own it is held elsewhere too, by a
//! variable say. A `Weak` never does.
//!
//! What can still *reach* a block ([`Purpose::Reach`]): every pointer, as for
//! LeakSanitizer. Only what none of them reaches is lost.

mod accumulation;
mod counted;
mod fold;
mod leaks;
mod logical;
mod pattern;
mod roots;
mod slack;
mod ways;
mod whole;

use crate::graph::{
    Dominator, Dominators, EdgeColumns, EdgeKind, Follow, Graph, NodeId, NodeSet, Referrers,
    retained_set,
};
use crate::partition::{Heap, Set};
use endler_snapshot::{EdgeKind as Found, References};
use std::cell::OnceCell;

pub use counted::{CountRow, CountTable, CycleRow, CycleTable, Mismatch};
pub use fold::fold_owners;
pub use leaks::{LeakRow, LeakTable, leaks};
pub use logical::{AccumulationPoint, LogicalLeak, logical_leaks};
pub use pattern::{PatternRow, ReferencePattern};
pub use roots::{RootRow, RootTable, roots, threads};
pub use slack::{CopyRow, RepeatRow, Slack, SlackRow, slack};
pub use ways::{Way, Ways, ways_to};
pub use whole::{UNHELD, whole_graph};

/// Which edges count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Those that keep a block from being freed.
    Retain,
    /// Those by which the program can come to a block.
    Reach,
}

/// The graph of an image; none if the image has no references, or if they do
/// not fit together. O(blocks + edges).
#[must_use]
pub fn graph(heap: Heap<'_>, purpose: Purpose) -> Option<Graph> {
    let references = heap.image().references.as_ref()?;
    let blocks = u32::try_from(heap.len()).ok()?;
    let roots = u32::try_from(references.roots.len()).ok()?;
    Graph::new(blocks, roots, columns(references, heap.len(), purpose)).ok()
}

fn columns(references: &References, blocks: usize, purpose: Purpose) -> EdgeColumns {
    let edges = &references.edges;
    let mut owned = vec![false; blocks];
    for (target, kind) in edges.target.iter().zip(&edges.kind) {
        if let Some(place) = owned.get_mut(target.index()) {
            *place |= *kind == Found::Owned;
        }
    }
    for count in &references.counts {
        if count.strong > u64::from(count.found)
            && let Some(place) = owned.get_mut(count.block.index())
        {
            *place = false;
        }
    }
    let kind = |found: Found, target: usize| match (found, purpose) {
        (Found::Owned, _) => EdgeKind::Strong,
        // A guess never outranks a field.
        (Found::Conservative, Purpose::Retain) if owned.get(target) == Some(&true) => {
            EdgeKind::Weak
        }
        (Found::Conservative, _) => EdgeKind::Conservative,
        (_, Purpose::Reach) => EdgeKind::Strong,
        (Found::Weak, Purpose::Retain) => EdgeKind::Weak,
        (Found::Borrowed, Purpose::Retain) => match owned.get(target) {
            Some(true) => EdgeKind::Weak,
            _ => EdgeKind::Strong,
        },
    };
    let targets = edges.target.iter().zip(&edges.kind);
    EdgeColumns {
        source: edges.source.iter().map(|s| s.0).collect(),
        target: edges.target.iter().map(|t| t.0).collect(),
        kind: targets.map(|(t, &found)| kind(found, t.index())).collect(),
        // The edge's row, by which its label is found.
        label: (0u32..).take(edges.len()).collect(),
    }
}

/// The graph of what holds what, and sets on it.
#[derive(Debug)]
pub struct Holding<'a> {
    heap: Heap<'a>,
    graph: Graph,
    referrers: OnceCell<Referrers>,
}

impl<'a> Holding<'a> {
    /// The graph of a heap; none if its image has no references.
    #[must_use]
    pub fn new(heap: Heap<'a>) -> Option<Self> {
        Some(Holding {
            heap,
            graph: graph(heap, Purpose::Retain)?,
            referrers: OnceCell::new(),
        })
    }

    /// The graph itself.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// What refers to each block.
    #[must_use]
    pub fn referrers(&self) -> &Referrers {
        let make = || Referrers::new(&self.graph, Follow::Retaining);
        self.referrers.get_or_init(make)
    }

    fn nodes(&self, set: &Set<'_>) -> NodeSet {
        let ids = set.iter().map(|block| NodeId(block as u32));
        NodeSet::of(self.graph.nodes(), ids)
    }

    /// The blocks among some nodes.
    fn set(&self, nodes: &NodeSet) -> Set<'a> {
        let blocks = nodes.iter().map(|node| node.0);
        let blocks = blocks.take_while(|&node| node < self.graph.blocks());
        Set::from_sorted(self.heap, blocks.collect())
    }

    /// What would be freed if the blocks of `set` were: themselves and all that
    /// they alone hold (Heapy's `dominos`, MAT's retained set). O(blocks + edges).
    #[must_use]
    pub fn retained(&self, set: &Set<'a>) -> Set<'a> {
        self.set(&retained_set(
            &self.graph,
            Follow::Retaining,
            &self.nodes(set),
        ))
    }

    /// The blocks that hold a block of `set`.
    #[must_use]
    pub fn holders(&self, set: &Set<'a>) -> Set<'a> {
        self.set(&self.referrers().of_set(&self.nodes(set)))
    }

    /// The blocks without which a block of `set` would be free: the immediate
    /// dominator of each, where that is a block. O(blocks + edges).
    #[must_use]
    pub fn dominators(&self, set: &Set<'a>) -> Set<'a> {
        let dominators = Dominators::new(&self.graph, Follow::Retaining);
        let mut found = NodeSet::new(self.graph.nodes());
        for block in set.iter() {
            if let Dominator::Node(node) = dominators.of(NodeId(block as u32)) {
                found.insert(node);
            }
        }
        self.set(&found)
    }

    /// The blocks that a block of `set` holds.
    #[must_use]
    pub fn held(&self, set: &Set<'a>) -> Set<'a> {
        let mut found = NodeSet::new(self.graph.nodes());
        for block in set.iter() {
            for edge in self.graph.edges_of(NodeId(block as u32)) {
                if edge.kind != EdgeKind::Weak {
                    found.insert(edge.target);
                }
            }
        }
        self.set(&found)
    }
}
