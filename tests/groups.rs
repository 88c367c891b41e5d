//! What `cargo test --workspace` does not run.

#[path = "../allocator/tests/support/memory_group.rs"]
#[allow(dead_code, reason = "asked only whether there can be one")]
mod memory_group;
#[path = "process/mounts.rs"]
#[allow(dead_code, reason = "asked only whether there can be one")]
mod mounts;

fn main() {
    println!(
        "not run here: the group `builds` (stacks and types in optimised builds): tests/builds.sh"
    );
    println!(
        "not run here in full: the group `fuzz` (`fuzzed` damages the same files): tests/fuzz.sh"
    );
    println!(
        "not run here: the group `json` (the views as JSON, beside what the command's tests see): \
         cargo test -p endler-reports --features json --test json"
    );
    println!(
        "not run here: the group `large` (what types and tables cost for a large program): \
         tests/large.sh"
    );
    println!("not run here: the group `lsan` (leaks as LeakSanitizer finds them): tests/lsan.sh");
    println!(
        "not run here: the group `memlab` (retained sizes as memlab computes them): tests/memlab.sh"
    );
    println!("not run here: the group `model` (shared tables under loom): tests/model.sh");
    println!("not run here: the group `sanitizers` (address and thread): tests/sanitizers.sh");
    println!("not run here: the group `stacks` (published programs' stacks): tests/stacks.sh");
    println!(
        "not run here: the group `telnet` (the console through a real client): tests/telnet.sh"
    );
    println!(
        "not run here: the group `truth` (the type of each block, in programs that know it): \
         tests/truth.sh"
    );
    println!(
        "not run here: the group `webs` (the field of each reference, in programs that know it): \
         tests/webs.sh"
    );
    println!(
        "not run here: what jemalloc and mimalloc say of themselves through endler's own features: cargo test \
          --features jemalloc,mimalloc --test fragmentation_jemalloc --test fragmentation_mimalloc"
    );
    println!(
        "not run here: fields of tracing's spans as tags: cargo test --features tracing --test tags_tracing"
    );
    println!(
        "not run here: `vm.overcommit_memory = 2`, which is the whole machine's (`address_space` \
         sets RLIMIT_DATA, which counts the same for one process)"
    );
    println!(
        "not run here in full: snapshots of a console in a row (40; ENDLER_CONSOLE_SNAPSHOTS says \
         how many)"
    );
    println!(
        "not run here in full: `soak` (5 s; 60 s in .ci/run; ENDLER_SOAK_SECONDS says how long)"
    );
    println!(
        "not run here: the group `published` (suites of crates that others wrote): tests/published.sh"
    );
    println!(
        "not run in a debug build: snapshots at full speed with jemalloc and mimalloc inside: \
         cargo test --release -p endler-allocator --test inner_jemalloc --test inner_mimalloc"
    );
    let objcopy = std::process::Command::new("objcopy")
        .arg("--version")
        .output();
    if objcopy.is_err() {
        println!(
            "not run here: separate debug files, and a console's snapshots in a row (no objcopy)"
        );
    }
    if memory_group::Group::new().is_none() {
        println!("not run here: `memory_group` (this process may make no memory control group)");
    }
    if !mounts::may_have_own_mounts() {
        println!("not run here: `full_disk` on a full disk (this process may mount nothing)");
    }
}
