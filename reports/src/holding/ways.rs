//! Every way that one block is held: paths that share nothing but their ends.

use super::Holding;
use crate::graph::{self, NodeId, PathCount, ShortestPaths, Start, WaysLimit};
use endler_snapshot::BlockId;

/// One way from a root to a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// The root's name.
    pub root: String,
    /// The field of each pointer on the way, and the block that it leads to.
    pub steps: Vec<(String, BlockId)>,
}

/// What holds a block.
#[derive(Clone, Debug)]
pub struct Ways {
    /// How many shortest paths lead to it from the roots.
    pub shortest: PathCount,
    /// Paths of which no two share a block, shortest first.
    pub ways: Vec<Way>,
    /// Whether there cannot be more of them.
    pub is_all: bool,
}

/// Every way that `block` is held, at most `paths`.
#[must_use]
pub fn ways_to(holding: &Holding<'_>, block: BlockId, paths: usize) -> Ways {
    let (graph, referrers) = (holding.graph(), holding.referrers());
    let target = NodeId(block.0);
    let all = ShortestPaths::new(
        graph,
        referrers,
        Start::Roots,
        [target],
        graph::Avoid::default(),
    );
    let limit = WaysLimit {
        paths,
        ..WaysLimit::default()
    };
    let found = graph::ways(graph, referrers, Start::Roots, target, limit);
    let references = holding.heap.image().references.as_ref();
    let way = |path: &graph::Path| {
        let root = graph.root_index(path.start);
        let root = root.and_then(|root| references?.roots.get(root as usize));
        let steps = path.edges.iter().filter_map(|&edge| {
            let edge = graph.edge(edge)?;
            let references = references?;
            let label = *references.edges.label.get(edge.label as usize)?;
            Some((
                references.label(label).to_owned(),
                graph.block(edge.target)?,
            ))
        });
        Way {
            root: root.map_or_else(String::new, |root| root.name.clone()),
            steps: steps.collect(),
        }
    };
    Ways {
        shortest: all.count(),
        ways: found.paths.iter().map(way).collect(),
        is_all: found.is_all,
    }
}
