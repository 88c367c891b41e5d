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

/// Compares the blocks of one case with the names they must get.
fn check(case: &cases::Case, score: &mut Score) {
    let mut image = recorder::image(&case.blocks);
    let _ = resolve(&mut image, &Options::default());
    image.check_invariants().unwrap();
    let resolution = image.resolution.as_ref().unwrap();
    let mut expected = case.names.clone();
    let mut missed = Vec::new();
    for block in 0..image.blocks.len() {
        let row = resolution.type_of(BlockId(block as u32));
        let name = resolution.str(row.name).to_owned();
        let evidence = resolution.block_evidence[block];
        match expected.iter().position(|e| *e == name) {
            Some(at) => {
                expected.remove(at);
                score.right += 1;
            }
            None if evidence == Evidence::Unknown => {
                score.unknown += 1;
                missed.push((block, name));
            }
            None => {
                score.wrong += 1;
                missed.push((block, name));
            }
        }
    }
    for (block, name) in missed {
        println!("{}: got {name}, expected {expected:?}", case.what);
        if std::env::var_os("TRUTH_STACKS").is_some() {
            let stack = image.contexts[image.blocks.context[block].index()].stack;
            for frame in image.stacks.frames(stack) {
                println!("    -");
                for line in resolution.lines_of(frame) {
                    println!(
                        "      {} {}:{}",
                        resolution.str(line.function),
                        resolution.str(line.file),
                        line.line
                    );
                }
            }
        }
    }
}

#[test]
fn every_birth_gets_its_type() {
    let mut score = Score::default();
    for case in cases::all() {
        check(&case, &mut score);
    }
    println!(
        "right {} wrong {} unknown {}",
        score.right, score.wrong, score.unknown
    );
}
