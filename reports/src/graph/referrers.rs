//! The graph backwards: who refers to a node.

use super::{Follow, Graph, NodeId, NodeSet, Threads};

/// The referrers of every node, by the edges that one [`Follow`] takes.
///
/// ```text
///  offsets  nodes + 1 words        sources  one word an edge that is followed
/// ```
/// Referrers of one node rise; one that refers by several edges is there several times. It costs
/// about a second for 30 M edges, so it is made once and kept for all questions about paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referrers {
    follow: Follow,
    offsets: Vec<u32>,
    sources: Vec<u32>,
}

impl Referrers {
    /// Turns the edges round, on one thread. O(nodes + edges).
    #[must_use]
    pub fn new(graph: &Graph, follow: Follow) -> Self {
        Self::on(graph, follow, Threads::One)
    }

    /// The same on so many threads.
    #[must_use]
    pub fn on(graph: &Graph, follow: Follow, threads: Threads) -> Self {
        let nodes = graph.nodes() as usize;
        // offsets[n + 1] is node n's: first a count, then where its next referrer goes, and at the
        // end where they end. Two threads take the targets by halves.
        let mut offsets = vec![0u32; nodes + 1];
        let half = match threads {
            Threads::One => nodes,
            Threads::Two => nodes / 2,
        };
        let (low, high) = offsets[1..].split_at_mut(half);
        let count = |first, counts: &mut [u32]| each(graph, follow, first, counts, |_, n| *n += 1);
        threads.both(|| count(0, low), || count(half, high));
        let mut before = 0;
        for offset in &mut offsets[1..] {
            let referrers = *offset;
            *offset = before;
            before += referrers;
        }
        let mut sources = vec![0u32; before as usize];
        let (low, high) = offsets[1..].split_at_mut(half);
        let split = high.first().copied().unwrap_or(before);
        let (low_sources, high_sources) = sources.split_at_mut(split as usize);
        let fill = |first, cursors: &mut [u32], sources: &mut [u32], base| {
            each(graph, follow, first, cursors, |source, cursor| {
                sources[(*cursor - base) as usize] = source;
                *cursor += 1;
            });
        };
        threads.both(
            || fill(0, low, low_sources, 0),
            || fill(half, high, high_sources, split),
        );
        Referrers {
            follow,
            offsets,
            sources,
        }
    }

    /// Which edges it was made of.
    #[must_use]
    pub fn follow(&self) -> Follow {
        self.follow
    }

    /// Number of nodes.
    #[must_use]
    pub fn nodes(&self) -> u32 {
        self.offsets.len() as u32 - 1
    }

    /// What refers to a node, rising, once an edge; none for an id that is no node.
    pub fn of(&self, target: NodeId) -> impl ExactSizeIterator<Item = NodeId> + '_ {
        let sources = if target.0 < self.nodes() {
            self.sources_of(target.0)
        } else {
            &[]
        };
        sources.iter().map(|&source| NodeId(source))
    }

    /// What refers to any node of a set. O(edges into the set + nodes/64).
    #[must_use]
    pub fn of_set(&self, targets: &NodeSet) -> NodeSet {
        NodeSet::of(
            self.nodes(),
            targets.iter().flat_map(|target| self.of(target)),
        )
    }

    #[inline]
    pub(super) fn sources_of(&self, target: u32) -> &[u32] {
        let at = target as usize;
        &self.sources[self.offsets[at] as usize..self.offsets[at + 1] as usize]
    }
}

/// Tells the source of each edge that is followed, with the word of its target, if that is among
/// `words`, the first of which is the target `first`'s.
fn each(
    graph: &Graph,
    follow: Follow,
    first: usize,
    words: &mut [u32],
    mut tell: impl FnMut(u32, &mut u32),
) {
    for node in 0..graph.nodes() {
        for link in graph.links_of(node) {
            if let Some(word) = words.get_mut((link.target() as usize).wrapping_sub(first))
                && link.is_followed(follow)
            {
                tell(node, word);
            }
        }
    }
}
