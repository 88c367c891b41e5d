#!/usr/bin/env bash
# The group `truth`: programs that know the type of each block they make, compared
# block by block with a snapshot of themselves. One line for each program and build,
# what is wrong or unknown below it, and the totals of each half at the end.
#
#   tests/truth.sh [BUILD …]       builds: dev o1 s release thin fat dbg1 lines packed
#                                  unpacked compressed dwarf5; without arguments dev fat dbg1
#   TRUTH_ONLY='held_*'            programs by a pattern; no others are built
#   TRUTH_QUIET=1                  the lines of the programs alone
#
# The half `held` was written without knowledge of the rules, the rules were tuned
# on `tuned`; `fresh` was written without knowledge of them when they had been tuned
# on both. Programs `held_webs_*` know references instead: tests/webs.sh. It fails for
# programs that crash, or whose book is not in order (coverage
# below 90 %, a registered block that is not there); names are scored, not judged.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}/truth" CARGO_TERM_COLOR=never
cd tests/truth

builds=("$@")
[ ${#builds[@]} -gt 0 ] || builds=(dev fat dbg1)
failed=0
programs=() bins=()
for source in src/bin/${TRUTH_ONLY:-*}.rs; do
    program="$(basename "$source" .rs)"
    [[ $program != held_webs_* ]] || continue
    programs+=("$program") bins+=(--bin "$program")
done
lines="$(mktemp)"
trap 'rm -f "$lines"' EXIT

for build in "${builds[@]}"; do
    profile=$build flags=""
    case $build in
        dev) ;;
        compressed) profile=release flags="-C link-arg=-Wl,--compress-debug-sections=zlib" ;;
        dwarf5) profile=release flags="-C dwarf-version=5" ;;
    esac
    folder=$profile
    [ "$build" != dev ] || folder=debug
    target="$CARGO_TARGET_DIR"
    # Other flags would build everything anew in the same folder.
    [ -z "$flags" ] || target="$CARGO_TARGET_DIR/$build"
    RUSTFLAGS="${RUSTFLAGS:-}${flags:+ $flags}" CARGO_TARGET_DIR="$target" \
        cargo build --quiet --locked "${bins[@]}" --profile "$profile"
    for program in "${programs[@]}"; do
        code=0
        out="$("$target/$folder/$program" 2>&1)" || code=$?
        line="$(grep "^truth $program " <<<"$out" || true)"
        if [ -z "$line" ] || [ "$code" -ne 0 ]; then
            printf '%s\n%s %s: FAILED (exit code %s)\n' "$out" "$build" "$program" "$code"
            failed=1
        else
            [ -n "${TRUTH_QUIET:-}" ] || grep "^  " <<<"$out" || true
            printf '%s %s\n' "$build" "$line"
        fi
        [ -z "$line" ] || printf '%s %s\n' "$build" "$line" >>"$lines"
    done
done

# Totals of each half and build, in percent of blocks and of bytes.
awk '
    {
        for (i = 4; i <= NF; i++) { split($i, pair, "="); value[pair[1]] = pair[2] }
        key = $1 " " value["half"]
        if (!(key in programs)) order[++keys] = key
        programs[key]++
        split("blocks right wrong unknown bytes right_bytes wrong_bytes unknown_bytes " \
              "call_right call_wrong call_right_bytes call_wrong_bytes", names, " ")
        for (n in names) sum[key, names[n]] += value[names[n]]
        # A program with many blocks must not hide the others: each weighs the same here.
        if (value["blocks"]) {
            mean[key, "right"] += value["right"] / value["blocks"]
            mean[key, "right_bytes"] += value["right_bytes"] / value["bytes"]
            mean[key, "call_right"] += value["call_right"] / value["blocks"]
            mean[key, "call_right_bytes"] += value["call_right_bytes"] / value["bytes"]
        }
    }
    function part(key, name, whole) {
        return sum[key, whole] ? sprintf("%.2f", 100 * sum[key, name] / sum[key, whole]) : "0"
    }
    END {
        for (k = 1; k <= keys; k++) {
            key = order[k]
            printf "total %s: %d programs, %d blocks: right %s%% wrong %s%% unknown %s%%; " \
                   "%d bytes: right %s%% wrong %s%% unknown %s%%; at the last call: blocks right %s%% " \
                   "wrong %s%%, bytes right %s%% wrong %s%%\n", key, programs[key],
                sum[key, "blocks"], part(key, "right", "blocks"), part(key, "wrong", "blocks"),
                part(key, "unknown", "blocks"), sum[key, "bytes"],
                part(key, "right_bytes", "bytes"), part(key, "wrong_bytes", "bytes"),
                part(key, "unknown_bytes", "bytes"), part(key, "call_right", "blocks"),
                part(key, "call_wrong", "blocks"), part(key, "call_right_bytes", "bytes"),
                part(key, "call_wrong_bytes", "bytes")
            printf "mean %s, each program alike: right %.2f%% of blocks, %.2f%% of bytes; at the last " \
                   "call %.2f%% and %.2f%%\n", key, 100 * mean[key, "right"] / programs[key],
                100 * mean[key, "right_bytes"] / programs[key],
                100 * mean[key, "call_right"] / programs[key],
                100 * mean[key, "call_right_bytes"] / programs[key]
        }
    }' "$lines"
exit $failed
