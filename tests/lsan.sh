#!/usr/bin/env bash
# The group `lsan`: programs with planted leaks (tests/holding/src/bin/leak_*.rs) under
# LeakSanitizer, which is asked for its leaks right after endler has taken a snapshot.
# Both must call the same blocks lost, one by one by address, and the same of them
# direct, and the programs know how many there are; src/bin/compare.rs says where the
# two may differ. One line a program.
#
# The sanitizer is instrumentation that only a nightly compiler may be asked for, or
# the default one that is told to pass for it. It stops the process by ptrace.
set -euo pipefail
cd "$(dirname "$0")/.."
target="${CARGO_TARGET_DIR:-$PWD/target}"
export CARGO_TERM_COLOR=never
host="$(rustc -vV | sed -n 's/^host: //p')"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

CARGO_TARGET_DIR="$target" cargo build --quiet -p endler --features cli --bin endler
CARGO_TARGET_DIR="$target" cargo build --quiet --manifest-path tests/holding/Cargo.toml --bin compare

if rustc +nightly --version >/dev/null 2>&1; then
    cargo=(cargo +nightly)
else
    cargo=(cargo)
    export RUSTC_BOOTSTRAP=1
fi
(
    cd tests/holding
    flags="-Zsanitizer=leak -Cunsafe-allow-abi-mismatch=sanitizer --cfg endler_sanitized"
    CARGO_TARGET_DIR="$target/leak-sanitizer" RUSTFLAGS="${RUSTFLAGS-} $flags" \
        "${cargo[@]}" build --quiet --target "$host" --bins
)

failed=0
for source in tests/holding/src/bin/leak_*.rs; do
    name="$(basename "$source" .rs)"
    # Asked in the program; a second time at its end says no more. What has no stack
    # is reported all the same, and no stack needs a name.
    LSAN_OPTIONS=report_objects=1:symbolize=0:leak_check_at_exit=0 \
        "$target/leak-sanitizer/$host/debug/$name" "$work/$name.endler" \
        >"$work/$name.out" 2>"$work/$name.log" || {
        cat "$work/$name.log"
        failed=1
        continue
    }
    "$target/debug/endler" leaks --json "$work/$name.endler" >"$work/$name.json"
    "$target/debug/compare" "$name" "$work/$name.endler" "$work/$name.log" \
        "$work/$name.json" "$work/$name.out" || {
        printf 'lsan %s: FAILED\n' "$name"
        failed=1
    }
done
exit $failed
