//! Ground truth for types: every birth of every covered container, made by this
//! very program under a recording allocator, and compared block by block with
//! what the resolver says.
//!
//! It runs at any debug level and optimisation. To see the table:
//!
//! ```text
//! cargo test -p endler-reports --test truth -- --nocapture
//! CARGO_PROFILE_RELEASE_DEBUG=1 CARGO_PROFILE_RELEASE_LTO=fat \
//!     cargo test --release -p endler-reports --test truth -- --nocapture
//! ```
//!
//! `TRUTH_STACKS=1` adds the stacks of what is not right. Below `debug = 1` and
//! line tables nothing can be typed, and the test checks that nothing is.

#[path = "truth/cases.rs"]
mod cases;
#[path = "truth/recorder.rs"]
mod recorder;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Instant;

use endler_reports::resolve::{Options, resolve};
use endler_snapshot::{BlockId, DebugLevel, Evidence};

#[global_allocator]
static HEAP: recorder::Recorder = recorder::Recorder;

/// Births that some builds get wrong, each with the reason.
///
/// The optimiser merges whole functions whose machine code is equal. Where the
/// caller is a container of another content, that is seen (evidence `merged`);
/// where it is user code, no stack can show it.
const MERGED: [&str; 2] = [
    // `Vec<Page>::into_boxed_slice` with `Vec<Leg>`'s, for size.
    "into_boxed_slice, shrinking",
    // `Arc::new_cyclic` with `Rc::new_cyclic`, for size.
    "Arc::new_cyclic",
];

/// With line tables alone a function is named after its file, and a module
/// that does not lie below `src` has no name.
const WITHOUT_NAMESPACES: [(&str, &[&str]); 1] = [(
    "Raw in truth::cases::raw",
    &["Raw in truth::raw", "Raw in raw"],
)];

#[derive(Default)]
struct Score {
    right: usize,
    merged: usize,
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
fn names(cases: &[cases::Case]) -> (BTreeMap<usize, Named>, DebugLevel, bool) {
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
    let level = resolution.modules[0].level;
    let functions = || resolution.lines.iter().map(|l| resolution.str(l.function));
    let has_namespaces = functions().any(|f| f == "truth::cases::vectors");
    let names = (0..image.blocks.len())
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
        .collect();
    (names, level, has_namespaces)
}

/// Compares the blocks of one case with the names they must get.
fn check(case: &cases::Case, names: &BTreeMap<usize, Named>, score: &mut Score) {
    let mut expected = case.names.clone();
    let mut missed = Vec::new();
    for block in &case.blocks {
        let named = &names[&block.address];
        let is = |e: &String| {
            let mut others = WITHOUT_NAMESPACES.iter().filter(|(full, _)| full == e);
            *e == named.name || others.any(|(_, short)| short.contains(&named.name.as_str()))
        };
        match expected.iter().position(is) {
            Some(at) => {
                expected.remove(at);
                score.right += 1;
                continue;
            }
            None if named.evidence == Evidence::Unknown => score.unknown += 1,
            None if MERGED.contains(&case.what) => score.merged += 1,
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
    assert_eq!(case.blocks.len(), case.names.len(), "{}", case.what);
}

#[test]
fn every_birth_gets_its_type() {
    let groups = [
        ("vectors", cases::vectors()),
        ("pointers", cases::boxes()),
        ("text", cases::strings()),
        ("maps and the rest", cases::maps()),
    ];
    let all: Vec<_> = groups
        .iter()
        .flat_map(|(_, cases)| cases.iter().cloned())
        .collect();
    let (names, level, has_namespaces) = names(&all);
    let mut sum = Score::default();
    let mut table = String::new();
    for (group, cases) in &groups {
        let mut score = Score::default();
        for case in cases {
            check(case, &names, &mut score);
        }
        let Score {
            right,
            merged,
            wrong,
            unknown,
        } = score;
        writeln!(table, "{right:6} {wrong:6} {merged:6} {unknown:7}  {group}").unwrap();
        sum.right += right;
        sum.merged += merged;
        sum.wrong += wrong;
        sum.unknown += unknown;
    }
    let Score {
        right,
        merged,
        wrong,
        unknown,
    } = sum;
    println!(
        " right  wrong merged unknown  {level:?}\n{table}{right:6} {wrong:6} {merged:6} {unknown:7}  sum"
    );
    if matches!(level, DebugLevel::Full | DebugLevel::Limited) {
        assert_eq!(wrong, 0);
        // With line tables alone, a line that the optimiser dropped takes the
        // module of its function with it.
        let allowed = if has_namespaces { 0 } else { 5 };
        assert!(unknown <= allowed, "{unknown} unknown");
    } else {
        assert_eq!(right + merged + wrong, 0, "typed without debug information");
    }
}
