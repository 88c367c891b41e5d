//! What a snapshot finds in the tables: of frozen ones all, of living ones (a
//! snapshot in place, where the kernel refuses a copy) whole records only.
//!
//! A slot may be used again between the reading of its entry and of its words.
//! So the entry is read once more behind the words: if it still names the slot,
//! the words were of one block.

use crate::shadow::Shadow;
use crate::slots::{Record, Slab};
use crate::sync::{Ordering, fence};

/// Calls `each(slot, record)` for every block that the shadow records.
pub(crate) fn each_recorded(shadow: &Shadow, slab: &Slab, mut each: impl FnMut(u32, Record)) {
    shadow.for_each(|addr, index| {
        let Some(slot) = slab.slot(index) else {
            return;
        };
        let record = slot.load();
        fence(Ordering::Acquire);
        let still = shadow.get(addr).and_then(|entry| entry.load()) == Some(index);
        if record.addr() == addr && still {
            each(index, record);
        }
    });
}
