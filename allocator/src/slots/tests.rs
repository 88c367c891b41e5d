//! Slots and records against what was put in.

use super::*;

#[test]
fn fresh_slots_are_given_once() {
    let slab = Slab::new();
    let mut fresh = Vec::new();
    let times = if cfg!(miri) { 20 } else { 2000 };
    for _ in 0..times {
        assert!(slab.take_fresh(&mut |index| fresh.push(index)));
    }
    assert_eq!(fresh.len(), times * FRESH);
    assert!(fresh.iter().all(|index| slab.slot(*index).is_some()));
    fresh.sort_unstable();
    let all = 0..(times * FRESH) as u32;
    assert!(fresh.iter().copied().eq(all));
}

#[test]
fn a_record_is_what_it_was_made_of() {
    let stamp = Stamp::of(0xabcd, 0x3ff);
    let thread = 0xfffe << 48;
    let record = Record::new(
        0x7fff_ffff_fff0,
        1 << 47,
        thread,
        stamp,
        0x3f_ffff,
        u32::MAX,
    );
    let check = |r: Record| {
        assert_eq!((r.thread(), r.phase(), r.epoch()), (0xfffe, 0xabcd, 0x3ff));
        assert_eq!(r.birth(), u32::MAX);
    };
    check(record);
    assert_eq!((record.addr(), record.size()), (0x7fff_ffff_fff0, 1 << 47));
    assert_eq!(record.context(), 0x3f_ffff);
    let moved = record.moved(0x1000, 3).with_context(5);
    check(moved);
    assert_eq!(
        (moved.addr(), moved.size(), moved.context()),
        (0x1000, 3, 5)
    );
}
