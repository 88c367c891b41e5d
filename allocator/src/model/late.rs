//! Late lists: who takes gets every slot that was pushed before, once, with the
//! time of its death. A signal handler is a thread here whose steps may fall
//! between any others.

use loom::thread::spawn;

use super::*;
use crate::late::Late;
use crate::slots::Slab;
use crate::sync::zeroed;

fn slots(slab: &Slab) -> [u32; 2] {
    let mut taken = Vec::new();
    assert!(slab.take_fresh(&mut |index| taken.push(index)));
    taken.try_into().expect("a batch of two")
}

#[test]
fn pushed_by_two_and_taken_by_one() {
    check(
        "late lists",
        3,
        &[
            ("late.rs", Fault::Torn),
            ("late.rs", Fault::Relaxed(Op::Exchange)),
            ("late.rs", Fault::Relaxed(Op::Swap)),
        ],
        || {
            let (slab, late) = (zeroed::<Slab>(), zeroed::<Late>());
            let [first, second] = slots(slab);
            let handler = spawn(move || late.push(second, 22, slab));
            let pusher = spawn(move || late.push(first, 11, slab));
            let mut taken: Vec<_> = late.take(slab).collect();
            pusher.join().expect("it ends");
            handler.join().expect("it ends");
            taken.extend(late.take(slab));
            taken.sort_unstable();
            let mut expect = [(first, 11), (second, 22)];
            expect.sort_unstable();
            assert_eq!(taken, expect);
            assert!(late.is_empty());
        },
    );
}

/// A slot is taken, used again, and pushed again while another thread pushes.
#[test]
fn a_list_that_looks_as_before_is_as_before() {
    check(
        "a late list that comes back",
        3,
        &[("late.rs", Fault::Torn)],
        || {
            let (slab, late) = (zeroed::<Slab>(), zeroed::<Late>());
            let [first, second] = slots(slab);
            late.push(first, 11, slab);
            let pusher = spawn(move || late.push(second, 22, slab));
            let mut taken: Vec<_> = late.take(slab).map(|(index, _)| index).collect();
            if let Some(at) = taken.iter().position(|index| *index == first) {
                taken.remove(at);
                late.push(first, 33, slab);
            }
            pusher.join().expect("it ends");
            taken.extend(late.take(slab).map(|(index, _)| index));
            taken.sort_unstable();
            let mut expect = [first, second];
            expect.sort_unstable();
            assert_eq!(taken, expect);
        },
    );
}
