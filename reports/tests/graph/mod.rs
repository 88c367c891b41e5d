//! Small random graphs, and the plainest answers to what is asked of them: by following edges
//! over and over, with nothing clever in it.
#![allow(dead_code)]

use std::collections::BTreeSet;

use endler_reports::graph::*;
use endler_snapshot::Bytes;

/// SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, n: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^= x >> 31;
        ((u128::from(x) * u128::from(n)) >> 64) as u32
    }
}

pub(crate) type Edges = Vec<(u32, u32, EdgeKind)>;

/// A graph as a list.
#[derive(Clone, Debug)]
pub(crate) struct Naive {
    pub(crate) blocks: u32,
    pub(crate) roots: u32,
    pub(crate) edges: Edges,
    pub(crate) sizes: Vec<Bytes>,
}

impl Naive {
    /// Up to `most` blocks, up to three roots, up to three edges a block; most are strong, some go
    /// to a root, some are there twice.
    pub(crate) fn random(seed: u64, most: u32) -> Naive {
        let mut r = Random(seed);
        let (blocks, roots) = (r.below(most + 1), r.below(4));
        let nodes = blocks + roots;
        let mut edges = Edges::new();
        let dense = 1 + r.below(3);
        for _ in 0..if nodes == 0 {
            0
        } else {
            r.below(dense * nodes + 1)
        } {
            let kind = match r.below(8) {
                0 => EdgeKind::Weak,
                1 => EdgeKind::Conservative,
                _ => EdgeKind::Strong,
            };
            let target = if r.below(10) == 0 || blocks == 0 {
                r.below(nodes)
            } else {
                r.below(blocks)
            };
            edges.push((r.below(nodes), target, kind));
            if r.below(10) == 0 {
                edges.push(edges[edges.len() - 1]);
            }
        }
        let sizes = (0..blocks)
            .map(|_| Bytes(u64::from(r.below(100))))
            .collect();
        Naive {
            blocks,
            roots,
            edges,
            sizes,
        }
    }

    /// Up to `most` blocks with about three strong edges each, and roots with two: where many ways
    /// lead to a block and get into each other's.
    pub(crate) fn dense(seed: u64, most: u32) -> Naive {
        let mut r = Random(seed);
        let (blocks, roots) = (2 + r.below(most), 1 + r.below(1 + most / 2));
        let mut edges = Vec::new();
        for _ in 0..3 * blocks {
            edges.push((r.below(blocks), r.below(blocks)));
        }
        for root in 0..roots {
            edges.extend((0..2).map(|_| (blocks + root, r.below(blocks))));
        }
        Naive::strong(blocks, roots, &edges)
    }

    /// Strong edges only.
    pub(crate) fn strong(blocks: u32, roots: u32, edges: &[(u32, u32)]) -> Naive {
        Naive {
            blocks,
            roots,
            edges: edges
                .iter()
                .map(|&(a, b)| (a, b, EdgeKind::Strong))
                .collect(),
            sizes: (0..blocks).map(|b| Bytes(u64::from(b) + 1)).collect(),
        }
    }

    pub(crate) fn nodes(&self) -> u32 {
        self.blocks + self.roots
    }

    /// Labels are the rows.
    pub(crate) fn columns(&self) -> EdgeColumns {
        let mut columns = EdgeColumns::default();
        for (row, &(source, target, kind)) in (0u32..).zip(&self.edges) {
            columns.push(NodeId(source), NodeId(target), kind, row);
        }
        columns
    }

    pub(crate) fn graph(&self) -> Graph {
        let graph = Graph::new(self.blocks, self.roots, self.columns()).expect("it is well formed");
        graph.check_invariants();
        graph
    }

    /// The edges that are followed.
    pub(crate) fn followed(&self, follow: Follow) -> Vec<(u32, u32)> {
        let is = |kind: EdgeKind| match follow {
            Follow::Strong => kind == EdgeKind::Strong,
            Follow::Retaining => kind != EdgeKind::Weak,
            Follow::All => true,
        };
        let edges = self.edges.iter().filter(|edge| is(edge.2));
        edges.map(|&(source, target, _)| (source, target)).collect()
    }

    pub(crate) fn root_nodes(&self) -> Vec<u32> {
        (self.blocks..self.nodes()).collect()
    }

    /// What is reached from `starts` without `closed`.
    pub(crate) fn reach(
        &self,
        follow: Follow,
        starts: &[u32],
        closed: &BTreeSet<u32>,
    ) -> BTreeSet<u32> {
        let edges = self.followed(follow);
        let open = |node: &u32| !closed.contains(node);
        let mut seen: BTreeSet<u32> = starts.iter().copied().filter(open).collect();
        loop {
            let next = edges
                .iter()
                .filter(|(source, target)| seen.contains(source) && open(target))
                .map(|&(_, target)| target);
            let more: BTreeSet<u32> = next.collect();
            let before = seen.len();
            seen.extend(more);
            if seen.len() == before {
                return seen;
            }
        }
    }

    /// What the roots reach without `closed`.
    pub(crate) fn alive(&self, follow: Follow, closed: &BTreeSet<u32>) -> BTreeSet<u32> {
        self.reach(follow, &self.root_nodes(), closed)
    }

    pub(crate) fn size(&self, nodes: &BTreeSet<u32>) -> u64 {
        let sizes = nodes
            .iter()
            .filter_map(|&node| self.sizes.get(node as usize));
        sizes.map(|size| size.0).sum()
    }

    pub(crate) fn count(&self, nodes: &BTreeSet<u32>) -> u32 {
        nodes.iter().filter(|&&node| node < self.blocks).count() as u32
    }
}

pub(crate) const FOLLOWS: [Follow; 3] = [Follow::Strong, Follow::Retaining, Follow::All];

pub(crate) fn ids(nodes: impl IntoIterator<Item = NodeId>) -> BTreeSet<u32> {
    nodes.into_iter().map(|node| node.0).collect()
}

pub(crate) fn set(nodes: u32, ids: impl IntoIterator<Item = u32>) -> NodeSet {
    NodeSet::of(nodes, ids.into_iter().map(NodeId))
}

/// A random part of the nodes.
pub(crate) fn some(r: &mut Random, nodes: u32, one_in: u32) -> BTreeSet<u32> {
    (0..nodes).filter(|_| r.below(one_in) == 0).collect()
}
