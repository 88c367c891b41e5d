//! The walk with the memo against its naive twin, on this thread's own stack.

use super::super::rule::Rule;
use super::super::walk::OwnStack;
use super::*;

/// A memo as a row has it: zeroed memory of its own mapping.
fn memo() -> &'static mut Memo {
    let place = crate::shadow::map_new::<Memo>().expect("memory");
    // SAFETY: zeroed memory is a valid memo, and nobody else has it.
    let memo = unsafe { &mut *place };
    memo.reset();
    memo
}

struct Twins {
    rules: RuleCache,
    objects: Objects,
    stacks: Stacks,
    /// Kept from walk to walk.
    kept: &'static mut Memo,
    /// Forgets after each walk: the naive twin.
    naive: &'static mut Memo,
    /// What each context of `kept` stands for.
    contexts: Vec<(u64, Vec<u64>)>,
    compared: u32,
    whole: u32,
    known: u32,
}

impl Twins {
    fn new() -> Self {
        let stacks = Stacks::default();
        stacks.find_own(crate::os::thread_id(), Registers::here().sp);
        let (rules, objects) = (RuleCache::new(), Objects::new());
        objects.begin(&rules);
        Twins {
            rules,
            objects,
            stacks,
            kept: memo(),
            naive: memo(),
            contexts: Vec::new(),
            compared: 0,
            whole: 0,
            known: 0,
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
        // The frame that called this one: its return address is in memory.
        let mut walker = Walker::new(stacks, rules, objects, &OwnStack, start.sp);
        let Step::Caller(caller) = walker.step(&Frame::first(start)) else {
            panic!("the test has a caller");
        };
        let start = Registers {
            ip: caller.ip,
            sp: caller.sp,
            bp: caller.bp,
        };
        naive.reset();
        let expect = naive.walk(start, stacks, rules, objects, &OwnStack);
        let expect_frames: Vec<u64> = (0..expect.len).map(|i| naive.frame(i)).collect();
        let found = match kept.known(start, objects.generation(), &OwnStack) {
            0 => Err(kept.walk(start, stacks, rules, objects, &OwnStack)),
            context => Ok(context),
        };
        match found {
            Ok(context) => {
                let frames = &self.contexts[context as usize - 1];
                assert_eq!(frames, &(expect.end as u64, expect_frames), "a twig");
                self.known += 1;
            }
            Err(got) => {
                assert_eq!(
                    (got.hash, got.len, got.end),
                    (expect.hash, expect.len, expect.end)
                );
                let frames: Vec<u64> = (0..got.len).map(|i| kept.frame(i)).collect();
                assert_eq!(frames, expect_frames);
                self.contexts.push((expect.end as u64, frames));
                kept.remember(self.contexts.len() as u32, &OwnStack);
            }
        }
        self.compared += 1;
        self.whole += u32::from(expect.end == End::Complete);
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
    assert!(twins.known > 1000, "{} by a twig", twins.known);
}

#[inline(never)]
fn left(twins: &mut Twins) {
    twins.compare();
    std::hint::black_box(());
}

#[inline(never)]
fn right(twins: &mut Twins) {
    let mut space = [0u64; 9];
    std::hint::black_box(&mut space);
    twins.compare();
}

/// Calls through one more frame, which is the same for all.
#[inline(never)]
fn through(twins: &mut Twins, inner: fn(&mut Twins)) {
    inner(twins);
    std::hint::black_box(());
}

#[test]
fn stacks_that_come_again_are_known() {
    let mut twins = Twins::new();
    for _ in 0..100 {
        left(&mut twins);
        right(&mut twins);
        through(&mut twins, left);
        through(&mut twins, right);
        // The same frame at the same depth, from two places.
        through(&mut twins, Twins::compare);
        through(&mut twins, Twins::compare);
    }
    assert_eq!(twins.compared, 600);
    // All but the first few rounds, in which the trunk settles and the address
    // in `through` proves to belong to two stacks.
    assert!(twins.known > 540, "{} known", twins.known);
}

/// Walks from here with rules that end at once, then with those of the program.
#[inline(never)]
fn stuck_then_not(twins: &mut Twins) -> (Walked, u32, Walked) {
    let start = Registers::here();
    let none = RuleCache::new();
    none.plant(start.ip, Rule::Stuck);
    let memo = &mut *twins.kept;
    let stuck = memo.walk(start, &twins.stacks, &none, &twins.objects, &OwnStack);
    memo.remember(1, &OwnStack);
    let generation = twins.objects.generation();
    let known = memo.known(start, generation, &OwnStack);
    let again = memo.walk(
        start,
        &twins.stacks,
        &twins.rules,
        &twins.objects,
        &OwnStack,
    );
    (stuck, known, again)
}

#[test]
fn a_walk_that_was_stuck_is_tried_again() {
    let mut twins = Twins::new();
    let (stuck, known, again) = stuck_then_not(&mut twins);
    assert_eq!((stuck.len, stuck.end), (1, End::Stuck));
    assert_eq!(known, 0);
    assert_eq!(again.end, End::Complete);
    assert!(again.len > 5, "{}", again.len);
}
