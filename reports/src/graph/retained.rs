//! How much goes when a node goes, and which roots keep how much.

use super::{Dominator, DominatorTree, Dominators, Graph, NodeId};
use crate::prefetch::prefetch;
use endler_snapshot::Bytes;

/// So many rows are asked of the cache ahead of being used.
const AHEAD: usize = 32;

/// Retained size and count of every node: its own and those of all that it dominates.
///
/// 12 bytes a node. A root's own size is 0 and it is not counted, so a root's row is what only it
/// keeps. What no root reaches retains nothing here: see [`super::Leaks`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retained {
    bytes: Vec<u64>,
    blocks: Vec<u32>,
}

impl Retained {
    /// Adds up the tree from below. `sizes` are the blocks' own, by [`NodeId`]; one that is not
    /// there is 0. O(nodes).
    #[must_use]
    pub fn new(graph: &Graph, dominators: &Dominators, sizes: &[Bytes]) -> Self {
        let nodes = graph.nodes() as usize;
        let mut retained = Retained {
            bytes: vec![0; nodes],
            blocks: vec![0; nodes],
        };
        // What is its own first, in the order of addresses.
        let own = retained.bytes.iter_mut().zip(&mut retained.blocks);
        for (node, (bytes, blocks)) in (0..graph.blocks()).map(NodeId).zip(own) {
            if dominators.is_reachable(node) {
                *bytes = sizes.get(node.index()).map_or(0, |size| size.0);
                *blocks = 1;
            }
        }
        let order = dominators.numbered();
        for at in (0..order.len()).rev() {
            if let Some(&far) = at.checked_sub(2 * AHEAD).and_then(|at| order.get(at)) {
                dominators.prefetch(NodeId(far));
            }
            if let Some(&near) = at.checked_sub(AHEAD).and_then(|at| order.get(at))
                && let Dominator::Node(above) = dominators.of(NodeId(near))
            {
                retained.prefetch(NodeId(near));
                retained.prefetch(above);
            }
            let node = NodeId(order[at]);
            if let Dominator::Node(above) = dominators.of(node) {
                let (bytes, blocks) = (retained.bytes[node.index()], retained.blocks[node.index()]);
                let above = above.index();
                retained.bytes[above] = retained.bytes[above].saturating_add(bytes);
                retained.blocks[above] += blocks;
            }
        }
        retained
    }

    fn prefetch(&self, node: NodeId) {
        prefetch(&self.bytes, node.index());
        prefetch(&self.blocks, node.index());
    }

    /// Bytes that a node retains, its own among them; 0 for one that no root reaches.
    #[must_use]
    pub fn bytes(&self, node: NodeId) -> Bytes {
        Bytes(self.bytes.get(node.index()).copied().unwrap_or(0))
    }

    /// Blocks that a node retains, itself among them; 0 for one that no root reaches.
    #[must_use]
    pub fn blocks(&self, node: NodeId) -> u32 {
        self.blocks.get(node.index()).copied().unwrap_or(0)
    }

    /// Which roots keep how much, and how much several keep together.
    #[must_use]
    pub fn roots(&self, graph: &Graph, dominators: &Dominators) -> RootShares {
        let mut shares = RootShares::default();
        for node in dominators.order() {
            if dominators.of(node) != Dominator::VirtualRoot {
                continue;
            }
            let (blocks, bytes) = (self.blocks(node), self.bytes(node));
            if graph.is_root(node) {
                shares.roots.push(RootShare {
                    root: node,
                    blocks,
                    bytes,
                });
            } else {
                shares.shared_blocks += blocks;
                shares.shared_bytes.0 = shares.shared_bytes.0.saturating_add(bytes.0);
            }
        }
        shares
            .roots
            .sort_unstable_by_key(|share| (std::cmp::Reverse(share.bytes), share.root));
        shares
    }

    /// A lower bound of what each class retains: the sum over its topmost members in the dominator
    /// tree (MAT's minimum retained). `class` gives a node's class below `classes`, or any other
    /// number for none. Exact but for what several members keep together;
    /// [`super::retained_set`] is exact and asks the whole graph for one class.
    ///
    /// O(nodes), 12 bytes a node for the time being.
    #[must_use]
    pub fn at_least(
        &self,
        dominators: &Dominators,
        classes: usize,
        class: impl Fn(NodeId) -> u32,
    ) -> Vec<(u32, Bytes)> {
        let mut sums = vec![(0u32, Bytes(0)); classes];
        let tree = DominatorTree::new(dominators);
        let mut open = vec![0u32; classes];
        let mut waiting: Vec<u32> = tree.top().rev().map(|node| node.0).collect();
        while let Some(word) = waiting.pop() {
            let leaves = word >> 31 != 0;
            let node = NodeId(word & !(1 << 31));
            let class = class(node) as usize;
            if class < classes && leaves {
                open[class] -= 1;
            }
            if leaves {
                continue;
            }
            if class < classes {
                if open[class] == 0 {
                    let sum = &mut sums[class];
                    sum.0 += self.blocks(node);
                    sum.1.0 = sum.1.0.saturating_add(self.bytes(node).0);
                }
                open[class] += 1;
                // Comes back once all below it is done.
                waiting.push(node.0 | 1 << 31);
            }
            waiting.extend(tree.children(node).rev().map(|node| node.0));
        }
        sums
    }
}

/// The roots, and what each alone keeps, largest first, then by root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RootShares {
    /// One a root.
    pub roots: Vec<RootShare>,
    /// Blocks that no single root keeps, and that are reached.
    pub shared_blocks: u32,
    /// Their bytes.
    pub shared_bytes: Bytes,
}

/// What one root alone keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RootShare {
    /// The root.
    pub root: NodeId,
    /// Blocks that go if the root lets go.
    pub blocks: u32,
    /// Their bytes.
    pub bytes: Bytes,
}
