//! What a snapshot of a large heap costs the process that it is taken of.
//!
//! `snapshot BLOCKS FOLDER` fills the heap with that many blocks of 48 bytes of
//! four types, then takes three snapshots: one beside a thread that does
//! nothing but read the clock, one beside a thread that writes to one block of
//! each page, and one by a signal, tables and all. It prints one JSON object;
//! its keys are those of `Snapshot` in the benches' `results.rs`.

#[path = "../snapshot/clock.rs"]
mod clock;
#[path = "../snapshot/heap.rs"]
mod heap;
#[path = "../snapshot/writer.rs"]
mod writer;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use endler::SnapshotInfo;
use heap::Heap;

#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

/// How long threads are watched without a snapshot.
const QUIET: Duration = Duration::from_millis(1500);
/// How long a dump may take.
const PATIENCE: Duration = Duration::from_secs(120);

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(blocks), Some(folder)) = (args.next(), args.next()) else {
        return Err("usage: snapshot BLOCKS FOLDER".into());
    };
    let folder = PathBuf::from(folder);
    std::fs::create_dir_all(&folder)?;
    endler::on_signal(signal_hook::consts::SIGUSR1, &folder)?;
    let mut heap = Heap::new(blocks.parse()?);

    let file = folder.join("watched.endler");
    let watched = clock::watch(QUIET, || endler::snapshot_to(&file))?;
    let info: SnapshotInfo = watched.done?;
    let written = writer::write(heap.pages(), QUIET, || endler::snapshot_to(&file))?;
    let written_info = written.done?;
    let (tables, text) = tables(&folder)?;
    let typed = heap::KINDS.iter().all(|kind| text.contains(kind));

    let seconds = |time: Duration| time.as_secs_f64();
    println!(
        "{}",
        serde_json::json!({
            "blocks": info.objects,
            "resident_bytes": resident(),
            "held_seconds": seconds(info.held),
            "atomic": info.atomic && written_info.atomic,
            "gap_seconds": seconds(watched.during),
            "gap_quiet_seconds": seconds(watched.quiet),
            "file_seconds": seconds(info.elapsed),
            "tables_seconds": seconds(tables),
            "all_typed": typed,
            "writer_pages": written.pages,
            "writer_faults": written.faults,
            "writer_quiet_seconds": seconds(written.quiet),
            "writer_slowest_seconds": seconds(written.slowest),
            "writer_longest_write_seconds": seconds(written.longest_write),
            "writer_lost_seconds": seconds(written.lost),
        })
    );
    drop(heap);
    Ok(())
}

/// Asks for a dump as an operator does, and waits for its two files; the time
/// from the request on, and the tables.
fn tables(folder: &Path) -> Result<(Duration, String), Box<dyn Error>> {
    let begun = Instant::now();
    signal_hook::low_level::raise(signal_hook::consts::SIGUSR1)?;
    let prefix = format!("endler.{}.", std::process::id());
    while begun.elapsed() < PATIENCE {
        for entry in folder.read_dir()? {
            let path = entry?.path();
            let is_ours = path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(&prefix));
            // Files get these names when they are complete.
            if is_ours
                && path.extension().is_some_and(|e| e == "txt")
                && path.with_extension("endler").exists()
            {
                return Ok((begun.elapsed(), std::fs::read_to_string(path)?));
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Err(format!("no dump within {} s", PATIENCE.as_secs()).into())
}

fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|n| n.parse::<u64>().ok())
        .unwrap_or(0);
    pages * 4096
}
