//! The results file, `benches/results.json`: these structures, as JSON.
//!
//! Sizes are in bytes, times in seconds. A ratio is a contender's wall time
//! through that of the same allocator alone, in the same round, with the same
//! input and the same build flags; the ratios' median is told, and the least and
//! the largest of them. Sections that did not run (`--only`, no valgrind) are
//! empty or `null`.
//!
//! ```json
//! {"schema": 1, "date": "2026-01-31T12:00:00Z", "commit": "0123abc", "rounds": 5, "quick": false,
//!  "machine": {"cpu": "…", "cores": 2, "memory_bytes": 1, "kernel": "…", "rustc": "…"},
//!  "versions": {"dhat": "0.3.3"},
//!  "times": [{"workload": "json", "profiler": "endler exact", "inner": "glibc", "frame_pointers": false,
//!             "divide": 1, "rounds": 5, "seconds": {"median": 0.2, "min": 0.2, "max": 0.3},
//!             "ratio": {"median": 1.4, "min": 1.3, "max": 1.5}}],
//!  "memory": [{"inner": "glibc", "bytes_per_block": 44.0}],
//!  "instructions": [{"inner": "glibc", "operation": "alloc", "stack": "same", "depth": 8,
//!                    "alone": 171.0, "off": 177.0, "exact": 700.0}],
//!  "snapshot": {"blocks": 10000000},
//!  "graph": [{"of": "heap", "blocks": 10000000.0, "edges": 30100000.0, "seconds": 5.0, "bytes_per_block": 90.0}]}
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// The version of this schema.
pub(crate) const SCHEMA: u32 = 1;

/// All that was measured in one run of the driver.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Results {
    pub schema: u32,
    /// Of the start, UTC.
    pub date: String,
    /// The commit that was measured, with `+` where files differ from it.
    pub commit: String,
    pub rounds: u32,
    /// Small inputs, one round: good for trying the command alone.
    pub quick: bool,
    pub machine: Machine,
    /// Of the crates that were measured, by their names.
    pub versions: BTreeMap<String, String>,
    pub times: Vec<Timed>,
    pub memory: Vec<Memory>,
    pub instructions: Vec<Instructions>,
    pub snapshot: Option<Snapshot>,
    #[serde(default)]
    pub graph: Vec<Graph>,
}

/// What it ran on.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub cpu: String,
    pub cores: usize,
    pub memory_bytes: u64,
    pub kernel: String,
    pub rustc: String,
}

/// One contender in one workload.
#[derive(Serialize, Deserialize)]
pub(crate) struct Timed {
    /// `json`, `churn`, `html`, `thread`, `threads`, `bursts`, `crawl`, `crawl-dumps`.
    pub workload: String,
    /// `none` for the allocator alone.
    pub profiler: String,
    pub inner: String,
    /// Whether all of the program was built with frame pointers.
    pub frame_pointers: bool,
    /// How many times smaller the input was than the workload's full one.
    pub divide: u32,
    /// Rounds that it ran in.
    pub rounds: u32,
    pub seconds: Spread,
    /// None for an allocator alone.
    pub ratio: Option<Spread>,
}

/// Several measurements of one thing.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

/// Resident bytes that endler adds to a live block of 48 bytes.
#[derive(Serialize, Deserialize)]
pub(crate) struct Memory {
    pub inner: String,
    pub bytes_per_block: f64,
}

/// Instructions of one pair of operations, as callgrind counts them.
#[derive(Serialize, Deserialize)]
pub(crate) struct Instructions {
    pub inner: String,
    /// `alloc` (and free), or `realloc` (up and down again).
    pub operation: String,
    /// How the stacks of one pair and the next differ: `same`, `innermost`, `whole`.
    pub stack: String,
    /// Frames of the program below its thread's closure.
    pub depth: u32,
    pub alone: f64,
    pub off: f64,
    pub exact: f64,
}

/// A snapshot of a large heap. Each figure is the median of several processes.
#[derive(Serialize, Deserialize)]
pub(crate) struct Snapshot {
    /// Live blocks in it.
    pub blocks: f64,
    pub resident_bytes: f64,
    /// The `clone` call, as endler tells it.
    pub held_seconds: f64,
    /// The longest that a thread which only reads the clock did not run.
    pub gap_seconds: f64,
    /// The same without a snapshot.
    pub gap_quiet_seconds: f64,
    /// From the call of `snapshot_to` to the complete file.
    pub file_seconds: f64,
    /// From the signal to the tables and the file of the dump.
    pub tables_seconds: f64,
    /// The types of all blocks, once debug information is read; in a process of its own.
    #[serde(default)]
    pub typed_seconds: f64,
    /// From the types to the text of the table by type.
    #[serde(default)]
    pub tabled_seconds: f64,
    /// Pages that the writing thread goes round.
    pub writer_pages: f64,
    /// Its minor faults during the snapshot.
    pub writer_faults: f64,
    /// One round through all pages, before.
    pub writer_quiet_seconds: f64,
    /// The slowest round during the snapshot.
    pub writer_slowest_seconds: f64,
    /// The longest that one write took during the snapshot.
    pub writer_longest_write_seconds: f64,
    /// What all rounds took beyond the quiet one during the snapshot.
    pub writer_lost_seconds: f64,
}

/// The scan of a heap (`scan`), or graph, dominators and retained sizes together on two
/// threads: of a made heap, by the name of its shape, or of the crawl's (`snapshot`). `scan and heap`
/// is the sum of both.
#[derive(Serialize, Deserialize)]
pub(crate) struct Graph {
    pub of: String,
    pub blocks: f64,
    pub edges: f64,
    pub seconds: f64,
    /// The most memory at one time, for each block; the edges are in it.
    pub bytes_per_block: f64,
}

impl Spread {
    /// None of no values.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let upper = *values.get(values.len() / 2)?;
        let lower = *values.get((values.len() - 1) / 2)?;
        let median = f64::midpoint(lower, upper);
        Some(Spread { median, min, max })
    }
}

impl Results {
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let results: Results =
            serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
        if results.schema != SCHEMA {
            return Err(format!(
                "{} has schema {}, this command reads {SCHEMA}: measure again",
                path.display(),
                results.schema
            ));
        }
        Ok(results)
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), String> {
        let mut text = serde_json::to_string_pretty(self).map_err(|e| e.to_string())?;
        text.push('\n');
        std::fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
    }

    /// A contender's row in a workload.
    pub(crate) fn time(&self, workload: &str, profiler: &str, inner: &str) -> Option<&Timed> {
        self.times
            .iter()
            .filter(|row| row.workload == workload)
            .filter(|row| row.profiler == profiler && row.inner == inner)
            // Without the flag where both were measured.
            .min_by_key(|row| row.frame_pointers)
    }
}
