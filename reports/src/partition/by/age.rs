//! `byage`: how long ago the block was first allocated, at the copy.

use crate::partition::relation::PerBlock;
use crate::partition::{About, Classes, Heap, Relation};
use endler_snapshot::{LIFETIME_BUCKETS, Nanos};

/// By age.
pub const RELATION: &Relation = &Relation {
    word: "age",
    name: "byage",
    header: "Age",
    about: About::Block,
    classify,
};

/// The classes' names; the buckets of [`endler_snapshot::Totals::lifetimes`].
pub const NAMES: [&str; LIFETIME_BUCKETS] = ["<1s", "1s-10s", "10s-1m", "1m-10m", "10m-1h", ">=1h"];

/// The lower bounds of all classes but the first, in seconds.
const BOUNDS: [u64; LIFETIME_BUCKETS - 1] = [1, 10, 60, 600, 3600];

fn classify(heap: Heap<'_>) -> Box<dyn Classes + '_> {
    let names = NAMES.map(Into::into).to_vec();
    Box::new(PerBlock {
        names,
        of: move |block| class(heap.age(block)),
    })
}

fn class(age: Nanos) -> u32 {
    BOUNDS
        .iter()
        .map(|&s| u32::from(age.0 >= s * 1_000_000_000))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_the_class_above_it() {
        let name = |nanos| NAMES[class(Nanos(nanos)) as usize];
        assert_eq!(name(0), "<1s");
        assert_eq!(name(999_999_999), "<1s");
        assert_eq!(name(1_000_000_000), "1s-10s");
        assert_eq!(name(59_999_999_999), "10s-1m");
        assert_eq!(name(600_000_000_000), "10m-1h");
        assert_eq!(name(u64::MAX), ">=1h");
    }
}
