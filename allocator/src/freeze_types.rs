//! What a freeze is asked for, and what it answers: the same on every platform.

use std::fmt;
use std::time::Duration;

use endler_snapshot::{Addr, Cut, Image, InnerStatistics, Memory, Nanos, ThreadId};

/// How a snapshot is taken, and what it may cost.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The snapshot's number, which the image carries.
    pub sequence: u32,
    /// The descriptors that the copy keeps open, for its result.
    pub keep: Keep,
    /// Memory that the copy may take for itself, in bytes; none for a quarter
    /// of what the control group, the machine or the address space has left. Without a copy the
    /// image alone is held to it.
    pub memory: Option<u64>,
    /// How long the copy may work before it is killed. Without a copy the work is
    /// not interrupted: it does not begin when the image alone took as long.
    pub deadline: Duration,
    /// Reads the inner allocator's statistics, before the copy is made; none if nobody
    /// asked for them. It may wait for that allocator's locks.
    pub inner: Option<ReadInner>,
}

/// A few descriptors that stay open in a copy, in order. The default is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    numbers: [u32; Keep::MOST],
    len: usize,
}

impl Keep {
    /// So many at the most.
    pub const MOST: usize = 16;

    /// These; numbers that are no descriptor's, and those beyond [`Keep::MOST`], are
    /// left out.
    #[must_use]
    pub fn these(descriptors: &[i32]) -> Self {
        let mut keep = Keep::default();
        let numbers = descriptors.iter().filter_map(|fd| u32::try_from(*fd).ok());
        for (place, number) in keep.numbers.iter_mut().zip(numbers) {
            *place = number;
            keep.len += 1;
        }
        if let Some(filled) = keep.numbers.get_mut(..keep.len) {
            filled.sort_unstable();
        }
        keep
    }

    #[allow(dead_code, reason = "platforms without copies have it for its callers")]
    pub(crate) fn numbers(&self) -> &[u32] {
        self.numbers.get(..self.len).unwrap_or_default()
    }
}

/// Reads an allocator's statistics; none where it gives none.
pub type ReadInner = fn() -> Option<InnerStatistics>;

impl Default for Options {
    fn default() -> Self {
        Options {
            sequence: 1,
            keep: Keep::default(),
            memory: None,
            deadline: Duration::from_secs(60),
            inner: None,
        }
    }
}

/// What a finished freeze found and cost.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Cost {
    /// Live blocks in the image.
    pub objects: u64,
    /// Their requested bytes.
    pub bytes: u64,
    /// How long the host was held: the `clone` call.
    pub held: Nanos,
    /// How the image was taken.
    pub cut: Cut,
    /// Memory that the copy took for itself, in bytes; 0 without a copy.
    pub memory: u64,
    /// How long the inner allocator's statistics took to read, if they were asked for.
    pub reading: Option<Nanos>,
}

/// Work on an image. Runs in the copy, where nothing may be locked, printed,
/// or asked of the C library's allocator; the error goes back to the host.
pub type Work<'a> = dyn FnMut(&mut Image) -> Result<(), String> + 'a;

/// The stack of a thread at the copy, and what else is known of its memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadStack {
    /// Which thread.
    pub thread: ThreadId,
    /// The innermost byte that may be in use: where the stack pointer stands in a
    /// thread that waits, else the lowest byte of the stack.
    pub stack_pointer: Addr,
    /// One past the outermost byte.
    pub stack_end: Addr,
    /// Where a thread that waits will go on.
    pub instruction_pointer: Option<Addr>,
    /// The registers that are known: the arguments of the system call that a thread
    /// waits in.
    pub registers: Vec<u64>,
    /// Its thread pointer (the address of its control block), if that is known.
    pub thread_pointer: Option<Addr>,
}

/// The memory of the frozen process, for as long as the work runs.
pub struct Frozen<'a> {
    /// Reads it. Without a copy the process writes to it meanwhile.
    pub memory: &'a dyn Memory,
    /// The threads that were alive, but for the profiler's own.
    pub threads: Vec<ThreadStack>,
}

impl fmt::Debug for Frozen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut frozen = f.debug_struct("Frozen");
        frozen
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

/// [`Work`] that also looks at the frozen memory.
pub type WorkOnMemory<'a> = dyn FnMut(&mut Image, &Frozen<'_>) -> Result<(), String> + 'a;

/// Why there is no snapshot.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// This platform is not supported.
    Platform,
    /// Nothing is recorded: the mode is off, or `Heap` is not the global allocator.
    NotRecording,
    /// The kernel makes no copy of this process.
    NoCopy,
    /// The copy took longer than the deadline and was killed.
    Deadline(Duration),
    /// The copy needed more memory than its budget.
    Memory {
        /// The budget in bytes.
        budget: u64,
    },
    /// The kernel gave the copy no more memory, though its budget had some left.
    Refused {
        /// What the copy had, in bytes.
        taken: u64,
    },
    /// The copy died of a signal or a panic.
    Died(String),
    /// The work itself failed.
    Failed(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Platform => f.write_str(
                "endler records on Linux on x86-64 only; here the allocator forwards and \
                 there is nothing to take a snapshot of",
            ),
            Error::NotRecording => f.write_str(
                "nothing is recorded: set `#[global_allocator] static HEAP: endler::Heap = \
                 endler::Heap::system();` and do not set ENDLER=off",
            ),
            Error::NoCopy => f.write_str(
                "the kernel makes no copy of this process (a seccomp filter, a limit on processes, \
                 or no memory is left); `endler dump` works without one",
            ),
            Error::Deadline(after) => write!(
                f,
                "the snapshot was not ready after {} s and was given up; the process is unharmed. \
                 The copy works at a low priority: if all processors are busy, try when they are less so",
                after.as_secs()
            ),
            Error::Memory { budget } => write!(
                f,
                "the snapshot needed more than its budget of {budget} bytes \
                 (a quarter of the memory that is left); the process is unharmed"
            ),
            Error::Refused { taken } => write!(
                f,
                "the kernel gave the snapshot no more than {taken} bytes (a limit on the address \
                 space, or no memory is left); the process is unharmed"
            ),
            Error::Died(how) => write!(
                f,
                "the copy of the process died ({how}); the process is unharmed"
            ),
            Error::Failed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Error {}
