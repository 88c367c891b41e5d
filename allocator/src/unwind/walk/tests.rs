//! The walk with the memo against its naive twin, on this thread's own stack.

use super::*;

/// A memo as a row has it: zeroed memory of its own mapping.
fn memo() -> &'static mut Memo {
    let place = crate::shadow::map_new::<Memo>().expect("memory");
    // SAFETY: zeroed memory is a valid memo, and nobody else has it.
    unsafe { &mut *place }
}

struct Twins {
    rules: RuleCache,
    objects: Objects,
    stacks: Stacks,
    /// Kept from walk to walk.
    kept: &'static mut Memo,
    /// Forgets after each walk: the naive twin.
    naive: &'static mut Memo,
    compared: u32,
    whole: u32,
}

impl Twins {
    fn new() -> Self {
        let stacks = Stacks::default();
        stacks.find_own(crate::os::thread_id(), Registers::here().sp);
        let (rules, objects) = (RuleCache::new(), Objects::new());
        Twins {
            rules,
            objects,
            stacks,
            kept: memo(),
            naive: memo(),
            compared: 0,
            whole: 0,
        }
    }

    #[inline(never)]
    fn compare(&mut self) {
        let start = Registers::here();
        let Twins {
            rules,
            objects,
            stacks,
            kept,
            naive,
            ..
        } = self;
        naive.reset();
        let expect = naive.walk(start, stacks, rules, objects, &OwnStack);
        let got = kept.walk(start, stacks, rules, objects, &OwnStack);
        assert_eq!(
            (got.hash, got.len, got.end),
            (expect.hash, expect.len, expect.end)
        );
        for i in 0..got.len {
            assert_eq!(kept.frame(i), naive.frame(i), "frame {i} of {}", got.len);
        }
        self.compared += 1;
        self.whole += u32::from(got.end == End::Complete);
    }
}

/// Goes up and down the stack in a random way, through two functions with
/// frames of their own, and compares at every turn.
fn wander(twins: &mut Twins, random: &mut u64, depth: u32, deepest: u32) {
    for _ in 0..3 {
        *random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        match *random >> 33 & 7 {
            0..=2 if depth < deepest => wander(twins, random, depth + 1, deepest),
            3..=4 if depth < deepest => {
                let mut space = [0u64; 20];
                std::hint::black_box(&mut space);
                [1, 2]
                    .iter()
                    .for_each(|_| wander(twins, random, depth + 2, deepest));
                std::hint::black_box(&mut space);
            }
            5 => twins.compare(),
            6 => {
                twins.compare();
                return;
            }
            _ => twins.compare(),
        }
        if twins.compared > 20_000 {
            return;
        }
    }
}

#[test]
fn a_walk_with_the_memo_is_a_walk_without_it() {
    let mut twins = Twins::new();
    let mut random = 1;
    // Within what a context keeps, then far beyond it.
    for (deepest, until) in [(6, 8_000), (90, 20_000)] {
        while twins.compared < until {
            wander(&mut twins, &mut random, 0, deepest);
        }
    }
    let cut = twins.compared - twins.whole;
    assert!(
        twins.whole > 1000 && cut > 1000,
        "{} whole, {cut} cut",
        twins.whole
    );
}

#[test]
fn the_same_stack_again_is_known_without_a_hash() {
    let mut twins = Twins::new();
    for round in 0..3 {
        let Twins {
            rules,
            objects,
            stacks,
            kept,
            ..
        } = &mut twins;
        let walked = kept.walk(Registers::here(), stacks, rules, objects, &OwnStack);
        assert_eq!(walked.same_as, if round == 0 { 0 } else { 7 });
        kept.set_context(7);
    }
}
