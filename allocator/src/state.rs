//! Which mode the process runs in, decided at its first allocation.
//!
//! `ENDLER=off|exact`, then options after commas, overrides the mode that the
//! `Heap` was built with. A value that is unknown or not built yet means off,
//! with one line on standard error, so that a typo never slows a service.

use core::ffi::CStr;
use core::sync::atomic::{AtomicU8, Ordering};

use crate::mode::Mode;
use crate::os;

/// The process's state: a [`Mode`], or one of these.
pub(crate) const OFF: u8 = Mode::Off as u8;
pub(crate) const UNDECIDED: u8 = 1;
pub(crate) const EXACT: u8 = Mode::Exact as u8;
/// This process is a copy that the profiler made: memory comes from its arena.
pub(crate) const COPY: u8 = 3;

/// Cache lines of its own: every operation of every thread reads it, and what
/// the linker puts beside it (the lock of standard output, say) may be written
/// often. Two lines, since processors fetch pairs.
#[repr(align(128))]
struct Apart(AtomicU8);

static STATE: Apart = Apart(AtomicU8::new(UNDECIDED));

#[inline(always)]
pub(crate) fn now() -> u8 {
    STATE.0.load(Ordering::Relaxed)
}

pub(crate) fn set(state: u8) {
    STATE.0.store(state, Ordering::SeqCst);
}

/// What `ENDLER` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Nothing,
    Mode(Mode),
    Unknown,
}

/// The value of `ENDLER`, as the C library has it.
pub(crate) fn variable() -> Option<&'static [u8]> {
    // SAFETY: getenv reads the environment without allocating; the process is
    // at its first allocation, before anyone could change it.
    let value = unsafe { libc::getenv(c"ENDLER".as_ptr()) };
    if value.is_null() {
        return None;
    }
    // SAFETY: the environment's strings are C strings.
    Some(unsafe { CStr::from_ptr(value) }.to_bytes())
}

pub(crate) fn asked(value: Option<&[u8]>) -> Asked {
    let Some(value) = value else {
        return Asked::Nothing;
    };
    let mut words = value.split(|b| *b == b',');
    let mode = match words.next() {
        None | Some(b"") => return Asked::Nothing,
        Some(b"off") => Mode::Off,
        Some(b"exact") => Mode::Exact,
        Some(_) => return Asked::Unknown,
    };
    let known = |word: &[u8]| {
        matches!(word, b"fragmentation" | b"console")
            || word.starts_with(b"signal=")
            || word.starts_with(b"dir=")
    };
    if words.all(known) {
        Asked::Mode(mode)
    } else {
        Asked::Unknown
    }
}

/// The mode to run in: `ENDLER`'s, else `default`.
pub(crate) fn decide(default: Mode) -> Mode {
    match asked(variable()) {
        Asked::Nothing => default,
        Asked::Mode(mode) => mode,
        Asked::Unknown => {
            os::write_fd(2, b"endler: ENDLER=");
            os::write_fd(2, variable().unwrap_or_default());
            let rest = b" is not known (known: off, exact, then ,signal=NAME, ,dir=PATH, ,console and ,fragmentation); \
                nothing is recorded\n";
            os::write_fd(2, rest);
            Mode::Off
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_is_read_as_documented() {
        let check = |value: Option<&str>, expect: Asked| {
            assert_eq!(asked(value.map(str::as_bytes)), expect, "{value:?}");
        };
        check(None, Asked::Nothing);
        check(Some(""), Asked::Nothing);
        check(Some("off"), Asked::Mode(Mode::Off));
        check(Some("exact"), Asked::Mode(Mode::Exact));
        check(
            Some("exact,signal=USR1,dir=heap-dumps"),
            Asked::Mode(Mode::Exact),
        );
        check(Some("exact,fragmentation"), Asked::Mode(Mode::Exact));
        check(Some("exact,console,signal=USR1"), Asked::Mode(Mode::Exact));
        check(Some("exact,fragmentation=1"), Asked::Unknown);
        check(Some("exact,console=1"), Asked::Unknown);
        check(Some("exact,colour=blue"), Asked::Unknown);
        check(Some("sample=512KiB"), Asked::Unknown);
        check(Some("Exact"), Asked::Unknown);
    }
}
