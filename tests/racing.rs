//! Where no copy can be made, memory is read while other threads change it: blocks
//! grow, move and are freed under the scan. The snapshot is whole, what stays still is
//! told as it is, counts are not compared with pointers, and the host lives.

#![allow(clippy::vec_box, reason = "each is a block of its own")]

#[path = "../allocator/tests/support/filter.rs"]
#[allow(dead_code, reason = "the allocator's tests use the rest")]
mod filter;
mod process;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use endler::reports::holding::leaks;
use endler::reports::partition::{Heap, by};
use process::*;

#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

#[derive(Default)]
struct Card {
    text: String,
    list: Vec<Arc<Card>>,
    map: HashMap<u64, Box<Card>>,
}

/// Stays as it is.
struct Still {
    #[allow(dead_code, reason = "only held")]
    names: Vec<String>,
}

static BOARD: Mutex<Vec<Card>> = Mutex::new(Vec::new());
static STILL: Mutex<Vec<Box<Still>>> = Mutex::new(Vec::new());
static END: AtomicBool = AtomicBool::new(false);

/// Changes all that a card has, over and over.
fn change(mut state: u64) {
    let shared: Vec<Arc<Card>> = (0..50).map(|_| Arc::default()).collect();
    while !END.load(Ordering::Relaxed) {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let n = (state >> 40) as usize;
        let mut board = BOARD.lock().expect("nobody panicked");
        let count = board.len();
        let card = &mut board[n % count];
        match n % 5 {
            0 => card.text = "x".repeat(n % 300),
            1 => card.list.push(shared[n % 50].clone()),
            2 => card.list.truncate(n % 20),
            3 => drop(card.map.insert(n as u64 % 40, Box::default())),
            _ => drop(card.map.remove(&(n as u64 % 40))),
        }
        if n.is_multiple_of(16) {
            // Where there are few processors, the scan gets its share.
            drop(board);
            std::thread::sleep(Duration::from_micros(200));
            continue;
        }
        if n.is_multiple_of(25) {
            board.push(Card::default());
            board.swap_remove(n % count);
        }
    }
}

#[test]
fn what_changes_under_the_scan_does_no_harm() {
    if role().is_none() {
        let test = "what_changes_under_the_scan_does_no_harm";
        let output = finish(start(&mut again(test, "program")));
        let said = String::from_utf8_lossy(&output.stdout);
        return assert!(output.status.success(), "{}: {said}", output.status);
    }
    let folder = Folder::new("racing");
    let names = |n: usize| {
        (0..n)
            .map(|i| format!("a name of its own, {n} {i}"))
            .collect()
    };
    let still = (1..40).map(|n| Box::new(Still { names: names(n) }));
    STILL.lock().expect("nobody panicked").extend(still);
    let cards = (0..200).map(|_| Card::default());
    BOARD.lock().expect("nobody panicked").extend(cards);
    filter::refuse_copies();
    let threads: Vec<_> = (1..=2)
        .map(|seed| std::thread::spawn(move || change(seed)))
        .collect();
    let path = folder.path().join("racing.endler");
    for _ in 0..2 {
        let taken = endler::snapshot_to(&path).expect("a snapshot");
        assert!(!taken.atomic);
        let image = endler::reports::load(&path).expect("a whole snapshot");
        let heap = Heap::new(&image);
        let table = leaks(&[heap]).expect("references");
        assert!(table.counts.is_none());
        let vias = heap.all().by(&by::VIA.into());
        let count = |name: &str| {
            let row = vias.rows().iter().find(|row| vias.name(row) == name);
            row.map_or(0, |row| row.count)
        };
        assert_eq!(count("static racing::STILL[*]"), 39);
        assert_eq!(count("racing::Still.names"), 39);
        assert_eq!(count("racing::Still.names[*]"), (1..40).sum::<u64>());
    }
    END.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().expect("the host's threads live");
    }
    assert!(
        BOARD
            .lock()
            .is_ok_and(|board| board.iter().all(|card| card.text.len() < 300))
    );
}
