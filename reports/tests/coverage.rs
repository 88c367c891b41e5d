//! The lines above every table.

mod support;

use endler_reports::partition::Heap;
use endler_reports::render::Coverage;
use endler_snapshot::{
    Bytes, Cut, DebugLevel, Evidence, Image, Mode, Phase, PhaseId, StackId, Tick,
};
use support::image;

const BLOCKS: &str = "
    1000 Vec<crawl::Page> @ crawl::fetch at examples/crawl.rs:10
    1000 String           @ crawl::fetch at examples/crawl.rs:10
       8 ?
";

fn check(change: impl FnOnce(&mut Image), expect: &str) {
    let mut image = image(BLOCKS);
    change(&mut image);
    let text = Coverage::new(&Heap::new(&image).all()).to_string();
    assert_eq!(text.trim_end(), expect.trim());
}

fn level(image: &mut Image, level: DebugLevel, source: &str) {
    let info = &mut image.resolution.as_mut().expect("resolved").modules[0];
    info.level = level;
    info.source = source.into();
}

#[test]
fn a_whole_image_takes_two_lines() {
    check(
        |_| (),
        "
crawl (pid 4711): 3 blocks live, 2.0 KiB
Typed: 66.7 % of blocks, 99.6 % of bytes (by evidence: stack 99.6 %)",
    );
}

#[test]
fn nothing_is_rounded_to_all_or_none() {
    check(
        |image| {
            image.blocks.size[0] = Bytes(10_000_000_000);
            image.blocks.addr[1].0 += 10_000_000_000;
            image.blocks.addr[2].0 += 10_000_000_000;
            image.resolution.as_mut().expect("resolved").block_evidence[1] = Evidence::Neighbour;
        },
        "
crawl (pid 4711): 3 blocks live, 9.3 GiB
Typed: 66.7 % of blocks, 99.9 % of bytes (by evidence: stack 99.9 %, neighbour <0.1 %)",
    );
}

#[test]
fn what_is_missing_is_said() {
    check(
        |image| {
            image.process.cut = Cut::Racing;
            image.phases.push(Phase { name: "drain".into(), start: Tick(0) });
            image.process.phase = PhaseId(1);
            image.figures.lost = 1204;
            image.figures.truncated = 1;
            image.figures.stuck = 2;
            image.figures.own = Bytes(14 << 20);
            image.figures.resident = Bytes(190 << 20);
        },
        "
crawl (pid 4711): 3 blocks live, 2.0 KiB, in phase `drain`; resident 190.0 MiB; endler's own memory 14.0 MiB
Typed: 66.7 % of blocks, 99.6 % of bytes (by evidence: stack 99.6 %)
Not atomic: read from the running process while its threads went on, so rows are not of one instant.
Lost: 1,204 allocations could not be recorded since the start, so counts are too low by up to as many.
Of 2 stacks, 1 was cut at the depth limit, 2 ended at code without unwind information, or left the stack.",
    );
}

#[test]
fn blocks_whose_stack_could_not_be_kept_are_said() {
    check(
        |image| {
            let at = image.blocks.size.iter().position(|size| size.0 == 8);
            let context = image.blocks.context[at.expect("a block of 8 bytes")];
            image.contexts[context.index()].stack = StackId(0);
        },
        "
crawl (pid 4711): 3 blocks live, 2.0 KiB
Typed: 66.7 % of blocks, 99.6 % of bytes (by evidence: stack 99.6 %)
No stack for 1 block (0.4 % of bytes): the table of stacks was full, or its memory was refused.",
    );
}

/// What the reports say, and the README.
const SET: &str = "Set `debug = 2` in the program's profile ([profile.release] in Cargo.toml) for types and fields, \
     or `debug = 1` for types alone";

#[test]
fn the_readme_says_the_same_sentence() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let text = std::fs::read_to_string(path).expect("the README");
    let words: Vec<&str> = text.split_whitespace().collect();
    assert!(words.join(" ").contains(SET));
}

#[test]
fn the_first_line_says_how_to_get_types() {
    let first = |change: &dyn Fn(&mut Image)| {
        let mut image = image(BLOCKS);
        change(&mut image);
        let text = Coverage::new(&Heap::new(&image).all()).to_string();
        text.lines().next().expect("a line").to_string()
    };
    assert_eq!(
        first(&|image| level(image, DebugLevel::Symbols, "/opt/crawl")),
        format!(
            "No types for 8 B (0.4 % of bytes) allocated by crawl: it has no debug information. {SET}; build and run \
             again."
        )
    );
    assert_eq!(
        first(&|image| level(image, DebugLevel::Nothing, "/opt/crawl")),
        format!(
            "No types for 8 B (0.4 % of bytes) allocated by crawl: it is stripped. {SET}, and do not strip it \
             (`strip = false`); or give the file it was stripped from with --binary FILE."
        )
    );
    assert_eq!(
        first(&|image| level(image, DebugLevel::Nothing, "/opt/my crawl was not found")),
        format!(
            "No types for 8 B (0.4 % of bytes) allocated by crawl: /opt/my crawl was not found. {SET}; if it was built \
             so, give the file with --binary FILE."
        )
    );
    assert_eq!(
        first(&|image| level(image, DebugLevel::Limited, "/opt/crawl")),
        format!(
            "No fields of crawl: its debug information does not describe types. {SET}; build and run again."
        )
    );
    let newer = "/opt/crawl is another build than the one that ran (its build id is 01, not 02)";
    assert_eq!(
        first(&|image| level(image, DebugLevel::Nothing, newer)),
        format!(
            "No types for 8 B (0.4 % of bytes) allocated by crawl: {newer}. To get types, give the file that ran \
             with --binary FILE, or its debug file with --debug-dir DIR."
        )
    );
    assert_eq!(
        first(&|image| image.resolution = None),
        format!(
            "No types: this snapshot was not resolved. Say where the program lies with --binary FILE. {SET}, if it \
             has no debug information."
        )
    );
    assert_eq!(
        first(&|image| image.process.mode = Mode::Off),
        "Nothing was recorded: endler was off. Start the program with ENDLER=exact, or without that variable."
    );
}
