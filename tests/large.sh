#!/usr/bin/env bash
# The group `large`: what types and tables cost for a large program: more than
# 100 MB with `debug = 2`, a million live blocks. Prints the program's size, how long
# the types of its snapshot take and how much memory, and how long `endler report`
# takes, each in a process of its own. Nothing is judged: the machine decides.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}" CARGO_TERM_COLOR=never
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

(cd tests/large && CARGO_TARGET_DIR="$CARGO_TARGET_DIR/large" cargo build --quiet --release --locked)
cargo build --quiet --release -p endler --features cli --bin endler
cargo build --quiet --release -p endler-reports --example resolve_speed
program="$CARGO_TARGET_DIR/large/release/endler-large"
printf 'large: the program has %s MB\n' "$(($(stat -c %s "$program") / 1000000))"

# Puts a file out of the kernel's cache, if it lets us.
cold() { dd if="$1" iflag=nocache count=0 status=none 2>/dev/null || true; }

"$program" "$work/large.endler" >/dev/null
printf 'large: the snapshot has %s MB\n' "$(($(stat -c %s "$work/large.endler") / 1000000))"
for run in 1 2 3; do
    cold "$program"
    printf 'large: '
    TIMEFORMAT='large: loading and resolving: %U s of user time, %S s of the kernel'
    time "$CARGO_TARGET_DIR/release/examples/resolve_speed" "$work/large.endler"
done
TIMEFORMAT='large: endler report in %R s (%U s of user time, %S s of the kernel)'
for run in 1 2 3; do
    cold "$work/large.endler"
    time "$CARGO_TARGET_DIR/release/endler" report "$work/large.endler" >"$work/table"
done
head -3 "$work/table"
