//! Semi-NCA: semidominators in Lengauer and Tarjan's manner, then the nearest common ancestor.

use super::{Follow, Graph, Threads};
use crate::prefetch::prefetch;

/// The node is not reached from any root.
pub(super) const UNREACHABLE: u32 = u32::MAX;
/// Only the virtual root dominates the node.
pub(super) const VIRTUAL: u32 = u32::MAX - 1;

/// The immediate dominator of each node, and the reachable nodes in the order of the walk.
pub(super) fn dominators(graph: &Graph, follow: Follow, threads: Threads) -> (Vec<u32>, Vec<u32>) {
    let Walk {
        mut heads,
        mut order,
        parent,
    } = Walk::new(graph, follow);
    let sources = sources(graph, follow, &mut heads, threads);
    let mut forest = semidominators(&mut heads, &sources, &order, &parent);
    drop(sources);
    let idom = nearest(parent, &order, &heads, &mut forest);
    drop((heads, forest));
    // From numbers of the walk to nodes.
    let mut dominators = vec![UNREACHABLE; graph.nodes() as usize];
    for (&node, &dominator) in order.iter().zip(&idom).skip(1) {
        dominators[node as usize] = order[dominator as usize];
    }
    order.remove(0);
    (dominators, order)
}

/// So many rows are asked of the cache before the first of them is used, so that they come
/// from memory side by side and not one behind the other.
const AHEAD: usize = 64;

/// A node that waits so far below the top of the stack is asked for once more: it has mostly been
/// visited meanwhile, and then its number is all that is read.
const SOON: usize = 8;

/// What is known of a node; 16 bytes, so that an edge into it touches one line.
///
/// An edge from a lower number comes from an ancestor: it says the source's number, of which the
/// least is kept. An edge from a higher number is a join: its source is listed, for `eval`.
#[derive(Clone, Copy)]
struct Head {
    /// In the order of the walk; 0 if it was not reached.
    number: u32,
    /// The least number that its semidominator is known to have at most.
    semi: u32,
    /// Where its joins end. While they are counted and filled in it is their number, then where
    /// the next one goes.
    end: u32,
    /// Its first link, or [`LEAF`].
    first: u32,
}

const _: () = assert!(size_of::<Head>() == 16);

/// Nothing leaves the node. Links have lower numbers.
const LEAF: u32 = u32::MAX;

/// A depth-first walk from the virtual root, which has number 0.
///
/// `heads[order[i] + 1].number = i` for i > 0; `parent[i] < i`. An edge into a node that has a lower
/// number than its source when the source's edges are read is a join, and is counted.
struct Walk {
    /// Behind one for none: `heads[n + 1]` is node n's.
    heads: Vec<Head>,
    order: Vec<u32>,
    parent: Vec<u32>,
}

impl Walk {
    /// Nodes that nothing leaves are numbered while their referrer's edges are read, the others
    /// wait: that is a depth-first walk too, one that takes leaves first. It needs no place in the
    /// stack for strings and buffers, and the processor fetches many nodes' lines at a time.
    fn new(graph: &Graph, follow: Follow) -> Self {
        let room = graph.nodes() as usize + 1;
        let head = |first| Head {
            number: 0,
            semi: u32::MAX,
            end: 0,
            first,
        };
        let mut walk = Walk {
            heads: Vec::with_capacity(room),
            order: Vec::with_capacity(room),
            parent: Vec::with_capacity(room),
        };
        walk.heads.push(head(LEAF));
        walk.heads.extend((0..graph.nodes()).map(|node| {
            head(match graph.out(node) {
                out if out.is_empty() => LEAF,
                out => out.start as u32,
            })
        }));
        walk.order.push(VIRTUAL);
        walk.parent.push(0);
        let mut waiting: Vec<(u32, u32)> = Vec::new();
        for root in graph.root_nodes() {
            walk.heads[root.index() + 1].semi = 0;
            waiting.push((root.0, 0));
            while let Some((node, parent)) = waiting.pop() {
                if let Some(&(next, _)) = waiting
                    .len()
                    .checked_sub(SOON)
                    .and_then(|at| waiting.get(at))
                {
                    prefetch(&walk.heads, next as usize + 1);
                }
                if walk.heads[node as usize + 1].number != 0 {
                    continue;
                }
                let number = walk.visit(node, parent);
                let below = waiting.len();
                for links in graph.links_of(node).chunks(AHEAD) {
                    for link in links {
                        prefetch(&walk.heads, link.target() as usize + 1);
                    }
                    for link in links.iter().filter(|link| link.is_followed(follow)) {
                        let target = link.target();
                        let head = &mut walk.heads[target as usize + 1];
                        if head.number != 0 {
                            // The same leaf may be met twice.
                            head.end += u32::from(head.number < number);
                            continue;
                        }
                        head.semi = head.semi.min(number);
                        if head.first == LEAF {
                            walk.visit(target, number);
                        } else {
                            graph.prefetch(target, head.first);
                            waiting.push((target, number));
                        }
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
        self.heads[node as usize + 1].number = number;
        self.order.push(node);
        self.parent.push(parent);
        number
    }
}

/// The sources of all joins by the node that they lead to: node n's are
/// `heads[n].end .. heads[n + 1].end`.
///
/// All is in the order of addresses, since edges mostly lead to what lies near; in the order of the
/// walk each of them would miss the cache (1.1 s instead of 5.6 at 10 M blocks, `graph_speed heap`).
fn sources(graph: &Graph, follow: Follow, heads: &mut [Head], threads: Threads) -> Vec<u32> {
    let mut before = 0;
    for head in heads.iter_mut() {
        let joins = head.end;
        head.end = before;
        before += joins;
    }
    let mut sources = vec![0u32; before as usize];
    let number: Vec<u32> = heads[1..].iter().map(|head| head.number).collect();
    let edges = Numbered {
        graph,
        follow,
        number: &number,
    };
    // Two threads take the targets by halves; each goes through all edges.
    let half = match threads {
        Threads::One => number.len(),
        Threads::Two => number.len() / 2,
    };
    let (low, high) = heads[1..].split_at_mut(half);
    let split = high.first().map_or(before, |head| head.end);
    let (low_sources, high_sources) = sources.split_at_mut(split as usize);
    threads.both(
        || edges.fill(0, low, low_sources, 0),
        || edges.fill(half, high, high_sources, split),
    );
    sources
}

/// The edges with the numbers that their sources have in the walk.
#[derive(Clone, Copy)]
struct Numbered<'a> {
    graph: &'a Graph,
    follow: Follow,
    number: &'a [u32],
}

impl Numbered<'_> {
    /// Lists the joins whose targets are `first` and those behind it. `sources` begins at `base` of
    /// the whole column.
    fn fill(self, first: usize, heads: &mut [Head], sources: &mut [u32], base: u32) {
        let links = self.graph.links();
        let row = |at: usize| Some((links.get(at)?.target() as usize).wrapping_sub(first));
        for (node, &from) in (0u32..).zip(self.number) {
            for at in self.graph.out(node) {
                if let Some(far) = row(at + 2 * AHEAD) {
                    prefetch(heads, far);
                }
                if let Some(near) = row(at + AHEAD).and_then(|near| heads.get(near)) {
                    prefetch(sources, near.end.wrapping_sub(base) as usize);
                }
                let link = links[at];
                // A node that was not reached has the number 0, and no joins.
                if let Some(head) = heads.get_mut((link.target() as usize).wrapping_sub(first))
                    && from > head.number
                    && link.is_followed(self.follow)
                {
                    sources[(head.end - base) as usize] = from;
                    head.end += 1;
                }
            }
        }
    }
}

/// A vertex of the forest of those that have their semidominator: an ancestor, and the least
/// semidominator on the way up to it, without the ancestor's own.
#[derive(Clone, Copy, Default)]
struct Vertex {
    up: u32,
    least: u32,
}

/// So many steps of a climb are made ahead of it. A climb takes eight on the whole; without a
/// bound, climbs along one long path would each pass all of it.
const STEPS: usize = 16;
/// Nodes whose climbs are made ahead at once.
const CLIMBS: usize = 256;

/// Semidominators, last number first. Gives the forest's memory back for the next step.
fn semidominators(
    heads: &mut [Head],
    sources: &[u32],
    order: &[u32],
    parent: &[u32],
) -> Vec<Vertex> {
    let mut forest = vec![Vertex::default(); parent.len()];
    let mut path = Vec::new();
    let mut climbs: Vec<u32> = Vec::new();
    let mut rows = [(0u32, 0usize, 0usize, 0u32); CLIMBS];
    let mut end = parent.len();
    while end > 1 {
        let begin = end.saturating_sub(CLIMBS).max(1);
        let rows = &mut rows[..end - begin];
        for (slot, &node) in rows.iter_mut().zip(&order[begin..end]) {
            let start = heads[node as usize].end;
            let head = heads[node as usize + 1];
            *slot = (node, start as usize, head.end as usize, head.semi);
        }
        for &(_, start, _, _) in rows.iter() {
            prefetch(sources, start);
        }
        climbs.clear();
        for &(_, start, stop, _) in rows.iter().filter(|row| row.3 != 0) {
            climbs.extend(sources[start..stop].iter().take(AHEAD));
        }
        for _ in 0..STEPS {
            let mut kept = 0;
            for at in 0..climbs.len() {
                let Vertex { up, least } = forest[climbs[at] as usize];
                climbs[kept] = up;
                kept += usize::from(up as usize >= end && least != 0);
            }
            climbs.truncate(kept);
        }
        for (at, &(node, start, stop, known)) in (begin..end).zip(rows.iter()).rev() {
            let mut least = known;
            for &source in &sources[start..stop] {
                // Nothing is below the virtual root.
                if least == 0 {
                    break;
                }
                least = least.min(eval(&mut forest, &mut path, source, at as u32));
            }
            heads[node as usize + 1].semi = least;
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
    // Nothing is below the virtual root, so what is above a vertex that has it is not asked.
    while let Vertex { up, least } = forest[at as usize]
        && up > now
        && least != 0
    {
        path.push(at);
        at = up;
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
        if let Some(&ahead) = order.get(at + AHEAD) {
            prefetch(heads, ahead as usize + 1);
        }
        if let Some(&ahead) = idom.get(at + AHEAD) {
            prefetch(forest, ahead as usize);
        }
        let limit = heads[order[at] as usize + 1].semi;
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
