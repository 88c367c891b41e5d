//! Free slots between threads: a slot is neither lost nor given out twice.

use loom::thread::spawn;

use super::*;
use crate::depot::{Depot, Magazine, Pair};
use crate::slots::Slab;
use crate::sync::zeroed;

fn fresh(slab: &Slab) -> Vec<u32> {
    let mut taken = Vec::new();
    assert!(slab.take_fresh(&mut |index| taken.push(index)));
    taken
}

#[test]
fn fresh_slots_are_apart() {
    check(
        "fresh slots",
        3,
        &[
            ("slots.rs", Fault::Torn),
            ("shadow.rs", Fault::Torn),
            ("shadow.rs", Fault::Relaxed(Op::Exchange)),
        ],
        || {
            let slab = zeroed::<Slab>();
            let other = spawn(|| {
                let taken = fresh(slab);
                slab.slot(taken[0]).expect("it is mapped").set_pair(0, 1, 2);
                taken
            });
            let mine = fresh(slab);
            slab.slot(mine[0]).expect("it is mapped").set_pair(0, 1, 2);
            let mut all = [mine, other.join().expect("it ends")].concat();
            all.sort_unstable();
            let expect: Vec<u32> = (0..slab.given_out() as u32).collect();
            assert_eq!(all, expect, "a slot is given out twice");
        },
    );
}

/// A magazine of two slots from `first` on.
fn filled(depot: &Depot, first: u32) -> &Magazine {
    let magazine = depot.take_empty().expect("memory");
    assert!(magazine.put(first, 0) && magazine.put(first + 1, 0));
    magazine
}

fn rounds(magazine: &Magazine) -> Vec<u32> {
    magazine.each().map(|(index, _)| index).collect()
}

/// Each slot of the magazines once: those taken, and what is left.
fn all_once(depot: &Depot, taken: &[&Magazine], slots: u32) {
    let left: Vec<&Magazine> = std::iter::from_fn(|| depot.take_full(|_| {})).collect();
    let all = taken.iter().chain(&left);
    let mut all: Vec<u32> = all.flat_map(|magazine| rounds(magazine)).collect();
    all.sort_unstable();
    let expect: Vec<u32> = (0..slots).collect();
    assert_eq!(all, expect, "a slot is lost or held twice");
}

#[test]
fn magazines_change_hands_whole() {
    check(
        "magazines change hands",
        3,
        &[
            ("depot.rs", Fault::Torn),
            ("depot.rs", Fault::Relaxed(Op::Exchange)),
        ],
        || {
            let depot = zeroed::<Depot>();
            depot.give_full(filled(depot, 0));
            let other = spawn(move || {
                depot.give_full(filled(depot, 2));
                depot.take_full(|_| {}).map(|m| (m.number(), rounds(m)))
            });
            let mine = depot.take_full(|_| {});
            let mut all: Vec<u32> = mine.into_iter().flat_map(rounds).collect();
            all.extend(other.join().expect("it ends").into_iter().flat_map(|t| t.1));
            let left = std::iter::from_fn(|| depot.take_full(|_| {}));
            all.extend(left.flat_map(rounds));
            all.sort_unstable();
            assert_eq!(all, [0, 1, 2, 3], "a slot is lost or held twice");
        },
    );
}

/// A thread has read the top and what lies below it; meanwhile the top is taken,
/// the one below too, and the first is given back.
#[test]
fn a_top_that_came_back_is_another() {
    check(
        "a top that came back",
        3,
        &[("depot.rs", Fault::Untagged)],
        || {
            let depot = zeroed::<Depot>();
            depot.give_full(filled(depot, 0));
            depot.give_full(filled(depot, 2));
            let other = spawn(move || {
                depot.take_full(|_| {}).is_some_and(|m| {
                    // Given back at the end, so that all can be counted.
                    depot.give_full(m);
                    true
                })
            });
            let top = depot.take_full(|_| {});
            let below = depot.take_full(|_| {});
            let (Some(top), below) = (top, below) else {
                let _ = other.join();
                return;
            };
            depot.give_full(top);
            let _ = other.join().expect("it ends");
            all_once(depot, &below.into_iter().collect::<Vec<_>>(), 4);
        },
    );
}

/// A thread frees through a pair of its own, another allocates through its own.
#[test]
fn pairs_lose_nothing() {
    check("pairs", 2, &[("depot.rs", Fault::Torn)], || {
        let depot = zeroed::<Depot>();
        let take = |pair: &Pair| {
            let found = pair.reload(depot).then(|| pair.loaded().expect("loaded"))?;
            let (round, below) = found.top()?;
            found.shorten(below);
            Some(round as u32)
        };
        let mine = zeroed::<Pair>();
        let put = |index: u32| {
            assert!(mine.make_room(depot));
            assert!(mine.loaded().expect("loaded").put(index, 0));
        };
        // Two magazines are full: with the next slot one is given.
        (0..4).for_each(put);
        let other = spawn(move || {
            let pair = zeroed::<Pair>();
            std::iter::from_fn(|| take(pair)).collect::<Vec<u32>>()
        });
        (4..7).for_each(put);
        let mut all: Vec<u32> = std::iter::from_fn(|| take(mine)).collect();
        all.extend(other.join().expect("it ends"));
        all.sort_unstable();
        let expect: Vec<u32> = (0..7).collect();
        assert_eq!(all, expect, "a slot is lost or held twice");
    });
}
