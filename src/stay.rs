//! A copy that answers: a frozen image with its types, references and contents, for
//! work that stays in the copy.

use std::time::Duration;

use endler_allocator::freeze::{self, Keep, Options, Running};
use endler_reports::values::{Contents, with_contents};
use endler_snapshot::Image;

use crate::Error;
use crate::dump::{refer_here, resolve_here, this_process};

/// How much is made of the image before the work begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Whole,
    /// Where there was no memory for that.
    WithoutReferences,
    /// Neither names and types nor references.
    Bare,
}

impl Level {
    /// The next smaller one.
    pub(crate) fn less(self) -> Option<Self> {
        match self {
            Level::Whole => Some(Level::WithoutReferences),
            Level::WithoutReferences => Some(Level::Bare),
            Level::Bare => None,
        }
    }
}

/// Runs in the copy, where nothing may be locked or printed.
type Serve = Box<dyn Fn(&Image, &dyn Contents) -> Result<(), String> + Send>;

/// A copy to be made.
pub(crate) struct Stay {
    pub(crate) level: Level,
    pub(crate) keep: Keep,
    /// The number that the image carries.
    pub(crate) sequence: u32,
    /// What it may take, in bytes; none for a quarter of what is left.
    pub(crate) memory: Option<u64>,
    /// How long it may take to be ready.
    pub(crate) deadline: Duration,
    pub(crate) serve: Serve,
}

/// Makes the copy. For the profiler's thread.
pub(crate) fn stay(stay: &Stay) -> Result<Running, Error> {
    let options = Options {
        sequence: stay.sequence,
        keep: stay.keep,
        memory: stay.memory,
        deadline: stay.deadline,
        ..Options::default()
    };
    let running = freeze::freeze_to_stay(&options, &mut |image, frozen| {
        if stay.level != Level::Bare {
            resolve_here(image);
        }
        if stay.level == Level::Whole {
            refer_here(image, frozen);
        }
        with_contents(image, frozen.memory, &this_process(), |contents| {
            (stay.serve)(image, contents)
        })
    });
    running.map_err(Error::Freeze)
}
