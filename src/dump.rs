//! What a dump does with a frozen image: resolve it, tabulate it, write it.
//!
//! [`write`] runs in the copy: it locks nothing, prints nothing, and asks the C
//! library for no memory.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use endler_allocator::freeze::{self, Cost, Frozen, Keep, Options};
use endler_reports::resolve::{self, MainBinary};
use endler_reports::scan::{self, ThreadSpan};
use endler_snapshot::{Cut, Image, format};

use crate::files::{self, highest, prune, stem, with_ending};
use crate::part::Part;
use crate::{Error, SnapshotInfo};

/// A result that did not come at the first try says why.
pub(crate) struct Done {
    pub(crate) cost: Cost,
    pub(crate) elapsed: Duration,
    pub(crate) missing: Missing,
}

/// What there was no memory for, and why.
pub(crate) enum Missing {
    Nothing,
    References(freeze::Error),
    /// Neither names and types nor references.
    Types(freeze::Error),
}

static SEQUENCE: AtomicU32 = AtomicU32::new(0);

pub(crate) fn next_sequence() -> u32 {
    SEQUENCE.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
}

/// Freezes and runs `write` on the image with its types and references; where
/// the copy's memory does not suffice for that, without references, and then
/// without names and types.
pub(crate) fn freeze_and(
    keep: Option<i32>,
    sequence: u32,
    write: &dyn Fn(&Image) -> Result<(), String>,
) -> Result<Done, Error> {
    let started = Instant::now();
    let options = Options {
        sequence,
        keep: keep.map_or_else(Keep::default, |fd| Keep::these(&[fd])),
        inner: crate::inner::asked(),
        ..Options::default()
    };
    let whole = freeze::freeze_with_memory(&options, &mut |image, frozen| {
        resolve_here(image);
        refer_here(image, frozen);
        write(image)
    });
    let without_references = || {
        freeze::freeze(&options, &mut |image| {
            resolve_here(image);
            write(image)
        })
    };
    let bare = || freeze::freeze(&options, &mut |image| write(image));
    let mut missing = Missing::Nothing;
    let mut result = whole;
    let less: [(_, &dyn Fn() -> _); 2] = [
        (Missing::References as fn(_) -> _, &without_references),
        (Missing::Types, &bare),
    ];
    for (what, attempt) in less {
        match result {
            Err(why @ (freeze::Error::Memory { .. } | freeze::Error::Refused { .. })) => {
                missing = what(why);
                result = attempt();
            }
            _ => break,
        }
    }
    Ok(Done {
        cost: result.map_err(Error::Freeze)?,
        elapsed: started.elapsed(),
        missing,
    })
}

/// Debug information of the process that runs.
pub(crate) fn this_process() -> resolve::Options {
    resolve::Options {
        main: MainBinary::RunningProcess,
        ..resolve::Options::default()
    }
}

/// Adds types and sites from this process's own binaries. What is missing is
/// told at the head of the tables, so the warnings are not repeated here.
pub(crate) fn resolve_here(image: &mut Image) {
    let _ = resolve::resolve(image, &this_process());
}

/// Adds which block refers to which, by the frozen memory.
pub(crate) fn refer_here(image: &mut Image, frozen: &Frozen<'_>) {
    let threads = frozen.threads.iter().map(|stack| ThreadSpan {
        thread: stack.thread,
        stack_pointer: stack.stack_pointer,
        stack_end: stack.stack_end,
        instruction_pointer: stack.instruction_pointer,
        registers: stack.registers.clone(),
        thread_pointer: stack.thread_pointer,
    });
    let threads: Vec<ThreadSpan> = threads.collect();
    scan::refer(image, frozen.memory, &this_process(), &threads);
}

/// Writes one snapshot file; one of that name is replaced.
pub(crate) fn snapshot_file(path: &Path, image: &Image) -> Result<(), String> {
    snapshot_part(path, image)?.replace()
}

fn snapshot_part(path: &Path, image: &Image) -> Result<Part, String> {
    Part::write(path, image.process.pid, |to| {
        format::write(image, to).map_err(std::io::Error::other)
    })
}

/// Writes both files of a dump: either both get their names, or none.
fn two_files(directory: &Path, image: &Image) -> Result<(), String> {
    let stem = stem_of(directory, image);
    let text = Part::write(&with_ending(&stem, ".txt"), image.process.pid, |to| {
        endler_reports::write_tables(image, to)
    })?;
    let snapshot = snapshot_part(&with_ending(&stem, ".endler"), image)?;
    text.publish()?;
    snapshot.publish().inspect_err(|_| text.withdraw())
}

/// Writes tables and snapshot into `directory`; the line that names them.
pub(crate) fn into_directory(directory: &Path) -> Result<String, Error> {
    let pid = std::process::id();
    // It may have been removed since it was asked for.
    files::directory(directory.to_path_buf())?;
    // Numbers go on where an earlier process of the same id left off.
    SEQUENCE.fetch_max(highest(directory, pid), Ordering::Relaxed);
    let sequence = next_sequence();
    let done = freeze_and(None, sequence, &|image| two_files(directory, image));
    if let Err(Error::Freeze(freeze::Error::Died(_) | freeze::Error::Deadline(_))) = &done {
        files::remove_half(directory, pid, sequence);
    }
    // Also after a failure: a copy that was killed leaves an unfinished file.
    prune(directory, pid);
    let done = done?;
    // The copy named the files by the phase it saw; find what it wrote.
    let prefix = stem(directory, pid, sequence, "");
    let written = std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| {
            let text = path.as_os_str().to_string_lossy();
            let rest = text.strip_prefix(&*prefix.as_os_str().to_string_lossy());
            rest.is_some_and(|rest| rest.starts_with('.') && rest.ends_with(".txt"))
        })
        .unwrap_or(prefix);
    Ok(line(&written, &done))
}

fn stem_of(directory: &Path, image: &Image) -> PathBuf {
    let phase = image
        .phases
        .get(image.process.phase.index())
        .map_or("", |p| p.name.as_str());
    stem(directory, image.process.pid, image.process.sequence, phase)
}

fn line(path: &Path, done: &Done) -> String {
    let Done {
        cost,
        elapsed,
        missing,
    } = done;
    let mut line = format!(
        "endler: {} and .endler beside it: {} objects, {} bytes; ",
        path.display(),
        cost.objects,
        cost.bytes,
    );
    match cost.cut {
        Cut::Atomic => {
            let held = Duration::from_nanos(cost.held.0).as_secs_f64() * 1e3;
            line.push_str(&format!("process held {held:.1} ms, "));
        }
        Cut::Racing => line.push_str("no copy could be made, so not of one instant, "),
    }
    line.push_str(&format!("ready after {:.2} s", elapsed.as_secs_f64()));
    if let Some(reading) = cost.reading {
        let took = Duration::from_nanos(reading.0).as_secs_f64() * 1e3;
        line.push_str(&format!(
            "; the inner allocator's statistics took {took:.1} ms"
        ));
    }
    match missing {
        Missing::Nothing => {}
        Missing::References(why) => line.push_str(&format!("; without references: {why}")),
        Missing::Types(why) => line.push_str(&format!("; without types: {why}")),
    }
    line
}

impl SnapshotInfo {
    pub(crate) fn new(path: &Path, done: &Done) -> Self {
        SnapshotInfo {
            path: path.to_path_buf(),
            objects: done.cost.objects,
            bytes: done.cost.bytes,
            held: Duration::from_nanos(done.cost.held.0),
            elapsed: done.elapsed,
            reading: done.cost.reading.map(|took| Duration::from_nanos(took.0)),
            atomic: done.cost.cut == Cut::Atomic,
        }
    }
}
