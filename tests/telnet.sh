#!/usr/bin/env bash
# The console through a real telnet client, on a terminal of its own.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v telnet >/dev/null; then
    apt-get update -qq && apt-get install -y -qq telnet
fi
cargo test --quiet -p endler --test telnet -- --ignored
