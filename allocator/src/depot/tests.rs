//! Pairs of magazines against sets: no slot is lost or held twice.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn pair() -> Pair {
    Pair {
        loaded: AtomicPtr::new(core::ptr::null_mut()),
        spare: AtomicPtr::new(core::ptr::null_mut()),
        moving: AtomicPtr::new(core::ptr::null_mut()),
    }
}

fn put(pair: &Pair, depot: &Depot, index: u32, died: u32) {
    assert!(pair.make_room(depot));
    assert!(pair.loaded().expect("loaded").put(index, died));
}

fn take(pair: &Pair, depot: &Depot) -> Option<(u32, u32)> {
    if !pair.reload(depot) {
        return None;
    }
    let loaded = pair.loaded()?;
    let (round, below) = loaded.top()?;
    loaded.shorten(below);
    Some((round as u32, (round >> 32) as u32))
}

/// What a snapshot would find.
fn found(pairs: &[Pair], depot: &Depot) -> BTreeMap<u32, u32> {
    let mut seen = BTreeSet::new();
    let magazines = pairs.iter().flat_map(Pair::each).chain(depot.full());
    let magazines = magazines.filter(|m| seen.insert(m.number()));
    let mut all = BTreeMap::new();
    for (index, died) in magazines.flat_map(Magazine::each) {
        assert!(all.insert(index, died).is_none(), "{index} is there twice");
    }
    all
}

#[test]
fn magazines_hold_what_was_put() {
    let depot = Depot::new();
    let pairs = [pair(), pair(), pair()];
    let mut held = BTreeMap::new();
    let mut random = 7u64;
    let mut below = |n: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % n
    };
    let mut next = 0;
    for round in 0..400 {
        let which = &pairs[below(3) as usize];
        let many = below(300);
        if below(2) == 0 {
            for _ in 0..many {
                put(which, &depot, next, round);
                held.insert(next, round);
                next += 1;
            }
        } else {
            for _ in 0..many {
                match take(which, &depot) {
                    Some((index, died)) => assert_eq!(held.remove(&index), Some(died)),
                    None => break,
                }
            }
        }
        assert_eq!(found(&pairs, &depot), held);
    }
    assert!(next > 10_000 && !held.is_empty());
    // Whoever comes last gets what the depot holds.
    let mut taken = 0;
    while take(&pairs[0], &depot).is_some() {
        taken += 1;
    }
    let left = found(&pairs, &depot).len();
    assert_eq!(taken + left, held.len());
    assert!(left <= 4 * ROUNDS, "{left} stay with the two other pairs");
    // And what was emptied is filled again before any more is made.
    let made = depot.shared.made.load(Ordering::Relaxed);
    for index in 0..taken as u32 {
        put(&pairs[0], &depot, next + index, 0);
    }
    assert!(depot.shared.made.load(Ordering::Relaxed) <= made + 1);
}

#[test]
fn threads_exchange_magazines() {
    const EACH: u32 = 20_000;
    let depot = Depot::new();
    let taken: Vec<Vec<u32>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4u32)
            .map(|thread| {
                let depot = &depot;
                scope.spawn(move || {
                    let pair = pair();
                    let mut got = Vec::new();
                    for i in 0..EACH {
                        put(&pair, depot, thread * EACH + i, 0);
                        if i % 1000 > 500 {
                            got.extend(take(&pair, depot).map(|(index, _)| index));
                            got.extend(take(&pair, depot).map(|(index, _)| index));
                        }
                    }
                    while let Some((index, _)) = take(&pair, depot) {
                        got.push(index);
                    }
                    got
                })
            })
            .collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined.map(|got| got.expect("it ran")).collect()
    });
    let mut taken = taken.concat();
    taken.extend(
        depot
            .full()
            .flat_map(Magazine::each)
            .map(|(index, _)| index),
    );
    taken.sort_unstable();
    assert!(taken.into_iter().eq(0..4 * EACH));
}

/// As in a process that was forked while another thread was in an exchange.
#[test]
fn a_pair_cut_off_in_an_exchange_holds_nothing_twice() {
    for step in 0..4 {
        let depot = Depot::new();
        let pair = pair();
        for index in 0..ROUNDS as u32 + 1 {
            put(&pair, &depot, index, 0);
        }
        let loaded = pair.loaded.load(Ordering::Relaxed);
        let spare = pair.spare.load(Ordering::Relaxed);
        assert!(loaded != spare && !spare.is_null());
        // The stores of `Pair::exchange`, up to some.
        let stores = [
            (&pair.moving, loaded),
            (&pair.loaded, spare),
            (&pair.spare, loaded),
            (&pair.moving, core::ptr::null_mut()),
        ];
        for (place, value) in stores.iter().take(step) {
            place.store(*value, Ordering::Relaxed);
        }
        pair.take_over();
        let held: Vec<u32> = pair.each().map(Magazine::number).collect();
        assert!(!held.is_empty());
        assert!(held.len() == 1 || held[0] != held[1], "after {step} stores");
        assert!(pair.moving.load(Ordering::Relaxed).is_null());
    }
}
