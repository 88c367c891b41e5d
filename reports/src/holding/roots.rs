//! Roots by what they keep: each static, thread-local, variable and stack alone, and
//! all that belongs to one thread together.

use super::{Purpose, columns};
use crate::graph::{Dominators, EdgeColumns, Follow, Graph, Retained};
use crate::partition::Heap;
use crate::partition::names::thread_name;
use endler_snapshot::{Bytes, RootKind, ThreadId};
use std::cmp::Reverse;

/// What a root, or several together, keep from being freed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootRow {
    /// `static crawl::QUEUE`; of several, `thread worker` or `all statics`.
    pub name: String,
    /// The thread that it belongs to; empty for a static.
    pub thread: String,
    /// Blocks that go if it lets go.
    pub count: u64,
    /// Their bytes.
    pub size: Bytes,
}

/// Roots that keep something, the most bytes first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RootTable {
    /// Each alone, or each thread.
    pub rows: Vec<RootRow>,
    /// How many roots there are.
    pub roots: u64,
    /// Blocks that roots reach and none of the rows keeps alone.
    pub shared_count: u64,
    /// Their bytes.
    pub shared_size: Bytes,
}

/// What each root keeps; none if the image has no references. O(blocks + edges).
#[must_use]
pub fn roots(heap: Heap<'_>) -> Option<RootTable> {
    let references = heap.image().references.as_ref()?;
    let count = u32::try_from(references.roots.len()).ok()?;
    let edges = columns(references, heap.len(), Purpose::Retain);
    let name = |root: usize| {
        let root = &references.roots[root];
        let thread = root.thread.map(|thread| name_of(heap, thread));
        (root.name.clone(), thread.unwrap_or_default())
    };
    table(heap, count, edges, &name)
}

/// What each thread keeps by its stack and its thread-locals, and what all statics
/// keep.
#[must_use]
pub fn threads(heap: Heap<'_>) -> Option<RootTable> {
    let references = heap.image().references.as_ref()?;
    let blocks = u32::try_from(heap.len()).ok()?;
    let mut owners: Vec<Option<ThreadId>> = references.roots.iter().map(group).collect();
    owners.sort_unstable();
    owners.dedup();
    let mut edges = columns(references, heap.len(), Purpose::Retain);
    for source in &mut edges.source {
        if let Some(root) = source.checked_sub(blocks) {
            let owner = references.roots.get(root as usize).map(group)?;
            *source = blocks + owners.binary_search(&owner).ok()? as u32;
        }
    }
    let name = |at: usize| match owners[at] {
        None => ("all statics".to_owned(), String::new()),
        Some(thread) => {
            let thread = name_of(heap, thread);
            (format!("thread {thread}"), thread)
        }
    };
    let mut table = table(heap, owners.len() as u32, edges, &name)?;
    table.roots = references.roots.len() as u64;
    Some(table)
}

fn group(root: &endler_snapshot::Root) -> Option<ThreadId> {
    root.thread.filter(|_| root.kind != RootKind::Static)
}

fn name_of(heap: Heap<'_>, thread: ThreadId) -> String {
    let thread = heap.image().threads.get(thread.index());
    thread.map_or_else(String::new, |thread| thread_name(thread).into_owned())
}

fn table(
    heap: Heap<'_>,
    roots: u32,
    edges: EdgeColumns,
    name: &dyn Fn(usize) -> (String, String),
) -> Option<RootTable> {
    let blocks = u32::try_from(heap.len()).ok()?;
    let graph = Graph::new(blocks, roots, edges).ok()?;
    let dominators = Dominators::new(&graph, Follow::Retaining);
    let retained = Retained::new(&graph, &dominators, &heap.image().blocks.size);
    let shares = retained.roots(&graph, &dominators);
    let mut rows: Vec<RootRow> = Vec::new();
    for share in shares.roots.iter().filter(|share| share.blocks > 0) {
        let Some(root) = graph.root_index(share.root) else {
            continue;
        };
        let (name, thread) = name(root as usize);
        rows.push(RootRow {
            name,
            thread,
            count: u64::from(share.blocks),
            size: share.bytes,
        });
    }
    rows.sort_by(|a, b| {
        (Reverse(a.size), &a.name, &a.thread).cmp(&(Reverse(b.size), &b.name, &b.thread))
    });
    Some(RootTable {
        rows,
        roots: u64::from(roots),
        shared_count: u64::from(shares.shared_blocks),
        shared_size: shares.shared_bytes,
    })
}
