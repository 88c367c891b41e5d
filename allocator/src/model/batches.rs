//! The shared stack of free slots: a slot is neither lost nor given out twice.

use loom::thread::spawn;

use super::*;
use crate::slots::Slab;
use crate::sync::zeroed;

fn take(slab: &Slab) -> Vec<u32> {
    let mut taken = Vec::new();
    assert!(slab.take_batch(&mut |index| taken.push(index)));
    taken
}

/// Each slot once: those of the threads, and what is left on the stack.
fn all_once(slab: &Slab, held: Vec<Vec<u32>>) {
    let mut all: Vec<u32> = held.concat();
    let given_out = slab.given_out();
    loop {
        let taken = take(slab);
        if slab.given_out() > given_out || all.len() as u64 > given_out {
            break;
        }
        all.extend(taken);
    }
    all.sort_unstable();
    let expect: Vec<u32> = (0..given_out as u32).collect();
    assert_eq!(all, expect, "a slot is lost or given out twice");
}

#[test]
fn fresh_batches_are_apart() {
    check(
        "fresh batches",
        3,
        &[
            ("slots.rs", Fault::Torn),
            ("shadow.rs", Fault::Torn),
            ("shadow.rs", Fault::Relaxed(Op::Exchange)),
        ],
        || {
            let slab = zeroed::<Slab>();
            let other = spawn(|| {
                let taken = take(slab);
                slab.slot(taken[0]).expect("it is mapped").set_pair(0, 1, 2);
                taken
            });
            let mine = take(slab);
            slab.slot(mine[0]).expect("it is mapped").set_pair(0, 1, 2);
            let theirs = other.join().expect("it ends");
            all_once(slab, vec![mine, theirs]);
        },
    );
}

#[test]
fn batches_change_hands_whole() {
    check(
        "batches change hands",
        3,
        &[
            ("slots.rs", Fault::Torn),
            ("slots.rs", Fault::Relaxed(Op::Exchange)),
        ],
        || {
            let slab = zeroed::<Slab>();
            let (first, second) = (take(slab), take(slab));
            slab.give_batch(&first);
            let other = spawn(move || {
                slab.give_batch(&second);
                take(slab)
            });
            let mine = take(slab);
            let theirs = other.join().expect("it ends");
            assert_eq!(slab.given_out(), 4, "a batch was there all the time");
            all_once(slab, vec![mine, theirs]);
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
        &[("slots.rs", Fault::Untagged)],
        || {
            let slab = zeroed::<Slab>();
            let (first, second) = (take(slab), take(slab));
            slab.give_batch(&second);
            slab.give_batch(&first);
            let other = spawn(move || take(slab));
            let mut top = take(slab);
            let below = take(slab);
            // By the slot that named it before.
            top.reverse();
            slab.give_batch(&top);
            let theirs = other.join().expect("it ends");
            all_once(slab, vec![below, theirs]);
        },
    );
}
