#!/usr/bin/env bash
# The group `memlab`: the retained size of each block, as memlab computes it from
# `endler export --to heapsnapshot`, against `endler report --by id --json --retained`.
# Every one must be equal. One line for each heap: a program of 160,000 blocks that
# hold one another in every way (tests/holding), and, with the argument `crawl`, the
# crawl, which takes a release build.
#
# Needs node and npm, and takes memlab from the npm registry into a folder of its own.
# The browser that memlab would drive is neither needed nor fetched.
set -euo pipefail
cd "$(dirname "$0")/.."
target="${CARGO_TARGET_DIR:-$PWD/target}"
export CARGO_TARGET_DIR="$target" CARGO_TERM_COLOR=never

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    apt-get update -qq && apt-get install -y -qq nodejs npm
fi
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

cargo build --quiet -p endler --features cli --bin endler
(cd tests/holding && cargo build --quiet --bin web)
(
    cd "$work"
    export PUPPETEER_SKIP_DOWNLOAD=1
    npm install --no-audit --no-fund --ignore-scripts --silent memlab@2.0.5
)

# Compares the snapshot $2, under the name $1.
compare() {
    "$target/debug/endler" export "$2" --to heapsnapshot -o "$work/$1.heapsnapshot"
    "$target/debug/endler" report "$2" --by id --json --retained >"$work/$1.json"
    # What memlab says of its progress is of no interest if all is well.
    if ! NODE_PATH="$work/node_modules" node tests/holding/memlab.js \
        "$1" "$work/$1.heapsnapshot" "$work/$1.json" 2>"$work/progress"; then
        cat "$work/progress"
        printf 'memlab %s: FAILED\n' "$1"
        exit 1
    fi
}

"$target/debug/web" "$work/web.endler" >/dev/null
compare web "$work/web.endler"

[ "${1:-}" = crawl ] || exit 0
cargo build --quiet --release --example crawl
"$target/release/examples/crawl" --pages 500 --dumps "$work/crawl" >/dev/null
for snapshot in "$work"/crawl/*.crawl.endler; do
    compare crawl "$snapshot"
done
