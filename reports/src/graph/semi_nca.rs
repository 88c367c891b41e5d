//! Semi-NCA: semidominators in Lengauer and Tarjan's manner, then the nearest common ancestor.

use super::{Follow, Graph, Threads};

/// The node is not reached from any root.
pub(super) const UNREACHABLE: u32 = u32::MAX;
/// Only the virtual root dominates the node.
pub(super) const VIRTUAL: u32 = u32::MAX - 1;

/// The immediate dominator of each node, and the reachable nodes in the order of the walk.
pub(super) fn dominators(graph: &Graph, follow: Follow, threads: Threads) -> (Vec<u32>, Vec<u32>) {
    let Walk {
        mut number,
        mut order,
        parent,
    } = Walk::new(graph, follow);
    let mut joins = Joins::new(graph, follow, &number, threads);
    let mut forest = semidominators(&mut joins, &order, &parent);
    joins.sources = Vec::new();
    let idom = nearest(parent, &order, &joins, &mut forest);
    drop((joins, forest));
    // From numbers of the walk to nodes. `number` is read no more and has the right length.
    number.fill(UNREACHABLE);
    for (&node, &dominator) in order.iter().zip(&idom).skip(1) {
        number[node as usize] = order[dominator as usize];
    }
    order.remove(0);
    (number, order)
}

/// A depth-first walk from the virtual root, which has number 0.
///
/// `number[order[i]] = i` for i > 0, and 0 for a node that was not reached; `parent[i] < i`.
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
///
/// ```text
///  heads    one word pair a node, behind one for none: heads[n + 1] is node n's
///  sources  one word a join; node n's are heads[n].end .. heads[n + 1].end
/// ```
struct Joins {
    heads: Vec<Head>,
    sources: Vec<u32>,
}

/// Of a node: where its joins end, and the least number that its semidominator is known to have at
/// most. While joins are counted and filled in, `end` is their number, then where the next one goes.
#[derive(Clone, Copy)]
struct Head {
    end: u32,
    semi: u32,
}

impl Joins {
    fn new(graph: &Graph, follow: Follow, number: &[u32], threads: Threads) -> Self {
        let nodes = graph.nodes() as usize;
        let none = Head {
            end: 0,
            semi: u32::MAX,
        };
        let mut heads = vec![none; nodes + 1];
        for root in graph.root_nodes() {
            heads[root.index() + 1].semi = 0;
        }
        let edges = Numbered {
            graph,
            follow,
            number,
        };
        // Two threads take the targets by halves; each goes through all edges.
        let half = match threads {
            Threads::One => nodes,
            Threads::Two => nodes / 2,
        };
        let (low, high) = heads[1..].split_at_mut(half);
        threads.both(|| edges.count(0, low), || edges.count(half, high));
        let mut before = 0;
        for head in &mut heads[1..] {
            let joins = head.end;
            head.end = before;
            before += joins;
        }
        let mut sources = vec![0u32; before as usize];
        let (low, high) = heads[1..].split_at_mut(half);
        let split = high.first().map_or(before, |head| head.end);
        let (low_sources, high_sources) = sources.split_at_mut(split as usize);
        threads.both(
            || edges.fill(0, low, low_sources, 0),
            || edges.fill(half, high, high_sources, split),
        );
        Joins { heads, sources }
    }
}

/// The edges with the numbers that their ends have in the walk.
#[derive(Clone, Copy)]
struct Numbered<'a> {
    graph: &'a Graph,
    follow: Follow,
    number: &'a [u32],
}

impl Numbered<'_> {
    /// Tells of all edges whose targets are `first` and those behind it, by the head of the target.
    fn each(self, first: usize, heads: &mut [Head], mut tell: impl FnMut(&mut Head, u32, u32)) {
        for (node, &from) in (0u32..).zip(self.number) {
            if from == 0 {
                continue;
            }
            for link in self.graph.links_of(node) {
                let target = link.target() as usize;
                if let Some(head) = heads.get_mut(target.wrapping_sub(first))
                    && link.is_followed(self.follow)
                {
                    tell(head, from, self.number[target]);
                }
            }
        }
    }

    fn count(self, first: usize, heads: &mut [Head]) {
        self.each(first, heads, |head, from, to| {
            if from > to {
                head.end += 1;
            } else {
                head.semi = from.min(head.semi);
            }
        });
    }

    /// `sources` begins at `base` of the whole column.
    fn fill(self, first: usize, heads: &mut [Head], sources: &mut [u32], base: u32) {
        self.each(first, heads, |head, from, to| {
            if from > to {
                sources[(head.end - base) as usize] = from;
                head.end += 1;
            }
        });
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
            let start = joins.heads[node as usize].end;
            let head = joins.heads[node as usize + 1];
            *slot = (node, start as usize, head.end as usize, head.semi);
        }
        let mut touched = 0;
        for &(_, start, end, _) in heads.iter() {
            for &source in joins.sources[start..end].iter().take(AHEAD) {
                touched ^= forest[source as usize].up;
            }
        }
        std::hint::black_box(touched);
        for (at, &(node, start, stop, known)) in (begin..end).zip(heads.iter()).rev() {
            let mut least = known;
            for &source in &joins.sources[start..stop] {
                // Nothing is below the virtual root.
                if least == 0 {
                    break;
                }
                least = least.min(eval(&mut forest, &mut path, source, at as u32));
            }
            joins.heads[node as usize + 1].semi = least;
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
fn nearest(mut idom: Vec<u32>, order: &[u32], joins: &Joins, forest: &mut [Vertex]) -> Vec<u32> {
    forest[0] = Vertex::default();
    for at in 1..idom.len() {
        let limit = joins.heads[order[at] as usize + 1].semi;
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
