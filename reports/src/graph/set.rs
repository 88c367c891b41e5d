//! Sets of nodes, a bit each.

use super::NodeId;

/// A set of the nodes of one graph: n/8 bytes. An id that is not in range is never in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeSet {
    words: Vec<u64>,
    nodes: u32,
}

impl NodeSet {
    /// The empty set among `nodes` nodes.
    #[must_use]
    pub fn new(nodes: u32) -> Self {
        NodeSet {
            words: vec![0; (nodes as usize).div_ceil(64)],
            nodes,
        }
    }

    /// Those of `ids` that are among `nodes` nodes.
    #[must_use]
    pub fn of(nodes: u32, ids: impl IntoIterator<Item = NodeId>) -> Self {
        let mut set = NodeSet::new(nodes);
        for id in ids {
            set.insert(id);
        }
        set
    }

    /// How many nodes there are to be in it.
    #[must_use]
    pub fn nodes(&self) -> u32 {
        self.nodes
    }

    /// Whether a node is in it.
    #[must_use]
    #[inline]
    pub fn contains(&self, id: NodeId) -> bool {
        match self.words.get(id.index() / 64) {
            Some(word) => word >> (id.0 % 64) & 1 != 0,
            None => false,
        }
    }

    /// Adds a node; whether it was not in it.
    #[inline]
    pub fn insert(&mut self, id: NodeId) -> bool {
        if id.0 >= self.nodes {
            return false;
        }
        let word = &mut self.words[id.index() / 64];
        let bit = 1 << (id.0 % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Takes a node out.
    #[inline]
    pub fn remove(&mut self, id: NodeId) {
        if let Some(word) = self.words.get_mut(id.index() / 64) {
            *word &= !(1 << (id.0 % 64));
        }
    }

    /// Number of nodes in it. O(n/64).
    #[must_use]
    pub fn count(&self) -> usize {
        self.words
            .iter()
            .map(|word| word.count_ones() as usize)
            .sum()
    }

    /// Whether none is in it. O(n/64).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// The nodes in it, rising. O(n/64 + nodes in it).
    pub fn iter(&self) -> impl Iterator<Item = NodeId> + '_ {
        (0u32..).zip(&self.words).flat_map(|(at, &word)| {
            let mut left = word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros())?;
                left &= left - 1;
                Some(NodeId(at * 64 + bit))
            })
        })
    }

    /// Takes out all that is in `other`.
    pub fn subtract(&mut self, other: &NodeSet) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= !other;
        }
    }

    /// The same set among `nodes` nodes.
    pub(super) fn resize(&mut self, nodes: u32) {
        self.words.resize((nodes as usize).div_ceil(64), 0);
        self.nodes = nodes;
        self.cut();
    }

    /// All nodes that are not in it.
    #[must_use]
    pub fn complement(&self) -> NodeSet {
        let mut out = NodeSet {
            words: self.words.iter().map(|word| !word).collect(),
            nodes: self.nodes,
        };
        out.cut();
        out
    }

    /// No bit stands behind the last node's.
    fn cut(&mut self) {
        if let Some(last) = self.words.last_mut()
            && !self.nodes.is_multiple_of(64)
        {
            *last &= (1 << (self.nodes % 64)) - 1;
        }
    }
}
