#!/usr/bin/env bash
# The group `published`: test suites of crates that no one here wrote, as their
# authors published them, once as they are and once with `endler::Heap` as the
# global allocator, recording, with a SIGUSR1 every 200 ms. Every test must end
# as it does without endler.
#
#   tests/published.sh [--only NAME,NAME] [--document]
#
# --document writes tests/published.md. What is run stands in tests/published/list,
# the versions of all that it depends on in tests/published/Cargo.lock; a
# missing lock is made anew. Sources, builds and dumps lie below the target folder.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
only='' document=''
while (($#)); do
    case $1 in
        --only) only=,${2-}, && shift ;;
        --document) document=yes ;;
        *) echo "usage: tests/published.sh [--only NAME,NAME] [--document]" >&2 && exit 2 ;;
    esac
    shift
done
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
work=$target/published
logs=$work/logs
export CARGO_TARGET_DIR=$work/target CARGO_TERM_COLOR=never
export CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER=$root/tests/published/run.sh
unset ENDLER
mkdir -p "$logs" "$work/fetch/src"

names=()
declare -A version arguments
while read -r name number rest; do
    [[ -z $name || $name == '#'* ]] && continue
    [[ -n $only && $only != *,$name,* ]] && continue
    names+=("$name")
    version[$name]=$number
    arguments[$name]=$rest
done <tests/published/list
((${#names[@]})) || { echo "tests/published/list has none of \`$only\`" >&2 && exit 2; }

# --- sources -----------------------------------------------------------------

# A package that depends on all of them brings their sources, as for any user.
fetch() {
    touch "$work/fetch/src/lib.rs"
    {
        printf '[package]\nname = "fetch"\nedition = "2024"\n[workspace]\n[dependencies]\n'
        for name in "${names[@]}"; do echo "$name = \"=${version[$name]}\""; done
    } >"$work/fetch/Cargo.toml"
    cargo fetch --quiet --manifest-path "$work/fetch/Cargo.toml" \
        --target x86_64-unknown-linux-gnu 2>"$logs/fetch" || { cat "$logs/fetch" >&2 && exit 1; }
}

# All are members of one workspace, so that they share what they depend on. What
# others among them depend on is theirs too: tokio-test is to test this tokio.
workspace() {
    local folder=$1 name whole
    mkdir -p "$folder"
    for name in "${names[@]}"; do
        whole=$folder/$name/.whole-${version[$name]}
        # Made for this checkout, whose path stands in it.
        [[ -e $whole && $(<"$whole") == "$root" ]] && continue
        rm -rf "${folder:?}/$name"
        cp -r "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/"$name-${version[$name]}" "$folder/$name"
        [[ $folder == */with ]] && insert "$folder/$name"
        echo "$root" >"$whole"
    done
    {
        printf '[workspace]\nresolver = "2"\nmembers = ['
        printf '"%s", ' "${names[@]}"
        printf ']\n[profile.dev]\ndebug = 1\n'
        if [[ " ${names[*]} " == *' tokio '* ]]; then
            printf '[patch.crates-io]\ntokio = { path = "tokio" }\n'
        fi
        # As endler's own debug builds have it.
        if [[ $folder == */with ]]; then
            printf '[profile.dev.package.%s]\nopt-level = 2\n' \
                endler endler-allocator endler-reports endler-snapshot gimli object
        fi
    } >"$folder/Cargo.toml"
    if [[ -e tests/published/Cargo.lock ]]; then
        cp tests/published/Cargo.lock "$folder/Cargo.lock"
    fi
    # Drops from the lock what a selection does not need, and keeps the rest.
    cargo metadata --quiet --format-version 1 --manifest-path "$folder/Cargo.toml" \
        >/dev/null 2>"$logs/lock" || { cat "$logs/lock" >&2 && exit 1; }
}

# The paths of the programs that hold tests: the library, binaries, tests/*.rs.
roots() {
    local manifest=$1/Cargo.toml
    awk '/^\[/ { in_target = /^\[(lib|\[(bin|test)\])\]/ }
         in_target && /^path = / { gsub(/^path = |"/, ""); print }' "$manifest"
    if ! grep -q '^\[\[test\]\]' "$manifest"; then
        (cd "$1" && ls tests/*.rs 2>/dev/null) || true
    fi
}

# Makes endler a dependency, and the allocator of each program.
insert() {
    local folder=$1 path cfg section=dev-dependencies
    local heap='#[global_allocator]\nstatic ENDLER_HEAP: ::endler::Heap = ::endler::Heap::system();\n'
    if grep -q '^\[\[bin\]\]' "$folder/Cargo.toml"; then section=dependencies; fi
    printf '\n[%s.endler]\npath = "%s"\n' $section "$root" >>"$folder/Cargo.toml"
    roots "$folder" | while read -r path; do
        [[ -e $folder/$path ]] || continue
        # One for another C library is none here.
        if grep -B1 '^ *#\[global_allocator\]' "$folder/$path" | grep -qv -e global_alloc -e musl; then
            echo "$path" >>"$folder/.own-allocator"
            continue
        fi
        cfg=''
        if [[ $path == src/lib.rs ]]; then cfg='#[cfg(test)]\n'; fi
        printf "\n$cfg$heap" >>"$folder/$path"
    done
}

# --- runs --------------------------------------------------------------------

# Results as lines `binary test ... result`, in an order of their own.
results() {
    awk '/^binary / { binary = $2; next }
         /^test .* has been running for over/ { next }
         /^test result:/ { sub(/; finished in .*/, ""); print binary, "result:", $4; next }
         /^test / { print binary, substr($0, 6) }' "$1" | sort
}

# Seconds that `run NAME FOLDER LOG` took, builds left out.
run() {
    local name=$1 folder=$2 log=$3 command start end
    read -ra command <<<"test --no-fail-fast --tests ${arguments[$name]}"
    command+=(--manifest-path "$folder/$name/Cargo.toml")
    if ! cargo "${command[@]}" --no-run >"$log.build" 2>&1; then
        echo "$name does not build in $folder:" >&2
        grep -m 20 -A 12 '^error' "$log.build" >&2
        return 1
    fi
    start=${EPOCHREALTIME/./}
    timeout --signal KILL 3600 cargo "${command[@]}" >"$log.out" 2>"$log.err" </dev/null || true
    end=${EPOCHREALTIME/./}
    results "$log.out" >"$log.results"
    awk -v us=$((end - start)) 'BEGIN { printf "%.1f", us / 1e6 }'
}

# A copy whose host has ended finishes by itself: waits for that.
settle() {
    for _ in {1..300}; do
        find /proc/[0-9]*/exe -lname "$CARGO_TARGET_DIR/*" 2>/dev/null | grep -q . || break
        sleep 0.2
    done
    if find "$1" -name '*.partial' | grep .; then
        echo "unfinished files remain in $1" >&2
        return 1
    fi
}

# How many dumps were taken; of each process the last 16 are kept.
dumps() {
    find "$1" -name 'endler.*.endler' -printf '%f\n' | awk -F. '
        $3 > last[$2] { last[$2] = $3 }
        END { for (pid in last) sum += last[pid]; print sum + 0 }'
}

# The largest heap among the tables: bytes, blocks, and the snapshot's path.
largest() {
    find "$1" -name 'endler.*.txt' -exec grep -H -m 1 '^Partition of a set' {} + |
        sed -E 's/^(.*)\.txt:Partition of a set of ([0-9]+) objects. Total size = ([0-9]+) .*/\3 \2 \1.endler/' |
        sort -n | tail -1
}

# Whether snapshots can be read: the largest, and a few that lie far apart.
readable() {
    local folder=$1 snapshot count
    find "$folder" -name 'endler.*.endler' | sort >"$logs/snapshots"
    count=$(wc -l <"$logs/snapshots")
    ((count)) || return 0
    { awk -v step=$((count / 5 + 1)) 'NR % step == 1 || step == 1' "$logs/snapshots" && echo "$2"; } |
        while read -r snapshot; do
            if ! "$target/debug/endler" report "$snapshot" >/dev/null; then
                echo "cannot be read: $snapshot" >&2
                return 1
            fi
        done
}

# Programs into which no endler was put, but for those with an allocator of their own,
# and those without a test: all of their source stands behind a feature that is off.
bare() {
    awk '/^binary .* none$/ { print $2 }' "$logs/$1.with.out" |
        grep -vxFf <(sed -E 's|.*/||; s|\.rs$||' "$work/with/$1/.own-allocator" 2>/dev/null) |
        grep -xFf <(sed -nE 's/ .* \.\.\. .*//p' "$logs/$1.plain.results") || true
}

# What differs between two runs; tests named in the file $3 are left out.
difference() {
    diff <(grep -vFf "$3" "$1.results") <(grep -vFf "$3" "$2.results")
}

suite() {
    local name=$1 log=$logs/$1 before after differ='' flaky=''
    local folder=$work/dumps/$1
    rm -rf "$folder" && mkdir -p "$folder"
    before=$(run "$name" "$work/plain" "$log.plain") || return 1
    after=$(PUBLISHED_SIGNALS=$CARGO_TARGET_DIR ENDLER=exact,signal=USR1,dir=$folder \
        run "$name" "$work/with" "$log.with") || return 1
    settle "$folder" || return 1
    if [[ -n $(bare "$name") ]]; then echo "without endler: $(bare "$name")" >&2 && return 1; fi
    : >"$log.flaky"
    if ! difference "$log.plain" "$log.with" "$log.flaky" >/dev/null; then
        # Tests whose end also differs between two runs without endler say nothing.
        run "$name" "$work/plain" "$log.again" >/dev/null || return 1
        diff "$log.plain.results" "$log.again.results" |
            sed -nE 's/^[<>] (.*) \.\.\. .*/\1 .../p; s/^[<>] (.* result:).*/\1/p' | sort -u >"$log.flaky"
    fi
    differ=$(difference "$log.plain" "$log.with" "$log.flaky" || true)
    read -r bytes blocks snapshot <<<"$(largest "$folder")" || true
    readable "$folder" "${snapshot-}" || return 1

    count() { grep -c "$1" "$log.plain.results" || true; }
    if [[ -s $log.flaky ]]; then flaky=", but for $(grep -c '\.\.\.$' "$log.flaky") that differ without it too"; fi
    {
        printf '| %s %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n' "$name" "${version[$name]}" \
            "$(count ' \.\.\. ok$')" "$(count ' \.\.\. FAILED$')" "$(count ' \.\.\. ignored')" \
            "$([[ -z $differ ]] && echo "the same$flaky" || echo "$(grep -c '^[<>]' <<<"$differ") lines differ")" \
            "$before" "$after" "$(dumps "$folder")" \
            "$(awk -v b="${bytes:-0}" -v n="${blocks:-0}" 'BEGIN { printf "%.1f MiB, %d blocks", b / 1048576, n }')" \
            "$(date +%F), $(git rev-parse --short HEAD)"
    } | tee "$log.row"
    if [[ -n $differ ]]; then printf '%s\n' "$differ" >&2 && return 1; fi
}

# --- the document ------------------------------------------------------------

# The rows of all that ran, also of earlier calls.
document() {
    local name path
    cat <<END
# Programs no one here wrote

Written by \`tests/published.sh --document\`; which crates, and cargo's arguments, stand in \`tests/published/list\`.

Each suite is the one in the crate's published package: unit tests, \`tests/\`, and binaries, in a debug build (\`debug = 1\`).
It ran once as published, and once with \`endler::Heap\` as the global allocator of every test program and
binary, under \`ENDLER=exact,signal=USR1,dir=…\`, with a SIGUSR1 to every such program every 200 ms. The results
are compared test by test, with those of each program as a whole. Where they differ the suite runs once more without endler:
a test that then ends otherwise too says nothing.

$(rustc --version); $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) cores, which other work shared. The seconds
are those of the suite without its build; those with endler include the work of all dumps, which a debug build makes slow.
A dump that is asked for during another waits for it, so that there are fewer dumps than signals. Programs that end
within some milliseconds end before their first.

| crate | passed | failed | ignored | with endler | s without | s with | dumps | largest heap in a dump | run |
|---|---|---|---|---|---|---|---|---|---|
END
    sed -E '/^ *(#|$)/d; s/ .*//' tests/published/list | while read -r name; do
        cat "$logs/$name.row" 2>/dev/null || true
    done
    printf '\nLeft out: doc tests, into which no allocator can be put. Further:\n\n'
    sed -E '/^ *(#|$)/d; s/ .*//' tests/published/list | while read -r name; do
        for path in $(cat "$work/with/$name/.own-allocator" 2>/dev/null); do
            echo "* $name: \`$path\` sets an allocator of its own and ran without endler."
        done
        sed -nE "s/(.*) \.\.\. FAILED$/* $name: \`\1\` fails without endler too./p" "$logs/$name.plain.results" 2>/dev/null
        sed -nE "s/(.*) \.\.\.$/* $name: \`\1\` ends now so, now so without endler./p" "$logs/$name.flaky" 2>/dev/null
    done
}

fetch
workspace "$work/plain"
workspace "$work/with"
if [[ ! -e tests/published/Cargo.lock ]]; then
    cp "$work/plain/Cargo.lock" tests/published/Cargo.lock
fi
CARGO_TARGET_DIR=$target cargo build --quiet --features cli --bin endler
failed=0
for name in "${names[@]}"; do
    suite "$name" || { echo "$name: NOT as without endler" >&2 && failed=1; }
done
if [[ -n $document ]]; then document >tests/published.md; fi
exit $failed
