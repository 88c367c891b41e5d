//! A session's copy, as the host has it.
//!
//! ```text
//!  Kept ──────────► Copy::begin ─► profiler's thread: clone ─► Copy ─► asked, told
//!  heaps, state ◄──────────────────────────────────────────────┘ Told::Saved
//! ```
//!
//! What outlives a copy lies in its file, which has no name; the host looks into none.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use endler_allocator::freeze::{Keep, Running};

use super::answer::{Answers, Part};
use super::frames::{Frames, NoFrame, OWN, Saved, Told};
use super::system;
use super::wants::Wants;
use crate::console::Options;
use crate::stay::{Level, Stay};
use crate::{Error, profiler};

/// Heaps of before that a session may refer to. Each is a file in memory.
pub(super) const HEAPS: usize = 4;

/// What of a session outlives its copies.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    heaps: Vec<Part>,
    state: Option<Part>,
    pub(super) variables: Vec<String>,
}

impl Kept {
    /// Whether another heap can be taken.
    pub(super) fn has_room(&self) -> bool {
        self.heaps.len() <= HEAPS
    }

    pub(super) fn is_empty(&self) -> bool {
        self.heaps.is_empty() && self.variables.is_empty()
    }
}

/// A copy that was asked for.
pub(super) struct Begun {
    pub(super) made: Receiver<Result<Running, Error>>,
    channel: UnixStream,
    own: Arc<File>,
    older: Vec<Part>,
}

impl Begun {
    /// Asks the profiler's thread for a copy that goes on from `kept`.
    pub(super) fn new(
        kept: &Kept,
        options: &Options,
        wants: &Wants,
        level: Level,
        number: u32,
    ) -> Result<Self, Error> {
        let (channel, theirs) = UnixStream::pair().map_err(Error::Thread)?;
        let own = Arc::new(system::unnamed_file().map_err(Error::Thread)?);
        let files = kept.heaps.iter().chain(&kept.state);
        let mut keep = vec![theirs.as_raw_fd(), own.as_raw_fd()];
        keep.extend(files.map(|part| part.file.as_raw_fd()));
        keep.sort_unstable();
        keep.dedup();
        let answers = Answers {
            channel: theirs,
            own: Arc::clone(&own),
            heaps: kept.heaps.clone(),
            state: kept.state.clone(),
            wants: wants.clone(),
            copy_lives: options.copy_lives,
            answer_within: options.answer_within,
        };
        let made = profiler::stay(Stay {
            level,
            keep: Keep::these(&keep),
            sequence: number,
            memory: options.memory.map(|bytes| bytes.0),
            deadline: options.answer_within,
            serve: Box::new(move |image, contents| answers.serve(image, contents)),
        })?;
        Ok(Begun {
            made,
            channel,
            own,
            older: kept.heaps.clone(),
        })
    }

    pub(super) fn with(self, running: Running) -> Result<Copy, Error> {
        self.channel.set_nonblocking(true).map_err(Error::Thread)?;
        Ok(Copy {
            running,
            channel: self.channel,
            frames: Frames::default(),
            own: self.own,
            older: self.older,
            naming: false,
            saving: false,
        })
    }
}

/// A copy that answers. Ends with the value.
pub(super) struct Copy {
    running: Running,
    channel: UnixStream,
    frames: Frames,
    own: Arc<File>,
    older: Vec<Part>,
    /// It was asked, and has not yet given the names that are wanted.
    pub(super) naming: bool,
    /// It was asked, and has not yet said what it saved.
    pub(super) saving: bool,
}

/// The copy says nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ended;

impl Copy {
    /// Its channel, and what tells its end.
    pub(super) fn waits_for(&self) -> [RawFd; 2] {
        [
            self.channel.as_raw_fd(),
            self.running.ending().unwrap_or(-1),
        ]
    }

    /// What it said last and is not taken yet.
    pub(super) fn next(&mut self) -> Result<Option<Told>, Ended> {
        self.frames.next().map_err(|NoFrame| Ended)
    }

    /// Whether something is left to be taken by [`Copy::next`].
    pub(super) fn has_said(&self) -> bool {
        self.frames.has_one()
    }

    /// Reads what it has said.
    pub(super) fn take(&mut self) -> Result<(), Ended> {
        let mut bytes = [0; 16 << 10];
        loop {
            match (&self.channel).read(&mut bytes) {
                Ok(0) => return Err(Ended),
                Ok(len) => self.frames.push(bytes.get(..len).unwrap_or_default()),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Ended),
            }
        }
    }

    /// Sends as much of these bytes as it takes now.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<usize, Ended> {
        match (&self.channel).write(bytes) {
            Ok(len) => Ok(len),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
            Err(_) => Err(Ended),
        }
    }

    /// Notes what it saved.
    pub(super) fn keep(&mut self, saved: Saved, kept: &mut Kept) {
        self.saving = false;
        let part = |(at, len): (u64, u64)| Part {
            file: Arc::clone(&self.own),
            at,
            len,
        };
        let heap = |place: &usize| match *place {
            OWN => Some(part(saved.image)),
            place => self.older.get(place).cloned(),
        };
        *kept = Kept {
            heaps: saved.heaps.iter().filter_map(heap).collect(),
            state: Some(part(saved.state)),
            variables: saved.variables,
        };
    }

    /// Why it ended, for one that has.
    pub(super) fn why_it_ended(self) -> endler_allocator::freeze::Error {
        let _ = self.channel.shutdown(Shutdown::Both);
        self.running.why_it_ended()
    }
}

impl std::fmt::Debug for Copy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.running.fmt(f)
    }
}
