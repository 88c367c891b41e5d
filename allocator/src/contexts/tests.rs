//! Interned stacks against a hash map, and the table up to and beyond its end.

use std::collections::HashMap;

use super::*;

struct Plain(Vec<u64>);

impl Frames for Plain {
    fn frame(&self, at: u32) -> u64 {
        self.0[at as usize]
    }
}

/// Everything that tells two stacks apart.
type Key = (Vec<u64>, u32, u32, u32);

#[test]
fn equal_stacks_and_only_they_share_an_id() {
    let contexts = Box::new(Contexts::new());
    let mut twin: HashMap<Key, u32> = HashMap::new();
    let mut random = 1u64;
    let mut below = |n: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) % n
    };
    let stacks = if cfg!(miri) { 500 } else { 40_000 };
    for _ in 0..stacks {
        let frames: Vec<u64> = (0..1 + below(5)).map(|_| 0x1000 + below(6)).collect();
        let (end, generation, tag) = (below(3) as u32, below(2) as u32, below(2) as u32);
        let key: Key = (frames.clone(), end, generation, tag);
        // A bad hash: whole windows of different stacks want one place, and
        // some have one hash.
        let hash = (frames.iter().sum::<u64>() & 0xff) << 32 | frames[0] & 3;
        let stack = Plain(frames);
        let id = contexts.intern(&Stack {
            hash,
            frames: &stack,
            len: stack.0.len() as u32,
            end: [End::Complete, End::Truncated, End::Stuck][end as usize],
            generation,
            tag,
        });
        match twin.get(&key) {
            Some(known) => assert_eq!(id, *known, "one stack has two ids"),
            // A window of every segment is full of such hashes.
            None if id == UNKNOWN => continue,
            None => assert!(twin.insert(key, id).is_none()),
        }
    }
    let ids: std::collections::HashSet<u32> = twin.values().copied().collect();
    assert_eq!(ids.len(), twin.len(), "two stacks share an id");
    for ((frames, end, generation, tag), id) in &twin {
        let record = contexts.get(*id).expect("it has a record");
        assert_eq!(record.frames(), frames);
        let rest = (record.end, record.generation, record.tag);
        assert_eq!(rest, (*end, *generation, *tag));
    }
    assert!(twin.len() > 100, "{} stacks", twin.len());
}

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
