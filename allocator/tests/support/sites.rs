//! Code that asks for blocks through stacks that the test chooses.

use std::hint::black_box;

type Step = fn(&[usize], &mut dyn FnMut());

/// Functions that differ, so that no two are merged.
pub(crate) const STEPS: [Step; 16] = [
    step::<0>, step::<1>, step::<2>, step::<3>, step::<4>, step::<5>, step::<6>, step::<7>,
    step::<8>, step::<9>, step::<10>, step::<11>, step::<12>, step::<13>, step::<14>, step::<15>,
];

/// A frame of its own for each `N`.
#[inline(never)]
fn step<const N: usize>(rest: &[usize], act: &mut dyn FnMut()) {
    at_path(rest, act);
    // Behind the call, so that it is not the function's end.
    black_box(N);
}

/// Runs `act` below one frame for each number of the path.
#[inline(always)]
pub(crate) fn at_path(path: &[usize], act: &mut dyn FnMut()) {
    match path.split_first() {
        Some((first, rest)) => STEPS[*first](rest, act),
        None => act(),
    }
}
