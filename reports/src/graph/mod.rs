//! The reference graph of a frozen heap, and what is computed on it.
//!
//! ```text
//!  EdgeColumns ──► Graph ──► Dominators ──► Retained ──► accumulation point
//!  (source,        │  │                       └────────► roots by what they retain
//!   target, kind,  │  ├────► flood, retained_set           NodeSet ──► NodeSet
//!   label)         │  ├────► Components ──► Cycles, Leaks
//!                  │  └────► Referrers ───► ShortestPaths, ways, reference pattern
//!                  │
//!                  └ nodes: 0 .. blocks          blocks in address order (NodeId = BlockId)
//!                           blocks .. nodes      roots: statics, thread-locals, stacks
//! ```
//! All of it is a function of the edges: no memory, no DWARF, no I/O. Nothing recurses, and
//! every order has a tie-break, so that the same edges give the same answer.
//!
//! **What holds a block** is said by a [`Follow`]: weak edges never retain; conservative ones (a
//! word that looks like a pointer, in a block whose type is not known) do, and are left out by
//! [`Follow::Strong`]. A root that nothing refers to is alive by itself; the *virtual root* stands
//! above all roots and is no node.
//!
//! With n nodes and e edges, figures in bytes a node at e = 3n (`examples/graph_speed.rs` measures
//! them, and the times):
//!
//! | what | work | kept | while it is made |
//! |---|---|---|---|
//! | [`Graph::new`] | n + e | 28 | 12, and 24 more if the edges are not sorted by source |
//! | [`Referrers::new`] | n + e | 16 | 0 |
//! | [`Dominators::new`] | e log n at the worst, linear in practice | 8 | 36 to 42 |
//! | [`Retained::new`] | n | 12 | 0 |
//! | [`flood`], [`retained_set`] | n + e | 1/8 | 4 |
//! | [`Components::new`] | n + e | 4 | up to 12 |
//! | [`ShortestPaths::new`] | what lies at most as far as the nearest root | 4 to 8 | up to 20 |
//! | [`ways`] | `paths` times n + e, or less by its limit | 0 | up to 24 |
//!
//! Most of the time is spent waiting for memory: columns in pages of 2 MiB take a third off. All
//! questions take the graph by reference and can be asked on several threads; [`Threads`] says where
//! one of them is itself shared out.
//!
//! The algorithm of dominators is semi-NCA (Georgiadis, Werneck, Tarjan, "Finding Dominators in
//! Practice", ESA 2004), components are Pearce's ("A space-efficient algorithm for finding strongly
//! connected components", 2016), disjoint paths are a flow with vertices of capacity one (Menger).
//! The views are Heapy's (`dominos`, `shpaths`, `rp`), MAT's (leak suspects), LeakCanary's
//! (disjoint paths) and LeakSanitizer's (direct and indirect leaks).

mod accumulation;
mod components;
mod csr;
mod cycles;
mod disjoint;
mod dominators;
mod edges;
mod leaks;
mod paths;
mod pattern;
mod reach;
mod referrers;
mod retained;
mod semi_nca;
mod set;
mod threads;
mod tree;

pub use accumulation::{Accumulation, Descent, HeaviestChild};
pub use components::Components;
pub use csr::Graph;
pub use cycles::{Cycle, Cycles};
pub use disjoint::{Ways, WaysLimit, ways};
pub use dominators::{Dominator, Dominators};
pub use edges::{Edge, EdgeColumns, EdgeId, EdgeKind, Follow, GraphError, MAX_NODES, NodeId};
pub use leaks::{Leak, LeakKind, Leaks};
pub use paths::{Avoid, Path, PathCount, Paths, ShortestPaths, Start};
pub use pattern::{Mark, Pattern, PatternLimit, PatternLine, pattern};
pub use reach::{flood, reachable, retained_set, unreachable};
pub use referrers::Referrers;
pub use retained::{Retained, RootShare, RootShares};
pub use set::NodeSet;
pub use threads::Threads;
pub use tree::DominatorTree;
