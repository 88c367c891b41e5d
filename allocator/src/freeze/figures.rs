//! The process's own numbers, from `/proc` and the control group.

use std::fs;

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

/// A quarter of the memory that the control group has left, or the machine.
pub(super) fn default_budget() -> u64 {
    let machine = meminfo("MemAvailable:").unwrap_or(1 << 30);
    let group = group_left().unwrap_or(u64::MAX);
    machine.min(group) / 4
}

fn meminfo(key: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    let kib: u64 = line.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

/// What the memory control group of this process, or any above it, has left.
/// Both versions of control groups are asked.
fn group_left() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/cgroup").ok()?;
    let mut least: Option<u64> = None;
    for line in text.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        let (root, limit, current) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max", "memory.current"),
            c if c.split(',').any(|c| c == "memory") => (
                "/sys/fs/cgroup/memory",
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
            ),
            _ => continue,
        };
        // In a container the path is the host's and the group is mounted at the root.
        let mut group = path.to_owned();
        loop {
            let number = |file: &str| -> Option<u64> {
                fs::read_to_string(format!("{root}{group}/{file}"))
                    .ok()?
                    .trim()
                    .parse()
                    .ok()
            };
            if let (Some(limit), Some(current)) = (number(limit), number(current)) {
                let left = limit.saturating_sub(current);
                least = Some(least.map_or(left, |l| l.min(left)));
            }
            match group.rfind('/') {
                Some(0) if group.len() > 1 => group = "/".to_owned(),
                Some(at) if at > 0 => group.truncate(at),
                _ => break,
            }
        }
    }
    least
}
