//! A console in the running process: its heap, asked from a shell.
//!
//! ```no_run
//! # fn main() -> Result<(), endler::Error> {
//! let _console = endler::console::serve(endler::console::Options::new())?;
//! // … the service; then, from a shell: endler attach PID
//! # Ok(())
//! # }
//! ```
//!
//! ```text
//!  endler attach PID ──┐                       a thread a connection      a copy a session
//!  (Unix socket)       ├─► thread that accepts ─► session: line by line ─► answer: heap,
//!  telnet localhost ───┘                          phase, dump: here         variables, text
//! ```
//!
//! A line is answered in a copy of the process that stays for the next one, so that the
//! process is held for the copy alone and a query cannot harm it: it can be interrupted
//! (Ctrl-C), has a limit on time and memory, and ends with its connection. A new heap
//! (`hpy.heap()`) is a new copy; variables and older heaps go along, at most four of
//! these. Contents of memory are shown to who is connected: to a person, and where the
//! answers go to a file only if `endler attach` is told so (`--with-values`).
//!
//! Who may connect: the user of the process, and root. By default there is a Unix socket
//! of mode 0600 in a directory of mode 0700 (`$XDG_RUNTIME_DIR/endler`, else
//! `/tmp/endler-UID`), and the peer's user is asked of the kernel as well. With
//! [`Options::telnet`] a port on loopback is open besides, to those who have the random
//! password that is printed once to standard error.
//!
//! All of it runs on threads of its own, in which all signals are blocked and whose
//! memory is not recorded. A process that the host forks has no console.
//!
//! Linux on x86-64 only.

#[cfg(all(target_os = "linux", target_arch = "x86_64", not(endler_elsewhere)))]
#[path = "."]
mod here {
    mod accept;
    mod answer;
    #[doc(hidden)]
    pub mod client;
    mod connection;
    mod copies;
    mod directory;
    mod frames;
    mod interrupt;
    mod lines;
    mod outside;
    mod session;
    mod system;
    mod target;
    mod telnet;
    mod until;
    mod wants;

    pub(super) use accept::{Serving, serve};
}
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(endler_elsewhere)))]
#[doc(hidden)]
pub use here::client;

#[cfg(not(all(target_os = "linux", target_arch = "x86_64", not(endler_elsewhere))))]
#[path = "elsewhere.rs"]
mod here;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use endler_snapshot::Bytes;

use crate::Error;

/// How long a copy waits for the next line.
const COPY_LIVES: Duration = Duration::from_secs(600);
/// How long one answer may take, and the making of a heap.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// What is served, and what a query may cost.
#[derive(Clone, Debug)]
#[must_use]
pub struct Options {
    telnet: bool,
    copy_lives: Duration,
    answer_within: Duration,
    memory: Option<Bytes>,
    dump_into: Option<PathBuf>,
    dump_anywhere: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options::new()
    }
}

impl Options {
    /// The Unix socket alone; a minute for an answer, ten for a copy that nobody asks.
    pub fn new() -> Self {
        Options {
            telnet: false,
            copy_lives: COPY_LIVES,
            answer_within: ANSWER_WITHIN,
            memory: None,
            dump_into: None,
            dump_anywhere: false,
        }
    }

    /// A port for `telnet` besides: the first free one of 6023 to 6073, on loopback
    /// alone. Port and password are printed once to standard error.
    pub fn telnet(mut self) -> Self {
        self.telnet = true;
        self
    }

    /// How long a copy waits for the next line before it ends and gives its memory
    /// back; the line after that begins with a new heap. 10 minutes unless given.
    pub fn copy_lives(mut self, time: Duration) -> Self {
        self.copy_lives = time;
        self
    }

    /// How long a heap may take to be ready, and then each answer. 60 s unless given.
    pub fn answer_within(mut self, time: Duration) -> Self {
        self.answer_within = time;
        self
    }

    /// Memory that one copy may take for itself: a quarter of what is left unless given.
    pub fn memory(mut self, bytes: Bytes) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// Where `dump('name')` writes. Unless given, where the dumps of a signal or of the
    /// process's end go; `heap-dumps` if there is no such place.
    pub fn dump_into(mut self, directory: impl Into<PathBuf>) -> Self {
        self.dump_into = Some(directory.into());
        self
    }

    /// Lets `dump` write to any path that this process may write to. Else it takes a
    /// name alone, from who types it; `endler dump PID -o FILE` works as well without.
    pub fn dump_anywhere(mut self) -> Self {
        self.dump_anywhere = true;
        self
    }
}

/// A console that is served until this is dropped, which ends its connections and
/// their copies.
#[must_use = "the console ends when this is dropped"]
pub struct Console {
    serving: here::Serving,
}

impl Console {
    /// Serves until the process ends.
    pub fn forever(self) {
        std::mem::forget(self);
    }

    /// The port for `telnet`, if [`Options::telnet`] asked for one.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.serving.port()
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console")
            .field("port", &self.port())
            .finish_non_exhaustive()
    }
}

/// Serves the console.
///
/// Where this process serves its Unix socket already (`ENDLER=exact,console`, or an
/// earlier call), that one stays as it is, and this call adds what is missing.
///
/// # Errors
/// The directory is not the user's alone, no port is free, or there is no thread to be
/// had.
pub fn serve(options: Options) -> Result<Console, Error> {
    let _pause = endler_allocator::pause();
    let serving = here::serve(options)?;
    Ok(Console { serving })
}
