//! The table against what was put in, up to and beyond its end.

use super::*;

struct Two([u64; 2]);

impl Frames for Two {
    fn frame(&self, at: u32) -> u64 {
        self.0[at as usize]
    }
}

fn intern(contexts: &Contexts, n: u64) -> u32 {
    let frames = Two([n, !n]);
    contexts.intern(&Stack {
        hash: n.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        frames: &frames,
        len: 2,
        end: End::Complete,
        generation: 0,
        tag: 0,
    })
}

/// Bytes cut from the arena piece in use.
fn cut(contexts: &Contexts) -> u64 {
    let arena = contexts.arena.load(Ordering::Relaxed);
    // SAFETY: once set, an arena piece stays mapped.
    unsafe { (*arena).used.load(Ordering::Relaxed) }
}

#[test]
fn a_full_table_keeps_what_it_has_and_takes_no_more_memory() {
    let contexts: &Contexts = Box::leak(Box::new(Contexts::new()));
    let room = MAX_CONTEXTS as u64 - 1;
    let ids: Vec<u32> = (1..=room).map(|n| intern(contexts, n)).collect();
    let distinct: std::collections::HashSet<&u32> = ids.iter().collect();
    assert_eq!(distinct.len(), MAX_CONTEXTS - 1);
    assert!(!ids.contains(&UNKNOWN));
    assert_eq!(contexts.len(), MAX_CONTEXTS);
    let before = cut(contexts);
    // As many as fill several pieces of the arena.
    for n in 0..40_000 {
        assert_eq!(intern(contexts, room + 1 + n), UNKNOWN);
    }
    assert_eq!(
        cut(contexts),
        before,
        "stacks that are not kept take memory"
    );
    assert_eq!(contexts.len(), MAX_CONTEXTS);
    for (n, id) in (1..).zip(&ids) {
        assert_eq!(intern(contexts, n), *id, "a stack that is kept is found");
        let record = contexts.get(*id).expect("its record");
        assert_eq!(record.frames(), [n, !n]);
    }
}
