//! A signal at every instruction of the hook, the slow paths included.
//!
//! The program is run by `ptrace`, one instruction at a time, and at each of
//! them it gets a signal whose handler allocates, reallocates and frees: blocks
//! of its own and blocks that the program made. The inner allocator cuts from an
//! arena without a lock, so that only the hook is tested. At the end the image
//! must equal the books: no lost block that is not counted, no ghost, right
//! sizes, totals that add up, and one stack for one place in the program.
//!
//! * One signal in a window, at the first visit of one instruction; a window for
//!   each instruction. Paths that a process or a thread goes once (the mode, its
//!   row, the first leaf) need a process for each window: there some are left out.
//! * A signal every few steps, whatever the instruction, also in the C library.
//!
//! All of it happens before `main` ([`at_start`]), in a process that has not
//! allocated yet, so that the very first allocation can be stepped as well.
#![allow(missing_docs)]

#[path = "stepped/program.rs"]
mod program;
#[path = "stepped/steps.rs"]
mod steps;
#[allow(dead_code, reason = "each test uses a part")]
mod support;
#[path = "stepped/symbols.rs"]
mod symbols;

use std::ffi::{CStr, c_char};
use std::sync::atomic::Ordering;

use program::{Arena, run};
use steps::{Found, Signal, Steps};
use support::alone;

#[global_allocator]
static HEAP: endler_allocator::Heap<Arena> = endler_allocator::Heap::wrapping(Arena);

#[used]
#[unsafe(link_section = ".init_array")]
static AT_START: extern "C" fn(i32, *const *const c_char) = at_start;

/// Before `main`, and before any allocation: runs the case that the harness is
/// about to run, and leaves what it found for it.
extern "C" fn at_start(argc: i32, argv: *const *const c_char) {
    // SAFETY: reads the environment.
    let alone = unsafe { libc::getenv(c"ENDLER_TEST_ALONE".as_ptr()) };
    if alone.is_null() || argc < 2 {
        return;
    }
    // SAFETY: the loader gives `argc` pointers.
    let name = unsafe { argv.wrapping_add(1).read() };
    // SAFETY: an argument is a C string.
    let name = unsafe { CStr::from_ptr(name) };
    // SAFETY: sets this process's own alarm clock.
    unsafe { libc::alarm(100) };
    match name.to_bytes() {
        b"a_process_that_has_not_allocated_yet" => from_the_first(&ONCE, 5, run::first),
        b"a_thread_that_has_not_allocated_yet" => {
            run::another_thread_allocates();
            from_the_first(&ONCE[2..], 2, run::first);
        }
        b"free_slots_run_over_and_run_out" => from_the_first(&REFILLS, 3, run::refilling),
        b"a_process_at_work" => at_work(),
        _ => {}
    }
}

/// Parts of the mangled names of functions.
const ONCE: [&str; 9] = [
    "4hook6decide",
    "5Start5begin",
    "claim",
    "take_over",
    "8find_own",
    "7threads",
    "8map_slow",
    "7install",
    "4miss",
];
const REFILLS: [&str; 6] = [
    "8pop_slow",
    "9push_slow",
    "10take_fresh",
    "6reload",
    "9make_room",
    "8exchange",
];

/// Each run is a process of its own, copied from this one; a signal at one in
/// `stride` of the functions' instructions, since a run takes milliseconds.
fn from_the_first(functions: &[&str], stride: usize, program: fn()) {
    let steps = Steps::begin(functions);
    steps.run(Signal::Never, program);
    for i in (0..steps.learned()).step_by(stride) {
        run::CHECKS.store(i.is_multiple_of(16), Ordering::Relaxed);
        steps.run(Signal::At(i), program);
    }
}

/// All runs in one process, one window after another.
fn at_work() {
    let steps = Steps::begin(&["endler_allocator"]);
    steps.run(Signal::Never, run::working_once);
    steps.run(Signal::EachOnce, run::working);
    // Not a divisor of any loop's length, one hopes.
    steps.run(Signal::Every(7), run::working_once);
}

/// Looks at what was found before `main`: at least `floor` instructions of the
/// allocator, and some of each of these functions, were stepped.
fn check(test: &str, floor: usize, functions: &[&str]) {
    if !steps::allowed() {
        return println!("not run: this process may not trace another");
    }
    alone(test, || {
        let found = Found::get();
        println!("{test}: {found:?}");
        let failed = found.failed.load(Ordering::Relaxed);
        let first = found.first_failure.load(Ordering::Relaxed);
        let mut place = String::new();
        symbols::each(|name, at, len| {
            if (at..at + len).contains(&first) {
                place = format!("{} + {}", String::from_utf8_lossy(name), first - at);
            }
        });
        assert_eq!(
            failed, 0,
            "struck at {place} and elsewhere, the runs failed"
        );
        // Most windows see their signal; in some the path has changed. A run of many is
        // one process, whose windows are the instructions; else each run is for one.
        let load = |n: &std::sync::atomic::AtomicUsize| n.load(Ordering::Relaxed);
        let (runs, learned) = (load(&found.runs), load(&found.learned));
        let most_are_struck = match runs {
            ..10 => load(&found.missed) * 2 <= learned,
            _ => load(&found.sent) * 20 >= (runs - 1) * 19,
        };
        assert!(most_are_struck, "{found:?}");
        let (mut stepped, mut named) = (0, vec![0; functions.len()]);
        symbols::each(|name, at, len| {
            let visited = (at..at + len).filter(|at| found.visited(*at)).count();
            stepped += visited;
            for (count, part) in named.iter_mut().zip(functions) {
                if symbols::holds(name, part.as_bytes()) {
                    *count += visited;
                }
            }
        });
        println!("{stepped} of the allocator's instructions were stepped: {functions:?} {named:?}");
        assert!(stepped >= floor, "only {stepped} instructions");
        assert!(!named.contains(&0), "not all of {functions:?}: {named:?}");
    });
}

#[test]
fn a_process_that_has_not_allocated_yet() {
    let test = "a_process_that_has_not_allocated_yet";
    check(
        test,
        2000,
        &["6decide", "9claim_row", "8map_slow", "6intern", "4miss"],
    );
}

#[test]
fn a_thread_that_has_not_allocated_yet() {
    check("a_thread_that_has_not_allocated_yet", 1500, &["9claim_row"]);
}

#[test]
fn free_slots_run_over_and_run_out() {
    check("free_slots_run_over_and_run_out", 1500, &REFILLS);
}

#[test]
fn a_process_at_work() {
    check(
        "a_process_at_work",
        2500,
        &["4park", "5moved", "8put_back", "6intern"],
    );
}
