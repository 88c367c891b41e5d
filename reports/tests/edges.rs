//! Ground truth for edges: programs that know which of their fields points to
//! which of their blocks, made under a recording allocator in this very process
//! and scanned with this very binary's debug information.
//!
//! To see the table:
//!
//! ```text
//! cargo test -p endler-reports --test edges -- --nocapture
//! ```

#![allow(missing_docs)]

#[path = "edges/hostile.rs"]
mod hostile;
#[path = "edges/outside.rs"]
mod outside;
#[path = "edges/programs.rs"]
mod programs;
#[path = "truth/recorder.rs"]
mod recorder;
#[path = "edges/truth.rs"]
mod truth;

use std::time::Instant;

use endler_reports::resolve::{Options, resolve};
use endler_reports::scan::{ThreadSpan, scan};
use endler_snapshot::Addr;
use truth::{Own, Score, compare};

#[global_allocator]
static HEAP: recorder::Recorder = recorder::Recorder;

#[test]
fn every_field_gets_its_name() {
    let mut programs = programs::all();
    let records: Vec<_> = programs
        .iter()
        .flat_map(|p| p.blocks.iter().cloned())
        .collect();
    let mut image = recorder::image(&records);
    let options = Options::default();
    let begin = Instant::now();
    assert_eq!(resolve(&mut image, &options), []);
    let resolved = begin.elapsed();
    let begin = Instant::now();
    let graph = scan(&image, &Own::new(), &options, &[]);
    println!(
        "{} blocks resolved in {resolved:?}, scanned in {:?}: {} edges",
        records.len(),
        begin.elapsed(),
        graph.edges.len()
    );
    let mut sum = Score::default();
    println!(" right missing wrong false guesses");
    for program in &mut programs {
        let score = compare(program, &image, &graph);
        println!(
            "{:6} {:7} {:5} {:5} {:7}  {}",
            score.right, score.missing, score.wrong, score.untrue, score.guesses, program.what
        );
        sum.right += score.right;
        sum.missing += score.missing;
        sum.wrong += score.wrong;
        sum.untrue += score.untrue;
        sum.guesses += score.guesses;
    }
    println!("{sum:?}");
    assert_eq!((sum.wrong, sum.untrue, sum.missing), (0, 0, 0));
}

/// The thread pointer of this thread: glibc's handle is its address.
fn thread_pointer() -> Addr {
    // SAFETY: it has no preconditions.
    Addr(unsafe { libc::pthread_self() } as u64)
}

#[test]
fn statics_and_thread_locals_are_roots() {
    let outside = outside::outside();
    let mut image = recorder::image(&outside.blocks);
    let options = Options::default();
    resolve(&mut image, &options);
    let here = ThreadSpan {
        thread_pointer: Some(thread_pointer()),
        ..ThreadSpan::default()
    };
    let graph = scan(&image, &Own::new(), &options, &[here]);
    outside.check(&image, &graph);
}

#[test]
fn memory_is_not_believed() {
    let programs = programs::all();
    let blocks = programs.iter().flat_map(|p| p.blocks.iter().cloned());
    let mut image = recorder::image(&blocks.collect::<Vec<_>>());
    resolve(&mut image, &Options::default());
    let here = ThreadSpan {
        thread_pointer: Some(thread_pointer()),
        ..ThreadSpan::default()
    };
    hostile::check(&image, &here);
}
