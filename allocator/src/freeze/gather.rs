//! What the host reads of itself before the copy is made.

use std::time::{SystemTime, UNIX_EPOCH};

use endler_snapshot::{Inner, Mapping, Nanos};

use super::extract::Gathered;
use super::notes::{self, Note};
use super::pages::Pages;
use super::{figures, mappings};
use crate::freeze_types::{Options, ReadInner};
use crate::hook::RECORDER;
use crate::{clock, os};

/// All that an image needs and the tables do not hold.
pub(super) fn gather(options: &Options) -> Gathered {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    RECORDER.objects.refresh(&RECORDER.rules);
    let notes = notes::take(os::thread_id());
    let inner = inner(options.inner);
    let mut exe = [0u8; 4096];
    let len = crate::unwind::objects::executable(&mut exe) as usize;
    Gathered {
        pid: os::process_id(),
        taken: Nanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)),
        sequence: options.sequence,
        phases: RECORDER.phases.list(),
        inner,
        // Late, for what was made ready so far is resident too.
        mappings: read_mappings(&notes),
        notes,
        resident: figures::resident(),
        process_name: text("/proc/self/comm").trim_end_matches('\n').to_owned(),
        exe: String::from_utf8_lossy(exe.get(..len).unwrap_or(&[])).into_owned(),
    }
}

/// The inner allocator's name, and its statistics where they were asked for.
fn inner(read: Option<ReadInner>) -> Inner {
    let before = clock::nanos(libc::CLOCK_MONOTONIC);
    // A panic in a function of the host's must not end the profiler's thread.
    let statistics = read.and_then(|read| std::panic::catch_unwind(read).ok().flatten());
    let reading = match read {
        Some(_) => clock::nanos(libc::CLOCK_MONOTONIC).saturating_sub(before),
        None => 0,
    };
    Inner {
        allocator: RECORDER.inner.get().to_owned(),
        reading: Nanos(reading),
        statistics,
    }
}

/// How long the inner allocator's statistics took to read, if they were asked for.
pub(super) fn reading(options: &Options, gathered: &Gathered) -> Option<Nanos> {
    options.inner.map(|_| gathered.inner.reading)
}

fn read_mappings(notes: &[Note]) -> Vec<Mapping> {
    let here = 0u8;
    let stacks = notes.iter().filter_map(|n| Some((n.stack_pointer?, n.tid)));
    let known = mappings::Known {
        own: &os::own_regions(),
        here: ((&raw const here) as u64, os::thread_id()),
        stacks: &stacks.collect::<Vec<_>>(),
    };
    // Files and shared memory now, the rest in the copy; or all of it now.
    match Pages::open().filter(Pages::measures) {
        Some(pages) => {
            let mut mappings = mappings::read_maps(&known);
            pages.measure_shared(&mut mappings);
            mappings
        }
        None => mappings::read_smaps(&known),
    }
}
