//! What the console asks of the kernel: to wait for several descriptors, who the peer
//! is, and random bytes.
//!
//! Source: poll(2), unix(7) on SO_PEERCRED, getrandom(2), memfd_create(2).

use std::fs::File;
use std::io::{Error, Result};
use std::os::fd::{AsFd, AsRawFd, FromRawFd};
use std::time::Duration;

/// What is waited for. `HANGUP` is told without being asked for.
pub(super) const READ: i16 = libc::POLLIN;
pub(super) const WRITE: i16 = libc::POLLOUT;
/// Both sides are closed, or the descriptor is none.
pub(super) const HANGUP: i16 = libc::POLLHUP | libc::POLLERR | libc::POLLNVAL;

/// Waits until one of the descriptors is ready, for ever without a time; what each is
/// ready for. Negative numbers are not looked at.
pub(super) fn wait<const N: usize>(asked: [(i32, i16); N], time: Option<Duration>) -> [i16; N] {
    let mut polled = asked.map(|(fd, events)| libc::pollfd {
        fd,
        events,
        revents: 0,
    });
    let millis = time.map_or(-1, |time| {
        i32::try_from(time.as_micros().div_ceil(1000)).unwrap_or(i32::MAX)
    });
    // SAFETY: as many descriptors as the array has.
    let ready = unsafe { libc::poll(polled.as_mut_ptr(), N as libc::nfds_t, millis) };
    if ready < 0 {
        return [0; N];
    }
    polled.map(|one| one.revents)
}

/// Process and user of the other end of a Unix socket.
pub(super) fn peer(socket: &impl AsFd) -> Result<(u32, u32)> {
    let mut who = libc::ucred {
        pid: 0,
        uid: 0,
        gid: 0,
    };
    let mut len = size_of::<libc::ucred>() as libc::socklen_t;
    let fd = socket.as_fd().as_raw_fd();
    let into = (&raw mut who).cast();
    // SAFETY: writes at most `len` bytes into `who`.
    let failed = unsafe {
        libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_PEERCRED, into, &raw mut len) != 0
    };
    if failed {
        return Err(Error::last_os_error());
    }
    Ok((u32::try_from(who.pid).unwrap_or(0), who.uid))
}

/// What a peer sends as urgent is read in its place: telnet marks so the last byte of a
/// command (RFC 854, the Synch). Where the kernel refuses, that byte is missing.
pub(super) fn urgent_in_line(socket: &impl AsFd) {
    let yes: libc::c_int = 1;
    let len = size_of::<libc::c_int>() as libc::socklen_t;
    let (fd, value) = (socket.as_fd().as_raw_fd(), (&raw const yes).cast());
    // SAFETY: reads `len` bytes of `yes`.
    unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_OOBINLINE, value, len) };
}

/// The user whose rights this process has.
pub(super) fn user() -> u32 {
    // SAFETY: geteuid has no effect.
    unsafe { libc::geteuid() }
}

/// As many random bytes as the kernel promises to give at once.
pub(super) fn random() -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    // SAFETY: writes at most 16 bytes into `bytes`.
    let got = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    if got == 16 {
        Ok(bytes)
    } else {
        Err(Error::last_os_error())
    }
}

/// A file without a name, in memory.
pub(super) fn unnamed_file() -> Result<File> {
    // SAFETY: the name is a C string; makes a descriptor.
    let fd = unsafe { libc::memfd_create(c"endler".as_ptr(), libc::MFD_CLOEXEC) };
    if fd < 0 {
        return Err(Error::last_os_error());
    }
    // SAFETY: the descriptor was just made and is nobody else's.
    Ok(unsafe { File::from_raw_fd(fd) })
}

/// Device and inode of what a descriptor stands for, to know it again; none for a number
/// that is none.
pub(super) fn identity(fd: i32) -> Option<(u64, u64)> {
    // SAFETY: zeroed is a valid stat.
    let mut found: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: writes one stat.
    let failed = unsafe { libc::fstat(fd, &raw mut found) };
    (failed == 0).then_some((found.st_dev, found.st_ino))
}

/// Names the calling thread. (std would name it before the pause and leave the name's
/// block among the host's.)
pub(super) fn name_this_thread(name: &std::ffi::CStr) {
    // SAFETY: the name is a C string.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn who_is_ready_and_who_is_there() {
        let (mut one, other) = UnixStream::pair().expect("a pair");
        let fd = other.as_raw_fd();
        let at_once = Some(Duration::ZERO);
        assert_eq!(wait([(fd, READ), (-1, READ)], at_once), [0, 0]);
        one.write_all(b"x").expect("writes");
        assert_eq!(wait([(fd, READ), (-1, READ)], None), [READ, 0]);
        let peer = peer(&other).expect("a peer");
        assert_eq!(peer, (std::process::id(), user()));
        drop(one);
        assert!(wait([(fd, 0)], None)[0] & HANGUP != 0);
        assert_ne!(random().expect("random"), random().expect("random"));
    }
}
