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

# Packing, marks of time and counts touch no system call; all else maps memory.
if cargo +nightly miri --version >/dev/null 2>&1; then
    printf -- '-- miri\n'
    CARGO_TARGET_DIR="$target/miri" cargo +nightly miri test --quiet -p endler-allocator --lib -- \
        rule::tests epochs::tests totals::tests a_record_is_what_it_was_made_of
else
    printf -- 'not run here: Miri (this machine has no nightly toolchain with it)\n'
fi
