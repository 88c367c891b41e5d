//! Heapy's reference pattern: who refers to a set, by kind, and who to those, as a tree of sets.

use super::{NodeId, NodeSet, Referrers};
use endler_snapshot::Bytes;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// How large the tree becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatternLimit {
    /// Lines at this depth are not expanded; the first line's is 0. Heapy's default is 7.
    pub depth: u32,
    /// At most so many lines, depth first.
    pub lines: usize,
}

impl Default for PatternLimit {
    fn default() -> Self {
        PatternLimit {
            depth: 7,
            lines: 1000,
        }
    }
}

/// How a line ends; tested in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// `[^ n]`: the same set stands at that line.
    Seen(usize),
    /// `[R]`: nothing refers to it: roots, or what was let go.
    Root,
    /// `[S]`: of a kind that says enough.
    Stop,
    /// `[-]`: the referrers stand below.
    Expanded,
    /// `[+]`: it has referrers, and the limit of the depth is reached.
    More,
}

/// A set in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternLine {
    /// 0 for the set that was asked about.
    pub depth: u32,
    /// Which child of its parent it is, from 0: Heapy's letter.
    pub child: u32,
    /// The line whose referrers it is part of; none for the first line.
    pub parent: Option<usize>,
    /// The kind of all its nodes; none for a first line of several kinds.
    pub kind: Option<u32>,
    /// How it ends.
    pub mark: Mark,
    /// Its nodes, rising.
    pub nodes: Vec<NodeId>,
    /// Bytes of its blocks.
    pub bytes: Bytes,
}

/// The tree, depth first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pattern {
    /// Line 0 is the set that was asked about; empty if the set is.
    pub lines: Vec<PatternLine>,
    /// Whether lines are missing because of the limit.
    pub is_cut: bool,
}

/// Draws the reference pattern of `set`.
///
/// `kind` classifies a node (blocks and roots); its numbers break ties among rows of one size, so
/// number kinds in the order of their names. `stops` says which kinds are not expanded. `sizes` are
/// the blocks' own. The children of a line are all its referrers, cut by kind, largest bytes first.
///
/// A line costs its nodes, their referrers, and n/64 steps.
#[must_use]
pub fn pattern(
    referrers: &Referrers,
    sizes: &[Bytes],
    set: &NodeSet,
    kind: impl Fn(NodeId) -> u32,
    stops: impl Fn(u32) -> bool,
    limit: PatternLimit,
) -> Pattern {
    let mut pattern = Pattern::default();
    let mut seen: BTreeMap<(usize, u64), Vec<usize>> = BTreeMap::new();
    // Lines that are to come, the next one last.
    let mut waiting: Vec<PatternLine> = Vec::new();
    let nodes: Vec<NodeId> = set
        .iter()
        .filter(|node| node.0 < referrers.nodes())
        .collect();
    if let Some(&first) = nodes.first() {
        let first = kind(first);
        waiting.push(PatternLine {
            depth: 0,
            child: 0,
            parent: None,
            kind: nodes
                .iter()
                .all(|&node| kind(node) == first)
                .then_some(first),
            mark: Mark::Expanded,
            bytes: total(&nodes, sizes),
            nodes,
        });
    }
    while let Some(mut line) = waiting.pop() {
        let at = pattern.lines.len();
        if at >= limit.lines {
            pattern.is_cut = true;
            break;
        }
        let same = seen.entry(print(&line.nodes)).or_default();
        let shown = same
            .iter()
            .find(|&&at| pattern.lines[at].nodes == line.nodes);
        line.mark = if let Some(&shown) = shown {
            Mark::Seen(shown)
        } else {
            same.push(at);
            if !line.nodes.iter().any(|&node| referrers.of(node).len() > 0) {
                Mark::Root
            } else if line.depth > 0 && line.kind.is_some_and(&stops) {
                Mark::Stop
            } else if line.depth < limit.depth {
                Mark::Expanded
            } else {
                Mark::More
            }
        };
        if line.mark == Mark::Expanded {
            waiting.extend(
                children(referrers, sizes, &line, at, &kind)
                    .into_iter()
                    .rev(),
            );
        }
        pattern.lines.push(line);
    }
    pattern
}

/// The referrers of a line's set, cut by kind, in the order of tables.
fn children(
    referrers: &Referrers,
    sizes: &[Bytes],
    line: &PatternLine,
    at: usize,
    kind: impl Fn(NodeId) -> u32,
) -> Vec<PatternLine> {
    let set = NodeSet::of(referrers.nodes(), line.nodes.iter().copied());
    let mut by_kind: BTreeMap<u32, Vec<NodeId>> = BTreeMap::new();
    for node in referrers.of_set(&set).iter() {
        by_kind.entry(kind(node)).or_default().push(node);
    }
    let mut lines: Vec<PatternLine> = by_kind
        .into_iter()
        .map(|(kind, nodes)| PatternLine {
            depth: line.depth + 1,
            child: 0,
            parent: Some(at),
            kind: Some(kind),
            mark: Mark::Expanded,
            bytes: total(&nodes, sizes),
            nodes,
        })
        .collect();
    // Stable, so that kinds break ties.
    lines.sort_by_key(|line| std::cmp::Reverse(line.bytes));
    for (child, line) in (0u32..).zip(&mut lines) {
        line.child = child;
    }
    lines
}

fn total(nodes: &[NodeId], sizes: &[Bytes]) -> Bytes {
    let sizes = nodes.iter().filter_map(|node| sizes.get(node.index()));
    Bytes(sizes.fold(0, |sum, size| sum.saturating_add(size.0)))
}

/// What sets are looked up by; equal ones are then compared.
fn print(nodes: &[NodeId]) -> (usize, u64) {
    let mut hasher = DefaultHasher::new();
    nodes.hash(&mut hasher);
    (nodes.len(), hasher.finish())
}
