//! The host's own handlers beside endler's: one that replaces it later runs alone,
//! and one that was there before runs as it would without endler.

mod process;

use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};

use process::*;

#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

static CALLS: AtomicU32 = AtomicU32::new(0);

extern "C" fn count(_: i32) {
    CALLS.fetch_add(1, Ordering::SeqCst);
}

fn action(handler: extern "C" fn(i32), flags: i32) -> libc::sigaction {
    // SAFETY: zeroed is a valid sigaction.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as *const () as usize;
    action.sa_flags = flags;
    action
}

fn set(signal: i32, action: &libc::sigaction) {
    // SAFETY: the handler has the form that the flags say.
    let failed = unsafe { libc::sigaction(signal, action, std::ptr::null_mut()) };
    assert_eq!(failed, 0);
}

#[test]
fn a_handler_that_replaces_endlers_runs_alone_until_endler_is_asked_again() {
    not_for_ever();
    let folder = Folder::new("handlers-replaced");
    endler::on_signal(libc::SIGUSR1, folder.path()).expect("installs");
    set(libc::SIGUSR1, &action(count, 0));
    raise(libc::SIGUSR1);
    assert_eq!(CALLS.load(Ordering::SeqCst), 1);
    // A snapshot is taken by the same thread, so a dump would be there after it.
    endler::snapshot().expect("a snapshot");
    assert_eq!(names(folder.path()), [""; 0]);
    endler::on_signal(libc::SIGUSR1, folder.path()).expect("installs");
    raise(libc::SIGUSR1);
    assert_eq!(
        CALLS.load(Ordering::SeqCst),
        2,
        "the host's is called as well"
    );
    wait_for("a dump", || folder.dumps(".endler").pop());
}

/// Whether a blocked read of this thread was interrupted by the signal.
fn interrupted_by(signal: i32) -> bool {
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    // SAFETY: names this thread.
    let thread = unsafe { libc::pthread_self() };
    static READ: AtomicBool = AtomicBool::new(false);
    READ.store(false, Ordering::SeqCst);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // It may not be in the call yet: until the read has ended.
            while !READ.load(Ordering::SeqCst) {
                // SAFETY: the thread lives as long as the scope.
                unsafe { libc::pthread_kill(thread, signal) };
                std::thread::sleep(std::time::Duration::from_millis(20));
                if CALLS.load(Ordering::SeqCst) > 10 {
                    // It goes on: the read ends by the end of the pipe.
                    break;
                }
            }
            drop(writer);
        });
        let result = reader.read(&mut [0]);
        READ.store(true, Ordering::SeqCst);
        result.is_err_and(|e| e.kind() == std::io::ErrorKind::Interrupted)
    })
}

#[test]
fn a_handler_that_was_there_interrupts_and_blocks_what_it_did_before() {
    if role().is_none() {
        // Signals and counts are of the whole process.
        let test = "a_handler_that_was_there_interrupts_and_blocks_what_it_did_before";
        let output = finish(start(&mut again(test, "program")));
        let errors = String::from_utf8_lossy(&output.stderr);
        return assert!(output.status.success(), "{}: {errors}", output.status);
    }
    let folder = Folder::new("handlers-kept");
    for (flags, interrupts) in [(0, true), (libc::SA_RESTART, false)] {
        CALLS.store(0, Ordering::SeqCst);
        // A signal of its own for each, none of which has endler's handler yet.
        let signal = libc::SIGRTMIN() + 1 + i32::from(interrupts);
        set(signal, &action(count, flags));
        assert_eq!(interrupted_by(signal), interrupts, "the host alone");
        endler::on_signal(signal, folder.path()).expect("installs");
        CALLS.store(0, Ordering::SeqCst);
        assert_eq!(interrupted_by(signal), interrupts, "the host with endler");
    }

    static BLOCKED: AtomicI32 = AtomicI32::new(-1);
    extern "C" fn note(_: i32) {
        // SAFETY: zeroed is an empty set.
        let mut mask: libc::sigset_t = unsafe { std::mem::zeroed() };
        // SAFETY: only asks for this thread's mask.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), &raw mut mask) };
        // SAFETY: asks a set of ours.
        let blocked = unsafe { libc::sigismember(&raw const mask, libc::SIGUSR2) };
        BLOCKED.store(blocked, Ordering::SeqCst);
    }
    let mut blocking = action(note, 0);
    // SAFETY: adds to a set of ours.
    unsafe { libc::sigaddset(&raw mut blocking.sa_mask, libc::SIGUSR2) };
    set(libc::SIGUSR1, &blocking);
    endler::on_signal(libc::SIGUSR1, folder.path()).expect("installs");
    raise(libc::SIGUSR1);
    assert_eq!(
        BLOCKED.load(Ordering::SeqCst),
        1,
        "what it blocks is blocked"
    );
}
