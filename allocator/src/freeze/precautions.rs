//! What the copy does first, so that it disturbs nobody.

use std::io::Write;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use crate::os;

/// The copy's priority. At nice 19 a dump of 6 M blocks was not ready after 60 s
/// beside four busy processes on two cores, and one of four blocks took 31 s; at
/// 5 the copy has a third of a busy processor for the second that it needs.
const NICE: libc::c_int = 5;

/// Faults end the copy by their default action, without a core file; it is the
/// first to be killed when memory is short. All other signals stay blocked, so
/// what is sent to the process group is the host's alone.
pub(super) fn take() {
    // SAFETY: zeroed is a valid sigaction: the default action.
    let default: libc::sigaction = unsafe { std::mem::zeroed() };
    for signal in [
        libc::SIGSEGV,
        libc::SIGBUS,
        libc::SIGILL,
        libc::SIGFPE,
        libc::SIGABRT,
    ] {
        // SAFETY: sets a default action in the copy.
        unsafe { libc::sigaction(signal, &raw const default, std::ptr::null_mut()) };
    }
    let limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: sets the copy's own limit.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const limit) };
    if let Ok(mut file) = std::fs::File::options()
        .write(true)
        .open("/proc/self/oom_score_adj")
    {
        let _ = file.write_all(b"1000");
    }
    // The limit does not count where cores are piped to a program (`core_pattern`),
    // which would report a crash of the host. Last: it makes /proc/self another's.
    // SAFETY: concerns the copy alone.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0) };
}

/// Only once the copy is ready, so that a busy machine does not use up the time
/// to start in.
pub(super) fn lower_priority() {
    // SAFETY: lowers the copy's own priority.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) };
}

/// The copy's timer: 0 for none, else its number and one.
static TIMER: AtomicI32 = AtomicI32::new(0);

/// Ends the copy after a while, also when the host, which has the deadline, is
/// gone. The timer sends SIGKILL: for any other signal nobody could say whether
/// the timer or someone else had sent it.
pub(super) fn end_after(time: Duration) {
    // SAFETY: zeroed is a valid sigevent.
    let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
    event.sigev_notify = libc::SIGEV_SIGNAL;
    event.sigev_signo = libc::SIGKILL;
    let mut timer = 0i32;
    let clock = libc::CLOCK_MONOTONIC as u64;
    let (event, into) = ((&raw const event) as u64, (&raw mut timer) as u64);
    // SAFETY: reads one event and writes one timer's number.
    let made = unsafe { os::syscall(libc::SYS_timer_create, [clock, event, into, 0, 0, 0]) };
    if made == 0 {
        TIMER.store(timer + 1, Ordering::Relaxed);
    }
    if !wind_up(time) {
        // Without a timer it ends with the host, which has the deadline.
        // SAFETY: asks for a signal at the end of the thread that cloned.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    }
}

/// Sets the copy's timer anew; whether it has one.
pub(super) fn wind_up(time: Duration) -> bool {
    let Some(timer) = TIMER.load(Ordering::Relaxed).checked_sub(1) else {
        return false;
    };
    let zero = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let end = libc::itimerspec {
        it_interval: zero,
        it_value: libc::timespec {
            tv_sec: i64::try_from(time.as_secs().max(1)).unwrap_or(i64::MAX),
            tv_nsec: 0,
        },
    };
    let args = [timer as u64, 0, (&raw const end) as u64, 0, 0, 0];
    // SAFETY: sets the copy's own timer.
    timer >= 0 && unsafe { os::syscall(libc::SYS_timer_settime, args) } == 0
}

/// Ends the copy when the thread that cloned it ends; whether that has not happened
/// yet. `host` is that thread's process.
pub(super) fn end_with(host: u32) -> bool {
    // SAFETY: asks for a signal at the end of the thread that cloned.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    // SAFETY: getppid has no effect.
    let parent = unsafe { libc::getppid() };
    u32::try_from(parent) == Ok(host)
}
