//! Disjoint ways to hold a block, against trying every set and against the smallest cut (Menger).
#![allow(missing_docs)]

mod graph;

use std::collections::BTreeSet;

use endler_reports::graph::*;
use graph::*;
use petgraph::algo::ford_fulkerson;
use petgraph::graph::DiGraph;

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
