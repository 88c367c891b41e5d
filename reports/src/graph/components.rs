//! Strongly connected components: what refers to itself, on any way round.

use super::{Follow, Graph, NodeId, NodeSet};

const OUTSIDE: u32 = u32::MAX;
/// Marks, in a frame, a node that an earlier one was found below.
const NOT_FIRST: u32 = 1 << 31;

/// The component of every node of a graph, or of some of its nodes.
///
/// A component's number is higher than those of all that it refers to, so to go through them in
/// rising order is to go from what is held to what holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Components {
    of: Vec<u32>,
    count: u32,
}

impl Components {
    /// The components of all nodes. O(nodes + edges).
    #[must_use]
    pub fn new(graph: &Graph, follow: Follow) -> Self {
        Self::within(graph, follow, &NodeSet::new(graph.nodes()).complement())
    }

    /// The components of the part that `nodes` are; others belong to none. Pearce's algorithm, in
    /// one column and two stacks.
    #[must_use]
    pub fn within(graph: &Graph, follow: Follow, nodes: &NodeSet) -> Self {
        let mut rank = vec![0u32; graph.nodes() as usize];
        // Ranks rise from 1 as nodes are met, and fall as they get a component; a component's rank
        // falls from the top, so that it is above each rank of a node that has none.
        let top = OUTSIDE - 1;
        let (mut next, mut component) = (1u32, top);
        let mut frames: Vec<(u32, u32)> = Vec::new();
        let mut members: Vec<u32> = Vec::new();
        for start in nodes.iter() {
            if rank.get(start.index()) != Some(&0) {
                continue;
            }
            rank[start.index()] = next;
            next += 1;
            frames.push((start.0, graph.out(start.0).start as u32));
            while let Some(frame) = frames.last_mut() {
                let node = frame.0 & !NOT_FIRST;
                let end = graph.out(node).end as u32;
                let mut below = None;
                while frame.1 < end && below.is_none() {
                    let link = graph.link(frame.1 as usize);
                    let target = link.target();
                    if !link.is_followed(follow) || !nodes.contains(NodeId(target)) {
                        frame.1 += 1;
                    } else if rank[target as usize] == 0 {
                        // The edge is looked at again when the target is done.
                        below = Some(target);
                    } else {
                        if rank[target as usize] < rank[node as usize] {
                            rank[node as usize] = rank[target as usize];
                            frame.0 |= NOT_FIRST;
                        }
                        frame.1 += 1;
                    }
                }
                if let Some(target) = below {
                    rank[target as usize] = next;
                    next += 1;
                    frames.push((target, graph.out(target).start as u32));
                    continue;
                }
                let first = frame.0 & NOT_FIRST == 0;
                frames.pop();
                if !first {
                    members.push(node);
                    continue;
                }
                next -= 1;
                while let Some(&member) = members.last()
                    && rank[member as usize] >= rank[node as usize]
                {
                    members.pop();
                    rank[member as usize] = component;
                    next -= 1;
                }
                rank[node as usize] = component;
                component -= 1;
            }
        }
        for word in &mut rank {
            *word = if *word == 0 { OUTSIDE } else { top - *word };
        }
        Components {
            of: rank,
            count: top - component,
        }
    }

    /// Number of components.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The component of a node, below [`Components::count`]; none for a node that was left out.
    #[must_use]
    #[inline]
    pub fn of(&self, node: NodeId) -> Option<u32> {
        match self.of.get(node.index()) {
            None | Some(&OUTSIDE) => None,
            Some(&component) => Some(component),
        }
    }
}
