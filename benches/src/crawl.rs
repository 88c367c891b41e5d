//! The crawl of `examples/crawl.rs` as its users run it: the whole process from
//! start to end, with the three dumps and the tables that it prints at its end.
//!
//! Alone, it is the same example with the system allocator in endler's place
//! (`--cfg crawl_alone`). What recording alone costs a crawl is a workload of
//! [`crate::times`], without any dump.

use std::path::Path;
use std::time::Instant;

use crate::contenders::{EXACT, NONE, OFF};
use crate::programs::{Programs, output};
use crate::results::{Spread, Timed};
use crate::times::documentation;

/// What its rows of results are called.
pub(crate) const WORKLOAD: &str = "crawl-dumps";

/// Crawls `pages` pages in each round alone, with endler off, and recorded.
pub(crate) fn measure(programs: &Programs, rounds: u32, pages: u32) -> Result<Vec<Timed>, String> {
    let site = documentation()?;
    let dumps = programs.scratch()?;
    let [recorded, alone] = programs.crawls()?;
    let contenders = [
        (NONE, &alone, "off"),
        (OFF, &recorded, "off"),
        (EXACT, &recorded, "exact"),
    ];
    let mut seconds = [const { Vec::new() }; 3];
    for round in 0..rounds as usize {
        // Each is the first of a round in turn: the first one reads the site
        // from further away.
        for turn in 0..contenders.len() {
            let at = (round + turn) % contenders.len();
            let (_, program, mode) = contenders[at];
            seconds[at].push(crawl(program, &site, &dumps, pages, mode)?);
        }
    }
    let _ = std::fs::remove_dir_all(&dumps);
    let mut rows = Vec::new();
    for (index, (profiler, ..)) in contenders.iter().enumerate() {
        let ratios: Vec<f64> = seconds[index]
            .iter()
            .zip(&seconds[0])
            .map(|(own, base)| own / base)
            .collect();
        rows.extend(Spread::of(&seconds[index]).map(|spread| Timed {
            workload: WORKLOAD.into(),
            profiler: (*profiler).into(),
            inner: "glibc".into(),
            frame_pointers: false,
            divide: 1,
            rounds,
            seconds: spread,
            ratio: Spread::of(&ratios).filter(|_| index > 0),
        }));
    }
    Ok(rows)
}

/// Seconds of the whole process.
pub(crate) fn crawl(
    program: &Path,
    site: &Path,
    dumps: &Path,
    pages: u32,
    mode: &str,
) -> Result<f64, String> {
    let pages = pages.to_string();
    let args = [
        "--pages".as_ref(),
        pages.as_ref(),
        "--site".as_ref(),
        site.as_os_str(),
        "--dumps".as_ref(),
        dumps.as_os_str(),
    ];
    let begun = Instant::now();
    output(program, &args, Some(("ENDLER", mode)))?;
    Ok(begun.elapsed().as_secs_f64())
}
