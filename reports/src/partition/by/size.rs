//! `bysize`: blocks of one requested size.

use crate::partition::relation::PerBlock;
use crate::partition::{About, Classes, Heap, Relation};

/// By size. Names are right-aligned in nine columns, as Heapy has them.
pub const RELATION: &Relation = &Relation {
    word: "size",
    name: "bysize",
    header: "Individual Size",
    about: About::Block,
    classify,
};

/// Sizes below this are looked up in an array. Larger ones are few.
const SMALL: usize = 1 << 16;

fn classify(heap: Heap<'_>) -> Box<dyn Classes + '_> {
    let mut small = vec![u32::MAX; SMALL];
    let mut large = Vec::new();
    for block in 0..heap.len() {
        let size = heap.size(block).0;
        match usize::try_from(size).ok().and_then(|s| small.get_mut(s)) {
            Some(seen) => *seen = 0,
            None => large.push(size),
        }
    }
    large.sort_unstable();
    large.dedup();
    let mut sizes = Vec::new();
    for (size, class) in (0u64..).zip(&mut small) {
        if *class == 0 {
            *class = sizes.len() as u32;
            sizes.push(size);
        }
    }
    let below = sizes.len() as u32;
    sizes.extend_from_slice(&large);
    let of = move |block: usize| {
        let size = heap.size(block).0;
        match usize::try_from(size).ok().and_then(|s| small.get(s)) {
            Some(&class) => class,
            None => below + large.partition_point(|&l| l < size) as u32,
        }
    };
    let names = sizes
        .iter()
        .map(|size| format!("{size:>9}").into())
        .collect();
    Box::new(PerBlock { names, of })
}
