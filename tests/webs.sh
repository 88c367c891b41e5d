#!/usr/bin/env bash
# The group `webs`: programs that know which of their fields points to which block,
# compared edge by edge with the reference graph of a snapshot of themselves. One line for
# each program and build, what is not right above it, and the totals at the end.
#
#   tests/webs.sh [BUILD …]        builds as of tests/truth.sh; without arguments dev release
#   WEBS_ONLY='held_webs_s*'       programs by a pattern
#   WEBS_QUIET=1                   the lines of the programs alone
#
# The programs were written without knowledge of the rules by which edges are found.
# It fails for programs that crash, or whose book is not in order (a registered address
# that lies in no live block); edges are scored, not judged.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}/truth" CARGO_TERM_COLOR=never
cd tests/truth

builds=("$@")
[ ${#builds[@]} -gt 0 ] || builds=(dev release)
failed=0
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
    programs=()
    for source in src/bin/${WEBS_ONLY:-held_webs_*}.rs; do
        programs+=("$(basename "$source" .rs)")
    done
    RUSTFLAGS="${RUSTFLAGS:-}${flags:+ $flags}" CARGO_TARGET_DIR="$target" \
        cargo build --quiet --locked --profile "$profile" "${programs[@]/#/--bin=}"
    for program in "${programs[@]}"; do
        code=0
        out="$("$target/$folder/$program" 2>&1)" || code=$?
        line="$(grep "^edges $program " <<<"$out" || true)"
        if [ -z "$line" ] || [ "$code" -ne 0 ]; then
            printf '%s\n%s %s: FAILED (exit code %s)\n' "$out" "$build" "$program" "$code"
            failed=1
        else
            [ -n "${WEBS_QUIET:-}" ] || grep "^  " <<<"$out" || true
            printf '%s %s\n' "$build" "$line"
        fi
        [ -z "$line" ] || printf '%s %s\n' "$build" "$line" >>"$lines"
    done
done

# Totals of each build, in percent of the registered edges.
awk '
    {
        for (i = 4; i <= NF; i++) { split($i, pair, "="); value[pair[1]] = pair[2] }
        if (!($1 in programs)) order[++builds] = $1
        programs[$1]++
        split("edges right wrong missing false guesses extra complete", names, " ")
        for (n in names) sum[$1, names[n]] += value[names[n]]
    }
    function part(build, name) {
        return sum[build, "edges"] ? sprintf("%.2f", 100 * sum[build, name] / sum[build, "edges"]) : "0"
    }
    END {
        for (b = 1; b <= builds; b++) {
            build = order[b]
            printf "total %s: %d programs, %d edges: right %s%% wrong %s%% missing %s%%; of %d whole " \
                   "blocks: false %d (%s%%) guesses %d extra %d\n", build, programs[build],
                sum[build, "edges"], part(build, "right"), part(build, "wrong"),
                part(build, "missing"), sum[build, "complete"], sum[build, "false"],
                part(build, "false"), sum[build, "guesses"], sum[build, "extra"]
        }
    }' "$lines"
exit $failed
