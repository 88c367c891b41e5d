//! Every way a node is held: paths that share nothing but their ends.

use super::{Graph, NodeId, Path, Referrers, Start};

/// When to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaysLimit {
    /// At most so many paths.
    pub paths: usize,
    /// At most so many edges are looked at.
    pub edges: u64,
}

impl Default for WaysLimit {
    fn default() -> Self {
        WaysLimit {
            paths: 10,
            edges: 200_000_000,
        }
    }
}

/// Paths to one node that share no node but their ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ways {
    /// Shortest first, then by nodes.
    pub paths: Vec<Path>,
    /// Whether these are as many as there can be. By Menger's theorem no fewer nodes than these
    /// paths can then be cut so that the node goes, unless a start holds it directly.
    pub is_all: bool,
}

/// A largest set of paths from `start` to `target` of which no two share an inner node.
///
/// [`Start::Roots`]: a root is an inner node, so it begins one path only. [`Start::Nodes`]: the
/// starts are no inner nodes, and each may begin any number. An edge from such a start to the target
/// is a path by itself, parallel edges one each.
///
/// If the target has an immediate dominator, all paths from the roots meet there and this gives
/// one. The complete answer to "what holds it" is then the dominator, and the paths from it
/// (`Start::Nodes` of the dominator) to the target; and so on upwards.
///
/// Each path costs a walk in breadth, back from the target, of O(nodes + edges) at the worst; the
/// limit bounds the sum. Paths that were found stay good when it is reached.
#[must_use]
pub fn ways(
    graph: &Graph,
    referrers: &Referrers,
    start: Start<'_>,
    target: NodeId,
    limit: WaysLimit,
) -> Ways {
    let mut ways = Ways::default();
    if target.0 >= graph.nodes() {
        ways.is_all = true;
        return ways;
    }
    let mut flow = Flow {
        graph,
        referrers,
        start,
        target: target.0,
        left: limit.edges,
        then: vec![0; 2 * graph.nodes() as usize],
        seen: Vec::new(),
        before: vec![0; graph.nodes() as usize],
        after: vec![0; graph.nodes() as usize],
        firsts: Vec::new(),
    };
    if !flow.direct(&mut ways, limit.paths) {
        return ways;
    }
    let mut found = ways.paths.len();
    loop {
        match flow.search() {
            Search::Found(at) if found < limit.paths => flow.augment(at),
            Search::Found(_) | Search::Exhausted => break,
            Search::None => {
                ways.is_all = true;
                break;
            }
        }
        found += 1;
    }
    flow.collect(&mut ways);
    ways.paths.sort_unstable_by(|a, b| {
        (a.edges.len(), a.start, &a.edges).cmp(&(b.edges.len(), b.start, &b.edges))
    });
    ways
}

enum Search {
    /// A state next to a start.
    Found(u32),
    None,
    Exhausted,
}

/// A flow in the graph with every inner node cut in two, `in` and `out`, joined by an arc that
/// carries one path.
///
/// ```text
///  state 2n     in(n)    ──► out(n)   if no path goes through n
///                        ──► out(b)   if one does, b being the node before: it is sent another way
///  state 2n+1   out(n)   ──► in(m)    for every edge n → m
///                        ──► in(n)    if a path goes through n
/// ```
/// The search runs against the arrows, from in(target). It ends at in(root), or at out(start) where
/// starts are no inner nodes.
struct Flow<'a> {
    graph: &'a Graph,
    referrers: &'a Referrers,
    start: Start<'a>,
    target: u32,
    /// Edges that may still be looked at.
    left: u64,
    /// A word a state: one plus the state that follows it on the way to the target.
    then: Vec<u32>,
    /// The states that have such a word, as they were found.
    seen: Vec<u32>,
    /// A word a node: one plus the node before it on the path that goes through it; 0 if it is
    /// the first inner node.
    before: Vec<u32>,
    /// A word a node: one plus the node behind it; 0 if no path goes through it.
    after: Vec<u32>,
    /// Nodes that were the first inner node of a path at some time.
    firsts: Vec<u32>,
}

impl Flow<'_> {
    fn are_starts_inner(&self) -> bool {
        matches!(self.start, Start::Roots)
    }

    fn is_start(&self, node: u32) -> bool {
        node != self.target && self.start.has(self.graph, NodeId(node))
    }

    /// Paths without inner nodes; whether there was room for all.
    fn direct(&self, ways: &mut Ways, limit: usize) -> bool {
        let target = NodeId(self.target);
        let mut push = |start, edges| {
            let has_room = ways.paths.len() < limit;
            if has_room {
                ways.paths.push(Path { start, edges });
            }
            has_room
        };
        if self.start.has(self.graph, target) && !push(target, Vec::new()) {
            return false;
        }
        if self.are_starts_inner() {
            return true;
        }
        let mut last = None;
        for source in self.referrers.of(target) {
            // Parallel edges stand side by side.
            if last == Some(source) || !self.is_start(source.0) {
                continue;
            }
            last = Some(source);
            for edge in self.graph.between(source, target, self.referrers.follow()) {
                if !push(source, vec![edge.id]) {
                    return false;
                }
            }
        }
        true
    }

    fn see(&mut self, state: u32, then: u32) {
        let word = &mut self.then[state as usize];
        if *word == 0 {
            *word = then + 1;
            self.seen.push(state);
        }
    }

    /// Walks back from the target to a start, in breadth.
    fn search(&mut self) -> Search {
        for state in self.seen.drain(..) {
            self.then[state as usize] = 0;
        }
        let (inner, referrers) = (self.are_starts_inner(), self.referrers);
        self.see(2 * self.target, 2 * self.target);
        let mut next = 0;
        while let Some(&state) = self.seen.get(next) {
            next += 1;
            let (node, is_out) = (state / 2, state % 2 == 1);
            if is_out != inner && self.is_start(node) {
                return Search::Found(state);
            }
            let after = self.after[node as usize].checked_sub(1);
            if is_out {
                self.see(2 * after.unwrap_or(node), state);
                continue;
            }
            if after.is_some() {
                self.see(2 * node + 1, state);
            }
            let sources = referrers.sources_of(node);
            let Some(left) = self.left.checked_sub(sources.len() as u64) else {
                return Search::Exhausted;
            };
            self.left = left;
            for &source in sources {
                let is_direct = node == self.target && !inner && self.is_start(source);
                if source != self.target && source != node && !is_direct {
                    self.see(2 * source + 1, state);
                }
            }
        }
        Search::None
    }

    /// Sends one path more, along the states that follow `at`.
    fn augment(&mut self, at: u32) {
        let mut state = at;
        if at.is_multiple_of(2) {
            self.enter(at / 2, None);
        }
        while state != 2 * self.target {
            let then = self.then[state as usize] - 1;
            let (node, next) = (state / 2, then / 2);
            // From an `in` on, what changes is told by the step behind it.
            if state % 2 == 1 && next == node {
                self.after[node as usize] = 0;
            } else if state % 2 == 1 {
                // A start that is no inner node is not noted.
                if state != at {
                    self.after[node as usize] = next + 1;
                }
                if next != self.target {
                    self.enter(next, (state != at).then_some(node));
                }
            }
            state = then;
        }
    }

    /// A path comes into a node; where it goes on, if it was not on one, is told by the next step.
    fn enter(&mut self, node: u32, before: Option<u32>) {
        self.before[node as usize] = before.map_or(0, |before| before + 1);
        if before.is_none() {
            self.firsts.push(node);
        }
    }

    /// Follows each path from its first inner node.
    fn collect(&mut self, ways: &mut Ways) {
        self.firsts.sort_unstable();
        self.firsts.dedup();
        for &first in &self.firsts {
            if self.after[first as usize] == 0 || self.before[first as usize] != 0 {
                continue;
            }
            let mut nodes = Vec::new();
            if !self.are_starts_inner() {
                let mut sources = self.referrers.sources_of(first).iter();
                nodes.extend(sources.find(|&&source| self.is_start(source)));
            }
            let mut at = first;
            nodes.push(at);
            while at != self.target {
                at = self.after[at as usize] - 1;
                nodes.push(at);
            }
            let edge = |step: &[u32]| {
                let (source, target) = (NodeId(step[0]), NodeId(step[1]));
                let mut edges = self.graph.between(source, target, self.referrers.follow());
                edges.next().map(|edge| edge.id)
            };
            ways.paths.push(Path {
                start: NodeId(nodes[0]),
                edges: nodes.windows(2).filter_map(edge).collect(),
            });
        }
    }
}
