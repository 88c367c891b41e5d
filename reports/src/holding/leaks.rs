//! Blocks that nothing reaches any more, as rows: what was let go, where it was
//! allocated, and what went with it.
//!
//! One snapshot cannot see the registers of waiting threads, so a block is
//! *unreachable now*; it is *leaked* when a later snapshot of the process finds
//! the same block (by its serial) unreachable as well.

use super::counted::{CountTable, CycleTable, counts, cycles};
use super::{Purpose, graph};
use crate::graph::{Follow, LeakKind, Leaks, NodeId};
use crate::partition::names::site_name;
use crate::partition::{Heap, Set};
use endler_snapshot::{Bytes, Nanos};
use std::collections::{BTreeMap, HashSet};

/// Leaks of one type, of one kind, allocated at one site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeakRow {
    /// Blocks by themselves, or circles of blocks that hold one another.
    pub kind: LeakKind,
    /// What tables call the type.
    pub name: String,
    /// Where it was allocated.
    pub site: String,
    /// The size of each block; of circles, of all blocks together.
    pub each: Bytes,
    /// How many blocks or circles were let go.
    pub count: u64,
    /// Their blocks' bytes.
    pub size: Bytes,
    /// Blocks that only they hold.
    pub indirect_count: u64,
    /// Those blocks' bytes.
    pub indirect_size: Bytes,
    /// The age of the oldest.
    pub oldest: Nanos,
}

/// What the snapshots say of lost blocks.
#[derive(Clone, Debug, Default)]
pub struct LeakTable {
    /// Largest first, with what only they hold.
    pub rows: Vec<LeakRow>,
    /// Whether an earlier snapshot agrees that they are lost.
    pub confirmed: bool,
    /// All lost blocks, indirect ones as well.
    pub count: u64,
    /// Their bytes.
    pub size: Bytes,
    /// Cycles of `Rc` and `Arc`, held ones as well: nothing will free those either.
    pub cycles: CycleTable,
    /// Counts that do not fit the pointers; none where that cannot be told.
    pub counts: Option<CountTable>,
}

/// The leaks of the last of some snapshots of one process, in the order of time:
/// what all of them find unreachable. None if one has no references, or if its
/// scan was cut short.
#[must_use]
pub fn leaks(heaps: &[Heap<'_>]) -> Option<LeakTable> {
    let (&last, earlier) = heaps.split_last()?;
    let mut lost: Option<HashSet<u64>> = None;
    for &heap in earlier {
        let serials = lost_serials(heap)?;
        lost = Some(match lost {
            Some(before) => before.intersection(&serials).copied().collect(),
            None => serials,
        });
    }
    let references = last.image().references.as_ref()?;
    if references.scan.cut_short {
        return None;
    }
    let graph = graph(last, Purpose::Reach)?;
    let found = Leaks::new(&graph, Follow::All, &last.image().blocks.size);
    let serial = |block: usize| last.image().blocks.serial.get(block).map_or(0, |s| s.0);
    let agrees = |block: usize| {
        lost.as_ref()
            .is_none_or(|lost| lost.contains(&serial(block)))
    };
    let mut rows: BTreeMap<(u8, String, String, u64), LeakRow> = BTreeMap::new();
    for leak in &found.list {
        let block = leak.block.index();
        if !agrees(block) {
            continue;
        }
        let kind = leak.kind;
        let name = last.type_name(block).to_owned();
        let site = site_name(last, last.context(block));
        let key = (u8::from(kind == LeakKind::Cycle), name, site, leak.bytes.0);
        let row = rows
            .entry(key)
            .or_insert_with_key(|(_, name, site, _)| LeakRow {
                kind,
                name: name.clone(),
                site: site.clone(),
                each: leak.bytes,
                count: 0,
                size: Bytes(0),
                indirect_count: 0,
                indirect_size: Bytes(0),
                oldest: Nanos(0),
            });
        row.count += 1;
        row.size.0 = row.size.0.saturating_add(leak.bytes.0);
        row.indirect_count += u64::from(leak.indirect_blocks);
        row.indirect_size.0 = row.indirect_size.0.saturating_add(leak.indirect_bytes.0);
        row.oldest = row.oldest.max(last.age(block));
    }
    let mut rows: Vec<LeakRow> = rows.into_values().collect();
    let all = |row: &LeakRow| row.size.0.saturating_add(row.indirect_size.0);
    rows.sort_by_key(|row| std::cmp::Reverse(all(row)));
    let is_lost = |block: usize| found.blocks().contains(NodeId(block as u32)) && agrees(block);
    let blocks = found.blocks().iter().map(|node| node.0);
    let set = Set::from_sorted(last, blocks.filter(|&b| agrees(b as usize)).collect());
    Some(LeakTable {
        rows,
        confirmed: lost.is_some(),
        count: set.count() as u64,
        size: set.size(),
        cycles: cycles(last, &is_lost)?,
        counts: counts(last),
    })
}

/// The serials of the blocks that nothing reaches.
fn lost_serials(heap: Heap<'_>) -> Option<HashSet<u64>> {
    let references = heap.image().references.as_ref()?;
    if references.scan.cut_short {
        return None;
    }
    let graph = graph(heap, Purpose::Reach)?;
    let lost = crate::graph::unreachable(&graph, Follow::All);
    let serials = &heap.image().blocks.serial;
    let blocks = lost.iter().filter_map(|node| serials.get(node.index()));
    Some(blocks.map(|serial| serial.0).collect())
}
