//! Components, cycles and leaks, against what reaches what: two nodes are in one component if each
//! reaches the other, and a leak is what no other unreachable block refers to.
#![allow(missing_docs)]

mod graph;

use std::collections::{BTreeMap, BTreeSet};

use endler_reports::graph::*;
use graph::*;
use petgraph::algo::tarjan_scc;
use petgraph::graph::DiGraph;

const SEEDS: u64 = 4000;

/// For each node of `within` those that it reaches by at least one edge, inside `within`.
fn reaches(naive: &Naive, follow: Follow, within: &BTreeSet<u32>) -> BTreeMap<u32, BTreeSet<u32>> {
    let closed: BTreeSet<u32> = (0..naive.nodes()).filter(|n| !within.contains(n)).collect();
    let edges = naive.followed(follow);
    let next = |node: u32| -> Vec<u32> {
        let out = edges
            .iter()
            .filter(|edge| edge.0 == node && within.contains(&edge.1));
        out.map(|edge| edge.1).collect()
    };
    within
        .iter()
        .map(|&node| (node, naive.reach(follow, &next(node), &closed)))
        .collect()
}

fn all(naive: &Naive) -> BTreeSet<u32> {
    (0..naive.nodes()).collect()
}

#[test]
fn components_are_those_that_reach_each_other() {
    for seed in 0..SEEDS {
        let naive = Naive::random(seed, 12);
        let graph = naive.graph();
        let mut r = Random(seed);
        for follow in FOLLOWS {
            let within = if seed % 2 == 0 {
                all(&naive)
            } else {
                some(&mut r, naive.nodes(), 2)
            };
            let found = if seed % 2 == 0 {
                Components::new(&graph, follow)
            } else {
                Components::within(&graph, follow, &set(naive.nodes(), within.iter().copied()))
            };
            let reaches = reaches(&naive, follow, &within);
            let mut numbers = BTreeSet::new();
            for a in 0..naive.nodes() {
                let of = found.of(NodeId(a));
                assert_eq!(of.is_some(), within.contains(&a));
                numbers.extend(of);
                for &b in &within {
                    if !within.contains(&a) || a == b {
                        continue;
                    }
                    let same = reaches[&a].contains(&b) && reaches[&b].contains(&a);
                    assert_eq!(of == found.of(NodeId(b)), same, "seed {seed} {a} {b}");
                    // What is held has the lower number.
                    if reaches[&a].contains(&b) && !same {
                        assert!(of > found.of(NodeId(b)), "seed {seed} {a} {b}");
                    }
                }
            }
            assert!(numbers.iter().copied().eq(0..found.count()), "seed {seed}");
        }
    }
}

#[test]
fn components_are_petgraphs() {
    for seed in 0..300 {
        let naive = Naive::random(seed, 400);
        let graph = naive.graph();
        let mut oracle = DiGraph::<(), ()>::new();
        let nodes: Vec<_> = (0..naive.nodes()).map(|_| oracle.add_node(())).collect();
        for (source, target) in naive.followed(Follow::Strong) {
            oracle.add_edge(nodes[source as usize], nodes[target as usize], ());
        }
        let expected: BTreeSet<BTreeSet<u32>> = tarjan_scc(&oracle)
            .into_iter()
            .map(|component| component.into_iter().map(|n| n.index() as u32).collect())
            .collect();
        let components = Components::new(&graph, Follow::Strong);
        let mut found: BTreeMap<Option<u32>, BTreeSet<u32>> = BTreeMap::new();
        for node in 0..naive.nodes() {
            found
                .entry(components.of(NodeId(node)))
                .or_default()
                .insert(node);
        }
        assert_eq!(
            found.into_values().collect::<BTreeSet<_>>(),
            expected,
            "seed {seed}"
        );
    }
}

#[test]
fn each_cycle_is_named_by_an_edge_that_closes_it() {
    for seed in 0..SEEDS {
        let naive = Naive::random(seed, 12);
        let graph = naive.graph();
        for follow in FOLLOWS {
            let within = all(&naive);
            let reaches = reaches(&naive, follow, &within);
            let components = Components::new(&graph, follow);
            let cycles = Cycles::new(&graph, follow, &components);
            let mut expected: BTreeMap<u32, (bool, BTreeSet<u32>)> = BTreeMap::new();
            for node in within.iter().filter(|node| reaches[*node].contains(*node)) {
                let back =
                    |other: &&u32| reaches[node].contains(*other) && reaches[*other].contains(node);
                let members: BTreeSet<u32> = within.iter().filter(back).copied().collect();
                let into = naive.followed(follow).into_iter();
                let entries = into.filter(|e| !members.contains(&e.0) && members.contains(&e.1));
                let entry = entries.map(|e| e.1).min();
                let is_held = entry.is_some() || members.iter().any(|&m| m >= naive.blocks);
                let entry = entry.or(members.first().copied()).expect("it has a member");
                expected.insert(entry, (is_held, members));
            }
            let found: BTreeMap<u32, (bool, BTreeSet<u32>)> = cycles
                .list
                .iter()
                .map(|cycle| (cycle.entry.0, (cycle.is_held, ids(cycles.members(cycle)))))
                .collect();
            assert_eq!(found, expected, "seed {seed}");
            assert!(cycles.list.is_sorted_by_key(|cycle| cycle.entry));
            for cycle in &cycles.list {
                let edges: Vec<Edge> = cycles.edges(cycle).filter_map(|e| graph.edge(e)).collect();
                assert_eq!(edges[0].source, cycle.entry);
                assert_eq!(edges[edges.len() - 1].target, cycle.entry);
                assert_eq!(edges[edges.len() - 1].id, cycle.closing);
                assert!(
                    edges
                        .windows(2)
                        .all(|pair| pair[0].target == pair[1].source)
                );
                assert!(edges.iter().all(|edge| edge.kind as u8 <= follow as u8));
                let nodes = ids(edges.iter().map(|edge| edge.source));
                assert_eq!(nodes.len(), edges.len(), "no node twice");
                assert!(nodes.is_subset(&found[&cycle.entry.0].1));
                assert_eq!(
                    edges.len(),
                    shortest(&naive, follow, cycle.entry.0),
                    "seed {seed}"
                );
            }
        }
    }
}

/// The length of a shortest cycle through a node.
fn shortest(naive: &Naive, follow: Follow, entry: u32) -> usize {
    let edges = naive.followed(follow);
    let mut level = BTreeSet::from([entry]);
    for length in 1.. {
        let next = edges.iter().filter(|edge| level.contains(&edge.0));
        level = next.map(|edge| edge.1).collect();
        if level.contains(&entry) {
            return length;
        }
    }
    0
}

#[test]
fn leaks_are_what_nothing_unreachable_refers_to() {
    let mut shared = 0;
    for seed in 0..SEEDS {
        let naive = Naive::random(seed, 14);
        let graph = naive.graph();
        for follow in [Follow::Strong, Follow::Retaining] {
            let alive = naive.alive(follow, &BTreeSet::new());
            let lost: BTreeSet<u32> = all(&naive).difference(&alive).copied().collect();
            let reaches = reaches(&naive, follow, &lost);
            // A leak's own blocks: those that it reaches and that reach it. Nothing else may
            // reach them.
            let own = |node: u32| -> BTreeSet<u32> {
                let mut own: BTreeSet<u32> = lost
                    .iter()
                    .copied()
                    .filter(|other| {
                        reaches[&node].contains(other) && reaches[other].contains(&node)
                    })
                    .collect();
                own.insert(node);
                own
            };
            let is_first = |node: &u32| {
                let own = own(*node);
                lost.iter()
                    .all(|other| own.contains(other) || !reaches[other].contains(node))
            };
            let leaks = Leaks::new(&graph, follow, &naive.sizes);
            assert_eq!(ids(leaks.blocks().iter()), lost);
            let mut left = lost.clone();
            let mut expected = Vec::new();
            for &node in &lost {
                let own = own(node);
                if !is_first(&node) || own.first() != Some(&node) {
                    continue;
                }
                let kind = if own.len() > 1 {
                    LeakKind::Cycle
                } else {
                    LeakKind::Direct
                };
                let below: BTreeSet<u32> = reaches[&node].difference(&own).copied().collect();
                let indirect: BTreeSet<u32> = below.intersection(&left).copied().collect();
                shared += usize::from(below.len() > indirect.len());
                let place = expected.len();
                for of in own.iter().chain(&indirect) {
                    assert_eq!(leaks.leak_of(NodeId(*of)), Some(place), "seed {seed}");
                    assert_eq!(leaks.is_indirect(NodeId(*of)), indirect.contains(of));
                    left.remove(of);
                }
                expected.push(Leak {
                    block: NodeId(node),
                    kind,
                    blocks: own.len() as u32,
                    bytes: endler_snapshot::Bytes(naive.size(&own)),
                    indirect_blocks: indirect.len() as u32,
                    indirect_bytes: endler_snapshot::Bytes(naive.size(&indirect)),
                });
            }
            assert_eq!(leaks.list, expected, "seed {seed}");
            assert!(
                left.is_empty(),
                "seed {seed}: each unreachable block is in one leak"
            );
            for node in alive.iter().map(|&n| NodeId(n)) {
                assert_eq!(
                    (leaks.leak_of(node), leaks.is_indirect(node)),
                    (None, false)
                );
            }
        }
    }
    assert!(
        shared > 1000,
        "blocks below two leaks were among the cases: {shared}"
    );
}

#[test]
fn a_dropped_tree_whose_children_hold_their_parent() {
    // Block 0 is the parent of 1 and 2, which hold a buffer each; 5 lies beside it, 6 is held.
    let edges = [(0, 1), (0, 2), (1, 0), (2, 0), (1, 3), (2, 4), (7, 6)];
    let mut naive = Naive::strong(7, 1, &edges);
    let graph = naive.graph();
    let leaks = Leaks::new(&graph, Follow::Retaining, &naive.sizes);
    let rows: Vec<_> = leaks
        .list
        .iter()
        .map(|leak| (leak.block.0, leak.kind, leak.blocks, leak.indirect_blocks))
        .collect();
    assert_eq!(
        rows,
        [(0, LeakKind::Cycle, 3, 2), (5, LeakKind::Direct, 1, 0)]
    );
    let cycles = Cycles::new(
        &graph,
        Follow::Strong,
        &Components::new(&graph, Follow::Strong),
    );
    let closing: Vec<Edge> = cycles
        .list
        .iter()
        .filter_map(|c| graph.edge(c.closing))
        .collect();
    assert_eq!(
        closing
            .iter()
            .map(|e| (e.source.0, e.target.0, e.label))
            .collect::<Vec<_>>(),
        [(1, 0, 2)]
    );
    assert!(!cycles.list[0].is_held);
    // With a weak parent it is a leak of one tree, and has no cycle.
    naive.edges[2].2 = EdgeKind::Weak;
    naive.edges[3].2 = EdgeKind::Weak;
    let graph = naive.graph();
    let leaks = Leaks::new(&graph, Follow::Retaining, &naive.sizes);
    assert_eq!(
        (leaks.list[0].kind, leaks.list[0].indirect_blocks),
        (LeakKind::Direct, 4)
    );
    let components = Components::new(&graph, Follow::Retaining);
    assert!(
        Cycles::new(&graph, Follow::Retaining, &components)
            .list
            .is_empty()
    );
}
