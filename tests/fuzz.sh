#!/usr/bin/env bash
# The group `fuzz`: libFuzzer on what the resolver reads, from the corpus in the tree.
#
#   tests/fuzz.sh [SECONDS [ARGUMENT …]]     60 seconds; libFuzzer's own arguments
#
# Needs the sanitizers of a nightly compiler, or the default one that is told to pass
# for it (as tests/sanitizers.sh), and a C++ compiler for libFuzzer itself. The flags
# are those of cargo-fuzz, which is not needed. What it finds worth keeping goes to a
# folder under the target directory and not into the tree; a file that makes it fail
# is kept there too, and named.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds="${1:-60}"
base="${CARGO_TARGET_DIR:-$PWD/target}"
host="$(rustc -vV | sed -n 's/^host: //p')"
if rustc +nightly --version >/dev/null 2>&1; then
    cargo=(cargo +nightly)
else
    cargo=(cargo)
    export RUSTC_BOOTSTRAP=1
fi
flags="--cfg fuzzing -Zsanitizer=address -Cunsafe-allow-abi-mismatch=sanitizer
    -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares
    -Ccodegen-units=1"
(cd fuzz && CARGO_TARGET_DIR="$base/fuzz" RUSTFLAGS="${RUSTFLAGS-} $(tr -s '\n ' ' ' <<<"$flags")" \
    CARGO_TERM_COLOR=never "${cargo[@]}" build --quiet --locked --release --target "$host")

kept="$base/fuzz/corpus"
mkdir -p "$kept" "$base/fuzz/found"
ASAN_OPTIONS=detect_leaks=0 "$base/fuzz/$host/release/resolve" "$kept" fuzz/corpus/resolve \
    -max_total_time="$seconds" -timeout=60 -rss_limit_mb=2048 -max_len=400000 \
    -artifact_prefix="$base/fuzz/found/" -print_final_stats=1 "${@:2}" 2>&1 | tail -n 40
