//! What a snapshot of a large heap costs the process: see the program
//! `benches/programs/src/bin/snapshot.rs`. What its file then takes to be typed and
//! tabled is measured by `reports/examples/table_speed.rs`.
//!
//! endler's own word for how long the process was held is the duration of the
//! `clone` call. Two threads measure it from outside: one only reads the clock,
//! and is held by nothing but interrupts; one writes to every page, and so
//! waits for the kernel where the clone holds the address space, and then pays
//! for the copies of its pages.

use crate::contenders::Build;
use crate::programs::{Programs, output};
use crate::results::{Snapshot, Spread};

/// Takes snapshots of `blocks` live blocks in `processes` processes.
pub(crate) fn measure(
    programs: &Programs,
    processes: u32,
    blocks: u32,
) -> Result<Snapshot, String> {
    let program = programs.path(Build::Plain, "snapshot");
    let [table] = programs.reports(["table_speed"])?;
    let mut runs = Vec::new();
    for _ in 0..processes {
        let scratch = programs.scratch()?;
        let args = [blocks.to_string(), scratch.display().to_string()];
        let text = output(&program, &args, Some(("ENDLER", "exact")))?;
        let file = scratch.join("watched.endler").display().to_string();
        let tables = output(&table, &[file], None)?;
        let _ = std::fs::remove_dir_all(&scratch);
        let mut run: serde_json::Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
        for (key, seconds) in ["typed_seconds", "tabled_seconds"]
            .iter()
            .zip(tabled(&tables)?)
        {
            run[*key] = seconds.into();
        }
        for sign in ["atomic", "all_typed"] {
            if run.get(sign) != Some(&true.into()) {
                return Err(format!("a snapshot was not {sign}: {text}"));
            }
        }
        runs.push(run);
    }
    let median = |key: &str| {
        let values: Vec<f64> = runs
            .iter()
            .filter_map(|run| run.get(key)?.as_f64())
            .collect();
        Spread::of(&values)
            .map(|spread| spread.median)
            .ok_or_else(|| format!("the snapshot program printed no {key}"))
    };
    Ok(Snapshot {
        blocks: median("blocks")?,
        resident_bytes: median("resident_bytes")?,
        held_seconds: median("held_seconds")?,
        gap_seconds: median("gap_seconds")?,
        gap_quiet_seconds: median("gap_quiet_seconds")?,
        file_seconds: median("file_seconds")?,
        tables_seconds: median("tables_seconds")?,
        typed_seconds: median("typed_seconds")?,
        tabled_seconds: median("tabled_seconds")?,
        writer_pages: median("writer_pages")?,
        writer_faults: median("writer_faults")?,
        writer_quiet_seconds: median("writer_quiet_seconds")?,
        writer_slowest_seconds: median("writer_slowest_seconds")?,
        writer_longest_write_seconds: median("writer_longest_write_seconds")?,
        writer_lost_seconds: median("writer_lost_seconds")?,
    })
}

/// The seconds of `tabled BLOCKS TYPED TABLED`.
fn tabled(text: &str) -> Result<[f64; 2], String> {
    let line = text.lines().find_map(|line| line.strip_prefix("tabled "));
    let mut fields = line.unwrap_or_default().split(' ').skip(1);
    let mut next = || fields.next().and_then(|n| n.parse().ok());
    match (next(), next()) {
        (Some(typed), Some(tabled)) => Ok([typed, tabled]),
        _ => Err(format!("no times in {text}")),
    }
}
