//! What `cargo test --workspace` does not run.

fn main() {
    println!(
        "not run here: the group `builds` (stacks and types in optimised builds): tests/builds.sh"
    );
}
