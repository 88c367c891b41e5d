//! Blocks to which a pointer is left where no value is any more.

#![allow(clippy::vec_box, reason = "each is a block of its own")]

use endler_holding::{Meter, end, lost, lost_behind_stale_pointers, plant};
use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Mutex;

#[global_allocator]
static HEAP: endler::Heap<Meter> = endler::Heap::wrapping(Meter);

static SPARE: Mutex<Vec<Box<u64>>> = Mutex::new(Vec::new());
static REMOVED: Mutex<Option<HashMap<u64, Box<u64>>>> = Mutex::new(None);

fn in_spare_room() {
    let mut spare = SPARE.lock().expect("nobody panicked");
    spare.extend((0..40).map(Box::new));
    // The elements stay in memory; only the length goes.
    while let Some(last) = spare.pop() {
        black_box(Box::into_raw(last));
    }
}

fn in_a_removed_entry() {
    let mut removed = REMOVED.lock().expect("nobody panicked");
    let map = removed.as_mut().expect("it was made");
    map.extend((0..40).map(|i| (i, Box::new(i))));
    for i in 0..40 {
        black_box(map.remove(&i).map(Box::into_raw));
    }
}

fn main() {
    // The containers themselves are held.
    plant(|| {
        SPARE.lock().expect("nobody panicked").reserve(64);
        *REMOVED.lock().expect("nobody panicked") = Some(HashMap::with_capacity(64));
    });
    plant(|| lost_behind_stale_pointers(in_spare_room));
    plant(|| {
        lost_behind_stale_pointers(in_a_removed_entry);
        lost(|| (0..1_000).for_each(|i| std::mem::forget(Box::new(i))));
    });
    end();
}
