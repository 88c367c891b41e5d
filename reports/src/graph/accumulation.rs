//! Where memory accumulates: how far down the dominator tree one child keeps most of it.

use super::{Dominator, Dominators, NodeId, Retained};
use endler_snapshot::Bytes;

const NONE: u32 = u32::MAX;

/// How far a descent goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descent {
    /// A child is entered if it retains at least so many percent of its parent. MAT's ratio is 70
    /// for one suspect and 80 for a group.
    pub of_parent: u32,
    /// And at least so many percent of where the descent began. MAT has no such bound, and goes to
    /// a linked list's last nodes, since each keeps all but a little of the one before it; 0 is
    /// MAT's.
    pub of_start: u32,
}

impl Default for Descent {
    fn default() -> Self {
        Descent {
            of_parent: 70,
            of_start: 50,
        }
    }
}

/// The way down to where what is retained stops being in one child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accumulation {
    /// From the start, or from the first node below the virtual root, to the point; each node
    /// dominates the next.
    pub path: Vec<NodeId>,
    /// The last of the path.
    pub point: NodeId,
    /// What the point retains.
    pub bytes: Bytes,
}

/// For each node the child in the dominator tree that retains most; of equals the lowest.
///
/// 4 bytes a node; made once, it serves any number of descents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaviestChild {
    of: Vec<u32>,
    top: u32,
    all: Bytes,
}

impl HeaviestChild {
    /// Compares all children. O(nodes).
    #[must_use]
    pub fn new(dominators: &Dominators, retained: &Retained) -> Self {
        let mut heaviest = HeaviestChild {
            of: vec![NONE; dominators.nodes() as usize],
            top: NONE,
            all: Bytes(0),
        };
        // Rising, so that the first of equals stays.
        for node in (0..dominators.nodes()).map(NodeId) {
            let slot = match dominators.of(node) {
                Dominator::Unreachable => continue,
                Dominator::VirtualRoot => {
                    let bytes = retained.bytes(node).0;
                    heaviest.all.0 = heaviest.all.0.saturating_add(bytes);
                    &mut heaviest.top
                }
                Dominator::Node(above) => &mut heaviest.of[above.index()],
            };
            if *slot == NONE || retained.bytes(node) > retained.bytes(NodeId(*slot)) {
                *slot = node.0;
            }
        }
        heaviest
    }

    /// The heaviest child of a node.
    #[must_use]
    pub fn of(&self, node: NodeId) -> Option<NodeId> {
        let child = *self.of.get(node.index())?;
        (child != NONE).then_some(NodeId(child))
    }

    /// The heaviest of those that only the virtual root dominates.
    #[must_use]
    pub fn top(&self) -> Option<NodeId> {
        (self.top != NONE).then_some(NodeId(self.top))
    }

    /// Goes down from a node. O(the path).
    #[must_use]
    pub fn accumulation(&self, retained: &Retained, from: NodeId, by: Descent) -> Accumulation {
        let start = retained.bytes(from);
        let mut path = vec![from];
        let (mut point, mut bytes) = (from, start);
        while let Some(child) = self.of(point) {
            let kept = retained.bytes(child);
            if !is_share(kept, by.of_parent, bytes) || !is_share(kept, by.of_start, start) {
                break;
            }
            path.push(child);
            (point, bytes) = (child, kept);
        }
        Accumulation { path, point, bytes }
    }

    /// Goes down from the virtual root: none if no node there has the share of all that is
    /// reached.
    #[must_use]
    pub fn accumulation_of_all(&self, retained: &Retained, by: Descent) -> Option<Accumulation> {
        let top = self.top()?;
        let kept = retained.bytes(top);
        (is_share(kept, by.of_parent, self.all) && is_share(kept, by.of_start, self.all))
            .then(|| self.accumulation(retained, top, by))
    }
}

/// Whether `part` is at least so many percent of `whole`. Nothing is no share of nothing.
fn is_share(part: Bytes, percent: u32, whole: Bytes) -> bool {
    part.0 > 0 && u128::from(part.0) * 100 >= u128::from(whole.0) * u128::from(percent)
}
