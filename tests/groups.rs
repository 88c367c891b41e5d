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
        "not run here: the group `published` (suites of crates that others wrote): tests/published.sh"
    );
    if memory_group::Group::new().is_none() {
        println!("not run here: `memory_group` (this process may make no memory control group)");
    }
    if !mounts::may_have_own_mounts() {
        println!("not run here: `full_disk` on a full disk (this process may mount nothing)");
    }
}
