//! Cycles, and for each an edge that closes it.

use super::{Components, EdgeId, Follow, Graph, NodeId};

/// All cycles of a graph: one a strongly connected component that has one.
///
/// Reference counts never free a cycle, so a cycle of `Rc` or `Arc` fields is a leak as soon as
/// nothing outside holds it; the edge that closes it is the one to be made a `Weak`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cycles {
    /// In the order of their entries.
    pub list: Vec<Cycle>,
    members: Vec<u32>,
    edges: Vec<u32>,
}

/// A strongly connected component with more than one node, or with an edge from its node to itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// The first node, by rank, that something outside refers to; the first of all if nothing
    /// does, or only to nodes without a rank.
    pub entry: NodeId,
    /// Whether something outside refers to it (that may be unreachable as well).
    pub is_held: bool,
    /// Leads back to the entry, as the last edge of a shortest cycle through it.
    pub closing: EdgeId,
    members: Part,
    edges: Part,
}

/// A part of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    start: u32,
    end: u32,
}

impl Part {
    fn of(self, column: &[u32]) -> &[u32] {
        &column[self.start as usize..self.end as usize]
    }
}

impl Cycles {
    /// Finds the cycles in components that were made of the same graph and `follow`; nodes rank
    /// by their number. O(nodes + edges).
    #[must_use]
    pub fn new(graph: &Graph, follow: Follow, components: &Components) -> Self {
        Self::ranked(graph, follow, components, &|_| Some(0))
    }

    /// The same, where an entry is chosen by `rank`, the lowest first, then by number. What has no
    /// rank is no entry unless a whole component has none.
    #[must_use]
    pub fn ranked(
        graph: &Graph,
        follow: Follow,
        components: &Components,
        rank: &dyn Fn(NodeId) -> Option<u64>,
    ) -> Self {
        let mut cycles = Cycles::default();
        let slots = cycles.gather(graph, follow, components);
        if cycles.list.is_empty() {
            return cycles;
        }
        cycles.enter(graph, follow, components, &slots, rank);
        let mut came_by = vec![0u32; graph.nodes() as usize];
        let mut waiting = Vec::new();
        for at in 0..cycles.list.len() {
            cycles.close(graph, follow, components, at, &mut came_by, &mut waiting);
        }
        cycles.list.sort_unstable_by_key(|cycle| cycle.entry);
        cycles
    }

    /// The nodes of a cycle's component, rising.
    pub fn members(&self, cycle: &Cycle) -> impl ExactSizeIterator<Item = NodeId> + '_ {
        cycle
            .members
            .of(&self.members)
            .iter()
            .map(|&node| NodeId(node))
    }

    /// A shortest cycle through the entry, from it and back to it.
    pub fn edges(&self, cycle: &Cycle) -> impl ExactSizeIterator<Item = EdgeId> + '_ {
        cycle.edges.of(&self.edges).iter().map(|&edge| EdgeId(edge))
    }

    /// Lists the components that have a cycle, with their members; gives each component's place.
    fn gather(&mut self, graph: &Graph, follow: Follow, components: &Components) -> Vec<u32> {
        let count = components.count() as usize;
        let mut sizes = vec![0u32; count];
        for node in 0..graph.nodes() {
            if let Some(component) = components.of(NodeId(node)) {
                sizes[component as usize] += 1;
            }
        }
        let to_itself = |node: u32| {
            let mut links = graph.links_of(node).iter();
            links.any(|link| link.is_followed(follow) && link.target() == node)
        };
        // First the size of a component that is listed, then where its next member goes.
        let mut slots = vec![u32::MAX; count];
        let mut end = 0u32;
        for node in 0..graph.nodes() {
            let Some(component) = components.of(NodeId(node)) else {
                continue;
            };
            let component = component as usize;
            let size = sizes[component];
            if slots[component] == u32::MAX && (size > 1 || to_itself(node)) {
                slots[component] = self.list.len() as u32;
                self.list.push(Cycle {
                    entry: NodeId(node),
                    is_held: false,
                    closing: EdgeId(0),
                    members: Part { start: end, end },
                    edges: Part { start: 0, end: 0 },
                });
                end += size;
            }
        }
        drop(sizes);
        self.members = vec![0; end as usize];
        for node in 0..graph.nodes() {
            if let Some(slot) = slot(components, &slots, node) {
                let members = &mut self.list[slot].members;
                self.members[members.end as usize] = node;
                members.end += 1;
            }
        }
        slots
    }

    /// Moves each entry to the first node that is referred to from outside.
    fn enter(
        &mut self,
        graph: &Graph,
        follow: Follow,
        components: &Components,
        slots: &[u32],
        rank: &dyn Fn(NodeId) -> Option<u64>,
    ) {
        // What has no rank comes last.
        let order = |node: u32| (rank(NodeId(node)).is_none(), rank(NodeId(node)), node);
        for cycle in &mut self.list {
            let members = cycle.members.of(&self.members).iter();
            let first = members.min_by_key(|&&node| order(node));
            cycle.entry = first.map_or(cycle.entry, |&node| NodeId(node));
        }
        let mut is_entered = vec![false; self.list.len()];
        for node in 0..graph.nodes() {
            let from = components.of(NodeId(node));
            for link in graph.links_of(node) {
                let target = link.target();
                if !link.is_followed(follow) || components.of(NodeId(target)) == from {
                    continue;
                }
                if let Some(slot) = slot(components, slots, target) {
                    let cycle = &mut self.list[slot];
                    cycle.is_held = true;
                    if rank(NodeId(target)).is_none() {
                        continue;
                    }
                    let is_entered = &mut is_entered[slot];
                    if !*is_entered || order(target) < order(cycle.entry.0) {
                        cycle.entry = NodeId(target);
                    }
                    *is_entered = true;
                }
            }
        }
        for cycle in &mut self.list {
            // A root that lies on a cycle holds it, although nothing refers to the root.
            let members = cycle.members.of(&self.members);
            cycle.is_held |= members.last().is_some_and(|&node| node >= graph.blocks());
        }
    }

    /// Walks in breadth from the entry until an edge leads back. `came_by` holds edges plus one.
    fn close(
        &mut self,
        graph: &Graph,
        follow: Follow,
        components: &Components,
        at: usize,
        came_by: &mut [u32],
        waiting: &mut Vec<u32>,
    ) {
        let entry = self.list[at].entry.0;
        let own = components.of(NodeId(entry));
        waiting.clear();
        waiting.push(entry);
        let mut next = 0;
        let closing = 'search: loop {
            let Some(&node) = waiting.get(next) else {
                // A component has a cycle through each of its nodes.
                break EdgeId(0);
            };
            next += 1;
            for edge in graph.out(node) {
                let link = graph.link(edge);
                let target = link.target();
                if !link.is_followed(follow) || components.of(NodeId(target)) != own {
                    continue;
                }
                if target == entry {
                    break 'search EdgeId(edge as u32);
                }
                let by = &mut came_by[target as usize];
                if *by == 0 {
                    *by = edge as u32 + 1;
                    waiting.push(target);
                }
            }
        };
        let from = self.edges.len();
        let mut edge = closing;
        loop {
            self.edges.push(edge.0);
            match graph.source(edge) {
                Some(source) if source.0 != entry && came_by[source.index()] != 0 => {
                    edge = EdgeId(came_by[source.index()] - 1);
                }
                _ => break,
            }
        }
        self.edges[from..].reverse();
        let cycle = &mut self.list[at];
        cycle.closing = closing;
        cycle.edges = Part {
            start: from as u32,
            end: self.edges.len() as u32,
        };
    }
}

/// The place of a node's component in the list.
fn slot(components: &Components, slots: &[u32], node: u32) -> Option<usize> {
    let slot = slots[components.of(NodeId(node))? as usize];
    (slot != u32::MAX).then_some(slot as usize)
}
