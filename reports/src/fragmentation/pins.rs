//! Whose few blocks keep pages resident that are else free.
//!
//! A page is *sparse* when a tenth of it or less is live: it then costs ten times
//! what lives on it, and what would be gained by moving those blocks together is
//! nearly the whole page. (With a limit of a half, twice as many pages would be named
//! for half the gain each.) A page into which a block reaches that is larger than a
//! page is not: such a block fills its other pages, and this is its end.
//!
//! A row is the blocks of one type and one site that stand on sparse pages. What
//! *returns* if the row's blocks go are the pages on which no other row's stand. It
//! is what the program would no longer need; when the system gets it back is the
//! allocator's affair, and one that cuts its memory into runs of several pages
//! waits until a whole run is empty.

use super::occupancy::{BUCKETS, Page, bucket};
use crate::partition::{Classes, Heap, Relation, by};
use endler_snapshot::PAGE;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// What rows are cut by. A relation more is a column more, in text and in JSON.
pub const PINNED_BY: [&Relation; 3] = [by::TYPE, by::SITE, by::VIA];

/// The fullest bucket that is sparse.
const SPARSE: usize = BUCKETS / 10;

/// Blocks of one row on sparse pages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PinRow {
    /// Names by [`PINNED_BY`].
    pub names: Vec<String>,
    /// Number of blocks.
    pub count: u64,
    /// Their requested bytes.
    pub size: u64,
    /// Sparse pages on which one of them stands.
    pub pages: u64,
    /// Bytes of the pages on which nothing else stands.
    pub returns: u64,
}

/// All that pins sparse pages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins {
    /// What returns most first.
    pub rows: Vec<PinRow>,
    /// Number of blocks.
    pub count: u64,
    /// Their requested bytes.
    pub size: u64,
    /// Number of sparse pages.
    pub pages: u64,
}

impl Pins {
    /// What returns if all of them go.
    #[must_use]
    pub fn returns(&self) -> u64 {
        self.pages.saturating_mul(PAGE)
    }
}

type Key = [u32; PINNED_BY.len()];

#[derive(Default)]
struct Tally {
    row: PinRow,
    /// The last page counted, by its number among the sparse ones.
    last: Option<u64>,
}

/// Gathers the rows, page by page in address order.
pub(crate) struct Finder<'a> {
    heap: Heap<'a>,
    classes: Vec<Box<dyn Classes + 'a>>,
    tallies: BTreeMap<Key, Tally>,
    pages: u64,
    /// The first block that was not counted yet: one may stand on two pages.
    next: usize,
}

impl<'a> Finder<'a> {
    pub(crate) fn new(heap: Heap<'a>) -> Self {
        let classes = PINNED_BY.iter().map(|relation| (relation.classify)(heap));
        Finder {
            heap,
            classes: classes.collect(),
            tallies: BTreeMap::new(),
            pages: 0,
            next: 0,
        }
    }

    pub(crate) fn page(&mut self, page: &Page) {
        let sizes = |block| self.heap.size(block).0;
        if page.blocks.is_empty()
            || bucket(page.live) > SPARSE
            || page.blocks.clone().any(|block| sizes(block) > PAGE)
        {
            return;
        }
        let number = self.pages;
        self.pages += 1;
        let mut alone: Option<Key> = None;
        let mut shared = false;
        for block in page.blocks.clone() {
            let mut key = Key::default();
            for (part, classes) in key.iter_mut().zip(&self.classes) {
                *part = classes.of_block(block);
            }
            shared |= alone.is_some_and(|first| first != key);
            alone = Some(key);
            let size = self.heap.size(block).0;
            let tally = self.tallies.entry(key).or_default();
            if block >= self.next {
                self.next = block + 1;
                tally.row.count += 1;
                tally.row.size = tally.row.size.saturating_add(size);
            }
            if tally.last != Some(number) {
                tally.last = Some(number);
                tally.row.pages += 1;
            }
        }
        if let Some(tally) = alone
            .filter(|_| !shared)
            .and_then(|key| self.tallies.get_mut(&key))
        {
            tally.row.returns += PAGE;
        }
    }

    pub(crate) fn done(self) -> Pins {
        let mut pins = Pins {
            pages: self.pages,
            ..Pins::default()
        };
        for (key, tally) in self.tallies {
            pins.count += tally.row.count;
            pins.size = pins.size.saturating_add(tally.row.size);
            let names = key.iter().zip(&self.classes);
            pins.rows.push(PinRow {
                names: names
                    .map(|(class, of)| of.name(*class).into_owned())
                    .collect(),
                ..tally.row
            });
        }
        pins.rows.sort_by(|a, b| {
            let order = |row: &PinRow| (Reverse(row.returns), Reverse(row.pages));
            order(a).cmp(&order(b)).then_with(|| a.names.cmp(&b.names))
        });
        pins
    }
}
