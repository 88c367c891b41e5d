//! Dominators, retained sizes and the accumulation point, against removing each node and looking
//! what is left, and against petgraph's dominators on larger graphs.
#![allow(missing_docs)]

mod graph;

use std::collections::BTreeSet;

use endler_reports::graph::*;
use endler_snapshot::Bytes;
use graph::*;
use petgraph::algo::dominators::simple_fast;
use petgraph::graph::DiGraph;

const SEEDS: u64 = 4000;

/// For each reachable node all that go when it goes: itself and what it dominates.
fn dominated(naive: &Naive, follow: Follow) -> Vec<BTreeSet<u32>> {
    let alive = naive.alive(follow, &BTreeSet::new());
    (0..naive.nodes())
        .map(|node| {
            let left = naive.alive(follow, &BTreeSet::from([node]));
            alive.difference(&left).copied().collect()
        })
        .collect()
}

#[test]
fn dominators_and_retained_are_what_removal_says() {
    for seed in 0..SEEDS {
        let naive = Naive::random(seed, 14);
        let graph = naive.graph();
        for follow in FOLLOWS {
            let dominators = Dominators::new(&graph, follow);
            dominators.check_invariants();
            let retained = Retained::new(&graph, &dominators, &naive.sizes);
            let gone = dominated(&naive, follow);
            let alive = naive.alive(follow, &BTreeSet::new());
            assert_eq!(ids(dominators.order()), alive, "seed {seed}");
            for node in 0..naive.nodes() {
                let id = NodeId(node);
                assert_eq!(dominators.is_reachable(id), alive.contains(&node));
                let expected: BTreeSet<u32> = (0..naive.nodes())
                    .filter(|&other| other != node && gone[other as usize].contains(&node))
                    .collect();
                assert_eq!(
                    ids(dominators.chain(id)),
                    expected,
                    "seed {seed} {follow:?} {node}"
                );
                // The nearest first: each is dominated by those behind it.
                let chain: Vec<NodeId> = dominators.chain(id).collect();
                for pair in chain.windows(2) {
                    assert!(gone[pair[1].index()].contains(&pair[0].0));
                }
                assert_eq!(retained.bytes(id).0, naive.size(&gone[node as usize]));
                assert_eq!(retained.blocks(id), naive.count(&gone[node as usize]));
            }
            let tree = DominatorTree::new(&dominators);
            let children = |node: u32| tree.children(NodeId(node)).map(move |c| (node, c.0));
            let found: BTreeSet<(u32, u32)> = (0..naive.nodes()).flat_map(children).collect();
            let expected: BTreeSet<(u32, u32)> = dominators
                .order()
                .filter_map(|node| match dominators.of(node) {
                    Dominator::Node(above) => Some((above.0, node.0)),
                    _ => None,
                })
                .collect();
            assert_eq!(found, expected);
            let top = dominators
                .order()
                .filter(|&n| dominators.of(n) == Dominator::VirtualRoot);
            assert_eq!(ids(tree.top()), ids(top));
        }
    }
}

#[test]
fn what_a_set_retains_is_what_its_removal_frees() {
    for seed in 0..SEEDS {
        let naive = Naive::random(seed, 14);
        let graph = naive.graph();
        let mut r = Random(seed);
        for follow in FOLLOWS {
            let members = some(&mut r, naive.nodes(), 4);
            let starts: Vec<u32> = members.iter().copied().collect();
            let reached = naive.reach(follow, &starts, &BTreeSet::new());
            let left = naive.alive(follow, &members);
            let expected: BTreeSet<u32> = reached.difference(&left).copied().collect();
            let bits = set(naive.nodes(), members.iter().copied());
            let found = retained_set(&graph, follow, &bits);
            assert_eq!(ids(found.iter()), expected, "seed {seed}");
            assert_eq!(found.nodes(), naive.nodes());
            let closed = some(&mut r, naive.nodes(), 4);
            let bits = set(naive.nodes(), closed.iter().copied());
            let found = flood(&graph, follow, members.iter().map(|&n| NodeId(n)), &bits);
            assert_eq!(ids(found.iter()), naive.reach(follow, &starts, &closed));
        }
    }
}

#[test]
fn roots_share_what_no_single_one_keeps() {
    for seed in 0..SEEDS {
        let naive = Naive::random(seed, 14);
        let graph = naive.graph();
        let follow = Follow::Retaining;
        let dominators = Dominators::new(&graph, follow);
        let retained = Retained::new(&graph, &dominators, &naive.sizes);
        let shares = retained.roots(&graph, &dominators);
        let alive = naive.alive(follow, &BTreeSet::new());
        let mut single = BTreeSet::new();
        let mut expected = Vec::new();
        for root in naive.root_nodes() {
            let others: Vec<u32> = naive
                .root_nodes()
                .into_iter()
                .filter(|&r| r != root)
                .collect();
            // Without the root itself, since another root may refer to it.
            let left = naive.reach(follow, &others, &BTreeSet::from([root]));
            let own: BTreeSet<u32> = alive.difference(&left).copied().collect();
            expected.push((std::cmp::Reverse(naive.size(&own)), root, naive.count(&own)));
            single.extend(own);
        }
        expected.sort_unstable();
        let found: Vec<_> = shares
            .roots
            .iter()
            .map(|share| (std::cmp::Reverse(share.bytes.0), share.root.0, share.blocks))
            .collect();
        assert_eq!(found, expected, "seed {seed}");
        let shared: BTreeSet<u32> = alive.difference(&single).copied().collect();
        assert_eq!(shares.shared_bytes.0, naive.size(&shared));
        assert_eq!(shares.shared_blocks, naive.count(&shared));
    }
}

#[test]
fn lower_bounds_are_sums_over_topmost_members_and_are_below_the_set() {
    for seed in 0..1000 {
        let naive = Naive::random(seed, 14);
        let graph = naive.graph();
        let dominators = Dominators::new(&graph, Follow::Retaining);
        let retained = Retained::new(&graph, &dominators, &naive.sizes);
        let class = |node: NodeId| node.0 % 4;
        let found = retained.at_least(&dominators, 3, class);
        for (number, &(blocks, bytes)) in (0u32..).zip(&found) {
            let members: Vec<NodeId> = dominators.order().filter(|&n| class(n) == number).collect();
            let topmost = members
                .iter()
                .filter(|&&n| dominators.chain(n).all(|above| class(above) != number));
            let sums = topmost.fold((0, 0), |sum, &n| {
                (sum.0 + retained.blocks(n), sum.1 + retained.bytes(n).0)
            });
            assert_eq!((blocks, bytes.0), sums, "seed {seed}");
            let bits = NodeSet::of(naive.nodes(), members);
            let exact = ids(retained_set(&graph, Follow::Retaining, &bits).iter());
            assert!(bytes.0 <= naive.size(&exact));
        }
    }
}

#[test]
fn memory_accumulates_where_no_child_keeps_most() {
    for seed in 0..2000 {
        let naive = Naive::random(seed, 14);
        let graph = naive.graph();
        let dominators = Dominators::new(&graph, Follow::Retaining);
        let retained = Retained::new(&graph, &dominators, &naive.sizes);
        let heaviest = HeaviestChild::new(&dominators, &retained);
        let by = Descent {
            of_parent: 40 + (seed % 60) as u32,
            of_start: (seed % 70) as u32,
        };
        for start in dominators.order() {
            let mut path = vec![start];
            loop {
                let last = path[path.len() - 1];
                let child = dominators
                    .order()
                    .filter(|&n| dominators.of(n) == Dominator::Node(last))
                    .max_by_key(|&n| (retained.bytes(n), std::cmp::Reverse(n)));
                assert_eq!(heaviest.of(last), child);
                let keeps = |child: NodeId, percent: u32, of: NodeId| {
                    let kept = retained.bytes(child).0;
                    kept > 0 && kept * 100 >= retained.bytes(of).0 * u64::from(percent)
                };
                match child {
                    Some(c) if keeps(c, by.of_parent, last) && keeps(c, by.of_start, start) => {
                        path.push(c);
                    }
                    _ => break,
                }
            }
            let found = heaviest.accumulation(&retained, start, by);
            let point = path[path.len() - 1];
            assert_eq!((found.point, found.bytes), (point, retained.bytes(point)));
            assert_eq!(found.path, path, "seed {seed}");
        }
    }
    // A cache of many small entries behind two wrappers, beside something small.
    let mut edges = vec![(13, 0), (0, 1), (1, 2), (13, 12)];
    edges.extend((3..12).map(|entry| (2, entry)));
    let mut naive = Naive::strong(13, 1, &edges);
    naive.sizes = vec![Bytes(10); 13];
    let graph = naive.graph();
    let dominators = Dominators::new(&graph, Follow::Retaining);
    let retained = Retained::new(&graph, &dominators, &naive.sizes);
    let heaviest = HeaviestChild::new(&dominators, &retained);
    let found = heaviest
        .accumulation_of_all(&retained, Descent::default())
        .expect("one keeps all");
    assert_eq!(found.path, [13, 0, 1, 2].map(NodeId));
    assert_eq!((found.point, found.bytes), (NodeId(2), Bytes(100)));
}

#[test]
fn dominators_are_petgraphs() {
    for seed in 0..300 {
        let naive = Naive::random(seed, 400);
        let graph = naive.graph();
        let mut oracle = DiGraph::<(), ()>::new();
        let nodes: Vec<_> = (0..=naive.nodes()).map(|_| oracle.add_node(())).collect();
        let virtual_root = nodes[naive.nodes() as usize];
        for (source, target) in naive.followed(Follow::Retaining) {
            oracle.add_edge(nodes[source as usize], nodes[target as usize], ());
        }
        for root in naive.root_nodes() {
            oracle.add_edge(virtual_root, nodes[root as usize], ());
        }
        let expected = simple_fast(&oracle, virtual_root);
        let found = Dominators::new(&graph, Follow::Retaining);
        assert_eq!(
            Dominators::on(&graph, Follow::Retaining, Threads::Two),
            found
        );
        found.check_invariants();
        for node in 0..naive.nodes() {
            let expected = match expected.immediate_dominator(nodes[node as usize]) {
                None => Dominator::Unreachable,
                Some(above) if above == virtual_root => Dominator::VirtualRoot,
                Some(above) => Dominator::Node(NodeId(above.index() as u32)),
            };
            assert_eq!(found.of(NodeId(node)), expected, "seed {seed} node {node}");
        }
    }
}
