#!/usr/bin/env bash
# The group `stacks`: published programs under an allocator that compares every
# recorded stack with the `backtrace` crate's, in four builds. One line for each
# program and build. Without arguments all builds; a gate needs `dev fat`.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}/oracle-programs"
cd tests/oracle-programs

builds=("$@")
[ ${#builds[@]} -gt 0 ] || builds=(dev o1 release fat)
programs=(just oxipng prettyplease ripgrep tokei)
failed=0

for build in "${builds[@]}"; do
    cargo build --quiet --locked --profile "$build"
    folder=$build
    [ "$build" != dev ] || folder=debug
    for program in "${programs[@]}"; do
        # What the program itself prints is of no interest if all is well.
        if out=$("$CARGO_TARGET_DIR/$folder/$program" 2>&1); then
            grep "^$program: " <<<"$out" | sed "s/^/$build /"
        else
            printf '%s\n%s %s: FAILED\n' "$out" "$build" "$program"
            failed=1
        fi
    done
done
exit $failed
