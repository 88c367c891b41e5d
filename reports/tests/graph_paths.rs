//! Paths: the shortest ones and their number against writing all of them down, and Heapy's
//! reference pattern against its definition.
#![allow(missing_docs)]

mod graph;

use std::collections::{BTreeMap, BTreeSet};

use endler_reports::graph::*;
use endler_snapshot::Bytes;
use graph::*;

/// All shortest paths, as rows of the list of edges.
fn all_shortest(
    naive: &Naive,
    follow: Follow,
    starts: &BTreeSet<u32>,
    targets: &BTreeSet<u32>,
    avoid: &Avoid,
) -> BTreeSet<(u32, Vec<u32>)> {
    let open = |node: u32| !avoid.nodes.contains(NodeId(node));
    let mut paths: Vec<(u32, u32, Vec<u32>)> = starts
        .iter()
        .filter(|&&start| open(start))
        .map(|&start| (start, start, Vec::new()))
        .collect();
    for _ in 0..=naive.nodes() {
        let done = paths.iter().filter(|(_, end, _)| targets.contains(end));
        let done: BTreeSet<(u32, Vec<u32>)> = done.map(|(s, _, rows)| (*s, rows.clone())).collect();
        if !done.is_empty() {
            return done;
        }
        let mut longer = Vec::new();
        for (start, end, rows) in &paths {
            for (row, &(source, target, kind)) in (0u32..).zip(&naive.edges) {
                let step = (NodeId(source), NodeId(target));
                if source == *end
                    && kind as u8 <= follow as u8
                    && open(target)
                    && !avoid.steps.contains(&step)
                {
                    let rows = rows.iter().copied().chain([row]).collect();
                    longer.push((*start, target, rows));
                }
            }
        }
        // The enumeration is exponential; cases that are too large are left out.
        if longer.len() > 5000 {
            return BTreeSet::from([(u32::MAX, Vec::new())]);
        }
        paths = longer;
    }
    BTreeSet::new()
}

#[test]
fn shortest_paths_are_all_of_them_and_are_counted() {
    let (mut several, mut parallel, mut skipped) = (0, 0, 0);
    for seed in 0..3000 {
        let naive = Naive::random(seed, 10);
        let graph = naive.graph();
        let n = naive.nodes();
        let mut r = Random(seed);
        for follow in FOLLOWS {
            let referrers = Referrers::new(&graph, follow);
            let targets = some(&mut r, n, 5);
            let starts = some(&mut r, n, 5);
            let start_set = set(n, starts.iter().copied());
            let (start, starts) = if seed % 2 == 0 {
                (Start::Roots, naive.root_nodes().into_iter().collect())
            } else {
                (Start::Nodes(&start_set), starts)
            };
            let mut avoid = Avoid::default();
            if seed % 3 == 0 {
                avoid.nodes = set(n, some(&mut r, n, 6));
                let step = |e: &(u32, u32, EdgeKind)| (NodeId(e.0), NodeId(e.1));
                avoid.steps = naive.edges.iter().step_by(5).map(step).collect();
            }
            let expected = all_shortest(&naive, follow, &starts, &targets, &avoid);
            if expected.iter().any(|path| path.0 == u32::MAX) {
                skipped += 1;
                continue;
            }
            let ends = targets.iter().map(|&t| NodeId(t));
            let paths = ShortestPaths::new(&graph, &referrers, start, ends, avoid);
            assert_eq!(
                paths.count(),
                PathCount::Exact(expected.len() as u128),
                "seed {seed}"
            );
            let found: Vec<Path> = paths.iter().collect();
            let rows = |path: &Path| {
                let labels = path
                    .edges
                    .iter()
                    .filter_map(|&e| graph.edge(e))
                    .map(|e| e.label);
                (path.start.0, labels.collect::<Vec<u32>>())
            };
            assert_eq!(
                found.iter().map(rows).collect::<BTreeSet<_>>(),
                expected,
                "seed {seed}"
            );
            assert_eq!(found.len(), expected.len(), "none twice");
            assert!(found.is_sorted_by_key(|path| (path.start, path.edges.clone())));
            let depth = expected.first().map(|path| path.1.len() as u32);
            assert_eq!(paths.depth(), depth);
            let firsts: BTreeSet<u32> = expected.iter().map(|path| path.0).collect();
            assert_eq!(ids(paths.starts()), firsts);
            for level in 0..=depth.unwrap_or(0) {
                let steps = expected
                    .iter()
                    .filter_map(|path| path.1.get(level as usize));
                let steps = steps.map(|&row| naive.edges[row as usize]);
                let steps = steps.map(|(a, b, _)| (NodeId(a), NodeId(b))).collect();
                assert_eq!(paths.steps_at(level), steps, "seed {seed}");
            }
            several += usize::from(expected.len() > 1);
            let nodes: BTreeSet<Vec<NodeId>> = found
                .iter()
                .map(|path| path.nodes(&graph).collect())
                .collect();
            parallel += usize::from(nodes.len() < expected.len());
        }
    }
    assert!(
        several > 300 && parallel > 50 && skipped < 100,
        "{several} {parallel} {skipped}"
    );
}

#[test]
fn more_paths_than_can_be_counted_are_said_to_be() {
    // Each diamond doubles the ways: node 3i leads to 3i + 1 and 3i + 2, and both to 3i + 3.
    let diamonds = |n: u32| {
        let edges: Vec<(u32, u32)> = (0..n)
            .flat_map(|i| [(0, 1), (0, 2), (1, 3), (2, 3)].map(|(a, b)| (3 * i + a, 3 * i + b)))
            .chain([(3 * n + 1, 0)])
            .collect();
        Naive::strong(3 * n + 1, 1, &edges)
    };
    for (n, expected) in [
        (0, PathCount::Exact(1)),
        (100, PathCount::Exact(1 << 100)),
        (127, PathCount::Exact(1 << 127)),
        (128, PathCount::TooMany),
        (1000, PathCount::TooMany),
    ] {
        let graph = diamonds(n).graph();
        let referrers = Referrers::new(&graph, Follow::Retaining);
        let to = [NodeId(3 * n)];
        let paths = ShortestPaths::new(&graph, &referrers, Start::Roots, to, Avoid::default());
        assert_eq!(paths.count(), expected);
        // They are found one by one all the same.
        let some: BTreeSet<Vec<EdgeId>> = paths.iter().take(50).map(|path| path.edges).collect();
        assert_eq!(some.len(), if n == 0 { 1 } else { 50 });
    }
}

#[test]
fn reference_patterns_are_heapys() {
    for seed in 0..2000 {
        let naive = Naive::random(seed, 12);
        let graph = naive.graph();
        let referrers = Referrers::new(&graph, Follow::All);
        let mut r = Random(seed);
        let asked = some(&mut r, naive.nodes(), 3);
        let kind = |node: NodeId| node.0 % 3;
        let stops = |kind: u32| kind == 2;
        let limit = PatternLimit {
            depth: 3,
            lines: 30,
        };
        let bits = set(naive.nodes(), asked.iter().copied());
        let found = pattern(&referrers, &naive.sizes, &bits, kind, stops, limit);
        let lines = &found.lines;
        assert_eq!(lines.is_empty(), asked.is_empty());
        if let Some(first) = lines.first() {
            assert_eq!(ids(first.nodes.iter().copied()), asked);
            assert_eq!((first.depth, first.parent), (0, None));
        }
        assert!(lines.len() <= limit.lines);
        let mut last_child: BTreeMap<usize, u32> = BTreeMap::new();
        for (at, line) in lines.iter().enumerate() {
            let nodes = ids(line.nodes.iter().copied());
            assert_eq!(line.bytes.0, naive.size(&nodes));
            assert!(at == 0 || line.nodes.iter().all(|&n| Some(kind(n)) == line.kind));
            let earlier = lines[..at]
                .iter()
                .position(|other| other.nodes == line.nodes);
            let referrers: BTreeSet<u32> = naive
                .edges
                .iter()
                .filter(|edge| nodes.contains(&edge.1))
                .map(|edge| edge.0)
                .collect();
            let expected = match earlier {
                Some(earlier) => Mark::Seen(earlier),
                None if referrers.is_empty() => Mark::Root,
                None if line.depth > 0 && line.kind == Some(2) => Mark::Stop,
                None if line.depth < limit.depth => Mark::Expanded,
                None => Mark::More,
            };
            assert_eq!(line.mark, expected, "seed {seed} line {at}");
            let children: Vec<&PatternLine> = lines
                .iter()
                .filter(|child| child.parent == Some(at))
                .collect();
            if expected != Mark::Expanded {
                assert!(children.is_empty());
                continue;
            }
            // All referrers, each kind once, largest first; the last lines may be cut off.
            let mut kinds: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
            for &node in &referrers {
                kinds.entry(kind(NodeId(node))).or_default().insert(node);
            }
            let mut rows: Vec<(u32, BTreeSet<u32>)> = kinds.into_iter().collect();
            rows.sort_by_key(|(kind, nodes)| (std::cmp::Reverse(naive.size(nodes)), *kind));
            let got: Vec<(u32, BTreeSet<u32>)> = children
                .iter()
                .map(|child| {
                    (
                        child.kind.expect("one kind"),
                        ids(child.nodes.iter().copied()),
                    )
                })
                .collect();
            assert_eq!(got[..], rows[..got.len()], "seed {seed} line {at}");
            assert!(got.len() == rows.len() || found.is_cut);
            for (child, line) in (0u32..).zip(&children) {
                assert_eq!((line.child, line.depth), (child, lines[at].depth + 1));
            }
            last_child.insert(at, children.len() as u32);
        }
    }
}

#[test]
fn a_pattern_reads_like_heapys() {
    // A root holds a cache (0), which holds three orders (1, 2, 3) in a list (4) as well.
    let edges = [
        (5, 0),
        (0, 1),
        (0, 2),
        (0, 3),
        (0, 4),
        (4, 1),
        (4, 2),
        (4, 3),
    ];
    let mut naive = Naive::strong(5, 1, &edges);
    naive.sizes = [100, 8, 8, 8, 50].map(Bytes).to_vec();
    let referrers = Referrers::new(&naive.graph(), Follow::All);
    let kind = |node: NodeId| [0, 1, 1, 1, 2, 3][node.index()];
    let orders = set(6, [1, 2, 3]);
    let limit = PatternLimit::default();
    let found = pattern(&referrers, &naive.sizes, &orders, kind, |_| false, limit);
    let text: Vec<(u32, Option<u32>, usize, Mark)> = found
        .lines
        .iter()
        .map(|line| (line.depth, line.kind, line.nodes.len(), line.mark))
        .collect();
    assert_eq!(
        text,
        [
            (0, Some(1), 3, Mark::Expanded),
            (1, Some(0), 1, Mark::Expanded),
            (2, Some(3), 1, Mark::Root),
            (1, Some(2), 1, Mark::Expanded),
            (2, Some(0), 1, Mark::Seen(1)),
        ]
    );
}
