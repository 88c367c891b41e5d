//! What was allocated since the start, live or not.
//!
//! The allocator keeps totals by context, so they can be summed by whatever a
//! context determines: its site, stack and module, and the type that its stack
//! makes. (A single live block may be of another type, where its size or its
//! holder says so; of freed ones that is not known.)
//!
//! `allocated = live + freed + moved`, in blocks and in bytes alike: a realloc
//! *moves* a block away from the context and size that it had, and counts as
//! allocated again where it went. Sizes are requested bytes.

use crate::partition::{By, Heap};
use endler_snapshot::{LIFETIME_BUCKETS, Nanos};
use std::collections::BTreeMap;
use std::fmt;

/// Blocks and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Number of blocks.
    pub count: u64,
    /// Their requested bytes.
    pub size: u64,
}

impl Sum {
    fn add(&mut self, count: u64, size: u64) {
        self.count = self.count.saturating_add(count);
        self.size = self.size.saturating_add(size);
    }
}

/// One row of totals.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TotalsRow {
    /// The row's name.
    pub name: String,
    /// Everything that was allocated: live, freed and moved.
    pub allocated: Sum,
    /// What was freed.
    pub freed: Sum,
    /// What a realloc took away to another context or size.
    pub moved: Sum,
    /// What is live.
    pub live: Sum,
    /// Freed blocks by lifetime, in the classes of `byage`.
    pub lifetimes: [u64; LIFETIME_BUCKETS],
    /// Sum of the lifetimes of the freed blocks, in seconds.
    lifetime_seconds: f64,
}

impl TotalsRow {
    /// Mean lifetime of the freed blocks; none if nothing was freed.
    #[must_use]
    pub fn mean_lifetime(&self) -> Option<Nanos> {
        let mean = self.lifetime_seconds / self.freed.count as f64;
        (self.freed.count > 0).then_some(Nanos((mean * 1e9) as u64))
    }
}

/// Totals by a relation, most allocated bytes first, then by name.
#[derive(Clone, Debug)]
pub struct Totals {
    /// The relation.
    pub by: By,
    /// The rows.
    pub rows: Vec<TotalsRow>,
}

/// Totals are not kept for the classes of this relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotByContext {
    /// The relation's word.
    pub word: String,
}

impl fmt::Display for NotByContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "totals are kept by call stack, so not by '{}'; there are type holder site stack module",
            self.word
        )
    }
}

impl std::error::Error for NotByContext {}

/// Sums the totals of a heap by a relation. O(blocks + contexts).
pub fn totals(heap: Heap<'_>, by: &By) -> Result<Totals, NotByContext> {
    let classes = by.classify(heap);
    let image = heap.image();
    let contexts = image.contexts.len();
    let class = (0..contexts)
        .map(|context| classes.of_stack(context))
        .collect::<Option<Vec<u32>>>()
        .ok_or_else(|| NotByContext { word: by.word() })?;
    let mut live = vec![Sum::default(); contexts];
    for block in 0..heap.len() {
        if let Some(sum) = live.get_mut(heap.context(block).index()) {
            sum.add(1, heap.size(block).0);
        }
    }
    let mut rows: BTreeMap<u32, TotalsRow> = BTreeMap::new();
    for ((class, live), total) in class.into_iter().zip(live).zip(&image.totals) {
        let row = rows.entry(class).or_default();
        row.live.add(live.count, live.size);
        row.freed.add(total.freed, total.freed_bytes.0);
        row.moved.add(total.moved, total.moved_bytes.0);
        row.lifetime_seconds +=
            total.lifetime_ticks as f64 * image.process.clock.nanos_per_tick / 1e9;
        for (sum, &count) in row.lifetimes.iter_mut().zip(&total.lifetimes) {
            *sum += u64::from(count);
        }
    }
    let mut rows: Vec<TotalsRow> = rows
        .into_iter()
        .map(|(class, mut row)| {
            row.name = classes.name(class).into_owned();
            for part in [row.live, row.freed, row.moved] {
                row.allocated.add(part.count, part.size);
            }
            row
        })
        .filter(|row| row.allocated.count > 0)
        .collect();
    rows.sort_by(|a, b| {
        b.allocated
            .size
            .cmp(&a.allocated.size)
            .then_with(|| a.name.cmp(&b.name))
    });
    Ok(Totals {
        by: by.clone(),
        rows,
    })
}
