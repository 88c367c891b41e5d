//! Blocks that no root reaches, grouped as LeakSanitizer groups them.

use super::{Components, Follow, Graph, NodeId, NodeSet, unreachable};
use endler_snapshot::Bytes;

/// Why a leak is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeakKind {
    /// Nothing refers to the block, but perhaps itself: LeakSanitizer's *direct* leak.
    Direct,
    /// Blocks that hold one another in a circle, and that nothing outside of it refers to.
    /// LeakSanitizer calls all of them indirect and names no culprit.
    Cycle,
}

/// A block or a circle of blocks that was let go, with what it alone keeps from being freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leak {
    /// The block, or the lowest of the circle.
    pub block: NodeId,
    /// What it is.
    pub kind: LeakKind,
    /// 1, or the number of blocks of the circle.
    pub blocks: u32,
    /// Their own bytes.
    pub bytes: Bytes,
    /// Blocks that it reaches and that no leak before it reached: *indirect* leaks.
    pub indirect_blocks: u32,
    /// Their bytes.
    pub indirect_bytes: Bytes,
}

/// All unreachable blocks, each in exactly one [`Leak`].
///
/// What several leaks reach is folded under the first of them in address order, so sums over the
/// list are exact: `blocks + indirect_blocks` of all is the number of unreachable blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leaks {
    /// In address order of [`Leak::block`].
    pub list: Vec<Leak>,
    lost: NodeSet,
    /// A word a node: 0, or one plus: its place in `list` times two, plus one if it is indirect.
    place: Vec<u32>,
}

impl Leaks {
    /// Groups what no root reaches. `sizes` are the blocks' own. O(nodes + edges).
    #[must_use]
    pub fn new(graph: &Graph, follow: Follow, sizes: &[Bytes]) -> Self {
        let lost = unreachable(graph, follow);
        let components = Components::within(graph, follow, &lost);
        let mut leaks = Leaks {
            list: Vec::new(),
            lost,
            place: vec![0; graph.nodes() as usize],
        };
        leaks.find(graph, follow, &components);
        leaks.fold(graph, follow, &components, sizes);
        leaks
    }

    /// The unreachable blocks.
    #[must_use]
    pub fn blocks(&self) -> &NodeSet {
        &self.lost
    }

    /// The leak that a block is part of, as a place in [`Leaks::list`]; none if it is reachable.
    #[must_use]
    pub fn leak_of(&self, node: NodeId) -> Option<usize> {
        let word = self.place.get(node.index())?.checked_sub(1)?;
        Some(word as usize / 2)
    }

    /// Whether a block is unreachable and some other leaked block, outside its circle, refers to
    /// it.
    #[must_use]
    pub fn is_indirect(&self, node: NodeId) -> bool {
        let word = self
            .place
            .get(node.index())
            .and_then(|word| word.checked_sub(1));
        word.is_some_and(|word| word % 2 == 1)
    }

    /// Lists the components that no other unreachable one refers to.
    fn find(&mut self, graph: &Graph, follow: Follow, components: &Components) {
        /// Something else that is unreachable refers to the component.
        const HELD: u32 = u32::MAX;
        let mut slots = vec![0u32; components.count() as usize];
        for node in self.lost.iter() {
            let own = components.of(node);
            for link in graph.links_of(node.0) {
                let target = components.of(NodeId(link.target()));
                if let Some(target) = target
                    && Some(target) != own
                    && link.is_followed(follow)
                {
                    slots[target as usize] = HELD;
                }
            }
        }
        for node in self.lost.iter() {
            let Some(component) = components.of(node) else {
                continue;
            };
            match &mut slots[component as usize] {
                &mut HELD => {}
                slot @ 0 => {
                    self.list.push(Leak {
                        block: node,
                        kind: LeakKind::Direct,
                        blocks: 0,
                        bytes: Bytes(0),
                        indirect_blocks: 0,
                        indirect_bytes: Bytes(0),
                    });
                    *slot = self.list.len() as u32;
                }
                slot => self.list[*slot as usize - 1].kind = LeakKind::Cycle,
            }
        }
    }

    /// Floods from each leak in turn, and adds up.
    fn fold(&mut self, graph: &Graph, follow: Follow, components: &Components, sizes: &[Bytes]) {
        let mut waiting = Vec::new();
        for leak in 0..self.list.len() {
            let start = self.list[leak].block;
            let own = components.of(start);
            self.add(leak, start, false, sizes);
            waiting.push(start.0);
            while let Some(node) = waiting.pop() {
                for link in graph.links_of(node) {
                    let target = NodeId(link.target());
                    let component = components.of(target);
                    if link.is_followed(follow)
                        && component.is_some()
                        && self.place[target.index()] == 0
                    {
                        self.add(leak, target, component != own, sizes);
                        waiting.push(target.0);
                    }
                }
            }
        }
        debug_assert!(self.lost.iter().all(|node| self.place[node.index()] != 0));
    }

    fn add(&mut self, leak: usize, node: NodeId, indirect: bool, sizes: &[Bytes]) {
        self.place[node.index()] = leak as u32 * 2 + u32::from(indirect) + 1;
        let size = sizes.get(node.index()).copied().unwrap_or_default().0;
        let leaked = &mut self.list[leak];
        let (blocks, bytes) = if indirect {
            (&mut leaked.indirect_blocks, &mut leaked.indirect_bytes)
        } else {
            (&mut leaked.blocks, &mut leaked.bytes)
        };
        *blocks += 1;
        bytes.0 = bytes.0.saturating_add(size);
    }
}
