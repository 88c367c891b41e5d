//! The graph backwards: who refers to a node.

use super::{Follow, Graph, NodeId, NodeSet};

/// The referrers of every node, by the edges that one [`Follow`] takes.
///
/// ```text
///  offsets  nodes + 1 words        sources  one word an edge that is followed
/// ```
/// Referrers of one node rise; one that refers by several edges is there several times. It costs
/// about a second for 30 M edges, so it is made once and kept for all questions about paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referrers {
    follow: Follow,
    offsets: Vec<u32>,
    sources: Vec<u32>,
}

impl Referrers {
    /// Turns the edges round. O(nodes + edges).
    #[must_use]
    pub fn new(graph: &Graph, follow: Follow) -> Self {
        let nodes = graph.nodes() as usize;
        let mut offsets = vec![0u32; nodes + 1];
        for node in 0..nodes as u32 {
            for link in graph.links_of(node) {
                offsets[link.target() as usize + 1] += u32::from(link.is_followed(follow));
            }
        }
        for at in 1..offsets.len() {
            offsets[at] += offsets[at - 1];
        }
        let mut sources = vec![0u32; offsets[nodes] as usize];
        for node in 0..nodes as u32 {
            for link in graph.links_of(node) {
                if link.is_followed(follow) {
                    let cursor = &mut offsets[link.target() as usize];
                    sources[*cursor as usize] = node;
                    *cursor += 1;
                }
            }
        }
        // Each cursor stands where the next node begins.
        offsets.copy_within(..nodes, 1);
        offsets[0] = 0;
        Referrers {
            follow,
            offsets,
            sources,
        }
    }

    /// Which edges it was made of.
    #[must_use]
    pub fn follow(&self) -> Follow {
        self.follow
    }

    /// Number of nodes.
    #[must_use]
    pub fn nodes(&self) -> u32 {
        self.offsets.len() as u32 - 1
    }

    /// What refers to a node, rising, once an edge; none for an id that is no node.
    pub fn of(&self, target: NodeId) -> impl ExactSizeIterator<Item = NodeId> + '_ {
        let sources = if target.0 < self.nodes() {
            self.sources_of(target.0)
        } else {
            &[]
        };
        sources.iter().map(|&source| NodeId(source))
    }

    /// What refers to any node of a set. O(edges into the set + nodes/64).
    #[must_use]
    pub fn of_set(&self, targets: &NodeSet) -> NodeSet {
        NodeSet::of(
            self.nodes(),
            targets.iter().flat_map(|target| self.of(target)),
        )
    }

    #[inline]
    pub(super) fn sources_of(&self, target: u32) -> &[u32] {
        let at = target as usize;
        &self.sources[self.offsets[at] as usize..self.offsets[at + 1] as usize]
    }
}
