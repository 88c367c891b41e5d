//! A program on a terminal of its own, as a user has it: what is typed reaches it as
//! bytes, or as a signal where the terminal makes one of it (Ctrl-C).
//!
//! Of what the program draws the escape sequences are taken out, so that a test awaits
//! text; but for those by which a line editor says that it begins and ends to read a
//! line (bracketed paste), which become [`READS`] and [`HAS_READ`]. A prompt that is
//! drawn again for each key stands behind one of the former once.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::process::wait_for;

/// A line editor begins to read a line: `ESC [ ? 2004 h`.
pub(crate) const READS: &str = "\u{1}";
/// It has read it: `ESC [ ? 2004 l`.
pub(crate) const HAS_READ: &str = "\u{2}";

/// The program and its terminal; ends with the value.
pub(crate) struct Terminal {
    pub(crate) child: Child,
    terminal: File,
    /// Bytes whose escape sequence or letter is not whole yet.
    rest: Vec<u8>,
    /// All that stood on it.
    pub(crate) screen: String,
    /// Up to here it was awaited.
    seen: usize,
}

impl Terminal {
    pub(crate) fn new(command: &mut Command) -> Self {
        Terminal::on("xterm", command)
    }

    /// On a terminal of this kind, by its name in TERM.
    pub(crate) fn on(kind: &str, command: &mut Command) -> Self {
        let (mut ours, mut theirs) = (-1, -1);
        let size = libc::winsize {
            ws_row: 50,
            ws_col: 160,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        // SAFETY: writes two descriptors and reads the size; the rest may be null.
        let made = unsafe {
            libc::openpty(
                &raw mut ours,
                &raw mut theirs,
                std::ptr::null_mut(),
                std::ptr::null(),
                &raw const size,
            )
        };
        assert_eq!(made, 0, "no terminal");
        // SAFETY: just made, and nobody else's.
        let ours = unsafe { File::from_raw_fd(ours) };
        // SAFETY: as above.
        let theirs = unsafe { OwnedFd::from_raw_fd(theirs) };
        let other = || Stdio::from(theirs.try_clone().expect("clones"));
        command
            .env("TERM", kind)
            .stdin(other())
            .stdout(other())
            .stderr(other());
        // SAFETY: two system calls, which may be made after a fork.
        unsafe { command.pre_exec(take_terminal) };
        let child = command.spawn().expect("it is installed");
        // SAFETY: sets flags of our own end.
        let set = unsafe { libc::fcntl(ours.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
        assert_eq!(set, 0);
        Terminal {
            child,
            terminal: ours,
            rest: Vec::new(),
            screen: String::new(),
            seen: 0,
        }
    }

    fn read(&mut self) {
        let mut bytes = [0; 4096];
        while let Ok(len @ 1..) = self.terminal.read(&mut bytes) {
            self.rest.extend(&bytes[..len]);
        }
        let used = plain(&self.rest, &mut self.screen);
        self.rest.drain(..used);
    }

    /// Waits until `mark` comes; what stands before it, since what was awaited last.
    #[track_caller]
    pub(crate) fn until(&mut self, mark: &str) -> String {
        let until = Instant::now() + Duration::from_secs(300);
        loop {
            if let Some(at) = self.screen[self.seen..].find(mark) {
                let before = self.screen[self.seen..self.seen + at].to_owned();
                self.seen += at + mark.len();
                return before;
            }
            assert!(Instant::now() < until, "no {mark:?}: {:?}", self.screen);
            self.read();
            std::thread::sleep(Duration::from_millis(5));
        }
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

/// The terminal becomes that of a session of its own: else Ctrl-C is nobody's signal.
fn take_terminal() -> std::io::Result<()> {
    // SAFETY: makes a session of this process, which leads no group yet.
    let session = unsafe { libc::setsid() };
    // SAFETY: standard input is the terminal.
    let taken = unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) };
    match session >= 0 && taken == 0 {
        true => Ok(()),
        false => Err(std::io::Error::last_os_error()),
    }
}

/// Appends the text of these bytes without escape sequences; how many were used.
fn plain(bytes: &[u8], to: &mut String) -> usize {
    let mut at = 0;
    loop {
        let rest = &bytes[at..];
        if rest.first() != Some(&0x1b) {
            let end = rest.iter().position(|b| *b == 0x1b).unwrap_or(rest.len());
            let whole = match std::str::from_utf8(&rest[..end]) {
                // A letter of which a part is still to come.
                Err(e) if e.error_len().is_none() && end == rest.len() => e.valid_up_to(),
                _ => end,
            };
            to.push_str(&String::from_utf8_lossy(&rest[..whole]));
            at += whole;
            if whole < end || end == rest.len() {
                return at;
            }
            continue;
        }
        // ESC [ parameters letter; every other sequence has one letter.
        let len = match rest.get(1) {
            None => return at,
            Some(b'[') => match rest[2..].iter().position(|b| (0x40..0x7f).contains(b)) {
                Some(letter) => 3 + letter,
                None => return at,
            },
            Some(_) => 2,
        };
        match &rest[..len] {
            b"\x1b[?2004h" => to.push_str(READS),
            b"\x1b[?2004l" => to.push_str(HAS_READ),
            _ => {}
        }
        at += len;
    }
}
