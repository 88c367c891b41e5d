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
        let mut semi = parent.clone();
        let joins = Joins::new(graph, follow, &number, &order, &mut semi);
        let mut forest = semidominators(&joins, &parent, &mut semi);
        drop(joins);
        let idom = nearest(parent, &semi, &mut forest);
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
                        waiting.push((target, number));
                    }
                }
                // The first edge's target is to be taken first.
                waiting[below..].reverse();
            }
        }
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

/// The edges that lead from a higher number to a lower one, sorted by target.
///
/// The other edges come from an ancestor: what they say of a semidominator is their source's
/// number, which needs no list.
struct Joins {
    starts: Vec<u32>,
    sources: Vec<u32>,
}

impl Joins {
    fn new(graph: &Graph, follow: Follow, number: &[u32], order: &[u32], semi: &mut [u32]) -> Self {
        let mut starts = vec![0u32; order.len() + 1];
        for (from, &node) in (0u32..).zip(order).skip(1) {
            if graph.root_index(NodeId(node)).is_some() {
                semi[from as usize] = 0;
            }
            for link in graph.links_of(node) {
                if !link.is_followed(follow) {
                    continue;
                }
                let to = number[link.target() as usize];
                if from > to {
                    starts[to as usize + 1] += 1;
                } else if from < to {
                    let semi = &mut semi[to as usize];
                    *semi = from.min(*semi);
                }
            }
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut sources = vec![0u32; starts[order.len()] as usize];
        for (from, &node) in (0u32..).zip(order).skip(1) {
            for link in graph.links_of(node) {
                if !link.is_followed(follow) {
                    continue;
                }
                let to = number[link.target() as usize];
                if from > to {
                    let cursor = &mut starts[to as usize];
                    sources[*cursor as usize] = from;
                    *cursor += 1;
                }
            }
        }
        starts.copy_within(..order.len(), 1);
        starts[0] = 0;
        Joins { starts, sources }
    }

    fn of(&self, to: usize) -> &[u32] {
        &self.sources[self.starts[to] as usize..self.starts[to + 1] as usize]
    }
}

/// A vertex of the forest of those that have their semidominator: an ancestor, and the least
/// semidominator on the way up to it, without the ancestor's own.
#[derive(Clone, Copy, Default)]
struct Vertex {
    up: u32,
    least: u32,
}

/// Semidominators, last number first. Gives the forest's memory back for the next step.
fn semidominators(joins: &Joins, parent: &[u32], semi: &mut [u32]) -> Vec<Vertex> {
    let mut forest = vec![Vertex::default(); parent.len()];
    let mut path = Vec::new();
    for at in (1..parent.len()).rev() {
        let mut least = semi[at];
        for &source in joins.of(at) {
            // Nothing is below the virtual root.
            if least == 0 {
                break;
            }
            least = least.min(eval(&mut forest, &mut path, source, at as u32));
        }
        semi[at] = least;
        forest[at] = Vertex {
            up: parent[at],
            least,
        };
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
fn nearest(mut idom: Vec<u32>, semi: &[u32], forest: &mut [Vertex]) -> Vec<u32> {
    forest[0] = Vertex::default();
    for at in 1..idom.len() {
        let limit = semi[at];
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
