//! How fast the reference graph is made and asked, and the memory that it takes:
//! `cargo run --release -p endler-reports --example graph_speed -- [blocks|SNAPSHOT] [shape] [threads] [short]`.
//!
//! Without arguments it goes through 100 k, 1 M and 10 M blocks and all shapes (`all`) on one
//! thread. Each has about
//! three edges a block. A saved snapshot is a shape of its own. The line `total` has, in columns:
//! shape, blocks, edges, seconds of graph, dominators and retained sizes together, and the most bytes
//! a block that were live meanwhile. Bytes are counted by this program's own allocator around the
//! command's: `peak` is all that was
//! live at the worst moment of a stage (edges, sizes and what earlier stages keep among it), for
//! each block; `kept` is what remains when the stage has ended.

use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use endler_reports::LargePages;
use endler_reports::graph::*;
use endler_reports::holding::{Purpose, graph};
use endler_reports::partition::Heap;
use endler_snapshot::Bytes;

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn grow(by: usize) {
    PEAK.fetch_max(LIVE.fetch_add(by, Relaxed) + by, Relaxed);
}

// SAFETY: all four methods hand their arguments on to the command's allocator and return what it
// returns; the counters beside it allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller's promise is the callee's.
        unsafe { LargePages.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise is the callee's.
        unsafe { LargePages.dealloc(at, layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller's promise is the callee's.
        unsafe { LargePages.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // A large block is moved by the kernel, without a copy, so both are not counted at once.
        LIVE.fetch_sub(layout.size(), Relaxed);
        grow(size);
        // SAFETY: the caller's promise is the callee's.
        unsafe { LargePages.realloc(at, layout, size) }
    }
}

#[global_allocator]
static HEAP: Counting = Counting;

/// SplitMix64: the same numbers on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }
    fn below(&mut self, n: u32) -> u32 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u32
    }
}

/// Sources, targets, and the number of roots.
type Shape = (&'static str, fn(u32, &mut dyn FnMut(u32, u32)) -> u32);

const SHAPES: [Shape; 7] = [
    ("heap", heap),
    ("random", random),
    ("unsorted", unsorted),
    ("list", list),
    ("star", star),
    ("maps", maps),
    ("comb", comb),
];

/// Half of the blocks are buffers. The others have six fields: nine in ten lead to a block that
/// lies near, one anywhere.
fn heap(n: u32, edge: &mut dyn FnMut(u32, u32)) -> u32 {
    let mut r = Random(1);
    for i in (0..n).filter(|i| i % 2 == 0) {
        for _ in 0..6 {
            let target = if r.below(10) < 9 {
                (i + r.below(2000)).saturating_sub(1000).min(n - 1)
            } else {
                r.below(n)
            };
            edge(i, target);
        }
    }
    for root in 0..1000 {
        for _ in 0..100 {
            edge(n + root, r.below(n));
        }
    }
    1000
}

/// Any block refers to any: the worst that can be done to a cache.
fn random(n: u32, edge: &mut dyn FnMut(u32, u32)) -> u32 {
    let mut r = Random(2);
    for i in 0..n {
        for _ in 0..3 {
            edge(i, r.below(n));
        }
    }
    edge(n, 0);
    1
}

/// As `heap`, its edges in no order.
fn unsorted(n: u32, edge: &mut dyn FnMut(u32, u32)) -> u32 {
    let mut r = Random(3);
    for _ in 0..u64::from(n) * 3 {
        let i = r.below(n) & !1;
        edge(i, (i + r.below(2000)).saturating_sub(1000).min(n - 1));
    }
    for root in 0..1000 {
        edge(n + root, r.below(n));
    }
    1000
}

/// A doubly linked list whose nodes know its head.
fn list(n: u32, edge: &mut dyn FnMut(u32, u32)) -> u32 {
    for i in 0..n {
        edge(i, (i + 1) % n);
        edge(i, i.saturating_sub(1));
        edge(i, 0);
    }
    edge(n, 0);
    1
}

/// A root that holds every block; each refers to its neighbour and to the first.
fn star(n: u32, edge: &mut dyn FnMut(u32, u32)) -> u32 {
    for i in 0..n {
        edge(i, i ^ 1);
        edge(i, 0);
    }
    for i in 0..n {
        edge(n, i);
    }
    1
}

/// Maps of 64 values, each a map or a string that two maps share.
fn maps(n: u32, edge: &mut dyn FnMut(u32, u32)) -> u32 {
    let groups = n / 64;
    for group in 0..groups {
        let table = group * 64;
        for at in 1..64 {
            edge(table, table + at);
            edge(table, (table + 64 + at).min(n - 1));
        }
        for child in [2 * group + 1, 2 * group + 2] {
            if child < groups {
                edge(table + 1 + child % 2, child * 64);
            }
        }
        for at in 3..64 {
            edge(table + at, table);
        }
    }
    edge(n, 0);
    1
}

/// A list of half of the blocks, whose last node refers to the other half, which another root
/// refers to as well: a climb from each of these to its dominator passes the whole list.
fn comb(n: u32, edge: &mut dyn FnMut(u32, u32)) -> u32 {
    let half = n / 2;
    for i in 0..half - 1 {
        edge(i, i + 1);
        edge(i, i / 2);
    }
    for i in half..n {
        edge(half - 1, i);
    }
    for i in half..n {
        edge(i, half - 1);
        edge(i, i - 1);
    }
    edge(n, 0);
    for i in half..n {
        edge(n + 1, i);
    }
    2
}

/// Time of all threads on a processor, in ticks of 10 ms: where others share the machine, it says
/// more than the time that passed.
fn on_processor() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = text.rsplit(')').next()?.split(' ').skip(12);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / 100.0)
}

fn stage<T>(name: &str, blocks: u32, make: impl FnOnce() -> T) -> (T, Duration) {
    PEAK.store(LIVE.load(Relaxed), Relaxed);
    let before = on_processor().unwrap_or(0.0);
    let start = Instant::now();
    let made = make();
    let took = start.elapsed();
    let processor = on_processor().unwrap_or(0.0) - before;
    println!(
        "  {name:<22} {:>8.3} s   processor {processor:>6.2} s   peak {:>6.1}   kept {:>6.1}",
        took.as_secs_f64(),
        PEAK.load(Relaxed) as f64 / f64::from(blocks),
        LIVE.load(Relaxed) as f64 / f64::from(blocks),
    );
    (made, took)
}

/// What is measured.
struct Input {
    name: String,
    blocks: u32,
    roots: u32,
    columns: EdgeColumns,
    sizes: Vec<Bytes>,
}

fn made(n: u32, (name, shape): Shape) -> Input {
    let mut columns = EdgeColumns::default();
    let mut edges = 0;
    let roots = shape(n, &mut |_, _| edges += 1);
    for column in [&mut columns.source, &mut columns.target, &mut columns.label] {
        column.reserve_exact(edges);
    }
    columns.kind.reserve_exact(edges);
    shape(n, &mut |source, target| {
        columns.push(NodeId(source), NodeId(target), EdgeKind::Strong, target);
    });
    let mut random = Random(9);
    let sizes: Vec<Bytes> = (0..n)
        .map(|_| Bytes(16 + u64::from(random.below(100))))
        .collect();
    Input {
        name: name.to_owned(),
        blocks: n,
        roots,
        columns,
        sizes,
    }
}

/// The references of a snapshot as the views follow them.
fn saved(path: &str) -> Input {
    let bytes = std::fs::read(path).expect("a snapshot");
    let image = endler_snapshot::format::read(&bytes).expect("a snapshot");
    let heap = Heap::new(&image);
    let graph = graph(heap, Purpose::Retain).expect("a snapshot with references");
    let mut columns = EdgeColumns::default();
    for node in 0..graph.nodes() {
        for edge in graph.edges_of(NodeId(node)) {
            columns.push(NodeId(node), edge.target, edge.kind, edge.label);
        }
    }
    Input {
        name: "snapshot".to_owned(),
        blocks: graph.blocks(),
        roots: graph.roots(),
        columns,
        sizes: image.blocks.size.clone(),
    }
}

/// How much is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// Graph, dominators and retained sizes.
    Short,
    /// All that is asked of a graph.
    Whole,
}

fn run(input: Input, threads: Threads, extent: Extent) {
    let Input {
        name,
        blocks: n,
        roots,
        columns,
        sizes,
    } = input;
    let edges = columns.source.len();
    println!("{name}: {n} blocks, {edges} edges");
    let follow = Follow::Retaining;
    let mut most = 0.0_f64;
    let mut peak = || {
        let now = PEAK.load(Relaxed) as f64 / f64::from(n.max(1));
        most = most.max(now);
        most
    };
    let (graph, a) = stage("graph", n, || Graph::new(n, roots, columns));
    peak();
    let graph = graph.expect("every edge's ends are nodes");
    let (dominators, b) = stage("dominators", n, || Dominators::on(&graph, follow, threads));
    peak();
    let (retained, c) = stage("retained", n, || Retained::new(&graph, &dominators, &sizes));
    println!(
        "total {name} {n} {edges} {:.3} {:.1}",
        (a + b + c).as_secs_f64(),
        peak()
    );
    if extent == Extent::Short {
        return;
    }
    let (shares, _) = stage("roots by retained", n, || {
        retained.roots(&graph, &dominators)
    });
    stage("accumulation", n, || {
        let heaviest = HeaviestChild::new(&dominators, &retained);
        heaviest.accumulation(&retained, shares.roots[0].root, Descent::default())
    });
    stage("lower bounds", n, || {
        retained.at_least(&dominators, 100, |node| node.0 % 100)
    });
    let last = dominators
        .order()
        .next_back()
        .expect("the roots are reached");
    drop((dominators, retained));
    stage("retained of a set", n, || {
        let set = NodeSet::of(graph.nodes(), (0..n / 100).map(|i| NodeId(i * 100)));
        retained_set(&graph, follow, &set).count()
    });
    stage("components", n, || Components::new(&graph, follow).count());
    stage("cycles", n, || {
        Cycles::new(&graph, follow, &Components::new(&graph, follow))
            .list
            .len()
    });
    stage("leaks", n, || Leaks::new(&graph, follow, &sizes).list.len());
    let (referrers, _) = stage("referrers", n, || Referrers::on(&graph, follow, threads));
    stage("paths to the farthest", n, || {
        let to = [last];
        let paths = ShortestPaths::new(&graph, &referrers, Start::Roots, to, Avoid::default());
        (paths.count(), paths.iter().take(10).count())
    });
    stage("ways to the farthest", n, || {
        ways(&graph, &referrers, Start::Roots, last, WaysLimit::default())
            .paths
            .len()
    });
    stage("reference pattern", n, || {
        let set = NodeSet::of(graph.nodes(), (0..n / 100).map(|i| NodeId(i * 100)));
        let kind = |node: NodeId| node.0 % 5;
        pattern(
            &referrers,
            &sizes,
            &set,
            kind,
            |_| false,
            PatternLimit {
                depth: 3,
                lines: 30,
            },
        )
        .lines
        .len()
    });
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next();
    let blocks = first.as_ref().and_then(|n| n.parse().ok());
    let only = arguments.next().filter(|name| name != "all");
    let threads = match arguments.next().as_deref() {
        Some("2") => Threads::Two,
        _ => Threads::One,
    };
    let extent = match arguments.next().as_deref() {
        Some("short") => Extent::Short,
        _ => Extent::Whole,
    };
    if let (Some(path), None) = (first, blocks) {
        return run(saved(&path), threads, extent);
    }
    for n in blocks.map_or(vec![100_000, 1_000_000, 10_000_000], |n| vec![n]) {
        for shape in SHAPES {
            if only.as_ref().is_none_or(|name| name == shape.0) {
                run(made(n, shape), threads, extent);
            }
        }
    }
}
