//! Builds the libraries whose debug information is read.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds a library without std from a source, under a folder of the test's own. A
/// source that a test made gets `no_heap.rs` beside it.
pub(crate) fn build(test: &str, source: &Path, arguments: &[&str]) -> PathBuf {
    let no_heap = source.with_file_name("no_heap.rs");
    if !no_heap.exists() {
        std::fs::write(no_heap, include_str!("no_heap.rs")).unwrap();
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    std::fs::create_dir_all(&folder).unwrap();
    let out = folder.join(source.with_extension("so").file_name().unwrap());
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc
        .args(["--edition", "2024", "--crate-type", "cdylib"])
        .args([
            "-C",
            "panic=abort",
            "-C",
            "debuginfo=2",
            "-C",
            "opt-level=1",
        ])
        .args(["-C", "codegen-units=1", "-C", "link-arg=-nostdlib"])
        .args(arguments)
        .arg("-o")
        .arg(&out)
        .arg(source);
    assert!(rustc.status().unwrap().success(), "{rustc:?}");
    out
}
