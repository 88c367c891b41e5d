//! Sets of blocks and their algebra.

use super::{By, Heap, Identity, Partition};
use endler_snapshot::{BlockId, Bytes, Nanos};
use std::cmp::Ordering;
use std::ops::{BitAnd, BitOr, BitXor, Sub};
use std::sync::Arc;

/// Which blocks are in a set. A list is strictly rising.
#[derive(Clone, Debug)]
pub(crate) enum Ids {
    All,
    Some(Arc<[u32]>),
}

/// A set of blocks of one heap.
///
/// Operators work by identity of the blocks: `&` in both, `|` in either, `-`
/// in the left one only, `^` in exactly one. Both sides must come from one
/// image; ids of another heap mean other blocks.
///
/// ```
/// use endler_reports::partition::{Heap, by};
/// let image = endler_snapshot::Image::default();
/// let heap = Heap::new(&image);
/// let all = heap.all();
/// assert_eq!((&all - &all).count(), 0);
/// assert_eq!(all.by(&by::TYPE.into()).len(), 0);
/// ```
#[derive(Clone, Debug)]
pub struct Set<'a> {
    heap: Heap<'a>,
    ids: Ids,
}

impl<'a> Set<'a> {
    pub(crate) fn new(heap: Heap<'a>, ids: Ids) -> Self {
        Set { heap, ids }
    }

    pub(crate) fn from_sorted(heap: Heap<'a>, ids: Vec<u32>) -> Self {
        Set::new(heap, Ids::Some(ids.into()))
    }

    /// Whether it is the whole heap, without a list.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self.ids, Ids::All)
    }

    /// The heap that the blocks lie in.
    #[must_use]
    pub fn heap(&self) -> Heap<'a> {
        self.heap
    }

    /// Number of blocks.
    #[must_use]
    pub fn count(&self) -> usize {
        match &self.ids {
            Ids::All => self.heap.len(),
            Ids::Some(ids) => ids.len(),
        }
    }

    /// Sum of the requested sizes. O(blocks).
    #[must_use]
    pub fn size(&self) -> Bytes {
        Bytes(
            self.iter()
                .fold(0, |sum, i| sum.saturating_add(self.heap.size(i).0)),
        )
    }

    /// Positions of the blocks in the image, rising.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        let (all, some) = match &self.ids {
            Ids::All => (0..self.heap.len(), &[][..]),
            Ids::Some(ids) => (0..0, &ids[..]),
        };
        all.chain(some.iter().map(|&i| i as usize))
    }

    /// The blocks that `keep` says yes to.
    pub fn filter(&self, mut keep: impl FnMut(usize) -> bool) -> Set<'a> {
        // A position is below Heap::len, which fits in u32.
        let ids = self.iter().filter(|&i| keep(i)).map(|i| i as u32).collect();
        Set::from_sorted(self.heap, ids)
    }

    /// The oldest block: earliest birth, then lowest address.
    #[must_use]
    pub fn oldest(&self) -> Option<BlockId> {
        let first = self.iter().min_by_key(|&i| (self.heap.born(i), i))?;
        Some(BlockId(first as u32))
    }

    /// Age of the oldest block at the copy.
    #[must_use]
    pub fn oldest_age(&self) -> Option<Nanos> {
        self.oldest().map(|b| self.heap.age(b.index()))
    }

    /// Partitions the set. O(blocks + classes of the relation).
    #[must_use]
    pub fn by(&self, by: &By) -> Partition<'a> {
        Partition::new(self, by)
    }

    /// Lists the blocks one by one, largest first. O(blocks log blocks).
    #[must_use]
    pub fn by_id(&self) -> Identity<'a> {
        Identity::new(self)
    }

    fn merge(&self, other: &Set<'a>, keep: fn(Ordering) -> bool) -> Set<'a> {
        let mut out = Vec::new();
        let (mut left, mut right) = (self.iter().peekable(), other.iter().peekable());
        loop {
            let (at, side) = match (left.peek(), right.peek()) {
                (Some(&a), Some(&b)) => (a.min(b), a.cmp(&b)),
                (Some(&a), None) => (a, Ordering::Less),
                (None, Some(&b)) => (b, Ordering::Greater),
                (None, None) => break,
            };
            if side.is_le() {
                left.next();
            }
            if side.is_ge() {
                right.next();
            }
            if keep(side) {
                out.push(at as u32);
            }
        }
        Set::from_sorted(self.heap, out)
    }
}

macro_rules! operator {
    // One impl an operator: only the rule for which side keeps a block differs.
    ($Trait:ident, $method:ident, $keep:expr) => {
        impl<'a> $Trait<&Set<'a>> for &Set<'a> {
            type Output = Set<'a>;
            fn $method(self, other: &Set<'a>) -> Set<'a> {
                self.merge(other, $keep)
            }
        }
    };
}
operator!(BitAnd, bitand, Ordering::is_eq);
operator!(BitOr, bitor, |_| true);
operator!(BitXor, bitxor, Ordering::is_ne);
operator!(Sub, sub, Ordering::is_lt);
