//! Tables that are full answer "none", keep what they have, and go on when
//! something is given back. Under test they are small.

use std::sync::Barrier;

use crate::rows::{MAX_ROWS, Rows};
use crate::shadow::{MAX_LEAVES, Shadow};
use crate::slots::{LAST, Slab};
use crate::threads::{SHARED, Threads};
use crate::unwind::walk::Registers;

#[test]
fn a_full_shadow_covers_no_further_addresses() {
    let shadow: &Shadow = Box::leak(Box::new(Shadow::new()));
    let addr = |leaf: usize| (leaf as u64 + 1) << 24 | 0x40;
    for leaf in 0..MAX_LEAVES {
        shadow
            .get_or_map(addr(leaf))
            .expect("a leaf")
            .set(leaf as u32);
    }
    for leaf in MAX_LEAVES..MAX_LEAVES + 50 {
        assert!(shadow.get_or_map(addr(leaf)).is_none());
        assert!(shadow.get(addr(leaf)).is_none());
    }
    let mut seen = Vec::new();
    shadow.for_each(|addr, slot| seen.push((addr, slot)));
    let expect: Vec<_> = (0..MAX_LEAVES).map(|n| (addr(n), n as u32)).collect();
    assert_eq!(seen, expect);
}

#[test]
fn a_full_slot_table_gives_out_each_slot_once() {
    let slab = Slab::new();
    let mut given = Vec::new();
    while slab.take_fresh(&mut |index| given.push(index)) {}
    assert_eq!(given.len() as u64, LAST);
    given.sort_unstable();
    assert!(given.iter().copied().eq(0..LAST as u32), "each once");
    assert!(!slab.take_fresh(&mut |_| panic!("it is full")));
}

/// How many of `threads` that live at once get a row.
fn claims(rows: &Rows, threads: usize) -> usize {
    let known = Threads::new();
    let all_asked = Barrier::new(threads);
    std::thread::scope(|scope| {
        let ask = || {
            let row = rows.claim(&known, Registers::here().sp).is_some();
            all_asked.wait();
            row
        };
        let asked: Vec<_> = (0..threads).map(|_| scope.spawn(ask)).collect();
        let answers = asked.into_iter().map(|thread| thread.join().expect("ends"));
        answers.filter(|row| *row).count()
    })
}

#[test]
fn with_all_rows_in_use_a_thread_gets_none_until_another_ends() {
    let rows = Rows::new();
    assert_eq!(claims(&rows, MAX_ROWS + 20), MAX_ROWS);
    assert_eq!(rows.iter().count(), MAX_ROWS);
    // Those threads are dead: some of their rows are found.
    assert!(claims(&rows, 1) == 1);
    assert_eq!(rows.iter().count(), MAX_ROWS);
}

#[test]
fn threads_beyond_the_last_number_share_it() {
    let threads = Threads::new();
    let numbers: Vec<u16> = (0..70_000).map(|tid| threads.enter(tid)).collect();
    let (own, shared) = numbers.split_at(usize::from(SHARED));
    assert!(own.iter().copied().eq(0..SHARED));
    assert!(shared.iter().all(|number| *number == SHARED));
    assert_eq!(threads.len(), usize::from(SHARED));
}
