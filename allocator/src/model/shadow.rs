//! The shadow: two threads that need one leaf get the same, no leaf is
//! lost, and who reads an entry sees the slot as it was written before.

use loom::thread::spawn;

use super::*;
use crate::epochs::Stamp;
use crate::shadow::Shadow;
use crate::slots::{Record, Slab};
use crate::sync::zeroed;

fn record(addr: u64, size: u64) -> Record {
    Record::new(addr, size, 0, Stamp::of(0, 0), 7, 9)
}

fn set(shadow: &Shadow, addr: u64, slot: u32) {
    let entry = shadow.get_or_map(addr).expect("there is memory");
    entry.set(slot);
}

fn all(shadow: &Shadow) -> Vec<(u64, u32)> {
    let mut all = Vec::new();
    shadow.for_each(|addr, index| all.push((addr, index)));
    all
}

#[test]
fn two_threads_map_one_leaf() {
    check(
        "one leaf",
        3,
        &[
            ("shadow.rs", Fault::Torn),
            ("shadow.rs", Fault::Relaxed(Op::Exchange)),
            ("shadow.rs", Fault::Relaxed(Op::Load)),
        ],
        || {
            let shadow = zeroed::<Shadow>();
            let other = spawn(|| set(shadow, 0x20, 2));
            set(shadow, 0x10, 1);
            other.join().expect("it ends");
            assert_eq!(all(shadow), [(0x10, 1), (0x20, 2)]);
        },
    );
}

/// Leaves are listed for a snapshot while they are mapped.
#[test]
fn a_snapshot_lists_leaves_while_two_are_mapped() {
    check(
        "two leaves",
        2,
        &[
            ("shadow.rs", Fault::Torn),
            ("shadow.rs", Fault::Relaxed(Op::Store)),
            ("shadow.rs", Fault::Relaxed(Op::Exchange)),
        ],
        || {
            let (shadow, slab) = (zeroed::<Shadow>(), zeroed::<Slab>());
            let mut slots = Vec::new();
            assert!(slab.take_fresh(&mut |index| slots.push(index)));
            let (near, far) = (slots[0], slots[1]);
            let insert = move |addr: u64, index: u32| {
                let entry = shadow.get_or_map(addr).expect("there is memory");
                let slot = slab.slot(index).expect("it is there");
                slot.store(record(addr, addr + 1));
                entry.set(index);
            };
            let snapshot = spawn(move || {
                for (addr, index) in all(shadow) {
                    let slot = slab.slot(index).expect("it is there");
                    assert_eq!(slot.load(), record(addr, addr + 1), "as it was written");
                }
            });
            let other = spawn(move || insert(0x50, far));
            insert(0x10, near);
            other.join().expect("it ends");
            snapshot.join().expect("it ends");
            let mut both = all(shadow);
            both.sort_unstable();
            assert_eq!(both, [(0x10, near), (0x50, far)]);
        },
    );
}
