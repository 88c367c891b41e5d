#!/usr/bin/env bash
# The group `model`: the structures that threads share, under loom, each also
# with planted defects that must be found; and what is pure, under Miri.
set -euo pipefail
cd "$(dirname "$0")/.."

target="${CARGO_TARGET_DIR:-$PWD/target}"
mkdir -p "$target/loom"

printf -- '-- loom: allocator/src/model\n'
RUSTFLAGS="${RUSTFLAGS-} --cfg loom" CARGO_TARGET_DIR="$target/loom" \
    cargo test --quiet --release -p endler-allocator --lib -- \
    model:: --nocapture --test-threads 1 2>"$target/loom/err" >"$target/loom/out" || failed=yes
# The panics of the planted defects are not shown unless something else failed.
if [ -n "${failed-}" ]; then
    cat "$target/loom/out" "$target/loom/err"
    exit 1
fi
sed -nE '/ orders, | is found|^test result/s/^\.?//p' "$target/loom/out"

# What makes system calls or walks real stacks is left out; the kernel's mappings are
# blocks of Miri's own (`allocator/src/os.rs`), kept for ever as those are. Borrows are
# not followed: each look at a table of 65,536 atomics would follow them all.
if cargo +nightly miri --version >/dev/null 2>&1; then
    printf -- '-- miri\n'
    MIRIFLAGS="-Zmiri-ignore-leaks -Zmiri-permissive-provenance -Zmiri-disable-stacked-borrows" CARGO_TARGET_DIR="$target/miri" \
        cargo +nightly miri test --quiet -p endler-allocator --lib -- \
        rule::tests cfi::made epochs::tests totals::tests slots::tests late::tests shadow::tests \
        a_pair_cut_off equal_stacks_and_only_they
else
    printf -- 'not run here: Miri (rustup component add miri rust-src --toolchain nightly)\n'
fi
