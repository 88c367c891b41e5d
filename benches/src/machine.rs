//! What it runs on, and what is measured.

use std::collections::BTreeMap;
use std::process::Command;

use crate::programs::root;
use crate::results::Machine;

/// Crates whose versions are told.
const CRATES: [&str; 8] = [
    "dhat",
    "heapscope",
    "html5ever",
    "mimalloc",
    "scraper",
    "serde_json",
    "tikv-jemalloc-sys",
    "tikv-jemallocator",
];

/// This machine.
pub(crate) fn machine() -> Machine {
    let after = |file: &str, key: &str| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(key));
        line.map(|rest| rest.trim_start_matches([' ', '\t', ':']).to_owned())
            .unwrap_or_default()
    };
    let kibibytes = after("/proc/meminfo", "MemTotal");
    Machine {
        cpu: after("/proc/cpuinfo", "model name"),
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        memory_bytes: kibibytes
            .trim_end_matches(" kB")
            .parse::<u64>()
            .unwrap_or_default()
            * 1024,
        kernel: after("/proc/sys/kernel/osrelease", ""),
        rustc: said("rustc", &["--version"]),
    }
}

/// The time, UTC.
pub(crate) fn date() -> String {
    said("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"])
}

/// The commit of the repository, with `+` where files differ from it.
pub(crate) fn commit() -> String {
    let root = root().display().to_string();
    let hash = said("git", &["-C", &root, "rev-parse", "--short=10", "HEAD"]);
    let clean = said("git", &["-C", &root, "status", "--porcelain"]).is_empty();
    if clean { hash } else { format!("{hash}+") }
}

/// The versions of the measured crates, from the programs' lock file.
pub(crate) fn versions() -> BTreeMap<String, String> {
    let lock = root().join("benches/programs/Cargo.lock");
    let text = std::fs::read_to_string(lock).unwrap_or_default();
    let packages = text.split("[[package]]").filter_map(|package| {
        let value = |key: &str| package.lines().find_map(|line| line.strip_prefix(key));
        let unquoted = |text: &str| text.trim_matches('"').to_owned();
        Some((unquoted(value("name = ")?), unquoted(value("version = ")?)))
    });
    let mut versions = BTreeMap::<String, String>::new();
    for (name, version) in packages.filter(|(name, _)| CRATES.contains(&name.as_str())) {
        // Two of one crate are two contenders.
        let told = versions.entry(name).or_default();
        if !told.is_empty() {
            told.push_str(" and ");
        }
        told.push_str(&version);
    }
    versions
}

fn said(program: &str, args: &[&str]) -> String {
    Command::new(program)
        .args(args)
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_default()
}
