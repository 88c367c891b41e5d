//! `Rc` and `Arc`: cycles, which nothing frees, and counts that no pointer stands for.
//!
//! A cycle is found by owning fields alone: of those only counted pointers can make
//! one. The field that closes it is the one that leads back to its oldest `Rc` or
//! `Arc` that an owner outside refers to: a child's pointer to its parent, say. That
//! one would be a `Weak`.
//!
//! A count is compared with the pointers that the scan met. One that is only a word
//! somewhere may stand for a count, so what is called lost is at least that much;
//! memory that is not the program's heap, statics or stacks is not seen.

use super::{Purpose, columns};
use crate::graph::{Components, Cycles, EdgeKind, Follow, Graph, NodeId};
use crate::partition::names::site_name;
use crate::partition::{Heap, NONE};
use endler_snapshot::{Bytes, Cut, EdgeKind as Found, Nanos};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Cycles of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CycleRow {
    /// The field that leads back: `crawl::Node.parent`.
    pub closing: String,
    /// The type of the block that it leads back to.
    pub name: String,
    /// Where that block was allocated.
    pub site: String,
    /// Whether nothing reaches the cycle any more.
    pub is_lost: bool,
    /// How many cycles.
    pub count: u64,
    /// Their blocks.
    pub blocks: u64,
    /// The blocks' bytes.
    pub size: Bytes,
    /// The age of the oldest entry.
    pub oldest: Nanos,
}

/// Cycles of `Rc` and `Arc`: the lost ones first, then by bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CycleTable {
    /// The rows.
    pub rows: Vec<CycleRow>,
}

/// What is wrong with a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mismatch {
    /// More strong counts than there are pointers: the value is never dropped.
    Lost,
    /// More weak counts than there are pointers: the block is never freed.
    LostWeak,
    /// Fewer strong counts than there are pointers.
    Beyond,
}

impl Mismatch {
    /// As tables and JSON call it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Mismatch::Lost => "lost",
            Mismatch::LostWeak => "lost weak",
            Mismatch::Beyond => "too low",
        }
    }
}

/// Blocks of one type and site whose counts are wrong in one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountRow {
    /// In which.
    pub mismatch: Mismatch,
    /// The type.
    pub name: String,
    /// Where it was allocated.
    pub site: String,
    /// How many blocks.
    pub count: u64,
    /// Their bytes.
    pub size: Bytes,
    /// By how much the counts are wrong, in all.
    pub by: u64,
    /// The age of the oldest.
    pub oldest: Nanos,
}

/// Counts that do not fit the pointers: the most bytes first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CountTable {
    /// The rows.
    pub rows: Vec<CountRow>,
    /// How many blocks have counts that could be compared.
    pub compared: u64,
}

/// The cycles of a heap, if its image has references; `is_lost` says which blocks
/// nothing reaches. O(blocks + edges).
pub(super) fn cycles(heap: Heap<'_>, is_lost: &dyn Fn(usize) -> bool) -> Option<CycleTable> {
    let references = heap.image().references.as_ref()?;
    let blocks = u32::try_from(heap.len()).ok()?;
    let roots = u32::try_from(references.roots.len()).ok()?;
    let mut edges = columns(references, heap.len(), Purpose::Retain);
    for (kind, found) in edges.kind.iter_mut().zip(&references.edges.kind) {
        if *found != Found::Owned {
            *kind = EdgeKind::Weak;
        }
    }
    let graph = Graph::new(blocks, roots, edges).ok()?;
    let components = Components::new(&graph, Follow::Strong);
    let rank = |node: NodeId| {
        let holder = heap.str(heap.type_row(node.index()).holder);
        matches!(holder, "Rc" | "Arc").then(|| u64::from(heap.born(node.index()).0))
    };
    let found = Cycles::ranked(&graph, Follow::Strong, &components, &rank);
    let mut rows: BTreeMap<(bool, String, String, String), CycleRow> = BTreeMap::new();
    for cycle in &found.list {
        let entry = cycle.entry.index();
        let label = graph
            .edge(cycle.closing)
            .and_then(|edge| references.edges.label.get(edge.label as usize));
        let closing = match label.map_or("", |&label| references.label(label)) {
            "" => NONE,
            label => label,
        };
        let name = heap.type_name(entry);
        let site = site_name(heap, heap.context(entry));
        let is_lost = is_lost(entry);
        let key = (!is_lost, closing.to_owned(), name.to_owned(), site);
        let row = rows
            .entry(key)
            .or_insert_with_key(|(_, closing, name, site)| CycleRow {
                closing: closing.clone(),
                name: name.clone(),
                site: site.clone(),
                is_lost,
                count: 0,
                blocks: 0,
                size: Bytes(0),
                oldest: Nanos(0),
            });
        row.count += 1;
        row.oldest = row.oldest.max(heap.age(entry));
        for member in found.members(cycle) {
            if graph.block(member).is_some() {
                row.blocks += 1;
                let size = heap.size(member.index());
                row.size.0 = row.size.0.saturating_add(size.0);
            }
        }
    }
    let mut rows: Vec<CycleRow> = rows.into_values().collect();
    rows.sort_by_key(|row| (!row.is_lost, Reverse(row.size)));
    Some(CycleTable { rows })
}

/// The counts that do not fit, by type and site; none where the memory changed while
/// it was scanned, or was not scanned to its end. O(counts).
pub(super) fn counts(heap: Heap<'_>) -> Option<CountTable> {
    let references = heap.image().references.as_ref()?;
    if references.scan.cut_short || heap.image().process.cut == Cut::Racing {
        return None;
    }
    let mut rows: BTreeMap<(Mismatch, String, String), CountRow> = BTreeMap::new();
    for count in &references.counts {
        let block = count.block.index();
        let all = [
            (Mismatch::Lost, count.lost()),
            (Mismatch::LostWeak, count.lost_weak()),
            (Mismatch::Beyond, count.beyond()),
        ];
        for (mismatch, by) in all.into_iter().filter(|(_, by)| *by > 0) {
            let name = heap.type_name(block).to_owned();
            let site = site_name(heap, heap.context(block));
            let row = rows
                .entry((mismatch, name, site))
                .or_insert_with_key(|(_, name, site)| CountRow {
                    mismatch,
                    name: name.clone(),
                    site: site.clone(),
                    count: 0,
                    size: Bytes(0),
                    by: 0,
                    oldest: Nanos(0),
                });
            row.count += 1;
            row.size.0 = row.size.0.saturating_add(heap.size(block).0);
            row.by = row.by.saturating_add(by);
            row.oldest = row.oldest.max(heap.age(block));
        }
    }
    let mut rows: Vec<CountRow> = rows.into_values().collect();
    rows.sort_by_key(|row| Reverse(row.size));
    Some(CountTable {
        rows,
        compared: references.counts.len() as u64,
    })
}
