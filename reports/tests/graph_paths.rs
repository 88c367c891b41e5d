//! Paths: the shortest ones and their number against writing all of them down, disjoint ones
//! against trying every set and against the smallest cut (Menger), and Heapy's reference pattern
//! against its definition.
#![allow(missing_docs)]

mod graph;

use std::collections::{BTreeMap, BTreeSet};

use endler_reports::graph::*;
use endler_snapshot::Bytes;
use graph::*;
use petgraph::algo::ford_fulkerson;
use petgraph::graph::DiGraph;

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

/// Sets of inner nodes of all simple paths, one for each path of nodes.
fn inner_sets(
    naive: &Naive,
    follow: Follow,
    starts: &BTreeSet<u32>,
    inner: bool,
    target: u32,
) -> Vec<BTreeSet<u32>> {
    let edges: BTreeSet<(u32, u32)> = naive.followed(follow).into_iter().collect();
    let mut out = Vec::new();
    let mut open: Vec<Vec<u32>> = starts
        .iter()
        .filter(|&&s| s != target)
        .map(|&s| vec![s])
        .collect();
    while let Some(path) = open.pop() {
        let last = path[path.len() - 1];
        for &(_, next) in edges.iter().filter(|edge| edge.0 == last) {
            if next == target {
                let from = usize::from(!inner);
                out.push(path[from..].iter().copied().collect());
            } else if !path.contains(&next) && !starts.contains(&next) {
                let mut longer = path.clone();
                longer.push(next);
                open.push(longer);
            }
        }
    }
    out
}

/// The most of these sets of which no two meet, and at most `most`.
fn most_disjoint(sets: &[BTreeSet<u32>], taken: &BTreeSet<u32>) -> usize {
    let Some((first, rest)) = sets.split_first() else {
        return 0;
    };
    let without = most_disjoint(rest, taken);
    if first.is_disjoint(taken) {
        let with = 1 + most_disjoint(rest, &taken.union(first).copied().collect());
        return with.max(without);
    }
    without
}

#[test]
fn ways_are_as_many_as_can_be_and_share_nothing() {
    let (mut several, mut rerouted) = (0, 0);
    for seed in 0..3000 {
        let naive = if seed % 4 < 2 {
            Naive::random(seed, 8)
        } else {
            Naive::dense(seed, 6)
        };
        let graph = naive.graph();
        let n = naive.nodes();
        let mut r = Random(seed);
        if n == 0 {
            continue;
        }
        let follow = FOLLOWS[(seed % 3) as usize];
        let referrers = Referrers::new(&graph, follow);
        let target = r.below(n);
        let inner = seed % 2 == 0;
        let starts: BTreeSet<u32> = if inner {
            naive.root_nodes().into_iter().collect()
        } else {
            some(&mut r, n, 4)
        };
        let start_set = set(n, starts.iter().copied());
        let start = if inner {
            Start::Roots
        } else {
            Start::Nodes(&start_set)
        };
        let limit = WaysLimit {
            paths: 100,
            ..WaysLimit::default()
        };
        let found = ways(&graph, &referrers, start, NodeId(target), limit);
        assert!(found.is_all);
        // Every path is one, and no two share an inner node.
        let mut used = BTreeSet::new();
        let mut direct = BTreeSet::new();
        for path in &found.paths {
            let nodes: Vec<u32> = path.nodes(&graph).map(|node| node.0).collect();
            assert_eq!(nodes[nodes.len() - 1], target);
            assert!(starts.contains(&nodes[0]));
            let edges: Vec<Edge> = path.edges.iter().filter_map(|&e| graph.edge(e)).collect();
            assert_eq!(edges.len(), nodes.len() - 1);
            for (edge, pair) in edges.iter().zip(nodes.windows(2)) {
                assert_eq!((edge.source.0, edge.target.0), (pair[0], pair[1]));
                assert!(edge.kind as u8 <= follow as u8);
            }
            if !inner && edges.len() == 1 {
                assert!(direct.insert(path.edges[0]), "seed {seed}: an edge twice");
            }
            let from = usize::from(!inner).min(nodes.len() - 1);
            for &node in &nodes[from..nodes.len() - 1] {
                assert!(used.insert(node), "seed {seed}: {node} is on two paths");
            }
        }
        assert!(found.paths.is_sorted_by_key(|path| path.edges.len()));
        // As many as can be: edges from starts, one each, and then the best choice of the others.
        let itself = usize::from(starts.contains(&target));
        let direct = if inner {
            0
        } else {
            let edges = naive.followed(follow).into_iter();
            edges
                .filter(|&(a, b)| b == target && a != target && starts.contains(&a))
                .count()
        };
        let mut sets = inner_sets(&naive, follow, &starts, inner, target);
        sets.retain(|set| !set.is_empty());
        sets.sort_by_key(|set| (set.len(), set.clone()));
        sets.dedup();
        // A set that contains another one is never the better choice.
        let minimal: Vec<BTreeSet<u32>> = sets
            .iter()
            .filter(|set| {
                !sets
                    .iter()
                    .any(|other| other != *set && other.is_subset(set))
            })
            .cloned()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let expected = most_disjoint(&minimal, &BTreeSet::new());
        assert_eq!(found.paths.len(), itself + direct + expected, "seed {seed}");
        several += usize::from(expected > 1);
        // Taking the shortest that is left, again and again, would have found fewer.
        let mut greedy = (0, BTreeSet::new());
        for set in &sets {
            if set.is_disjoint(&greedy.1) {
                greedy.0 += 1;
                greedy.1.extend(set.iter().copied());
            }
        }
        rerouted += usize::from(greedy.0 < expected);
        assert_eq!(
            expected,
            smallest_cut(&naive, follow, &starts, inner, target),
            "seed {seed}"
        );
        // Limits: fewer paths, and no work at all.
        let one = ways(
            &graph,
            &referrers,
            start,
            NodeId(target),
            WaysLimit { paths: 1, ..limit },
        );
        assert_eq!(one.paths.len(), found.paths.len().min(1));
        assert_eq!(
            one.is_all,
            found.paths.len() <= 1 && one.paths.len() == found.paths.len()
        );
    }
    assert!(several > 300 && rerouted > 10, "{several} {rerouted}");
}

/// The fewest inner nodes without which no path with inner nodes is left.
fn smallest_cut(
    naive: &Naive,
    follow: Follow,
    starts: &BTreeSet<u32>,
    inner: bool,
    target: u32,
) -> usize {
    let edges = naive.followed(follow);
    let candidates: Vec<u32> = (0..naive.nodes())
        .filter(|&node| node != target && (inner || !starts.contains(&node)))
        .collect();
    let is_cut = |closed: &BTreeSet<u32>| {
        // Direct edges from starts that are no inner nodes cannot be cut, and do not count.
        let mut reached: BTreeSet<u32> = starts
            .iter()
            .copied()
            .filter(|s| !closed.contains(s) && *s != target)
            .collect();
        loop {
            let more: BTreeSet<u32> = edges
                .iter()
                .filter(|(a, b)| {
                    let is_direct = !inner && starts.contains(a) && *b == target;
                    reached.contains(a) && !closed.contains(b) && *a != target && !is_direct
                })
                .map(|&(_, b)| b)
                .collect();
            let before = reached.len();
            reached.extend(more);
            if reached.len() == before {
                return !reached.contains(&target);
            }
        }
    };
    let subsets = (0u32..1 << candidates.len()).map(|bits| {
        let chosen = candidates
            .iter()
            .enumerate()
            .filter(move |(at, _)| bits >> at & 1 == 1);
        chosen.map(|(_, &node)| node).collect::<BTreeSet<u32>>()
    });
    subsets
        .filter(is_cut)
        .map(|cut| cut.len())
        .min()
        .unwrap_or(0)
}

#[test]
fn ways_are_as_many_as_petgraphs_flow() {
    let mut most = 0;
    for seed in 0..400 {
        let naive = Naive::dense(seed, 60);
        let n = naive.nodes();
        let graph = naive.graph();
        let target = Random(seed).below(naive.blocks);
        // Every node is cut in two, joined by one unit; the virtual root is the source.
        let mut oracle = DiGraph::<(), u32>::new();
        let nodes: Vec<_> = (0..2 * n + 1).map(|_| oracle.add_node(())).collect();
        let (into, out) = (
            |node: u32| nodes[2 * node as usize],
            |node: u32| nodes[2 * node as usize + 1],
        );
        let source = nodes[2 * n as usize];
        for node in 0..n {
            oracle.add_edge(into(node), out(node), 1);
        }
        for (a, b) in naive.followed(Follow::Strong) {
            oracle.add_edge(out(a), into(b), 1);
        }
        for root in naive.root_nodes() {
            oracle.add_edge(source, into(root), 1);
        }
        let (expected, _) = ford_fulkerson(&oracle, source, into(target));
        let referrers = Referrers::new(&graph, Follow::Strong);
        let limit = WaysLimit {
            paths: 100,
            ..WaysLimit::default()
        };
        let found = ways(&graph, &referrers, Start::Roots, NodeId(target), limit);
        assert_eq!(
            (found.paths.len() as u32, found.is_all),
            (expected, true),
            "seed {seed}"
        );
        let inner = found.paths.iter().flat_map(|path| {
            path.nodes(&graph)
                .filter(|node| node.0 != target)
                .collect::<Vec<_>>()
        });
        let inner: Vec<NodeId> = inner.collect();
        assert_eq!(
            inner.iter().collect::<BTreeSet<_>>().len(),
            inner.len(),
            "seed {seed}"
        );
        most = most.max(expected);
    }
    assert!(most > 4, "some blocks are held in many ways: {most}");
}

/// The shortest path is taken first and has to be taken back over two nodes, 1 and 2: the second
/// path comes into 2 and the first leaves 0 another way.
#[test]
fn a_way_is_given_up_over_several_nodes() {
    let (target, first, second) = (9, 10, 11);
    let edges = [
        (first, 0),
        (0, 1),
        (1, 2),
        (2, target),
        (0, 3),
        (3, 4),
        (4, 5),
        (5, target),
        (second, 6),
        (6, 7),
        (7, 8),
        (8, 2),
    ];
    let graph = Naive::strong(10, 2, &edges).graph();
    let referrers = Referrers::new(&graph, Follow::Retaining);
    let find = |paths| {
        let limit = WaysLimit {
            paths,
            ..WaysLimit::default()
        };
        let found = ways(&graph, &referrers, Start::Roots, NodeId(target), limit);
        let nodes = |path: &Path| path.nodes(&graph).map(|node| node.0).collect();
        found.paths.iter().map(nodes).collect::<Vec<Vec<u32>>>()
    };
    assert_eq!(find(1), [[first, 0, 1, 2, target]]);
    let both = [[first, 0, 3, 4, 5, target], [second, 6, 7, 8, 2, target]];
    assert_eq!(find(10), both);
}

#[test]
fn work_for_ways_is_bounded() {
    let edges: Vec<(u32, u32)> = (0..1000).flat_map(|i| [(1001, i), (i, 1000)]).collect();
    let graph = Naive::strong(1001, 1, &edges).graph();
    let referrers = Referrers::new(&graph, Follow::Retaining);
    let root = set(1002, [1001]);
    let find = |paths, edges| {
        let limit = WaysLimit { paths, edges };
        let found = ways(&graph, &referrers, Start::Nodes(&root), NodeId(1000), limit);
        (found.paths.len(), found.is_all)
    };
    assert_eq!(find(10, u64::MAX), (10, false));
    assert_eq!(find(1000, u64::MAX), (1000, true));
    assert_eq!(find(10, 999), (0, false));
    // A search looks at the thousand referrers of the target, and at few others.
    let (found, is_all) = find(1000, 10_000);
    assert!(found > 3 && found < 10 && !is_all, "{found}");
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
