#!/usr/bin/env bash
# The group `sanitizers`: the allocator's tests under AddressSanitizer and
# ThreadSanitizer, each of which must first find a planted defect.
#
# The sanitizers are instrumentation that only a nightly compiler may be asked
# for, or the default one that is told to pass for it. The standard library is
# not instrumented.
#
# What does not run under them, and why:
# * the other inner allocators, which are C and not instrumented;
# * leak detection: the recorder's tables live as long as the process;
# * under ThreadSanitizer, four of the tests in threads.rs: they take minutes, and the lock of
#   their books is ordered by a path in the standard library that is not seen;
# * its unit tests run one after the other, for it does not see that memory from
#   the recorder's own system calls is new.
set -euo pipefail
cd "$(dirname "$0")/.."

base="${CARGO_TARGET_DIR:-$PWD/target}"
host="$(rustc -vV | sed -n 's/^host: //p')"
if rustc +nightly --version >/dev/null 2>&1; then
    cargo=(cargo +nightly)
else
    cargo=(cargo)
    export RUSTC_BOOTSTRAP=1
fi
export CARGO_PROFILE_DEV_OPT_LEVEL=1 CARGO_TERM_COLOR=never
log="$(mktemp)"
trap 'rm -f "$log"' EXIT

# Runs `cargo test` for the allocator with the sanitizer $1, into the log.
run() {
    local flags="-Zsanitizer=$1 -Cunsafe-allow-abi-mismatch=sanitizer --cfg endler_sanitized"
    CARGO_TARGET_DIR="$base/$1-sanitizer" RUSTFLAGS="${RUSTFLAGS-} $flags" \
        "${cargo[@]}" test --quiet -p endler-allocator --target "$host" "${@:2}" >"$log" 2>&1
}

# The sanitizer $1 must report the defect $2 as $3.
must_find() {
    run "$1" --test sanitized -- "$2" --exact --ignored --nocapture || true
    if ! grep -q "$3" "$log"; then
        cat "$log"
        printf 'the %s sanitizer does not find the planted defect %s\n' "$1" "$2"
        exit 1
    fi
    printf -- '-- %s: the planted defect is found: %s\n' "$1" "$(grep -m 1 "$3" "$log" | cut -c1-100)"
}

# All tests pass, and the sanitizer $1 reports nothing.
must_pass() {
    if ! run "$@" || grep -qE '(ERROR|WARNING): [A-Za-z]+Sanitizer' "$log"; then
        cat "$log"
        printf 'the %s sanitizer: %s fails\n' "$1" "${*:2}"
        exit 1
    fi
    printf -- '-- %s: %s: %s tests\n' "$1" "${*:2}" \
        "$(sed -n 's/^test result: ok. \([0-9]*\) passed.*/\1/p' "$log" | awk '{ n += $1 } END { print n + 0 }')"
}

export ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0
must_find address a_block_is_read_after_its_free 'ERROR: AddressSanitizer: heap-use-after-free'
must_pass address --lib --test sanitized --test threads --test realloc --test forked

export TSAN_OPTIONS="suppressions=$PWD/tests/support/tsan.supp die_after_fork=0"
must_find thread two_threads_write_one_block 'WARNING: ThreadSanitizer: data race'
must_pass thread --lib --test sanitized --test realloc --test forked -- --test-threads 1
must_pass thread --test threads -- freed_by_another_thread --exact
