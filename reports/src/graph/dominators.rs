//! The exact dominator tree.

use super::semi_nca::{self, UNREACHABLE, VIRTUAL};
use super::{Follow, Graph, NodeId, Threads};
use crate::prefetch::prefetch;

/// What a node's immediate dominator is: the last of the nodes that are on every path to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dominator {
    /// No root reaches the node.
    Unreachable,
    /// The node is a root, or is kept in several ways that meet at no node.
    VirtualRoot,
    /// Whoever lets this node go lets the other go.
    Node(NodeId),
}

/// The dominator tree of a graph.
///
/// ```text
///  idom   a word a node: its immediate dominator, VIRTUAL or UNREACHABLE
///  order  a word a reachable node: an order in which a dominator stands before what it dominates
/// ```
/// `order` is the preorder of a depth-first walk from the roots, so it also follows the references.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dominators {
    idom: Vec<u32>,
    order: Vec<u32>,
}

impl Dominators {
    /// Finds all dominators, on one thread. See the table in [`super`] for time and memory.
    #[must_use]
    pub fn new(graph: &Graph, follow: Follow) -> Self {
        Self::on(graph, follow, Threads::One)
    }

    /// The same on so many threads. Only the sorting of edges is shared out, about a seventh.
    #[must_use]
    pub fn on(graph: &Graph, follow: Follow, threads: Threads) -> Self {
        let (idom, order) = semi_nca::dominators(graph, follow, threads);
        Dominators { idom, order }
    }

    /// The immediate dominator of a node; `Unreachable` for an id that is no node.
    #[must_use]
    pub fn of(&self, node: NodeId) -> Dominator {
        match self.raw(node) {
            UNREACHABLE => Dominator::Unreachable,
            VIRTUAL => Dominator::VirtualRoot,
            dominator => Dominator::Node(NodeId(dominator)),
        }
    }

    /// Whether a root reaches a node.
    #[must_use]
    pub fn is_reachable(&self, node: NodeId) -> bool {
        self.raw(node) != UNREACHABLE
    }

    /// The dominators of a node, the nearest first, without itself.
    pub fn chain(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        std::iter::successors(Some(node), |&node| match self.of(node) {
            Dominator::Node(dominator) => Some(dominator),
            _ => None,
        })
        .skip(1)
    }

    /// Reachable nodes, each behind its dominators and behind what it was reached through.
    pub fn order(&self) -> impl DoubleEndedIterator<Item = NodeId> + ExactSizeIterator + '_ {
        self.order.iter().map(|&node| NodeId(node))
    }

    /// Number of nodes of the graph.
    #[must_use]
    pub fn nodes(&self) -> u32 {
        self.idom.len() as u32
    }

    /// The same as numbers.
    pub(super) fn numbered(&self) -> &[u32] {
        &self.order
    }

    /// Asks the cache for what [`Dominators::of`] will read.
    pub(super) fn prefetch(&self, node: NodeId) {
        prefetch(&self.idom, node.index());
    }

    #[inline]
    fn raw(&self, node: NodeId) -> u32 {
        self.idom.get(node.index()).copied().unwrap_or(UNREACHABLE)
    }

    /// A dominator stands before what it dominates, and each reachable node once; tests call it.
    ///
    /// # Panics
    /// If that does not hold.
    pub fn check_invariants(&self) {
        let mut seen = vec![false; self.idom.len()];
        for node in self.order() {
            if let Dominator::Node(dominator) = self.of(node) {
                assert!(seen[dominator.index()]);
            }
            assert!(self.is_reachable(node));
            assert!(!std::mem::replace(&mut seen[node.index()], true));
        }
        let reachable = self.idom.iter().filter(|&&d| d != UNREACHABLE).count();
        assert_eq!(reachable, self.order.len());
    }
}
