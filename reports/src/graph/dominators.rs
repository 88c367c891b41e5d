//! The exact dominator tree, by semi-NCA.

use super::{Follow, Graph, NodeId};

/// The node is not reached from any root.
const UNREACHABLE: u32 = u32::MAX;
/// Only the virtual root dominates the node.
pub(super) const VIRTUAL: u32 = u32::MAX - 1;

/// What a node's immediate dominator is: the last of the nodes that are on every path to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dominator {
    /// No root reaches the node.
    Unreachable,
    /// The node is a root, or is kept in several ways that meet at no node.
    VirtualRoot,
    /// Whoever lets this node go lets the other go.
    Node(NodeId),
}

/// The dominator tree of a graph.
///
/// ```text
///  idom   a word a node: its immediate dominator, VIRTUAL or UNREACHABLE
///  order  a word a reachable node: an order in which a dominator stands before what it dominates
/// ```
/// `order` is the preorder of a depth-first walk from the roots, so it also follows the references.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dominators {
    idom: Vec<u32>,
    order: Vec<u32>,
}

impl Dominators {
    /// Finds all dominators. See the table in [`super`] for time and memory.
    #[must_use]
    pub fn new(graph: &Graph, follow: Follow) -> Self {
        let Walk {
            mut number,
            order,
            parent,
        } = Walk::new(graph, follow);
        let mut joins = Joins::new(graph, follow, &number);
        let mut forest = semidominators(&mut joins, &order, &parent);
        joins.sources = Vec::new();
        let idom = nearest(parent, &order, &joins.heads, &mut forest);
        drop((joins, forest));
        // From numbers of the walk to nodes. `number` is read no more and has the right length.
        number.fill(UNREACHABLE);
        for (&node, &dominator) in order.iter().zip(&idom).skip(1) {
            number[node as usize] = order[dominator as usize];
        }
        let mut order = order;
        order.remove(0);
        Dominators {
            idom: number,
            order,
        }
    }

    /// The immediate dominator of a node; `Unreachable` for an id that is no node.
    #[must_use]
    pub fn of(&self, node: NodeId) -> Dominator {
        match self.raw(node) {
            UNREACHABLE => Dominator::Unreachable,
            VIRTUAL => Dominator::VirtualRoot,
            dominator => Dominator::Node(NodeId(dominator)),
        }
    }

    /// Whether a root reaches a node.
    #[must_use]
    pub fn is_reachable(&self, node: NodeId) -> bool {
        self.raw(node) != UNREACHABLE
    }

    /// The dominators of a node, the nearest first, without itself.
    pub fn chain(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        std::iter::successors(Some(node), |&node| match self.of(node) {
            Dominator::Node(dominator) => Some(dominator),
            _ => None,
        })
        .skip(1)
    }

    /// Reachable nodes, each behind its dominators and behind what it was reached through.
    pub fn order(&self) -> impl DoubleEndedIterator<Item = NodeId> + ExactSizeIterator + '_ {
        self.order.iter().map(|&node| NodeId(node))
    }

    /// Number of nodes of the graph.
    #[must_use]
    pub fn nodes(&self) -> u32 {
        self.idom.len() as u32
    }

    #[inline]
    pub(super) fn raw(&self, node: NodeId) -> u32 {
        self.idom.get(node.index()).copied().unwrap_or(UNREACHABLE)
    }

    /// A dominator stands before what it dominates, and each reachable node once; tests call it.
    ///
    /// # Panics
    /// If that does not hold.
    pub fn check_invariants(&self) {
        let mut seen = vec![false; self.idom.len()];
        for node in self.order() {
            if let Dominator::Node(dominator) = self.of(node) {
                assert!(seen[dominator.index()]);
            }
            assert!(self.is_reachable(node));
            assert!(!std::mem::replace(&mut seen[node.index()], true));
        }
        let reachable = self.idom.iter().filter(|&&d| d != UNREACHABLE).count();
        assert_eq!(reachable, self.order.len());
    }
}

/// A depth-first walk from the virtual root, which has number 0.
///
/// number[order[i]] = i for i > 0, and 0 for a node that was not reached; parent[i] < i.
struct Walk {
    number: Vec<u32>,
    order: Vec<u32>,
    parent: Vec<u32>,
}

impl Walk {
    /// Nodes that nothing leaves are numbered while their referrer's edges are read, the others
    /// wait: that is a depth-first walk too, one that takes leaves first. It needs no place in the
    /// stack for strings and buffers, and the processor fetches many nodes' lines at a time.
    fn new(graph: &Graph, follow: Follow) -> Self {
        let room = graph.nodes() as usize + 1;
        let mut walk = Walk {
            number: vec![0; room - 1],
            order: Vec::with_capacity(room),
            parent: Vec::with_capacity(room),
        };
        walk.order.push(VIRTUAL);
        walk.parent.push(0);
        let mut waiting: Vec<(u32, u32)> = Vec::new();
        // A waiting node's edges are asked for early, to be in the cache when its turn comes.
        let mut touched = 0;
        for root in graph.root_nodes() {
            waiting.push((root.0, 0));
            while let Some((node, parent)) = waiting.pop() {
                if walk.number[node as usize] != 0 {
                    continue;
                }
                let number = walk.visit(node, parent);
                let below = waiting.len();
                for link in graph.links_of(node) {
                    let target = link.target();
                    if !link.is_followed(follow) || walk.number[target as usize] != 0 {
                        continue;
                    }
                    if graph.is_leaf(target) {
                        walk.visit(target, number);
                    } else {
                        touched ^= graph.link(graph.out(target).start).target();
                        waiting.push((target, number));
                    }
                }
                // The first edge's target is to be taken first.
                waiting[below..].reverse();
            }
        }
        std::hint::black_box(touched);
        walk
    }

    #[inline]
    fn visit(&mut self, node: u32, parent: u32) -> u32 {
        let number = self.order.len() as u32;
        self.number[node as usize] = number;
        self.order.push(node);
        self.parent.push(parent);
        number
    }
}

/// What the edges into each node say of its semidominator.
///
/// An edge from a lower number comes from an ancestor: it says the source's number, of which the
/// least is kept. An edge from a higher number is a join: its source is listed, for `eval`.
///
/// All is in the order of addresses, since edges mostly lead to what lies near; in the order of the
/// walk each of them would miss the cache (1.1 s instead of 5.6 at 10 M blocks, `graph_speed heap`).
struct Joins {
    heads: Vec<Head>,
    sources: Vec<u32>,
}

/// Of a node: where its joins begin (they end where the next node's begin), and the least number
/// that its semidominator is known to have at most.
#[derive(Clone, Copy)]
struct Head {
    start: u32,
    semi: u32,
}

impl Joins {
    fn new(graph: &Graph, follow: Follow, number: &[u32]) -> Self {
        let nodes = graph.nodes();
        let none = Head {
            start: 0,
            semi: u32::MAX,
        };
        // One more, where the last node's joins end, and one that the counts are shifted by.
        let mut heads = vec![none; nodes as usize + 2];
        for root in graph.root_nodes() {
            heads[root.index()].semi = 0;
        }
        for node in 0..nodes {
            let from = number[node as usize];
            if from == 0 {
                continue;
            }
            for link in graph.links_of(node) {
                if !link.is_followed(follow) {
                    continue;
                }
                let target = link.target() as usize;
                let to = number[target];
                if from > to {
                    heads[target + 2].start += 1;
                } else {
                    let semi = &mut heads[target].semi;
                    *semi = from.min(*semi);
                }
            }
        }
        for at in 2..heads.len() {
            heads[at].start += heads[at - 1].start;
        }
        // heads[node + 1].start is the node's cursor, and ends where the next node's joins begin.
        let mut sources = vec![0u32; heads[nodes as usize + 1].start as usize];
        for node in 0..nodes {
            let from = number[node as usize];
            for link in graph.links_of(node) {
                let target = link.target() as usize;
                if link.is_followed(follow) && from > number[target] {
                    let cursor = &mut heads[target + 1].start;
                    sources[*cursor as usize] = from;
                    *cursor += 1;
                }
            }
        }
        Joins { heads, sources }
    }
}

/// A vertex of the forest of those that have their semidominator: an ancestor, and the least
/// semidominator on the way up to it, without the ancestor's own.
#[derive(Clone, Copy, Default)]
struct Vertex {
    up: u32,
    least: u32,
}

/// So many vertices' words are read ahead of being used, so that their lines come from memory side
/// by side and not one behind the other (4.6 s instead of 6.5 at 10 M blocks, `graph_speed heap`).
const AHEAD: usize = 64;

/// Semidominators, last number first. Gives the forest's memory back for the next step.
fn semidominators(joins: &mut Joins, order: &[u32], parent: &[u32]) -> Vec<Vertex> {
    let mut forest = vec![Vertex::default(); parent.len()];
    let mut path = Vec::new();
    let mut heads = [(0u32, 0usize, 0usize, 0u32); AHEAD];
    let mut end = parent.len();
    while end > 1 {
        let begin = end.saturating_sub(AHEAD).max(1);
        let heads = &mut heads[..end - begin];
        for (slot, &node) in heads.iter_mut().zip(&order[begin..end]) {
            let head = joins.heads[node as usize];
            let next = joins.heads[node as usize + 1].start;
            *slot = (node, head.start as usize, next as usize, head.semi);
        }
        let mut touched = 0;
        for &(_, start, next, _) in heads.iter() {
            for &source in joins.sources[start..next].iter().take(AHEAD) {
                touched ^= forest[source as usize].up;
            }
        }
        std::hint::black_box(touched);
        for (at, &(node, start, next, known)) in (begin..end).zip(heads.iter()).rev() {
            let mut least = known;
            for &source in &joins.sources[start..next] {
                // Nothing is below the virtual root.
                if least == 0 {
                    break;
                }
                least = least.min(eval(&mut forest, &mut path, source, at as u32));
            }
            joins.heads[node as usize].semi = least;
            forest[at] = Vertex {
                up: parent[at],
                least,
            };
        }
        end = begin;
    }
    forest
}

/// The least semidominator on the tree's path from `from` up to, and without, the first vertex that
/// is not above `now`. The path is made short on the way.
#[inline]
fn eval(forest: &mut [Vertex], path: &mut Vec<u32>, from: u32, now: u32) -> u32 {
    let mut at = from;
    while forest[at as usize].up > now {
        path.push(at);
        at = forest[at as usize].up;
    }
    while let Some(below) = path.pop() {
        let above = forest[at as usize];
        let vertex = &mut forest[below as usize];
        vertex.least = vertex.least.min(above.least);
        vertex.up = above.up;
        at = below;
    }
    forest[from as usize].least
}

/// The immediate dominator of a vertex is the nearest one above its parent, in the dominator tree,
/// that is not above its semidominator. `idom` comes in as the parents.
///
/// A plain climb takes n² steps where a long list's end holds many blocks that others hold too.
/// So each vertex has a second link, some way up, whose lengths follow the skew binary numbers
/// (Myers, 1983): any climb takes O(log n). Both words lie in the forest's memory, `up` being the
/// far link and `least` the depth.
fn nearest(mut idom: Vec<u32>, order: &[u32], heads: &[Head], forest: &mut [Vertex]) -> Vec<u32> {
    forest[0] = Vertex::default();
    for at in 1..idom.len() {
        let limit = heads[order[at] as usize].semi;
        let mut to = idom[at];
        while to > limit {
            let far = forest[to as usize].up;
            to = if far > limit { far } else { idom[to as usize] };
        }
        idom[at] = to;
        let above = forest[to as usize];
        let far = forest[above.up as usize];
        // Two strides of one length become one.
        let up = if above.least - far.least == far.least - forest[far.up as usize].least {
            far.up
        } else {
            to
        };
        forest[at] = Vertex {
            up,
            least: above.least + 1,
        };
    }
    idom
}
