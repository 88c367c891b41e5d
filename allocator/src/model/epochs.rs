//! Epochs and phases: no step of one is lost to the other, cuts follow one
//! another, and a phase's name is there for who sees the phase.

use loom::thread::spawn;

use super::*;
use crate::epochs::Epochs;
use crate::phases::Phases;
use crate::sync::zeroed;

#[test]
fn a_phase_and_a_cut_at_once() {
    check(
        "a phase and a cut",
        3,
        &[("epochs.rs", Fault::Torn)],
        || {
            let epochs = zeroed::<Epochs>();
            let cutter = spawn(|| epochs.cut(1, || assert!(epochs.stamp().in_cut())));
            epochs.raise_phase(3);
            cutter.join().expect("it ends");
            let stamp = epochs.stamp();
            assert_eq!(
                (stamp.phase(), stamp.epoch(), stamp.in_cut()),
                (3, 2, false)
            );
        },
    );
}

#[test]
fn cuts_of_two_threads_follow_one_another() {
    check(
        "two cuts",
        2,
        &[
            ("epochs.rs", Fault::Relaxed(Op::Exchange)),
            ("epochs.rs", Fault::Relaxed(Op::Store)),
        ],
        || {
            let epochs = zeroed::<Epochs>();
            let cutter = spawn(|| epochs.cut(1, || epochs.stamp().epoch()));
            let mine = epochs.cut(1, || epochs.stamp().epoch());
            let theirs = cutter.join().expect("it ends");
            let mut both = [mine, theirs];
            both.sort_unstable();
            assert_eq!(both, [1, 3], "each cut is in an odd epoch of its own");
            assert_eq!(epochs.stamp().epoch(), 4);
        },
    );
}

#[test]
fn two_threads_enter_phases() {
    check(
        "two phases",
        3,
        &[
            ("phases.rs", Fault::Torn),
            ("phases.rs", Fault::Relaxed(Op::Exchange)),
            ("phases.rs", Fault::Relaxed(Op::Load)),
            ("epochs.rs", Fault::Torn),
        ],
        || {
            let (epochs, phases) = (zeroed::<Epochs>(), zeroed::<Phases>());
            let other = spawn(|| phases.enter("theirs", 1, epochs));
            phases.enter("mine", 2, epochs);
            assert!(phases.list().iter().any(|phase| phase.name == "mine"));
            other.join().expect("it ends");
            let names: Vec<_> = phases.list().into_iter().map(|p| p.name).collect();
            assert_eq!(names.len(), 2, "{names:?}");
            assert_eq!(epochs.stamp().phase(), 2, "the later of the two counts");
        },
    );
}
