//! Shortest paths: why a node is alive, how many such ways there are, and each of them.

use super::{EdgeId, Follow, Graph, NodeId, NodeSet, Referrers};
use std::collections::BTreeSet;

/// Where paths begin.
#[derive(Clone, Copy, Debug, Default)]
pub enum Start<'a> {
    /// At any root.
    #[default]
    Roots,
    /// At any of these nodes: the roots of one thread, a leak, an immediate dominator.
    Nodes(&'a NodeSet),
}

impl Start<'_> {
    #[inline]
    pub(super) fn has(&self, graph: &Graph, node: NodeId) -> bool {
        match self {
            Start::Roots => graph.is_root(node),
            Start::Nodes(nodes) => nodes.contains(node),
        }
    }
}

/// What paths must not use. Heapy's `avoided`: leave out the edges of the ways that were shown, and
/// see how else the node is held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Avoid {
    /// No path enters these; a path does not begin or end at one either.
    pub nodes: NodeSet,
    /// No path goes from the first of a pair to the second.
    pub steps: BTreeSet<(NodeId, NodeId)>,
}

/// How many shortest paths there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathCount {
    /// Exactly so many.
    Exact(u128),
    /// More than a `u128` holds.
    TooMany,
}

/// One way from a start to a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// Where it begins.
    pub start: NodeId,
    /// Its edges; none if the start is the target.
    pub edges: Vec<EdgeId>,
}

impl Path {
    /// Its nodes, the start first. O(log nodes) each.
    pub fn nodes<'a>(&'a self, graph: &'a Graph) -> impl Iterator<Item = NodeId> + 'a {
        let targets = self.edges.iter().filter_map(|&edge| graph.edge(edge));
        std::iter::once(self.start).chain(targets.map(|edge| edge.target))
    }
}

/// All shortest paths from a start to the nearest of some targets.
///
/// ```text
///  level    depth                    1             0
///        ┌─────────┐            ┌─────────┐   ┌─────────┐
///        │ starts  │ ──► ... ──►│referrers│──►│ targets │
///        └─────────┘            └─────────┘   └─────────┘
///  slot    a word a node: its place, plus one, among all that was come to; 0 if it was not
///  levels  each level's first place; levels[0] = 0, one more than there are levels
/// ```
/// A path is a chain of edges, so two fields that hold the same block make two paths (as in Heapy).
/// Only those targets that are nearest are ends.
#[derive(Clone, Debug)]
pub struct ShortestPaths<'a> {
    graph: &'a Graph,
    follow: Follow,
    avoid: Avoid,
    slot: Vec<u32>,
    levels: Vec<u32>,
    starts: Vec<u32>,
    count: PathCount,
}

impl<'a> ShortestPaths<'a> {
    /// Walks back from `targets` to the first level that has a start, and counts. `referrers` must
    /// be of the same graph, and say which edges count.
    ///
    /// O(nodes and edges that are no farther from the targets than the nearest start).
    #[must_use]
    pub fn new(
        graph: &'a Graph,
        referrers: &Referrers,
        start: Start<'_>,
        targets: impl IntoIterator<Item = NodeId>,
        avoid: Avoid,
    ) -> Self {
        let mut paths = ShortestPaths {
            graph,
            follow: referrers.follow(),
            avoid,
            slot: vec![0; graph.nodes() as usize],
            levels: vec![0],
            starts: Vec::new(),
            count: PathCount::Exact(0),
        };
        let mut level: Vec<u32> = Vec::new();
        for target in targets {
            if target.0 < graph.nodes()
                && !paths.avoid.nodes.contains(target)
                && paths.slot[target.index()] == 0
            {
                level.push(target.0);
                paths.slot[target.index()] = level.len() as u32;
            }
        }
        let mut ways = vec![1u128; level.len()];
        while !level.is_empty() {
            paths.levels.push(paths.found() + level.len() as u32);
            // Saturated, a sum makes all sums saturated that it is a part of, and no other.
            let mut total = 0u128;
            for (&node, &ways) in level.iter().zip(&ways) {
                if start.has(graph, NodeId(node)) {
                    paths.starts.push(node);
                    total = total.saturating_add(ways);
                }
            }
            if !paths.starts.is_empty() {
                paths.starts.sort_unstable();
                paths.count = match total {
                    u128::MAX => PathCount::TooMany,
                    total => PathCount::Exact(total),
                };
                break;
            }
            (level, ways) = paths.back(referrers, &level, &ways);
        }
        paths
    }

    /// One level farther from the targets: its nodes, and how many ways each has.
    fn back(
        &mut self,
        referrers: &Referrers,
        level: &[u32],
        ways: &[u128],
    ) -> (Vec<u32>, Vec<u128>) {
        let (mut next, mut next_ways) = (Vec::new(), Vec::<u128>::new());
        let first = self.found();
        for (&node, &ways) in level.iter().zip(ways) {
            for &source in referrers.sources_of(node) {
                let slot = self.slot[source as usize];
                if slot != 0 && slot <= first || !self.is_allowed(source, node) {
                    continue;
                }
                if slot == 0 {
                    next.push(source);
                    next_ways.push(ways);
                    self.slot[source as usize] = first + next.len() as u32;
                } else {
                    let sum = &mut next_ways[(slot - 1 - first) as usize];
                    *sum = sum.saturating_add(ways);
                }
            }
        }
        (next, next_ways)
    }

    fn is_allowed(&self, source: u32, target: u32) -> bool {
        let (source, target) = (NodeId(source), NodeId(target));
        !self.avoid.nodes.contains(source)
            && (self.avoid.steps.is_empty() || !self.avoid.steps.contains(&(source, target)))
    }

    /// How many nodes have a place.
    fn found(&self) -> u32 {
        self.levels.last().copied().unwrap_or(0)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> PathCount {
        self.count
    }

    /// Edges of each path; none if there is no path.
    #[must_use]
    pub fn depth(&self) -> Option<u32> {
        (!self.starts.is_empty()).then(|| self.levels.len() as u32 - 2)
    }

    /// Where paths begin, rising.
    pub fn starts(&self) -> impl ExactSizeIterator<Item = NodeId> + '_ {
        self.starts.iter().map(|&node| NodeId(node))
    }

    /// The paths, one after the other, by start and then by edges. Each costs the edges of the
    /// nodes that it does not share with the one before it.
    #[must_use]
    pub fn iter(&self) -> Paths<'_> {
        Paths {
            of: self,
            starts: self.starts.iter(),
            frames: Vec::new(),
        }
    }

    /// The steps of these paths at some levels, to be avoided next (Heapy's `avoided`). Level 0 is
    /// the step that leaves the starts. O(edges of the level's nodes that lie on a path).
    #[must_use]
    pub fn steps_at(&self, level: u32) -> BTreeSet<(NodeId, NodeId)> {
        let mut at: BTreeSet<u32> = self.starts.iter().copied().collect();
        for depth in 0..self.depth().unwrap_or(0) {
            let steps: BTreeSet<(NodeId, NodeId)> = at
                .iter()
                .flat_map(|&node| {
                    let out = self.graph.out(node);
                    let targets = out.filter_map(move |edge| self.step(node, edge));
                    targets.map(move |target| (NodeId(node), NodeId(target)))
                })
                .collect();
            if depth == level {
                return steps;
            }
            at = steps.into_iter().map(|(_, target)| target.0).collect();
        }
        BTreeSet::new()
    }

    /// The target of an edge, if the edge is one step of a shortest path from `node` on.
    #[inline]
    fn step(&self, node: u32, edge: usize) -> Option<u32> {
        let link = self.graph.link(edge);
        let target = link.target();
        let slot = self.slot[target as usize].checked_sub(1)?;
        let level = self
            .levels
            .partition_point(|&first| first < self.slot[node as usize]);
        // The level of `node` is `level - 1`; the target's must be the one below it.
        let below = *self.levels.get(level.checked_sub(2)?)?..self.levels[level - 1];
        (link.is_followed(self.follow) && below.contains(&slot) && self.is_allowed(node, target))
            .then_some(target)
    }
}

impl<'a> IntoIterator for &'a ShortestPaths<'_> {
    type Item = Path;
    type IntoIter = Paths<'a>;
    fn into_iter(self) -> Paths<'a> {
        self.iter()
    }
}

/// The shortest paths one after the other, found as they are asked for.
#[derive(Clone, Debug)]
pub struct Paths<'a> {
    of: &'a ShortestPaths<'a>,
    starts: std::slice::Iter<'a, u32>,
    /// Nodes of the path so far, and the edge of each that is looked at next.
    frames: Vec<(u32, u32)>,
}

impl Paths<'_> {
    fn enter(&mut self, node: u32) {
        self.frames
            .push((node, self.of.graph.out(node).start as u32));
    }
}

impl Iterator for Paths<'_> {
    type Item = Path;

    fn next(&mut self) -> Option<Path> {
        let depth = self.of.depth()? as usize;
        loop {
            let Some(&(node, edge)) = self.frames.last() else {
                let start = *self.starts.next()?;
                self.enter(start);
                continue;
            };
            if self.frames.len() == depth + 1 {
                let steps = &self.frames[..depth];
                let path = Path {
                    start: NodeId(self.frames[0].0),
                    // A frame's next edge is one behind the edge that was taken.
                    edges: steps.iter().map(|frame| EdgeId(frame.1 - 1)).collect(),
                };
                self.frames.pop();
                return Some(path);
            }
            let end = self.of.graph.out(node).end;
            match (edge as usize..end).find(|&edge| self.of.step(node, edge).is_some()) {
                Some(edge) => {
                    let target = self.of.graph.link(edge).target();
                    if let Some(frame) = self.frames.last_mut() {
                        frame.1 = edge as u32 + 1;
                    }
                    self.enter(target);
                }
                None => {
                    self.frames.pop();
                }
            }
        }
    }
}
