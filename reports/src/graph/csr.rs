//! The graph itself: edges sorted by source.

use super::{Edge, EdgeColumns, EdgeId, EdgeKind, Follow, GraphError, MAX_NODES, NodeId};
use crate::prefetch::prefetch;
use endler_snapshot::BlockId;
use std::ops::Range;

const KIND_SHIFT: u32 = 30;
const TARGET: u32 = (1 << KIND_SHIFT) - 1;

/// A target and a kind in one word, so that a walk reads one column.
///
/// ```text
///  31 30 29                              0
/// ┌─────┬─────────────────────────────────┐
/// │ kind│ target                          │
/// └─────┴─────────────────────────────────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(super) struct Link(u32);

impl Link {
    #[inline]
    pub(super) const fn target(self) -> u32 {
        self.0 & TARGET
    }

    #[inline]
    pub(super) const fn is_followed(self, follow: Follow) -> bool {
        self.0 >> KIND_SHIFT <= follow as u32
    }

    const fn kind(self) -> EdgeKind {
        match self.0 >> KIND_SHIFT {
            0 => EdgeKind::Strong,
            1 => EdgeKind::Conservative,
            _ => EdgeKind::Weak,
        }
    }
}

/// Nodes, and their edges sorted by source.
///
/// ```text
///  offsets  ┌──┬──┬──┬─ ─┬──┐   nodes + 1 words
///           │0 │2 │2 │   │e │
///           └─┬┴──┴─┬┴─ ─┴──┘
///             ▼     ▼
///  links    ┌──┬──┬──┬─ ─┬──┐   e words: kind and target
///  labels   └──┴──┴──┴─ ─┴──┘   e words
/// ```
/// `offsets[0] = 0`, offsets rise, `offsets[nodes] = edges`; every target < nodes; blocks ≤ nodes.
/// Edges of one source stand in the order in which they were given; parallel edges and edges to
/// oneself are kept.
///
/// ```
/// use endler_reports::graph::{EdgeColumns, EdgeKind, Graph, NodeId};
/// // One root (node 2) holds block 0, which holds block 1.
/// let mut edges = EdgeColumns::default();
/// edges.push(NodeId(2), NodeId(0), EdgeKind::Strong, 7);
/// edges.push(NodeId(0), NodeId(1), EdgeKind::Strong, 8);
/// let graph = Graph::new(2, 1, edges)?;
/// assert_eq!(graph.root(0), Some(NodeId(2)));
/// assert_eq!(graph.edges_of(NodeId(2)).next().map(|e| (e.target, e.label)), Some((NodeId(0), 7)));
/// # Ok::<(), endler_reports::graph::GraphError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    blocks: u32,
    offsets: Vec<u32>,
    links: Vec<Link>,
    labels: Vec<u32>,
}

impl Graph {
    /// Builds the graph of `blocks` blocks and `roots` roots.
    ///
    /// # Errors
    /// Columns of different lengths, too many nodes or edges, an end that is no node.
    pub fn new(blocks: u32, roots: u32, columns: EdgeColumns) -> Result<Self, GraphError> {
        let EdgeColumns {
            source,
            target,
            kind,
            label,
        } = columns;
        let lengths = [source.len(), target.len(), kind.len(), label.len()];
        if lengths.iter().any(|&len| len != source.len()) {
            return Err(GraphError::Columns { lengths });
        }
        let all = u64::from(blocks) + u64::from(roots);
        if all > MAX_NODES as u64 {
            return Err(GraphError::TooManyNodes(all));
        }
        if source.len() >= u32::MAX as usize {
            return Err(GraphError::TooManyEdges(source.len()));
        }
        let nodes = all as u32;
        let links = links(&source, target, kind, nodes)?;
        let mut offsets = vec![0u32; nodes as usize + 1];
        for &s in &source {
            offsets[s as usize + 1] += 1;
        }
        for at in 1..offsets.len() {
            offsets[at] += offsets[at - 1];
        }
        let (links, labels) = if source.is_sorted() {
            (links, label)
        } else {
            sort(&mut offsets, &source, &links, &label)
        };
        Ok(Graph {
            blocks,
            offsets,
            links,
            labels,
        })
    }

    /// Number of nodes: blocks and roots.
    #[must_use]
    pub fn nodes(&self) -> u32 {
        self.offsets.len() as u32 - 1
    }

    /// Number of blocks.
    #[must_use]
    pub fn blocks(&self) -> u32 {
        self.blocks
    }

    /// Number of roots.
    #[must_use]
    pub fn roots(&self) -> u32 {
        self.nodes() - self.blocks
    }

    /// Number of edges.
    #[must_use]
    pub fn edges(&self) -> u32 {
        self.links.len() as u32
    }

    /// The node of a root, by its position among the roots.
    #[must_use]
    pub fn root(&self, index: u32) -> Option<NodeId> {
        (index < self.roots()).then(|| NodeId(self.blocks + index))
    }

    /// A root's position among the roots; none for a block.
    #[must_use]
    pub fn root_index(&self, node: NodeId) -> Option<u32> {
        let index = node.0.checked_sub(self.blocks)?;
        (index < self.roots()).then_some(index)
    }

    /// Whether a node is a root.
    #[must_use]
    pub fn is_root(&self, node: NodeId) -> bool {
        self.root_index(node).is_some()
    }

    /// The block that a node is; none for a root.
    #[must_use]
    pub fn block(&self, node: NodeId) -> Option<BlockId> {
        (node.0 < self.blocks).then_some(BlockId(node.0))
    }

    /// The nodes of all roots.
    pub fn root_nodes(&self) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        (self.blocks..self.nodes()).map(NodeId)
    }

    /// The edges that leave a node, in their order; none for an id that is no node.
    pub fn edges_of(&self, source: NodeId) -> impl Iterator<Item = Edge> + '_ {
        let out = if source.0 < self.nodes() {
            self.out(source.0)
        } else {
            0..0
        };
        out.map(move |at| self.at(source, at))
    }

    /// An edge by its id. O(log nodes), since the source is looked for.
    #[must_use]
    pub fn edge(&self, id: EdgeId) -> Option<Edge> {
        let source = self.source(id)?;
        Some(self.at(source, id.index()))
    }

    /// The source of an edge. O(log nodes).
    #[must_use]
    pub fn source(&self, id: EdgeId) -> Option<NodeId> {
        (id.index() < self.links.len())
            .then(|| NodeId(self.offsets.partition_point(|&start| start <= id.0) as u32 - 1))
    }

    /// The edges from one node to another, in their order. O(edges of the source).
    pub fn between(
        &self,
        source: NodeId,
        target: NodeId,
        follow: Follow,
    ) -> impl Iterator<Item = Edge> + '_ {
        self.edges_of(source)
            .filter(move |edge| edge.target == target && edge.kind as u8 <= follow as u8)
    }

    fn at(&self, source: NodeId, at: usize) -> Edge {
        let link = self.links[at];
        Edge {
            id: EdgeId(at as u32),
            source,
            target: NodeId(link.target()),
            kind: link.kind(),
            label: self.labels[at],
        }
    }

    /// Positions of a node's links. The node must be one.
    #[inline]
    pub(super) fn out(&self, node: u32) -> Range<usize> {
        self.offsets[node as usize] as usize..self.offsets[node as usize + 1] as usize
    }

    /// A node's links. The node must be one.
    #[inline]
    pub(super) fn links_of(&self, node: u32) -> &[Link] {
        &self.links[self.out(node)]
    }

    #[inline]
    pub(super) fn links(&self) -> &[Link] {
        &self.links
    }

    /// Asks the cache for a node's links, the first of which is known.
    #[inline]
    pub(super) fn prefetch(&self, node: u32, first: u32) {
        prefetch(&self.offsets, node as usize);
        prefetch(&self.links, first as usize);
    }

    #[inline]
    pub(super) fn link(&self, at: usize) -> Link {
        self.links[at]
    }

    /// Whether nothing leaves a node, whatever is followed.
    #[inline]
    pub(super) fn is_leaf(&self, node: u32) -> bool {
        self.offsets[node as usize] == self.offsets[node as usize + 1]
    }

    /// The equations above the struct; tests call it.
    ///
    /// # Panics
    /// If one does not hold.
    pub fn check_invariants(&self) {
        assert_eq!(self.offsets.first(), Some(&0));
        assert!(self.offsets.is_sorted());
        assert_eq!(self.offsets.last(), Some(&self.edges()));
        assert_eq!(self.links.len(), self.labels.len());
        assert!(self.links.iter().all(|link| link.target() < self.nodes()));
        assert!(self.blocks <= self.nodes());
    }
}

/// Targets and kinds in one column, in the targets' own memory; every end is looked at.
fn links(
    source: &[u32],
    target: Vec<u32>,
    kind: Vec<EdgeKind>,
    nodes: u32,
) -> Result<Vec<Link>, GraphError> {
    let out_of_range = |(row, &node): (usize, &u32)| GraphError::OutOfRange { row, node, nodes };
    let bad = |column: &[u32]| {
        let at = column.iter().position(|&node| node >= nodes)?;
        Some(out_of_range((at, &column[at])))
    };
    if let Some(error) = bad(source).or_else(|| bad(&target)) {
        return Err(error);
    }
    // The iterator's memory is the target column's: a map of a Vec into items of the same size.
    Ok(target
        .into_iter()
        .zip(kind)
        .map(|(target, kind)| Link(target | (kind as u32) << KIND_SHIFT))
        .collect())
}

/// A stable counting sort of both columns. `offsets` serves as cursors and is put back.
fn sort(
    offsets: &mut [u32],
    source: &[u32],
    links: &[Link],
    labels: &[u32],
) -> (Vec<Link>, Vec<u32>) {
    let mut sorted = (vec![Link(0); links.len()], vec![0; labels.len()]);
    for ((&s, &link), &label) in source.iter().zip(links).zip(labels) {
        let at = offsets[s as usize] as usize;
        offsets[s as usize] += 1;
        sorted.0[at] = link;
        sorted.1[at] = label;
    }
    // Each cursor stands where the next node begins.
    let last = offsets.len() - 1;
    offsets.copy_within(..last, 1);
    offsets[0] = 0;
    sorted
}
