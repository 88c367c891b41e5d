//! Where blocks pile up: the block or root nearest to them that keeps them.
//!
//! From the roots down the dominator tree, into the one child below which nearly all of
//! the blocks' bytes lie, until there is none. So one block of the kind that lies
//! elsewhere does not hide the vector that holds the others. A step that loses some of
//! them is taken a few times at most: a linked list loses a little with each of its
//! nodes, and its point is what holds the first.
//!
//! MAT descends by retained size instead; here it is known what piled up.

use crate::graph::{Dominator, Dominators, NodeId};

/// What a child must keep of all, in percent: MAT's ratio for a group.
const SHARE: u128 = 80;
/// How many steps may lose some.
const MAX_LOSING: u32 = 3;

/// Where blocks pile up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) node: NodeId,
    /// How many of the blocks it dominates, itself among them.
    pub(super) blocks: u64,
}

/// What lies below a node.
#[derive(Clone, Copy, Default)]
struct Below {
    bytes: u64,
    blocks: u32,
    /// The child with most of it.
    child: Option<NodeId>,
}

/// The accumulation point of some blocks, given with their sizes; none if they share no
/// block or root. O(nodes).
pub(super) fn accumulation(
    dominators: &Dominators,
    blocks: impl Iterator<Item = (usize, u64)>,
) -> Option<Found> {
    let mut below = vec![Below::default(); dominators.nodes() as usize];
    for (block, size) in blocks {
        if dominators.is_reachable(NodeId(block as u32)) {
            let own = &mut below[block];
            // Blocks without bytes pile up too.
            own.bytes = own.bytes.saturating_add(size.max(1));
            own.blocks += 1;
        }
    }
    let mut top = Below::default();
    // A dominator comes before what it dominates.
    for node in dominators.order().rev() {
        let own = below[node.index()];
        let heaviest = |at: &Below| at.child.map_or(0, |c: NodeId| below[c.index()].bytes);
        if own.blocks == 0 {
            continue;
        }
        match dominators.of(node) {
            Dominator::Unreachable => {}
            Dominator::VirtualRoot => {
                let is_heavier = own.bytes > heaviest(&top);
                top.add(own, node, is_heavier);
            }
            Dominator::Node(above) => {
                let is_heavier = own.bytes > heaviest(&below[above.index()]);
                below[above.index()].add(own, node, is_heavier);
            }
        }
    }
    let mut at = top;
    let (mut found, mut losing) = (None, 0);
    // Where the first step that loses some began.
    let mut whole = None;
    while let Some(child) = at.child {
        let next = below[child.index()];
        if u128::from(next.bytes) * 100 < u128::from(top.bytes) * SHARE {
            break;
        }
        if next.blocks < at.blocks {
            if losing == 0 {
                whole = found;
            }
            losing += 1;
            if losing > MAX_LOSING {
                return whole;
            }
        }
        found = Some(Found {
            node: child,
            blocks: u64::from(next.blocks),
        });
        at = next;
    }
    found
}

impl Below {
    fn add(&mut self, other: Below, node: NodeId, is_heaviest: bool) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.blocks += other.blocks;
        if is_heaviest {
            self.child = Some(node);
        }
    }
}
