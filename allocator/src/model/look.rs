//! A snapshot of living tables: every record that it gives was a block's, whole,
//! whatever the slot was used for meanwhile.
//!
//! The writers are the thread that runs first, for loom tries an earlier step
//! of another thread only where that thread's own step comes later.

use loom::thread::spawn;

use super::*;
use crate::epochs::Stamp;
use crate::look::each_recorded;
use crate::parking::Parking;
use crate::shadow::Shadow;
use crate::slots::{Record, Slab};
use crate::sync::zeroed;

/// What the hook makes of a block.
fn record(addr: u64, size: u64) -> Record {
    Record::new(addr, size, 0, Stamp::of(0, 0), size as u32, size as u32)
}

#[derive(Clone, Copy)]
struct Tables {
    shadow: &'static Shadow,
    slab: &'static Slab,
}

impl Tables {
    /// With two free slots.
    fn new() -> (Self, [u32; 2]) {
        let (shadow, slab) = (zeroed(), zeroed::<Slab>());
        let mut slots = Vec::new();
        assert!(slab.take_fresh(&mut |index| slots.push(index)));
        let slots = slots.try_into().expect("a batch of two");
        (Tables { shadow, slab }, slots)
    }

    fn insert(self, index: u32, record: Record) {
        let entry = self.shadow.get_or_map(record.addr());
        self.slab.slot(index).expect("it is there").store(record);
        entry.expect("there is memory").set(index);
    }

    fn remove(self, addr: u64) -> Option<u32> {
        self.shadow.get(addr)?.take()
    }

    fn look(self) -> Vec<Record> {
        let mut found = Vec::new();
        each_recorded(self.shadow, self.slab, |_, record| found.push(record));
        found
    }
}

const A: u64 = 0x10;
const B: u64 = 0x20;

#[test]
fn a_slot_that_is_used_again() {
    check(
        "used again",
        2,
        &[
            ("shadow.rs", Fault::Relaxed(Op::Store)),
            ("slots.rs", Fault::Relaxed(Op::Store)),
        ],
        || {
            let (tables, [index, _]) = Tables::new();
            tables.insert(index, record(A, 5));
            let snapshot = spawn(move || tables.look());
            assert_eq!(tables.remove(A), Some(index));
            tables.insert(index, record(B, 6));
            for found in snapshot.join().expect("it ends") {
                let whole = [record(A, 5), record(B, 6)];
                assert!(whole.contains(&found), "torn: {found:x?}");
            }
            assert_eq!(tables.look(), [record(B, 6)]);
        },
    );
}

/// A block is freed by another thread than made it, and its place is another block's at once.
#[test]
fn a_place_that_is_used_again() {
    check(
        "freed elsewhere",
        2,
        &[("shadow.rs", Fault::Relaxed(Op::Store))],
        || {
            let (tables, [first, second]) = Tables::new();
            let maker = spawn(move || tables.insert(first, record(A, 5)));
            maker.join().expect("it ends");
            let snapshot = spawn(move || tables.look());
            assert_eq!(tables.remove(A), Some(first));
            // Its slot is put away without being touched.
            tables.insert(second, record(A, 6));
            for found in snapshot.join().expect("it ends") {
                let whole = [record(A, 5), record(A, 6)];
                assert!(whole.contains(&found), "torn: {found:x?}");
            }
        },
    );
}

/// Two reallocs, one after the other, of two blocks of one thread.
#[test]
fn parked_blocks_are_whole() {
    check(
        "parked",
        2,
        &[("parking.rs", Fault::Relaxed(Op::Store))],
        || {
            let parking = zeroed::<Parking>();
            let snapshot = spawn(move || parking.parked());
            parking.park(1, record(A, 5));
            parking.unpark();
            parking.park(2, record(B, 6));
            if let Some(found) = snapshot.join().expect("it ends") {
                let whole = [(1, record(A, 5)), (2, record(B, 6))];
                assert!(whole.contains(&found), "torn: {found:x?}");
            }
        },
    );
}
