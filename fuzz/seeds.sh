#!/usr/bin/env bash
# Builds the fuzzer's corpus anew, from `seed.rs`: debug information of DWARF 4 and 5,
# compressed, with line tables alone. Needs a Rust toolchain and objcopy. The files
# differ from compiler to compiler; those in the tree are of rustc 1.95.
set -euo pipefail
cd "$(dirname "$0")"

out=corpus/resolve
mkdir -p "$out"
build() {
    rustc --edition 2024 --crate-type cdylib --crate-name seed -C panic=abort \
        -C codegen-units=1 -C lto=fat -C opt-level=s -C link-arg=-nostdlib \
        --remap-path-prefix "$PWD=" "${@:2}" -o "$out/$1" seed.rs
    # No reader looks into this.
    objcopy --remove-section .debug_loc --remove-section .debug_loclists "$out/$1"
}
build dwarf4 -C debuginfo=2
build dwarf5 -C debuginfo=2 -C dwarf-version=5
build lines -C debuginfo=line-tables-only
objcopy --compress-debug-sections=zlib "$out/dwarf4" "$out/compressed"
chmod 644 "$out"/*
