//! A handler that the host sets after `on_signal`, and that calls the one that
//! was there before (as signal libraries do), must not become a circle when
//! `on_signal` is called again.

mod process;

use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use process::*;

#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

static CALLS: AtomicU32 = AtomicU32::new(0);
static BEFORE: AtomicPtr<libc::sigaction> = AtomicPtr::new(std::ptr::null_mut());

extern "C" fn on_top(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    CALLS.fetch_add(1, Ordering::SeqCst);
    type Full = extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void);
    // SAFETY: set before this handler was installed, and never freed.
    let before = unsafe { &*BEFORE.load(Ordering::SeqCst) };
    // SAFETY: endler's handler, which is installed with SA_SIGINFO.
    let function: Full = unsafe { std::mem::transmute(before.sa_sigaction) };
    function(signal, info, context);
}

fn install_on_top(signal: i32) {
    // SAFETY: zeroed is a valid sigaction.
    let mut before: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: only asks for the present action.
    unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut before) };
    BEFORE.store(Box::into_raw(Box::new(before)), Ordering::SeqCst);
    // SAFETY: zeroed is a valid sigaction.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_top as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
    // SAFETY: the handler has the three-argument form.
    let failed = unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
    assert_eq!(failed, 0);
}

#[test]
fn a_second_call_makes_no_circle_of_handlers() {
    if role().is_none() {
        let child = start(&mut again(
            "a_second_call_makes_no_circle_of_handlers",
            "program",
        ));
        let output = finish(child);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {errors}", output.status);
        return;
    }
    let (first, second) = (Folder::new("on-top-first"), Folder::new("on-top-second"));
    endler::on_signal(libc::SIGUSR1, first.path()).expect("installs");
    install_on_top(libc::SIGUSR1);
    endler::on_signal(libc::SIGUSR1, second.path()).expect("another directory");
    // SAFETY: raises a signal that has a handler here.
    assert_eq!(unsafe { libc::raise(libc::SIGUSR1) }, 0);
    assert_eq!(
        CALLS.load(Ordering::SeqCst),
        1,
        "each handler is called once"
    );
    wait_for("a dump in the second directory", || {
        second.dumps(".endler").pop()
    });
}
