//! The `endler` command for tests.
//!
//! The command needs the feature `cli`, and a plain `cargo test --workspace` does
//! not build it. So the first test that wants it asks the same cargo, for the
//! same profile and target directory.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The path of the command, built if need be.
pub(crate) fn endler() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    // Without the feature cargo may still say where the command would be.
    PATH.get_or_init(|| match option_env!("CARGO_BIN_EXE_endler") {
        Some(built) if cfg!(feature = "cli") => PathBuf::from(built),
        _ => build(),
    })
}

fn build() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let profile = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("target/tmp");
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args([
            "build",
            "--quiet",
            "--package",
            "endler",
            "--bin",
            "endler",
            "--features",
            "cli",
        ])
        .args([
            "--message-format",
            "json-render-diagnostics",
            "--target-dir",
        ])
        .arg(target)
        .stderr(Stdio::inherit());
    match profile.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => {}
        Some(name) => {
            cargo.args(["--profile", name]);
        }
    }
    let out = cargo.output().expect("cargo runs");
    assert!(out.status.success(), "cannot build the command: {cargo:?}");
    let messages = String::from_utf8_lossy(&out.stdout).into_owned();
    let executable = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find_map(|message| message["executable"].as_str().map(PathBuf::from));
    executable.expect("cargo says where the command is")
}
