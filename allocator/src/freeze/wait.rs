//! The host's wait for its copy, and the copy's end when it takes too long.
//!
//! The copy is known by a pidfd: a signal through it reaches that process or
//! none, also when someone else has reaped it (`waitpid` with `__WALL`) and its
//! number is another's. Where the kernel gives none, the number is used, which
//! is the copy's as long as nobody reaps it but us.
//!
//! Source: pidfd_open(2), pidfd_send_signal(2), waitpid(2).

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A copy that was begun but is not ready after this long waits for a lock that
/// another thread held at the clone.
const TO_BE_READY: Duration = Duration::from_secs(2);
/// How often a copy that is not ready yet is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// How the copy ended, as far as the kernel tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Signal(i32),
    /// It exited, or someone else reaped it: the shared page tells the rest.
    Gone,
    /// Killed at the deadline.
    Late,
    /// Killed since it did not get ready.
    Hung,
}

/// A living or unreaped copy.
pub(super) struct Child {
    pub(super) pid: i32,
    /// Negative for none.
    pub(super) pidfd: i32,
}

/// The stages that the wait looks at.
pub(super) struct Stages<'a> {
    pub(super) now: &'a AtomicU32,
    pub(super) started: u32,
}

impl Child {
    /// Waits until the copy has ended; ends it at the deadline.
    pub(super) fn wait(&mut self, deadline: Duration, stages: &Stages<'_>) -> Status {
        let started = Instant::now();
        if let Err(status) = self.get_ready(deadline, stages) {
            return status;
        }
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            let left = deadline.saturating_sub(started.elapsed());
            if left.is_zero() {
                self.end();
                return Status::Late;
            }
            self.nap(left);
        }
    }

    /// Waits until the copy is ready; ends it at the deadline, or if it does not get
    /// ready. How it ended, if it has.
    pub(super) fn get_ready(
        &mut self,
        deadline: Duration,
        stages: &Stages<'_>,
    ) -> Result<(), Status> {
        let started = Instant::now();
        let mut begun: Option<Instant> = None;
        // Most are ready after a millisecond or two.
        let mut look = Duration::from_millis(1);
        loop {
            if let Some(status) = self.ended() {
                return Err(status);
            }
            let stage = stages.now.load(Ordering::Acquire);
            if stage > stages.started {
                return Ok(());
            }
            if stage == stages.started {
                begun.get_or_insert_with(Instant::now);
            }
            let left = deadline.saturating_sub(started.elapsed());
            let hung = begun.is_some_and(|begun| begun.elapsed() > TO_BE_READY);
            if left.is_zero() || hung {
                self.end();
                return Err(if left.is_zero() {
                    Status::Late
                } else {
                    Status::Hung
                });
            }
            self.nap(left.min(look));
            look = (look * 2).min(LOOK);
        }
    }

    /// Ends the copy, and waits until it has.
    pub(super) fn end(&mut self) -> Status {
        self.kill();
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            self.nap(LOOK);
        }
    }

    pub(super) fn ended(&self) -> Option<Status> {
        let mut status = 0;
        // SAFETY: asks after our own child; the exit signal 0 needs __WALL.
        let got = unsafe { libc::waitpid(self.pid, &raw mut status, libc::WNOHANG | libc::__WALL) };
        match got {
            0 => None,
            -1 if errno() == libc::ECHILD => Some(Status::Gone),
            -1 => None,
            _ if libc::WIFSIGNALED(status) => Some(Status::Signal(libc::WTERMSIG(status))),
            _ => Some(Status::Gone),
        }
    }

    /// Sleeps until the copy ends, at most `time`.
    pub(super) fn nap(&mut self, time: Duration) {
        if self.pidfd < 0 {
            return std::thread::sleep(time.min(Duration::from_millis(5)));
        }
        let mut poll = libc::pollfd {
            fd: self.pidfd,
            events: libc::POLLIN,
            revents: 0,
        };
        let millis = i32::try_from(time.as_millis().max(1)).unwrap_or(i32::MAX);
        // SAFETY: one descriptor.
        unsafe { libc::poll(&raw mut poll, 1, millis) };
        // The host has closed it (a daemon that closes what it does not know), and
        // the number may be another file's by now.
        if poll.revents != 0 && self.signal(0) == Err(libc::EBADF) {
            self.pidfd = -1;
        }
    }

    fn kill(&self) {
        if !matches!(self.signal(libc::SIGKILL), Ok(()) | Err(libc::ESRCH)) {
            // SAFETY: the child is ours, and `ended` has just not reaped it.
            unsafe { libc::kill(self.pid, libc::SIGKILL) };
        }
    }

    /// Signals through the pidfd, or gives the error's number.
    fn signal(&self, signal: i32) -> Result<(), i32> {
        let (fd, info) = (self.pidfd, std::ptr::null::<libc::siginfo_t>());
        // SAFETY: reaches the process that the descriptor stands for, or none.
        let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, signal, info, 0) };
        if sent == 0 { Ok(()) } else { Err(errno()) }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // A number that is no pidfd any more is the host's.
        if self.pidfd >= 0 && self.signal(0) != Err(libc::EBADF) {
            // SAFETY: the descriptor is ours and open.
            unsafe { libc::close(self.pidfd) };
        }
    }
}

fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    fn sleeper(exit_signal: i32) -> Child {
        let mut pidfd = -1;
        let flags = (libc::CLONE_PIDFD | exit_signal) as u64;
        let args = [flags, 0, (&raw mut pidfd) as u64, 0, 0, 0];
        // SAFETY: a clone without shared memory, whose child sleeps and ends.
        let pid = unsafe { crate::os::syscall(libc::SYS_clone, args) };
        if pid == 0 {
            // SAFETY: sleeps in the child.
            unsafe { libc::sleep(60) };
            // SAFETY: ends the child.
            unsafe { libc::_exit(0) };
        }
        Child {
            pid: pid as i32,
            pidfd,
        }
    }

    static NOW: AtomicU32 = AtomicU32::new(9);

    #[test]
    fn the_deadline_kills_through_the_pidfd_and_not_by_number() {
        let mut real = sleeper(0);
        let mut other = sleeper(0);
        // As if the copy's number were another's by now.
        std::mem::swap(&mut real.pid, &mut other.pid);
        real.kill();
        std::mem::swap(&mut real.pid, &mut other.pid);
        let stages = Stages {
            now: &NOW,
            started: 1,
        };
        let ended = real.wait(Duration::from_secs(50), &stages);
        assert_eq!(ended, Status::Signal(libc::SIGKILL));
        assert_eq!(other.ended(), None, "the process of that number lives");
        assert_eq!(other.wait(Duration::from_millis(50), &stages), Status::Late);
    }

    #[test]
    fn a_pidfd_that_the_host_closed_is_neither_trusted_nor_closed() {
        let stages = Stages {
            now: &NOW,
            started: 1,
        };
        for waits in [true, false] {
            let mut child = sleeper(0);
            let file = std::fs::File::open("/dev/null").expect("opens");
            // SAFETY: as when a daemon closes what it does not know and opens a file.
            let at = unsafe { libc::dup2(file.as_raw_fd(), child.pidfd) };
            let late = |child: &mut Child| child.wait(Duration::from_millis(50), &stages);
            if waits {
                assert_eq!(late(&mut child), Status::Late);
                assert_eq!(child.pidfd, -1, "a file is always ready to be read");
            }
            let pid = child.pid;
            drop(child);
            // SAFETY: asks for a flag.
            let open = unsafe { libc::fcntl(at, libc::F_GETFD) };
            assert!(open >= 0, "the host's file was closed");
            // SAFETY: made above.
            unsafe { libc::close(at) };
            if !waits {
                let mut rest = Child { pid, pidfd: -1 };
                assert_eq!(late(&mut rest), Status::Late, "by its number");
            }
        }
    }
}
