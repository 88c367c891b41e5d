//! The reference graph: what is no graph, and shapes that break naive code: a list of a million
//! nodes and a root with a million children, in a thread with a small stack, so that nothing can
//! recurse; none, one and the same edge again.
#![allow(missing_docs)]

mod graph;

use endler_reports::graph::*;
use endler_snapshot::{BlockId, Bytes};
use graph::*;

#[test]
fn columns_that_are_no_graph_are_errors() {
    let columns = |source: &[u32], target: &[u32]| EdgeColumns {
        source: source.to_vec(),
        target: target.to_vec(),
        kind: vec![EdgeKind::Strong; source.len()],
        label: vec![0; source.len()],
    };
    let error =
        |blocks, roots, columns| Graph::new(blocks, roots, columns).map(|_| ()).unwrap_err();
    for (source, target, row, node) in [
        (vec![0, 5], vec![1, 1], 1, 5),
        (vec![0, 1, 2], vec![1, 5, 7], 1, 5),
        (vec![u32::MAX], vec![0], 0, u32::MAX),
        (vec![0], vec![1 << 31], 0, 1 << 31),
    ] {
        let found = error(3, 2, columns(&source, &target));
        assert_eq!(
            found,
            GraphError::OutOfRange {
                row,
                node,
                nodes: 5
            }
        );
        assert!(found.to_string().contains(&node.to_string()));
    }
    let mut short = columns(&[0, 1], &[1, 0]);
    short.kind.pop();
    let lengths = [2, 2, 1, 2];
    assert_eq!(error(2, 0, short), GraphError::Columns { lengths });
    let many = u64::from(u32::MAX) * 2;
    let found = error(u32::MAX, u32::MAX, EdgeColumns::default());
    assert_eq!(found, GraphError::TooManyNodes(many));
    // No node, so no end can be one.
    assert!(Graph::new(0, 0, columns(&[0], &[0])).is_err());
}

#[test]
fn an_empty_graph_answers_everything() {
    for (blocks, roots) in [(0, 0), (3, 0), (0, 3)] {
        let naive = Naive::strong(blocks, roots, &[]);
        let graph = naive.graph();
        let dominators = Dominators::new(&graph, Follow::Retaining);
        dominators.check_invariants();
        assert_eq!(dominators.order().len(), roots as usize);
        let retained = Retained::new(&graph, &dominators, &naive.sizes);
        assert_eq!(
            retained.roots(&graph, &dominators).roots.len(),
            roots as usize
        );
        let heaviest = HeaviestChild::new(&dominators, &retained);
        assert_eq!(
            heaviest.accumulation_of_all(&retained, Descent::default()),
            None
        );
        let components = Components::new(&graph, Follow::All);
        assert_eq!(components.count(), blocks + roots);
        assert!(
            Cycles::new(&graph, Follow::All, &components)
                .list
                .is_empty()
        );
        let leaks = Leaks::new(&graph, Follow::Retaining, &naive.sizes);
        assert_eq!(leaks.list.len(), blocks as usize);
        let referrers = Referrers::new(&graph, Follow::All);
        for node in [0, 2, 7, u32::MAX].map(NodeId) {
            let avoid = Avoid::default();
            let paths = ShortestPaths::new(&graph, &referrers, Start::Roots, [node], avoid);
            let expected = u128::from(graph.is_root(node));
            assert_eq!(paths.count(), PathCount::Exact(expected));
            assert_eq!(paths.iter().count() as u128, expected);
            let limit = WaysLimit::default();
            let ways = ways(&graph, &referrers, Start::Roots, node, limit);
            assert_eq!((ways.paths.len() as u128, ways.is_all), (expected, true));
            assert_eq!(dominators.is_reachable(node), graph.is_root(node));
            assert_eq!(graph.edges_of(node).count() + referrers.of(node).len(), 0);
        }
        let nothing = NodeSet::new(graph.nodes());
        let pattern = pattern(
            &referrers,
            &[],
            &nothing,
            |_| 0,
            |_| false,
            PatternLimit::default(),
        );
        assert_eq!(pattern, Pattern::default());
        assert!(retained_set(&graph, Follow::All, &nothing).is_empty());
    }
}

#[test]
fn edges_keep_their_order_and_what_they_carry() {
    for seed in 0..500 {
        let naive = Naive::random(seed, 12);
        let graph = naive.graph();
        let rows: Vec<u32> = (0..naive.edges.len() as u32).collect();
        let mut sorted = rows.clone();
        sorted.sort_by_key(|&row| naive.edges[row as usize].0);
        let mut seen = Vec::new();
        for node in (0..naive.nodes()).map(NodeId) {
            for edge in graph.edges_of(node) {
                let expected = naive.edges[edge.label as usize];
                assert_eq!((edge.source.0, edge.target.0, edge.kind), expected);
                assert_eq!(graph.edge(edge.id), Some(edge));
                assert!(
                    graph
                        .between(node, edge.target, Follow::All)
                        .any(|e| e == edge)
                );
                assert_eq!(edge.id.index(), seen.len());
                seen.push(edge.label);
            }
            assert_eq!(graph.is_root(node), node.0 >= naive.blocks);
            assert_eq!(
                graph.block(node),
                (node.0 < naive.blocks).then_some(BlockId(node.0))
            );
        }
        assert_eq!(seen, sorted);
        assert_eq!(graph.edge(EdgeId(graph.edges())), None);
        // Sorted columns are taken as they are, and give the same.
        let mut edges = naive.clone();
        edges.edges = sorted
            .iter()
            .map(|&row| naive.edges[row as usize])
            .collect();
        let mut columns = edges.columns();
        columns.label = sorted;
        assert_eq!(
            Graph::new(naive.blocks, naive.roots, columns),
            Ok(graph.clone())
        );
        for follow in FOLLOWS {
            let referrers = Referrers::new(&graph, follow);
            assert_eq!(Referrers::on(&graph, follow, Threads::Two), referrers);
            for node in 0..naive.nodes() {
                let mut expected: Vec<u32> = naive
                    .followed(follow)
                    .iter()
                    .filter(|edge| edge.1 == node)
                    .map(|edge| edge.0)
                    .collect();
                expected.sort_unstable();
                let found: Vec<u32> = referrers.of(NodeId(node)).map(|n| n.0).collect();
                assert_eq!(found, expected, "seed {seed}");
            }
        }
    }
}

#[test]
fn sets_are_sets() {
    let mut r = Random(7);
    for nodes in [0, 1, 63, 64, 65, 130, 1000] {
        let members = some(&mut r, nodes, 3);
        let bits = set(nodes, members.iter().copied().chain([nodes, u32::MAX]));
        assert_eq!(ids(bits.iter()), members);
        assert_eq!(bits.count(), members.len());
        assert_eq!(bits.is_empty(), members.is_empty());
        let rest: Vec<u32> = (0..nodes).filter(|n| !members.contains(n)).collect();
        assert!(bits.complement().iter().map(|n| n.0).eq(rest));
        assert!(!bits.contains(NodeId(nodes)) && !bits.complement().contains(NodeId(nodes)));
        let mut left = bits.clone();
        left.subtract(&bits.complement());
        assert_eq!(left, bits);
        left.subtract(&bits);
        assert!(left.is_empty());
    }
}

/// A stack that no recursion over a million nodes fits in.
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new()
        .stack_size(256 << 10)
        .spawn(test);
    thread
        .expect("a thread starts")
        .join()
        .expect("the test holds");
}

const MILLION: u32 = 1_000_000;

#[test]
fn a_list_of_a_million_nodes() {
    on_a_small_stack(|| {
        // Doubly linked; the root holds the head.
        let n = MILLION;
        let mut edges: Vec<(u32, u32)> = (1..n).flat_map(|i| [(i - 1, i), (i, i - 1)]).collect();
        edges.push((n, 0));
        let mut naive = Naive::strong(n, 1, &edges);
        naive.sizes = vec![Bytes(2); n as usize];
        let graph = naive.graph();
        let (follow, last) = (Follow::Retaining, NodeId(n - 1));
        let dominators = Dominators::new(&graph, follow);
        assert_eq!(dominators.chain(last).count() as u32, n);
        let retained = Retained::new(&graph, &dominators, &naive.sizes);
        for at in [0, n / 2, n - 1] {
            let expected = (n - at, Bytes(2 * u64::from(n - at)));
            let at = NodeId(at);
            assert_eq!((retained.blocks(at), retained.bytes(at)), expected);
        }
        let bound = retained.at_least(&dominators, 2, |node| node.0 % 2);
        assert_eq!(bound[0], (n, Bytes(2 * u64::from(n))));
        assert_eq!(bound[1].0, n - 1);
        let heaviest = HeaviestChild::new(&dominators, &retained);
        let point = |by| heaviest.accumulation_of_all(&retained, by).map(|a| a.point);
        assert_eq!(point(Descent::default()), Some(NodeId(n / 2)));
        // Three nodes: two of three are below 70 %.
        let mat = Descent {
            of_parent: 70,
            of_start: 0,
        };
        assert_eq!(point(mat), Some(NodeId(n - 3)));
        let components = Components::new(&graph, follow);
        assert_eq!(components.count(), 2);
        let cycles = Cycles::new(&graph, follow, &components);
        assert_eq!(cycles.list.len(), 1);
        assert_eq!(
            graph
                .edge(cycles.list[0].closing)
                .map(|e| (e.source.0, e.target.0)),
            Some((1, 0))
        );
        let referrers = Referrers::new(&graph, follow);
        let paths = ShortestPaths::new(&graph, &referrers, Start::Roots, [last], Avoid::default());
        assert_eq!(paths.depth(), Some(n));
        assert_eq!(paths.count(), PathCount::Exact(1));
        assert_eq!(
            paths
                .iter()
                .map(|path| path.edges.len())
                .collect::<Vec<_>>(),
            [n as usize]
        );
        let ways = ways(&graph, &referrers, Start::Roots, last, WaysLimit::default());
        assert_eq!((ways.paths.len(), ways.is_all), (1, true));
        assert_eq!(ways.paths[0].edges.len(), n as usize);
        // Without the root all of it is one circle.
        let lost = Naive::strong(n, 1, &edges[..edges.len() - 1]);
        let leaks = Leaks::new(&lost.graph(), follow, &naive.sizes);
        assert_eq!(leaks.list.len(), 1);
        assert_eq!(
            (leaks.list[0].kind, leaks.list[0].blocks),
            (LeakKind::Cycle, n)
        );
    });
}

#[test]
fn a_root_with_a_million_children() {
    on_a_small_stack(|| {
        // Block 0 is held by all others, and is no leaf.
        let n = MILLION;
        let mut edges: Vec<(u32, u32)> = (1..n).flat_map(|i| [(n, i), (i, 0)]).collect();
        edges.push((0, 0));
        let naive = Naive::strong(n, 1, &edges);
        let graph = naive.graph();
        let follow = Follow::Retaining;
        let dominators = Dominators::new(&graph, follow);
        assert_eq!(dominators.of(NodeId(0)), Dominator::Node(NodeId(n)));
        let retained = Retained::new(&graph, &dominators, &naive.sizes);
        assert_eq!(retained.blocks(NodeId(n)), n);
        assert_eq!(retained.blocks(NodeId(0)), 1);
        assert_eq!(
            DominatorTree::new(&dominators).children(NodeId(n)).count() as u32,
            n
        );
        let components = Components::new(&graph, follow);
        assert_eq!(components.count(), n + 1);
        let cycles = Cycles::new(&graph, follow, &components);
        assert_eq!(
            cycles
                .list
                .iter()
                .map(|cycle| cycle.entry.0)
                .collect::<Vec<_>>(),
            [0]
        );
        let referrers = Referrers::new(&graph, follow);
        let to = [NodeId(0)];
        let paths = ShortestPaths::new(&graph, &referrers, Start::Roots, to, Avoid::default());
        assert_eq!(paths.count(), PathCount::Exact(u128::from(n - 1)));
        assert_eq!(paths.iter().count() as u32, n - 1);
        let root = set(n + 1, [n]);
        let found = ways(
            &graph,
            &referrers,
            Start::Nodes(&root),
            to[0],
            WaysLimit::default(),
        );
        assert_eq!((found.paths.len(), found.is_all), (10, false));
        let whole = retained_set(&graph, follow, &root);
        assert_eq!(whole.count() as u32, n + 1);
    });
}

/// A climb from each of many blocks to its dominator passes a long list: code that climbs step by
/// step needs 10^11 steps here, and does not end.
#[test]
fn dominators_of_a_list_whose_end_holds_what_others_hold() {
    on_a_small_stack(|| {
        let (n, half) = (600_000, 300_000);
        let mut edges: Vec<(u32, u32)> = (1..half).map(|i| (i - 1, i)).collect();
        edges.extend((half..n).map(|i| (half - 1, i)));
        edges.push((n, 0));
        edges.extend((half..n).map(|i| (n + 1, i)));
        // No leaves, so that the list's end is walked first.
        edges.extend((half..n).map(|i| (i, i)));
        let graph = Naive::strong(n, 2, &edges).graph();
        let dominators = Dominators::new(&graph, Follow::Retaining);
        for i in half..n {
            assert_eq!(dominators.of(NodeId(i)), Dominator::VirtualRoot);
        }
        assert_eq!(
            dominators.of(NodeId(half - 1)),
            Dominator::Node(NodeId(half - 2))
        );
    });
}
