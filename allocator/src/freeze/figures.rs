//! The process's own numbers, from `/proc` and the control group.

use std::fs;
use std::path::Path;

/// Resident memory of this process in bytes; 0 where it cannot be read.
pub(super) fn resident() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm
        .split(' ')
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(0);
    pages * 4096
}

/// A quarter of the memory that the control group, the machine or the limit on
/// the address space has left.
pub(super) fn default_budget() -> u64 {
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let machine = meminfo(&text("/proc/meminfo")).unwrap_or(1 << 30);
    let group = group_left(&text("/proc/self/cgroup"), Path::new("/sys/fs/cgroup"));
    let space = space_left(&text("/proc/self/limits"), &text("/proc/self/statm"));
    [Some(machine), group, space]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(0)
        / 4
}

fn meminfo(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find(|line| line.starts_with("MemAvailable:"))?;
    let kib: u64 = line.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

/// Of `RLIMIT_AS`, if there is one.
fn space_left(limits: &str, statm: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max address space"))?;
    let limit: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    let pages: u64 = statm.split(' ').next()?.parse().ok()?;
    Some(limit.saturating_sub(pages * 4096))
}

/// The files of one version of control groups.
struct Version {
    /// Below the root of all groups.
    folder: &'static str,
    limit: &'static str,
    current: &'static str,
    /// In `memory.stat`: pages of files that nobody has used lately, which the
    /// kernel gives up before it refuses or kills. A service that reads files
    /// has its whole group full of them.
    cache: &'static str,
}

const SECOND: Version = Version {
    folder: "",
    limit: "memory.max",
    current: "memory.current",
    cache: "inactive_file ",
};
const FIRST: Version = Version {
    folder: "memory",
    limit: "memory.limit_in_bytes",
    current: "memory.usage_in_bytes",
    cache: "total_inactive_file ",
};

/// What the memory control group of this process, or any above it, has left.
/// `groups` is `/proc/self/cgroup`; both versions of control groups are asked.
fn group_left(groups: &str, root: &Path) -> Option<u64> {
    let mut least: Option<u64> = None;
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        let version = match controllers {
            "" => &SECOND,
            c if c.split(',').any(|c| c == "memory") => &FIRST,
            _ => continue,
        };
        // In a container the path is the host's and the group is mounted at the root.
        for group in Path::new(path.trim_start_matches('/')).ancestors() {
            if let Some(left) = left_in(&root.join(version.folder).join(group), version) {
                least = Some(least.map_or(left, |l| l.min(left)));
            }
        }
    }
    least
}

fn left_in(group: &Path, version: &Version) -> Option<u64> {
    let read = |file: &str| fs::read_to_string(group.join(file)).ok();
    let number = |file: &str| -> Option<u64> { read(file)?.trim().parse().ok() };
    let stat = read("memory.stat").unwrap_or_default();
    let cache = stat
        .lines()
        .find_map(|line| line.strip_prefix(version.cache)?.trim().parse().ok())
        .unwrap_or(0u64);
    let held = number(version.current)?.saturating_sub(cache);
    Some(number(version.limit)?.saturating_sub(held))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree of control groups that ends with the value.
    struct Groups(std::path::PathBuf);

    impl Groups {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let name = format!("endler-groups-{name}-{}", std::process::id());
            let root = std::env::temp_dir().join(name);
            for (file, text) in files {
                let path = root.join(file);
                fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
                fs::write(path, text).expect("a file");
            }
            Groups(root)
        }
    }

    impl Drop for Groups {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_tightest_group_of_the_second_version_counts() {
        let groups = Groups::new(
            "second",
            &[
                ("a/memory.max", "1000000\n"),
                ("a/memory.current", "900000\n"),
                ("a/b/memory.max", "max\n"),
                ("a/b/memory.current", "500000\n"),
                ("a/b/c/memory.max", "700000\n"),
                ("a/b/c/memory.current", "500000\n"),
            ],
        );
        let left = |path: &str| group_left(&format!("0::{path}\n"), &groups.0);
        assert_eq!(left("/a/b/c"), Some(100_000), "the outer one is tighter");
        assert_eq!(left("/a/b"), Some(100_000));
        assert_eq!(left("/nowhere/in/this/container"), None);
        assert_eq!(left("/"), None);
    }

    #[test]
    fn a_group_mounted_at_the_root_counts_whatever_its_name_outside() {
        let groups = Groups::new(
            "root",
            &[("memory.max", "5000\n"), ("memory.current", "1000\n")],
        );
        let outside = "0::/system.slice/docker-1234.scope\n";
        assert_eq!(group_left(outside, &groups.0), Some(4000));
    }

    #[test]
    fn the_first_version_counts_beside_other_controllers() {
        let groups = Groups::new(
            "first",
            &[
                ("memory/x/memory.limit_in_bytes", "8000\n"),
                ("memory/x/memory.usage_in_bytes", "9000\n"),
                ("memory/memory.limit_in_bytes", "9223372036854771712\n"),
                ("memory/memory.usage_in_bytes", "9000\n"),
            ],
        );
        let text = "9:name=systemd:/\n4:cpu,memory:/x\n1:cpuset:/\n0::/\n";
        assert_eq!(group_left(text, &groups.0), Some(0), "beyond its limit");
        let other = "4:memory:/y\n";
        assert!(group_left(other, &groups.0).is_some_and(|left| left > 1 << 60));
    }

    #[test]
    fn cached_files_are_not_in_the_way() {
        let groups = Groups::new(
            "cache",
            &[
                ("memory.max", "100000\n"),
                ("memory.current", "99000\n"),
                (
                    "memory.stat",
                    "anon 20000\ninactive_file 60000\nactive_file 19000\n",
                ),
            ],
        );
        assert_eq!(group_left("0::/\n", &groups.0), Some(61_000));
    }

    #[test]
    fn a_limit_on_the_address_space_counts() {
        let line = |n: &str| {
            format!(
                "Max locked memory 8 8 bytes\nMax address space         {n}  unlimited  bytes\n"
            )
        };
        assert_eq!(space_left(&line("unlimited"), "10 5 1"), None);
        assert_eq!(space_left(&line("409600"), "10 5 1 "), Some(90 * 4096));
        assert_eq!(space_left(&line("4096"), "10 5 1 "), Some(0));
        assert_eq!(space_left("", "10 5 1"), None);
    }

    #[test]
    fn this_process_has_a_budget_and_a_size() {
        assert!(default_budget() > 0 && resident() > 0);
    }
}
