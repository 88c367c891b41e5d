//! A program on a terminal of its own, as a user has it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::process::wait_for;

/// The program and its terminal; ends with the value.
pub(crate) struct Terminal {
    pub(crate) child: Child,
    terminal: File,
    /// All that stood on it.
    pub(crate) screen: String,
}

impl Terminal {
    pub(crate) fn new(command: &mut Command) -> Self {
        let (mut ours, mut theirs) = (-1, -1);
        let none = std::ptr::null_mut();
        // SAFETY: writes two descriptors; the rest is null, which it may be.
        let made = unsafe {
            libc::openpty(
                &raw mut ours,
                &raw mut theirs,
                none,
                std::ptr::null(),
                std::ptr::null(),
            )
        };
        assert_eq!(made, 0, "no terminal");
        // SAFETY: just made, and nobody else's.
        let ours = unsafe { File::from_raw_fd(ours) };
        // SAFETY: as above.
        let theirs = unsafe { OwnedFd::from_raw_fd(theirs) };
        let other = || Stdio::from(theirs.try_clone().expect("clones"));
        let child = command
            .env("TERM", "dumb")
            .stdin(other())
            .stdout(other())
            .stderr(other())
            .spawn()
            .expect("it is installed");
        // SAFETY: sets flags of our own end.
        let set = unsafe { libc::fcntl(ours.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
        assert_eq!(set, 0);
        Terminal {
            child,
            terminal: ours,
            screen: String::new(),
        }
    }

    fn read(&mut self) {
        let mut bytes = [0; 4096];
        while let Ok(len @ 1..) = self.terminal.read(&mut bytes) {
            self.screen += &String::from_utf8_lossy(&bytes[..len]);
        }
    }

    /// Waits until `mark` stands behind the first `from` bytes of the screen.
    #[track_caller]
    pub(crate) fn sees(&mut self, from: usize, mark: &str) {
        let until = Instant::now() + Duration::from_secs(300);
        while !self.screen[from..].contains(mark) {
            assert!(Instant::now() < until, "no `{mark}`: {}", self.screen);
            self.read();
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for the prompt at the end of the screen, behind the first `from` bytes.
    #[track_caller]
    pub(crate) fn sees_prompt(&mut self, from: usize) {
        let until = Instant::now() + Duration::from_secs(300);
        // Names of types end so as well, but not at a line's beginning.
        while !self.screen[from..].ends_with("\n>>> ") {
            assert!(Instant::now() < until, "no prompt: {}", self.screen);
            self.read();
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Types a line, and gives what stands there up to the next prompt.
    #[track_caller]
    pub(crate) fn ask(&mut self, line: &str) -> String {
        let from = self.screen.len();
        self.types(&format!("{line}\r"));
        self.sees_prompt(from);
        self.screen[from..].to_owned()
    }

    pub(crate) fn types(&mut self, text: &str) {
        self.terminal.write_all(text.as_bytes()).expect("typed");
    }

    /// Waits until the program has ended.
    pub(crate) fn ended(&mut self) -> std::process::ExitStatus {
        let child = &mut self.child;
        let status = wait_for("its end", || child.try_wait().expect("waits"));
        self.read();
        status
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
