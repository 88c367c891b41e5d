//! Runs a published program under an allocator that asks the `backtrace` crate
//! for the stack of each block, and compares what endler recorded.

#[path = "../../../allocator/tests/support/mod.rs"]
#[allow(dead_code, unreachable_pub, reason = "a part is used")]
mod support;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use support::oracle::{self, Oracle};

static HEAP: endler_allocator::Heap = endler_allocator::Heap::system();
#[global_allocator]
static ORACLE: Oracle = Oracle::over(&HEAP);

/// Stacks that must have been compared for a run to count.
const LEAST: u32 = 1000;

/// Runs `program`, asking about one allocation of `every`, and prints how many
/// stacks were compared and what came of it.
pub fn compare(name: &str, every: u32, program: impl FnOnce()) -> ExitCode {
    oracle::begin_sampling(every);
    program();
    let (_, tally) = oracle::tally();
    let wrong = tally.wrong.len();
    println!(
        "{name}: {} stacks compared, {} equal ({} cut at the depth limit, {} where no walk goes on), \
         {} shorter than theirs, {wrong} wrong",
        tally.equal as usize + wrong,
        tally.equal - tally.shorter,
        tally.truncated,
        tally.stuck - tally.shorter,
        tally.shorter,
    );
    if let Some(first) = tally.wrong.first() {
        println!("{name}: the first: {first}");
    }
    if tally.equal < LEAST {
        println!("{name}: fewer than {LEAST} stacks");
    }
    let is_right = wrong == 0 && tally.shorter == 0 && tally.equal >= LEAST;
    ExitCode::from(u8::from(!is_right))
}

/// The Rust sources of this repository.
pub fn sources() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The toolchain's HTML documentation, if it has that.
pub fn documentation() -> Option<PathBuf> {
    let out = Command::new("rustc").args(["--print", "sysroot"]).output();
    let sysroot = String::from_utf8(out.ok()?.stdout).ok()?;
    let html = PathBuf::from(sysroot.trim()).join("share/doc/rust/html");
    html.is_dir().then_some(html)
}

/// The files under a folder that end like this, in the order of their names.
pub fn files(under: PathBuf, ending: &str) -> Vec<PathBuf> {
    let walk = ignore::WalkBuilder::new(under)
        .sort_by_file_name(Ord::cmp)
        .build();
    let paths = walk.filter_map(Result::ok).map(ignore::DirEntry::into_path);
    paths
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .collect()
}
