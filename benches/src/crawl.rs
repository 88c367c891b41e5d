//! The crawl of `examples/crawl.rs`: a program that does more than allocate.
//!
//! Alone, it is the same example with the system allocator in endler's place
//! (`--cfg crawl_alone`). `crawl` is the time of its three phases; in
//! `crawl-dumps` the three dumps and the tables that it prints at its end are
//! in as well, the whole process from start to end.

use std::path::Path;
use std::time::Instant;

use crate::contenders::{EXACT, NONE, OFF};
use crate::programs::{Programs, output};
use crate::results::{Spread, Timed};
use crate::times::documentation;

/// What its rows of results are called.
const WORKLOADS: [&str; 2] = ["crawl", "crawl-dumps"];

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
    // For each contender: phases, whole process.
    let mut seconds = [const { [const { Vec::new() }; 2] }; 3];
    for round in 0..rounds as usize {
        // Each is the first of a round in turn: the first one reads the site
        // from further away.
        for turn in 0..contenders.len() {
            let at = (round + turn) % contenders.len();
            let (_, program, mode) = contenders[at];
            let (phases, whole) = crawl(program, &site, &dumps, pages, mode)?;
            seconds[at][0].push(phases);
            seconds[at][1].push(whole);
        }
    }
    let _ = std::fs::remove_dir_all(&dumps);
    let mut rows = Vec::new();
    for (which, workload) in WORKLOADS.iter().enumerate() {
        for (index, (profiler, ..)) in contenders.iter().enumerate() {
            let own = &seconds[index][which];
            let base = &seconds[0][which];
            let ratios: Vec<f64> = own.iter().zip(base).map(|(own, base)| own / base).collect();
            rows.extend(Spread::of(own).map(|spread| Timed {
                workload: (*workload).into(),
                profiler: (*profiler).into(),
                inner: "glibc".into(),
                frame_pointers: false,
                divide: 1,
                rounds,
                seconds: spread,
                ratio: Spread::of(&ratios).filter(|_| index > 0),
            }));
        }
    }
    Ok(rows)
}

/// Seconds of the phases, and of the whole process.
pub(crate) fn crawl(
    program: &Path,
    site: &Path,
    dumps: &Path,
    pages: u32,
    mode: &str,
) -> Result<(f64, f64), String> {
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
    let text = output(program, &args, Some(("ENDLER", mode)))?;
    let whole = begun.elapsed().as_secs_f64();
    let phase = |name: &str| {
        // `crawl   3.12 s  4,000 pages, …`
        let mut words = text
            .lines()
            .map(str::split_whitespace)
            .find(|words| words.clone().next() == Some(name))?;
        words.nth(1)?.parse::<f64>().ok()
    };
    let phases = ["seed", "crawl", "drain"].map(phase);
    match phases {
        [Some(seed), Some(crawl), Some(drain)] => Ok((seed + crawl + drain, whole)),
        _ => Err(format!("the crawl printed no times: {text}")),
    }
}
