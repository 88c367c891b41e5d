//! Cross products: `by('type&age')`.

use super::{Classes, Heap};
use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// The pairs of two relations' classes that occur.
pub(crate) struct Product<'a> {
    left: Box<dyn Classes + 'a>,
    right: Box<dyn Classes + 'a>,
    /// The class of each block.
    class: Vec<u32>,
    /// The pair of each class, in the order in which blocks show them.
    pairs: Vec<(u32, u32)>,
}

impl<'a> Product<'a> {
    pub(crate) fn new(
        heap: Heap<'a>,
        left: Box<dyn Classes + 'a>,
        right: Box<dyn Classes + 'a>,
    ) -> Self {
        let mut known: PairMap<u32> = HashMap::default();
        let mut pairs = Vec::new();
        let class = (0..heap.len())
            .map(|block| {
                let pair = (left.of_block(block), right.of_block(block));
                *known.entry(pair_key(pair)).or_insert_with(|| {
                    pairs.push(pair);
                    // Fewer pairs than blocks, whose number fits.
                    (pairs.len() - 1) as u32
                })
            })
            .collect();
        Product {
            left,
            right,
            class,
            pairs,
        }
    }

    fn pair(&self, class: u32) -> (u32, u32) {
        self.pairs.get(class as usize).copied().unwrap_or_default()
    }
}

impl Classes for Product<'_> {
    fn len(&self) -> usize {
        self.pairs.len()
    }
    fn of_block(&self, block: usize) -> u32 {
        self.class.get(block).copied().unwrap_or(0)
    }
    fn name(&self, class: u32) -> Cow<'_, str> {
        let (left, right) = self.pair(class);
        Cow::Owned(format!(
            "{} & {}",
            self.left.name(left),
            self.right.name(right)
        ))
    }
}

/// Sets of names inside a product: `String & {crawl::Page.url}`.
pub(crate) struct Braced<'a>(pub(crate) Box<dyn Classes + 'a>);

impl Classes for Braced<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn of_block(&self, block: usize) -> u32 {
        self.0.of_block(block)
    }
    fn name(&self, class: u32) -> Cow<'_, str> {
        Cow::Owned(format!("{{{}}}", self.0.name(class)))
    }
}

/// A pair of classes as one key.
pub(crate) fn pair_key(pair: (u32, u32)) -> u64 {
    u64::from(pair.0) << 32 | u64::from(pair.1)
}

/// A map from pairs of classes, each pair in one u64.
pub(crate) type PairMap<V> = HashMap<u64, V, BuildHasherDefault<PairHasher>>;

/// Mixes one u64. No secret seed: nothing here is chosen by an attacker who
/// could gain more than a slow table, and a run must not depend on chance.
#[derive(Default)]
pub(crate) struct PairHasher(u64);

impl Hasher for PairHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &b in bytes {
            self.write_u64(u64::from(b));
        }
    }
    fn write_u64(&mut self, v: u64) {
        let x = (self.0.rotate_left(5) ^ v).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = x ^ (x >> 29);
    }
}
