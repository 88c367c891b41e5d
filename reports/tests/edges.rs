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

#[path = "edges/futures.rs"]
mod futures;
#[path = "edges/guesses.rs"]
mod guesses;
#[path = "edges/hostile.rs"]
mod hostile;
#[path = "support/hostile_memory.rs"]
mod hostile_memory;
#[path = "edges/maps.rs"]
mod maps;
#[path = "edges/outside.rs"]
mod outside;
#[path = "support/own_memory.rs"]
mod own_memory;
#[path = "edges/pointers.rs"]
mod pointers;
#[path = "truth/recorder.rs"]
mod recorder;
#[path = "edges/sequences.rs"]
mod sequences;
#[path = "edges/shapes.rs"]
mod shapes;
#[path = "edges/stacks.rs"]
mod stacks;
#[path = "edges/truth.rs"]
mod truth;

use std::time::Instant;

use endler_reports::resolve::{Options, resolve};
use endler_reports::scan::{ThreadSpan, scan};
use endler_snapshot::{Addr, DebugLevel, Evidence, Image};
use own_memory::Own;
use truth::{Program, Score, compare};

#[global_allocator]
static HEAP: recorder::Recorder = recorder::Recorder;

fn programs() -> Vec<Program> {
    let mut programs = vec![
        shapes::structs(),
        shapes::tuples(),
        shapes::enums(),
        shapes::generics(),
        shapes::twins(),
        maps::maps(5),
        maps::maps(700),
        pointers::dynamic(),
        sequences::sequences(),
        futures::futures(),
    ];
    programs.extend(pointers::counted());
    programs
}

#[test]
fn every_field_gets_its_name() {
    let mut programs = programs();
    let records: Vec<_> = programs
        .iter()
        .flat_map(|p| p.blocks.iter().cloned())
        .collect();
    let mut image = recorder::image(&records);
    let options = Options::default();
    let begin = Instant::now();
    assert_eq!(resolve(&mut image, &options), []);
    let resolved = begin.elapsed();
    if !is_described(&image) {
        return;
    }
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
    let names = &image.resolution.as_ref().unwrap();
    for t in &graph.field_types {
        let row = names.type_of(t.block);
        println!("{} becomes {}", names.str(row.name), t.name);
    }
    assert_eq!((sum.wrong, sum.untrue, sum.missing), (0, 0, 0));
}

/// Whether this test's own binary describes its types; says so if not.
fn is_described(image: &Image) -> bool {
    let level = image.resolution.as_ref().unwrap().modules[0].level;
    if level != DebugLevel::Full {
        println!("not run: fields need `debug = 2`, and this binary has {level:?}");
    }
    level == DebugLevel::Full
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
    if !is_described(&image) {
        return;
    }
    let here = ThreadSpan {
        thread_pointer: Some(thread_pointer()),
        ..ThreadSpan::default()
    };
    let graph = scan(&image, &Own::new(), &options, &[here]);
    outside.check(&image, &graph);
}

#[test]
fn a_guess_outranks_nothing() {
    guesses::check();
}

#[test]
fn memory_is_not_believed() {
    let programs = programs();
    let blocks = programs.iter().flat_map(|p| p.blocks.iter().cloned());
    let mut image = recorder::image(&blocks.collect::<Vec<_>>());
    resolve(&mut image, &Options::default());
    let here = ThreadSpan {
        thread_pointer: Some(thread_pointer()),
        ..ThreadSpan::default()
    };
    hostile::check(&image, &here);
}

#[test]
fn fields_type_what_stacks_cannot() {
    let (mut program, expected) = sequences::fields();
    let mut image = recorder::image(&program.blocks);
    let options = Options::default();
    resolve(&mut image, &options);
    if !is_described(&image) {
        return;
    }
    let stacks = image.resolution.clone().unwrap();
    let graph = scan(&image, &Own::new(), &options, &[]);
    let score = compare(&mut program, &image, &graph);
    assert_eq!((score.wrong, score.untrue, score.missing), (0, 0, 0));
    let by_field: Vec<(usize, &str)> = graph
        .field_types
        .iter()
        .map(|t| {
            assert_eq!(t.evidence, Evidence::Field);
            let address = image.blocks.addr[t.block.index()].0 as usize;
            let row = stacks.type_of(t.block);
            println!("{} becomes {}", stacks.str(row.name), t.name);
            (address, t.name.as_str())
        })
        .collect();
    let mut wanted = expected.types.clone();
    wanted.sort();
    assert_eq!(by_field, wanted);
    // Where nothing is known, every field tells.
    let unknown = image.resolution.as_mut().unwrap();
    let shared = graph
        .labels
        .iter()
        .position(|l| l.ends_with("Fields.shared"))
        .unwrap();
    let edge = graph
        .edges
        .label
        .iter()
        .position(|&l| l as usize == shared)
        .unwrap();
    let block = graph.edges.target[edge] as usize;
    unknown.block_evidence[block] = Evidence::Unknown;
    unknown.block_type[block] = unknown.block_type[graph.edges.source[edge] as usize];
    let again = scan(&image, &Own::new(), &options, &[]);
    let told = again
        .field_types
        .iter()
        .find(|t| t.block.index() == block)
        .unwrap();
    assert_eq!(
        (told.name.as_str(), told.holder.as_str()),
        ("Arc<[edges::sequences::Raw]>", "Arc")
    );
    assert_eq!(told.held, "[edges::sequences::Raw]");
}

#[test]
fn a_stack_holds_under_its_functions_name() {
    stacks::keeper();
}
