//! Interning: equal stacks get one id on all threads, others another, and who
//! has an id sees the frames.

use loom::thread::spawn;

use super::*;
use crate::contexts::{Contexts, Frames, Stack, UNKNOWN};
use crate::sync::zeroed;
use crate::unwind::walk::End;

struct Two([u64; 2]);

impl Frames for Two {
    fn frame(&self, at: u32) -> u64 {
        self.0[at as usize]
    }
}

/// The id of a stack of two frames. The low bits of the hash say where it is
/// looked for first.
fn intern(contexts: &Contexts, hash: u64, frames: [u64; 2]) -> u32 {
    let frames = Two(frames);
    let id = contexts.intern(&Stack {
        hash,
        frames: &frames,
        len: 2,
        end: End::Complete,
        generation: 0,
        tag: 0,
    });
    assert_ne!(id, UNKNOWN);
    id
}

fn frames(contexts: &Contexts, id: u32) -> Vec<u64> {
    contexts.get(id).expect("it has a record").frames().to_vec()
}

const HASH: u64 = 0x1234_5678_0000_0000;

#[test]
fn one_stack_is_one_id() {
    check(
        "one stack",
        2,
        &[
            ("contexts.rs", Fault::Torn),
            ("contexts.rs", Fault::Relaxed(Op::Exchange)),
            ("contexts.rs", Fault::Relaxed(Op::Load)),
            ("shadow.rs", Fault::Relaxed(Op::Exchange)),
        ],
        || {
            let contexts = zeroed::<Contexts>();
            let other = spawn(|| {
                let id = intern(contexts, HASH, [1, 2]);
                assert_eq!(frames(contexts, id), [1, 2]);
                id
            });
            let id = intern(contexts, HASH, [1, 2]);
            assert_eq!(frames(contexts, id), [1, 2]);
            assert_eq!(other.join().expect("it ends"), id);
        },
    );
}

/// Two stacks that are looked for in one place, one of them by two threads.
#[test]
fn two_stacks_are_two_ids() {
    check("two stacks", 2, &[("contexts.rs", Fault::Torn)], || {
        let contexts = zeroed::<Contexts>();
        let other = spawn(|| {
            (
                intern(contexts, HASH, [1, 2]),
                intern(contexts, HASH, [3, 4]),
            )
        });
        let second = intern(contexts, HASH, [3, 4]);
        let (first, same) = other.join().expect("it ends");
        assert_eq!(second, same);
        assert_ne!(first, second);
        assert_eq!(frames(contexts, first), [1, 2]);
        assert_eq!(frames(contexts, second), [3, 4]);
    });
}

/// Not through an id of a block, but one after the other.
#[test]
fn a_snapshot_lists_ids_while_one_is_made() {
    check(
        "ids are listed",
        2,
        // An id's record is published twice, with the count and with the page.
        &[("contexts.rs", Fault::Unordered)],
        || {
            let contexts = zeroed::<Contexts>();
            let snapshot = spawn(|| {
                let ids = 1..contexts.len() as u32;
                let there = ids.filter(|id| contexts.get(*id).is_some());
                for id in there {
                    assert_eq!(frames(contexts, id), [1, 2]);
                }
            });
            intern(contexts, HASH, [1, 2]);
            snapshot.join().expect("it ends");
        },
    );
}
