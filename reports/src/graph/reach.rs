//! What is reached from where, and what only a set of nodes keeps.

use super::{Follow, Graph, NodeId, NodeSet};

/// The nodes that can be reached from `starts` without entering `closed`.
///
/// A start that is closed is not entered either. O(nodes + edges); n/8 bytes, and 4 a node that
/// waits.
#[must_use]
pub fn flood(
    graph: &Graph,
    follow: Follow,
    starts: impl IntoIterator<Item = NodeId>,
    closed: &NodeSet,
) -> NodeSet {
    // A closed node is marked from the beginning, so that the walk asks one set only.
    let mut seen = closed.clone();
    seen.resize(graph.nodes());
    let mut waiting = Vec::new();
    for start in starts {
        if seen.insert(start) {
            waiting.push(start.0);
        }
        while let Some(node) = waiting.pop() {
            for link in graph.links_of(node) {
                let target = link.target();
                if link.is_followed(follow) && seen.insert(NodeId(target)) && !graph.is_leaf(target)
                {
                    waiting.push(target);
                }
            }
        }
    }
    seen.subtract(closed);
    seen
}

/// What the roots reach, themselves among it.
#[must_use]
pub fn reachable(graph: &Graph, follow: Follow) -> NodeSet {
    flood(graph, follow, graph.root_nodes(), &NodeSet::default())
}

/// The blocks that no root reaches.
#[must_use]
pub fn unreachable(graph: &Graph, follow: Follow) -> NodeSet {
    reachable(graph, follow).complement()
}

/// What would go if the nodes of `set` went: the set itself and all that only it keeps, roots and
/// blocks that nothing keeps being no exception. Heapy calls it `dominos`, MAT the retained set.
///
/// It is exact for any set, and is not the sum of its members' retained sizes. Two passes: all that
/// the roots reach without entering the set, O(nodes + edges), then what the set reaches outside
/// of that, O(the answer and its edges).
#[must_use]
pub fn retained_set(graph: &Graph, follow: Follow, set: &NodeSet) -> NodeSet {
    let others = flood(graph, follow, graph.root_nodes(), set);
    flood(graph, follow, set.iter(), &others)
}
