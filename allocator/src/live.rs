//! Live bytes, counted while the process goes on.

use endler_snapshot::Bytes;

use crate::hook::{RECORDER, Recorder};
use crate::slots::Slab;
use crate::state;
use crate::sync::{Ordering, fence};

/// The requested bytes of all live blocks; none where nothing is recorded.
///
/// Nobody is stopped, so it is not of one instant: a block that lives throughout the
/// call is counted once, one that is made, freed or grown meanwhile may be counted with
/// its former size, its new one, or not at all. O(blocks that ever lived at once): some
/// milliseconds for a million. Allocates nothing.
#[must_use]
pub fn live_bytes() -> Option<Bytes> {
    (state::now() == state::EXACT).then(|| Bytes(sum(&RECORDER)))
}

fn sum(recorder: &Recorder) -> u64 {
    let Recorder { slab, rows, .. } = recorder;
    let given_out = u32::try_from(slab.given_out()).unwrap_or(u32::MAX);
    let slots = (0..given_out).map(|index| size(recorder, slab, index));
    // Those whose inner realloc is running have no entry in the shadow.
    let parked = rows.iter().filter_map(crate::rows::Row::parked);
    let parked = parked.filter(|(index, record)| !is_at(recorder, record.addr(), *index));
    slots.sum::<u64>() + parked.map(|(_, record)| record.size()).sum::<u64>()
}

/// The size of a slot's block, 0 if it is free. A free slot still says what block it
/// had: only the shadow at that address knows whether it is live.
fn size(recorder: &Recorder, slab: &Slab, index: u32) -> u64 {
    let Some(record) = slab.slot(index).map(|slot| slot.load()) else {
        return 0;
    };
    // Behind the words: if the entry names the slot now, they were of this block.
    fence(Ordering::Acquire);
    if is_at(recorder, record.addr(), index) {
        record.size()
    } else {
        0
    }
}

fn is_at(recorder: &Recorder, addr: u64, index: u32) -> bool {
    let entry = recorder.shadow.get(addr);
    entry.and_then(|entry| entry.load()) == Some(index)
}
