//! Values of this very process, read through this very binary's debug information
//! and compared with what `{:?}`, or the program itself, says of them.
//!
//! To see each:
//!
//! ```text
//! cargo test -p endler-reports --test values -- --nocapture
//! ```

#![allow(missing_docs)]

#[path = "values/hostile.rs"]
mod hostile;
#[path = "support/hostile_memory.rs"]
mod hostile_memory;
#[path = "support/own_memory.rs"]
mod own_memory;
#[path = "truth/recorder.rs"]
mod recorder;
#[path = "values/shapes.rs"]
mod shapes;
#[path = "values/steps.rs"]
mod steps;

use std::fmt::Debug;

use endler_reports::resolve::{Options, resolve};
use endler_reports::values::{Contents, with_contents};
use endler_snapshot::{Addr, BlockId, DebugLevel, Image};
use own_memory::Own;
use recorder::Record;

#[global_allocator]
static HEAP: recorder::Recorder = recorder::Recorder;

/// A value in a box, and what it should be shown as.
pub(crate) struct Case {
    pub(crate) what: &'static str,
    address: usize,
    pub(crate) expect: String,
    pub(crate) blocks: Vec<Record>,
}

/// Boxes a value under the recorder; the program says what it is.
#[inline(never)]
pub(crate) fn says<T: 'static>(
    what: &'static str,
    make: impl FnOnce() -> T,
    say: impl FnOnce(&T) -> String,
) -> Case {
    let mut held: Option<&'static T> = None;
    let blocks = recorder::blocks_of(|| held = Some(Box::leak(Box::new(make()))));
    let value = held.unwrap();
    Case {
        what,
        address: std::ptr::from_ref(value).cast::<u8>() as usize,
        expect: say(value),
        blocks,
    }
}

/// As `{:?}` says.
pub(crate) fn debug<T: Debug + 'static>(what: &'static str, make: impl FnOnce() -> T) -> Case {
    says(what, make, |value| format!("{value:?}"))
}

pub(crate) fn image_of(cases: &[Case]) -> Image {
    let records: Vec<Record> = cases
        .iter()
        .flat_map(|c| c.blocks.iter().cloned())
        .collect();
    let mut image = recorder::image(&records);
    assert_eq!(resolve(&mut image, &Options::default()), []);
    image
}

pub(crate) fn block(image: &Image, case: &Case) -> BlockId {
    let at = Addr(case.address as u64);
    let row = image.blocks.addr.binary_search(&at);
    BlockId(row.unwrap_or_else(|_| panic!("{}: no block at {at}", case.what)) as u32)
}

/// Whether this test's own binary describes its types; says so if not.
pub(crate) fn is_described(image: &Image) -> bool {
    let level = image.resolution.as_ref().unwrap().modules[0].level;
    if level != DebugLevel::Full {
        println!("not run: values need `debug = 2`, and this binary has {level:?}");
    }
    level == DebugLevel::Full
}

/// Reads all cases' values from this process.
pub(crate) fn with_own<R>(image: &Image, then: impl FnOnce(&dyn Contents) -> R) -> R {
    with_contents(image, &Own::new(), &Options::default(), then)
}

#[test]
fn values_are_what_the_program_says() {
    let cases = shapes::cases();
    assert!(cases.len() >= 40);
    let image = image_of(&cases);
    if !is_described(&image) {
        return;
    }
    let mut wrong = Vec::new();
    with_own(&image, |contents| {
        for case in &cases {
            let shown = contents.line(block(&image, case), &[]);
            let shown = shown.unwrap_or_else(|no| format!("no value: {}", no.message));
            println!("{:28} {shown}", case.what);
            if shown != case.expect {
                wrong.push(format!("{}: {shown}\n  but is {}", case.what, case.expect));
            }
        }
    });
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn steps_lead_into_values() {
    steps::check();
}

#[test]
fn keys_lead_to_values_of_maps() {
    steps::keys();
}

#[test]
fn memory_is_not_believed() {
    hostile::check();
}
