//! The graph of what holds what, without a block that nothing holds.

use super::{Purpose, columns, graph};
use crate::graph::{EdgeKind, Follow, Graph, Leaks, NodeId};
use crate::partition::Heap;

/// The name of the root that holds what no other one does.
pub const UNHELD: &str = "(held by no root)";

/// The graph of [`Purpose::Retain`] with one root more, the last: it holds what no
/// other root does, at the blocks that [`Leaks`] lists. So every block has a retained
/// size. Those of blocks that a root holds are as before, since what nothing holds
/// holds nothing else: its edges into their part are weak here.
///
/// The labels of the edges that are new are no rows of the image. O(blocks + edges).
#[must_use]
pub fn whole_graph(heap: Heap<'_>) -> Option<Graph> {
    let references = heap.image().references.as_ref()?;
    let held = graph(heap, Purpose::Retain)?;
    let (blocks, roots) = (held.blocks(), held.roots());
    let unheld = Leaks::new(&held, Follow::Retaining, &heap.image().blocks.size);
    drop(held);
    let mut edges = columns(references, heap.len(), Purpose::Retain);
    let is_unheld = |node: &u32| unheld.blocks().contains(NodeId(*node));
    let ends = edges.source.iter().zip(&edges.target);
    for ((source, target), kind) in ends.zip(&mut edges.kind) {
        if is_unheld(source) && !is_unheld(target) {
            *kind = EdgeKind::Weak;
        }
    }
    for leak in &unheld.list {
        let root = NodeId(blocks + roots);
        edges.push(root, leak.block, EdgeKind::Strong, u32::MAX);
    }
    Graph::new(blocks, roots + 1, edges).ok()
}
