#!/usr/bin/env bash
# The group `builds`: stacks, types and fields in builds that a plain `cargo test` does
# not make. Each is a whole build, so they take minutes.
set -euo pipefail
cd "$(dirname "$0")/.."

run() { printf -- '-- %s\n' "$*"; env "$@"; }

stacks=(cargo test --quiet --release -p endler-allocator --test oracle)
types=(cargo test --quiet --release -p endler-reports --test truth --test edges)

run CARGO_PROFILE_RELEASE_DEBUG=2 CARGO_PROFILE_RELEASE_LTO=fat CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 "${stacks[@]}"
run CARGO_PROFILE_RELEASE_DEBUG=2 CARGO_PROFILE_RELEASE_LTO=fat CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 "${types[@]}"
run CARGO_PROFILE_RELEASE_DEBUG=1 "${types[@]}"
