//! The dominator tree from above.

use super::{Dominator, Dominators, NodeId};

/// The children of every node in the dominator tree, rising. 8 bytes a node; a dominator alone,
/// upwards, is in [`Dominators`].
///
/// ```text
///  starts  nodes + 2 words: each node's children, then the virtual root's
///  nodes   one word a reachable node
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DominatorTree {
    starts: Vec<u32>,
    nodes: Vec<u32>,
}

impl DominatorTree {
    /// Sorts the nodes by their dominators. O(nodes).
    #[must_use]
    pub fn new(dominators: &Dominators) -> Self {
        let all = dominators.nodes() as usize;
        let slot = |node: u32| match dominators.of(NodeId(node)) {
            Dominator::Unreachable => None,
            Dominator::VirtualRoot => Some(all),
            Dominator::Node(above) => Some(above.index()),
        };
        let mut starts = vec![0u32; all + 2];
        for above in (0..all as u32).filter_map(slot) {
            starts[above + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut nodes = vec![0; starts[all + 1] as usize];
        for node in 0..all as u32 {
            if let Some(above) = slot(node) {
                nodes[starts[above] as usize] = node;
                starts[above] += 1;
            }
        }
        starts.copy_within(..=all, 1);
        starts[0] = 0;
        DominatorTree { starts, nodes }
    }

    /// What a node immediately dominates; nothing for an id that is no node.
    pub fn children(&self, node: NodeId) -> impl DoubleEndedIterator<Item = NodeId> + '_ {
        let known = node.index() + 2 < self.starts.len();
        self.range(known.then_some(node.index()))
    }

    /// What only the virtual root dominates: the roots, and what several keep.
    pub fn top(&self) -> impl DoubleEndedIterator<Item = NodeId> + '_ {
        self.range(Some(self.starts.len() - 2))
    }

    fn range(&self, slot: Option<usize>) -> impl DoubleEndedIterator<Item = NodeId> + '_ {
        let range = slot.map_or(0..0, |at| {
            self.starts[at] as usize..self.starts[at + 1] as usize
        });
        self.nodes[range].iter().map(|&node| NodeId(node))
    }
}
