//! Heapy's reference pattern of a set of blocks: who refers to it, by type, and who to
//! those, as a tree of sets.

use super::Holding;
use crate::graph::{self, Mark, NodeId, NodeSet, PatternLimit};
use crate::partition::{Classes, Heap, Set, by};
use endler_snapshot::{Addr, Bytes};
use std::collections::BTreeMap;

/// Addresses that a line keeps: more do not fit on it.
const SHOWN: usize = 8;

/// A set in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternRow {
    /// Heapy's name of the line: `_` for the first, then a letter for each level, the
    /// first child's is `a`; runs of more than two letters as `a3`.
    pub path: String,
    /// How deep it stands; the first line's is 0.
    pub depth: u32,
    /// How it ends.
    pub mark: Mark,
    /// Blocks and roots in it.
    pub count: u64,
    /// Bytes of its blocks.
    pub size: Bytes,
    /// The type of its blocks, or the name of its root; none if the set that was asked
    /// about is of several types.
    pub kind: Option<String>,
    /// Where the first of its blocks lie; none for a root.
    pub addresses: Vec<Addr>,
    blocks: Vec<u32>,
}

/// The tree, depth first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReferencePattern {
    /// The first is the set that was asked about; none if it is empty.
    pub rows: Vec<PatternRow>,
    /// Whether lines are missing because of the limit.
    pub is_cut: bool,
}

impl ReferencePattern {
    /// The blocks of a row of it, for views of them; `heap` is the one that it is of.
    #[must_use]
    pub fn blocks_of<'a>(&self, heap: Heap<'a>, row: &PatternRow) -> Set<'a> {
        Set::from_sorted(heap, row.blocks.clone())
    }
}

impl<'a> Holding<'a> {
    /// The reference pattern of `set`, by type. What counts as a reference is what
    /// holds ([`Purpose::Retain`](super::Purpose::Retain)).
    #[must_use]
    pub fn pattern(&self, set: &Set<'a>, limit: PatternLimit) -> ReferencePattern {
        let image = self.heap.image();
        let classes = (by::TYPE.classify)(self.heap);
        let kinds = Kinds::new(self, &*classes);
        let nodes = NodeSet::of(self.graph.nodes(), set.iter().map(|b| NodeId(b as u32)));
        let found = graph::pattern(
            self.referrers(),
            &image.blocks.size,
            &nodes,
            |node| kinds.of(node),
            |_| false,
            limit,
        );
        let mut paths: Vec<Vec<u32>> = Vec::with_capacity(found.lines.len());
        let mut rows = Vec::with_capacity(found.lines.len());
        for line in &found.lines {
            let above = line.parent.and_then(|at| paths.get(at));
            let mut path = above.cloned().unwrap_or_default();
            if line.parent.is_some() {
                path.push(line.child);
            }
            let is_block = |node: &&NodeId| node.0 < self.graph.blocks();
            rows.push(PatternRow {
                path: spelled(&path),
                depth: line.depth,
                mark: line.mark,
                count: line.nodes.len() as u64,
                size: line.bytes,
                kind: line.kind.map(|kind| kinds.name(kind).to_owned()),
                addresses: line
                    .nodes
                    .iter()
                    .take(SHOWN)
                    .filter_map(|n| self.address(*n))
                    .collect(),
                blocks: line.nodes.iter().filter(is_block).map(|n| n.0).collect(),
            });
            paths.push(path);
        }
        ReferencePattern {
            rows,
            is_cut: found.is_cut,
        }
    }

    fn address(&self, node: NodeId) -> Option<Addr> {
        let block = self.graph.block(node)?;
        self.heap.image().blocks.addr.get(block.index()).copied()
    }
}

/// Kinds of nodes: numbers in the order of their names.
struct Kinds<'h> {
    classes: &'h dyn Classes,
    names: Vec<String>,
    /// The kind of each class of types.
    of_class: Vec<u32>,
    /// And of each root.
    of_root: Vec<u32>,
    blocks: u32,
}

impl<'h> Kinds<'h> {
    fn new(holding: &Holding<'_>, classes: &'h dyn Classes) -> Self {
        let image = holding.heap.image();
        let roots = image.references.as_ref().map_or(&[][..], |r| &r.roots);
        let class_names: Vec<String> = (0..classes.len())
            .map(|class| classes.name(class as u32).into_owned())
            .collect();
        let root_names = roots.iter().map(|root| root.name.clone());
        let all = class_names.iter().cloned().chain(root_names);
        let mut ranks: BTreeMap<String, u32> = all.map(|name| (name, 0)).collect();
        for (rank, number) in (0..).zip(ranks.values_mut()) {
            *number = rank;
        }
        let rank = |name: &String| ranks.get(name).copied().unwrap_or(0);
        Kinds {
            classes,
            of_class: class_names.iter().map(rank).collect(),
            of_root: roots.iter().map(|root| rank(&root.name)).collect(),
            blocks: holding.graph.blocks(),
            names: ranks.into_keys().collect(),
        }
    }

    fn of(&self, node: NodeId) -> u32 {
        let found = match node.0.checked_sub(self.blocks) {
            Some(root) => self.of_root.get(root as usize),
            None => self
                .of_class
                .get(self.classes.of_block(node.index()) as usize),
        };
        found.copied().unwrap_or(0)
    }

    fn name(&self, kind: u32) -> &str {
        self.names.get(kind as usize).map_or("", String::as_str)
    }
}

/// A path of child numbers as Heapy spells it. From the 27th child on a number in
/// brackets stands for the letter.
fn spelled(path: &[u32]) -> String {
    if path.is_empty() {
        return "_".to_owned();
    }
    let mut text = String::new();
    for run in path.chunk_by(|a, b| a == b) {
        let letter = match u8::try_from(run[0]) {
            Ok(child @ 0..26) => char::from(b'a' + child).to_string(),
            _ => format!("({})", run[0]),
        };
        match run.len() {
            1 | 2 => text.push_str(&letter.repeat(run.len())),
            len => text.push_str(&format!("{letter}{len}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::spelled;

    #[test]
    fn paths_are_spelled_as_heapys() {
        let cases: [(&[u32], &str); 6] = [
            (&[], "_"),
            (&[0], "a"),
            (&[0, 0], "aa"),
            (&[0, 0, 0], "a3"),
            (&[0, 0, 0, 1, 25, 25, 25, 25], "a3bz4"),
            (&[26, 0], "(26)a"),
        ];
        for (path, expected) in cases {
            assert_eq!(spelled(path), expected);
        }
    }
}
