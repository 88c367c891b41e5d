//! What was inlined near an address that the optimiser gave no line to.
//!
//! `match x { A(s) => s.to_owned(), B(s) => s.to_owned() }` may become one call
//! of the allocator that both arms jump to. Its address belongs to neither, so
//! debug information names the function around both, and line 0. What was
//! inlined into that same function a few bytes away is most likely what the
//! call was taken out of: a guess, and marked as one.
//!
//! Source: LLVM's `DILocation::getMergedLocation`; how often the guess is right
//! stands in `tests/truth.md`.

use gimli::Unit;

use super::elf::Reader;
use super::lines;
use super::walk::Query;

/// How far away is near, in bytes of code.
const NEAR: u64 = 96;
/// The most neighbours that are kept for one address.
const MOST: usize = 8;

/// A query for each place near the `addresses` where the functions may be others.
pub(super) fn around(unit: &Unit<Reader<'_>>, mut addresses: Vec<u64>) -> Vec<Query> {
    addresses.sort_unstable();
    let near = lines::near(unit, &addresses, NEAR);
    near.into_iter()
        .map(|address| Query {
            address,
            calls: Vec::new(),
        })
        .collect()
}

/// Those of the `queries` around `of` whose functions lie inside its
/// innermost one, each distinct chain once, the nearest first and of two as
/// near the one before.
pub(super) fn of<'q>(of: &Query, queries: &'q [Query]) -> Vec<&'q Query> {
    let mut found: Vec<&Query> = Vec::new();
    for distance in 1..=NEAR {
        for address in [
            of.address.checked_sub(distance),
            of.address.checked_add(distance),
        ] {
            let near = address
                .and_then(|a| queries.binary_search_by_key(&a, |q| q.address).ok())
                .and_then(|at| queries.get(at))
                .filter(|near| is_inside(near, of));
            if let Some(near) = near
                && !found.iter().any(|known| is_inside_or_same(known, near))
            {
                found.push(near);
                if found.len() == MOST {
                    return found;
                }
            }
        }
    }
    found
}

/// Whether all functions of `of` enclose `near`, and more of them.
fn is_inside(near: &Query, of: &Query) -> bool {
    near.calls.len() > of.calls.len() && is_inside_or_same(near, of)
}

fn is_inside_or_same(near: &Query, of: &Query) -> bool {
    let places = |query: &'_ Query| query.calls.iter().map(|c| c.place).collect::<Vec<_>>();
    !of.calls.is_empty() && places(near).starts_with(&places(of))
}
