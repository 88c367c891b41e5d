//! Ground truth for types: every birth of every covered container, made by this
//! very program under a recording allocator, and compared block by block with
//! what the resolver says.
//!
//! It runs at any debug level and optimisation; the numbers differ, and the
//! test knows what each level can give. To see the table:
//!
//! ```text
//! cargo test -p endler-reports --test truth -- --nocapture
//! CARGO_PROFILE_RELEASE_DEBUG=1 CARGO_PROFILE_RELEASE_LTO=fat \
//!     cargo test --release -p endler-reports --test truth -- --nocapture
//! ```

#[path = "truth/cases.rs"]
mod cases;
#[path = "truth/recorder.rs"]
mod recorder;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Instant;

use endler_reports::resolve::{Options, resolve};
use endler_snapshot::{BlockId, Evidence};

#[global_allocator]
static HEAP: recorder::Recorder = recorder::Recorder;

#[derive(Default)]
struct Score {
    right: usize,
    wrong: usize,
    unknown: usize,
}

/// What the resolver said about one block.
struct Named {
    name: String,
    evidence: Evidence,
    stack: String,
}

/// Resolves the blocks of all cases as one image; answers by address.
fn names(cases: &[cases::Case]) -> BTreeMap<usize, Named> {
    let records: Vec<_> = cases
        .iter()
        .flat_map(|c| c.blocks.iter().cloned())
        .collect();
    let mut image = recorder::image(&records);
    let begin = Instant::now();
    let warnings = resolve(&mut image, &Options::default());
    println!(
        "{} blocks resolved in {:?}, {warnings:?}",
        records.len(),
        begin.elapsed()
    );
    image.check_invariants().unwrap();
    let resolution = image.resolution.as_ref().unwrap();
    (0..image.blocks.len())
        .map(|block| {
            let row = resolution.type_of(BlockId(block as u32));
            let context = image.contexts[image.blocks.context[block].index()];
            let mut stack = String::new();
            for frame in image.stacks.frames(context.stack) {
                stack.push_str("      -\n");
                for line in resolution.lines_of(frame) {
                    let (function, file) =
                        (resolution.str(line.function), resolution.str(line.file));
                    writeln!(stack, "      {function} {file}:{}", line.line).unwrap();
                }
            }
            let named = Named {
                name: resolution.str(row.name).to_owned(),
                evidence: resolution.block_evidence[block],
                stack,
            };
            (image.blocks.addr[block].0 as usize, named)
        })
        .collect()
}

/// Compares the blocks of one case with the names they must get.
fn check(case: &cases::Case, names: &BTreeMap<usize, Named>, score: &mut Score) {
    let mut expected = case.names.clone();
    let mut missed = Vec::new();
    for block in &case.blocks {
        let named = &names[&block.address];
        match expected.iter().position(|e| *e == named.name) {
            Some(at) => {
                expected.remove(at);
                score.right += 1;
                continue;
            }
            None if named.evidence == Evidence::Unknown => score.unknown += 1,
            None => score.wrong += 1,
        }
        missed.push(named);
    }
    for named in missed {
        println!("{}: got {}, expected {expected:?}", case.what, named.name);
        if std::env::var_os("TRUTH_STACKS").is_some() {
            println!("{}", named.stack);
        }
    }
}

#[test]
fn every_birth_gets_its_type() {
    let cases = cases::all();
    let names = names(&cases);
    let mut score = Score::default();
    for case in &cases {
        check(case, &names, &mut score);
    }
    println!(
        "right {} wrong {} unknown {}",
        score.right, score.wrong, score.unknown
    );
}
