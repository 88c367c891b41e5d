//! What the parent says of its workers at the end: figures that were read, and
//! none that were computed from a limit.

use std::fmt::Write;

use endler::Bytes;
use endler::reports::render::number::thousands;

use super::resident::Resident;

/// One worker: the processes that followed each other in one place.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Row {
    /// Pages that it parsed.
    pub pages: usize,
    /// How often its process was replaced because it had passed the limit.
    pub recycled: usize,
    /// How often its process was replaced because it had crashed.
    pub crashed: usize,
    /// The most that was resident of one of its processes. Of one that crashed
    /// it is what it said last.
    pub highest: Bytes,
    /// What was resident of that process before its first page.
    pub fresh: Bytes,
    /// The same of its process now.
    pub fresh_now: Bytes,
}

impl Row {
    /// A process has begun.
    pub(crate) fn begins(&mut self, resident: Resident) {
        self.fresh_now = resident.now;
        self.reaches(resident);
    }

    /// A process tells its memory.
    pub(crate) fn reaches(&mut self, resident: Resident) {
        if resident.highest.0 > self.highest.0 {
            self.highest = resident.highest;
            self.fresh = self.fresh_now;
        }
    }
}

/// The table of workers. Memory is resident memory in MiB (2^20 bytes), one decimal.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut out = String::from("Worker     Pages  Recycled  Crashed  Highest MiB\n");
    let mut line = |name: &str, row: &Row| {
        // Writing into a text does not fail.
        let _ = writeln!(
            out,
            "{name:>6} {:>9} {:>9} {:>8} {:>12.1}",
            thousands(row.pages as u64),
            row.recycled,
            row.crashed,
            mib(row.highest)
        );
    };
    let mut all = Row::default();
    for (at, row) in rows.iter().enumerate() {
        line(&(at + 1).to_string(), row);
        all.pages += row.pages;
        all.recycled += row.recycled;
        all.crashed += row.crashed;
        all.highest = all.highest.max(row.highest);
    }
    line("all", &all);
    out
}

/// Whether residency was bounded, in a sentence.
pub(crate) fn sentence(rows: &[Row], limit: Option<Bytes>, parent: Resident) -> String {
    let most = rows.iter().max_by_key(|row| row.highest.0).copied();
    let most = most.unwrap_or_default();
    let recycled: usize = rows.iter().map(|row| row.recycled).sum();
    let processes: usize = rows.iter().map(|row| 1 + row.recycled + row.crashed).sum();
    let parent = mib(parent.highest);
    match limit {
        Some(limit) => format!(
            "Residency stayed under {} MiB: none of {processes} worker processes had more, {recycled} of them were \
             replaced\nafter passing {} MiB. The parent had at most {parent:.1} MiB.",
            (most.highest.0 >> 20) + 1,
            limit.0 >> 20,
        ),
        None => format!(
            "Residency grew to {:.1} MiB, from {:.1} MiB before that process's first page: no worker is replaced\n\
             without --recycle-at. The parent had at most {parent:.1} MiB.",
            mib(most.highest),
            mib(most.fresh),
        ),
    }
}

fn mib(bytes: Bytes) -> f64 {
    bytes.0 as f64 / f64::from(1 << 20)
}
