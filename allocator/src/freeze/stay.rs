//! A copy that stays: it makes the image, and then does what it is asked to, as long
//! as its host wants it.
//!
//! ```text
//!  host                                       copy
//!    freeze_to_stay ─────────────────────►    image, then work: read a request, answer, …
//!    Running ◄── as soon as it is ready
//!    ask and read through a descriptor that the copy keeps
//!    drop(Running): SIGKILL, reaped           or it ends itself
//! ```
//!
//! It ends when its [`Running`] is dropped, when its host ends, when its work returns,
//! by a timer that its work winds up for each thing that it does ([`work_at_most`]), or
//! when it needs more memory than its budget. What it is asked, and through which
//! descriptor, is the business of the work.
//!
//! Not for: files that must be finished when the host ends ([`super::copy`]).

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use endler_snapshot::Nanos;

use super::copy::{GRACE, Life, Made, make, never_started};
use super::descriptors::Table;
use super::figures;
use super::gather::gather;
use super::precautions;
use super::shared::{SHARED_TABLE, STARTED};
use super::wait::{Stages, Status};
use crate::freeze_types::{Error, Options, WorkOnMemory};
use crate::hook;
use crate::os;
use crate::pause::pause;
use crate::state::{self, EXACT};

/// How long a copy that closed its channel may take to end.
const TO_END: Duration = Duration::from_secs(2);

/// A copy that stays, as its host has it. Ends with the value, which waits until the
/// process is gone.
#[must_use = "the copy ends when this is dropped"]
pub struct Running {
    made: Made,
    deadline: Duration,
    /// The process that it is a copy of: a fork of that has no such copy.
    host: u32,
    /// Once it has ended and was reaped.
    ended: Option<Status>,
}

impl Running {
    /// How long the host was held: the `clone` call.
    #[must_use]
    pub fn held(&self) -> Nanos {
        self.made.held
    }

    /// Live blocks of the image, and their requested bytes; 0 until there is one.
    #[must_use]
    pub fn objects(&self) -> (u64, u64) {
        let page = self.made.shared.get();
        let read = |n: &AtomicU64| n.load(Ordering::Relaxed);
        (read(&page.objects), read(&page.bytes))
    }

    /// A descriptor that can be read when the copy has ended; none where the kernel
    /// gives none. It is the value's own, and only to be waited for.
    #[must_use]
    pub fn ending(&self) -> Option<i32> {
        Some(self.made.child.pidfd).filter(|fd| *fd >= 0)
    }

    /// Why it ended; for one whose descriptor was closed. One that has not ended after
    /// a moment is killed.
    pub fn why_it_ended(mut self) -> Error {
        let until = Instant::now() + TO_END;
        let status = loop {
            match self.ended.or_else(|| self.made.child.ended()) {
                Some(status) => break status,
                None if Instant::now() < until => self.made.child.nap(Duration::from_millis(10)),
                None => {
                    self.made.child.end();
                    break Status::Late;
                }
            }
        };
        self.ended = Some(status);
        self.made.failure(status, self.deadline)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended.is_none() && self.host == os::process_id() {
            self.made.child.end();
        }
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("pid", &self.made.child.pid)
            .finish_non_exhaustive()
    }
}

/// Freezes this process, and returns when the copy has begun with the image.
///
/// `work` runs in the copy once the image is there, and stays as long as it likes. The
/// deadline of the options is the time until it must call [`work_at_most`] for the first
/// time.
///
/// For a thread that lives as long as the process: the copy ends with it.
///
/// # Errors
/// Nothing is recorded, the kernel makes no copy ([`Error::NoCopy`]), or the copy could
/// not begin. The host is unharmed by all of them.
pub fn freeze_to_stay(options: &Options, work: &mut WorkOnMemory<'_>) -> Result<Running, Error> {
    if state::now() != EXACT {
        return Err(Error::NotRecording);
    }
    hook::notice_fork();
    let _pause = pause();
    let gathered = gather(options);
    let budget = options.memory.unwrap_or_else(figures::default_budget);
    let mut table = Table::Hosts;
    for _ in 0..6 {
        let made = make(options, table, budget, &gathered, Life::Staying, work);
        let mut running = Running {
            made: made.ok_or(Error::NoCopy)?,
            deadline: options.deadline,
            host: os::process_id(),
            ended: None,
        };
        let stages = Stages {
            now: &running.made.shared.get().stage,
            started: STARTED,
        };
        running.ended = running
            .made
            .child
            .get_ready(options.deadline, &stages)
            .err();
        if stages.now.load(Ordering::Acquire) == SHARED_TABLE {
            table = Table::Own;
            continue;
        }
        match running.ended {
            Some(Status::Hung) => {}
            // Also one that has ended already: the caller finds its descriptor closed.
            _ => return Ok(running),
        }
    }
    Err(never_started())
}

/// In a copy that stays: from now on it may live so long, and is then ended, unless
/// this is called again. Without effect in any other process.
pub fn work_at_most(time: Duration) {
    if state::now() == state::COPY {
        precautions::wind_up(time.saturating_add(GRACE));
    }
}
