#!/usr/bin/env bash
# The group `model`: the structures that threads share, under loom, each also
# with planted defects that must be found; and what is pure, under Miri.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/support/target.sh

printf -- '-- loom: allocator/src/model\n'
RUSTFLAGS="${RUSTFLAGS-} --cfg loom" CARGO_TARGET_DIR="$target/loom" \
    cargo test --quiet --release -p endler-allocator --lib -- \
    model:: --nocapture --test-threads 1 2>"$target/loom.err" >"$target/loom.out" || failed=yes
# The panics of the planted defects are not shown unless something else failed.
if [ -n "${failed-}" ]; then
    cat "$target/loom.out" "$target/loom.err"
    exit 1
fi
grep -E ' orders, | is found|^test result' "$target/loom.out"
