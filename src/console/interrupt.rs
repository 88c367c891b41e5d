//! Ctrl-C of who sits before `endler attach`: sent on as a byte, and nothing more.

use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicI32, Ordering};

/// Where it is sent; negative for nowhere.
static TO: AtomicI32 = AtomicI32::new(-1);

extern "C" fn send_on(_signal: libc::c_int) {
    let to: RawFd = TO.load(Ordering::Acquire);
    if to >= 0 {
        // SAFETY: reads one byte of a static; async-signal-safe.
        unsafe { libc::write(to, c"\x03".as_ptr().cast(), 1) };
    }
}

/// From here on SIGINT does not end this process, but interrupts what runs at the other
/// end of `stream`, which must stay open.
pub(super) fn send_on_to(stream: &UnixStream) {
    TO.store(stream.as_raw_fd(), Ordering::Release);
    // SAFETY: zeroed is a valid sigaction.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = send_on as *const () as usize;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: a handler that calls nothing but write.
    unsafe { libc::sigaction(libc::SIGINT, &raw const action, std::ptr::null_mut()) };
}
