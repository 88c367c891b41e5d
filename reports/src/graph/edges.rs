//! Ids, edges, and what is wrong with edges that do not fit together.

use endler_snapshot::BlockId;
use std::fmt;

/// The most nodes that a graph has: two bits of a word hold an edge's kind.
pub const MAX_NODES: usize = (1 << 30) - 2;

/// A node: a block (the same number as its [`BlockId`]) or, behind all blocks, a root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct NodeId(pub u32);

impl NodeId {
    /// The position in columns of nodes.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl From<BlockId> for NodeId {
    fn from(block: BlockId) -> Self {
        NodeId(block.0)
    }
}

/// An edge: its position in the order of sources. Where the columns were sorted by source it is
/// their row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct EdgeId(pub u32);

impl EdgeId {
    /// The position in columns of edges.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// How sure it is that the source keeps the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum EdgeKind {
    /// A field that owns or borrows, read by its layout.
    #[default]
    Strong = 0,
    /// A word that could be a pointer, in memory of unknown layout.
    Conservative = 1,
    /// A `Weak`: it refers and does not retain.
    Weak = 2,
}

/// Which edges count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Follow {
    /// Strong edges only.
    Strong = 0,
    /// Strong and conservative edges: all that may retain.
    #[default]
    Retaining = 1,
    /// Weak ones as well: all that refers.
    All = 2,
}

/// One edge, as [`super::Graph::edge`] gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Which.
    pub id: EdgeId,
    /// What refers.
    pub source: NodeId,
    /// What is referred to.
    pub target: NodeId,
    /// How sure it is.
    pub kind: EdgeKind,
    /// What the caller knows of it, carried and not read.
    pub label: u32,
}

/// Edges as a scan or a file gives them: four columns of one length, in any order. Sorted by
/// source they are taken over without being copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EdgeColumns {
    /// What refers.
    pub source: Vec<u32>,
    /// What is referred to.
    pub target: Vec<u32>,
    /// How sure it is.
    pub kind: Vec<EdgeKind>,
    /// What the caller knows of the edge; the algorithms carry it and do not read it.
    pub label: Vec<u32>,
}

impl EdgeColumns {
    /// Adds a row.
    pub fn push(&mut self, source: NodeId, target: NodeId, kind: EdgeKind, label: u32) {
        self.source.push(source.0);
        self.target.push(target.0);
        self.kind.push(kind);
        self.label.push(label);
    }

    /// Number of rows; the shortest column's.
    #[must_use]
    pub fn len(&self) -> usize {
        [self.target.len(), self.kind.len(), self.label.len()]
            .into_iter()
            .fold(self.source.len(), usize::min)
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Why columns are no graph. A file that was damaged or made by hand is told here, once; behind
/// this every id is in range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GraphError {
    /// The columns are not of one length.
    Columns {
        /// Rows of `source`, `target`, `kind` and `label`.
        lengths: [usize; 4],
    },
    /// More than [`MAX_NODES`] blocks and roots.
    TooManyNodes(u64),
    /// More edges than a `u32` counts.
    TooManyEdges(usize),
    /// An edge's end is no node.
    OutOfRange {
        /// The row.
        row: usize,
        /// What stands there.
        node: u32,
        /// Number of nodes.
        nodes: u32,
    },
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GraphError::Columns { lengths } => {
                write!(
                    f,
                    "the columns of edges have different lengths: {lengths:?}"
                )
            }
            GraphError::TooManyNodes(nodes) => write!(
                f,
                "{nodes} blocks and roots: a graph has at most {MAX_NODES}"
            ),
            GraphError::TooManyEdges(edges) => {
                write!(f, "{edges} edges: a graph has at most {}", u32::MAX)
            }
            GraphError::OutOfRange { row, node, nodes } => {
                write!(f, "edge {row} names node {node} of {nodes}")
            }
        }
    }
}

impl std::error::Error for GraphError {}
