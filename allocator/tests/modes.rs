//! `ENDLER` overrides the mode that the program was built with; what it does
//! not know means off, and is told once.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use endler_allocator::{Mode, freeze, mode};
use support::{again, is_alone};

#[global_allocator]
static HEAP: endler_allocator::Heap = endler_allocator::Heap::system().mode(Mode::Off);

/// Not a test of its own: what [`check`] starts says its mode here.
#[test]
fn says_its_mode() {
    if !is_alone() {
        return;
    }
    let frozen = match freeze::freeze(&freeze::Options::default(), &mut |_| Ok(())) {
        Ok(_) => "frozen",
        Err(freeze::Error::NotRecording) => "not recording",
        Err(_) => "failed",
    };
    println!("mode {:?}, {frozen}", mode());
}

/// A process with that `ENDLER` says `expect`, and `lines` lines on standard error.
fn check(endler: Option<&str>, expect: &str, lines: usize) {
    let out = again("says_its_mode", endler);
    assert!(out.status.success(), "{endler:?}: {out:?}");
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(said.contains(expect), "{endler:?}: {said}");
    let told = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(told.lines().count(), lines, "{endler:?}: {told}");
    let named = told
        .lines()
        .all(|line| line.starts_with("endler: ") && line.contains("ENDLER"));
    assert!(named, "{endler:?}: {told}");
}

#[test]
fn without_the_variable_the_program_decides() {
    check(None, "mode Some(Off), not recording", 0);
    check(Some(""), "mode Some(Off), not recording", 0);
}

#[test]
fn the_variable_overrides_the_program() {
    check(Some("exact"), "mode Some(Exact), frozen", 0);
    check(
        Some("exact,signal=USR1,dir=x"),
        "mode Some(Exact), frozen",
        0,
    );
    check(Some("off"), "mode Some(Off), not recording", 0);
}

#[test]
fn an_unknown_value_is_told_in_one_line_and_means_off() {
    for value in [
        "on",
        "Exact",
        "exact,colour=blue",
        "sample=512KiB",
        "exact ",
    ] {
        check(Some(value), "mode Some(Off), not recording", 1);
    }
}
