//! A memory control group of the test's own, where the system lets it have one.

use std::fs;
use std::path::{Path, PathBuf};

/// A group below this process's own; removed with the value.
pub(crate) struct Group {
    path: PathBuf,
    limit: &'static str,
}

impl Group {
    /// None where no memory group can be made: no controller, or no right to.
    pub(crate) fn new() -> Option<Self> {
        let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
        let own = |controller: &str| {
            let line = groups
                .lines()
                .find_map(|line| line.split_once(':')?.1.strip_prefix(controller))?;
            line.strip_prefix(":/").map(str::to_owned)
        };
        // In a container the path may be the host's; the group is at the root then.
        let first = own("memory").map(|own| ("/sys/fs/cgroup/memory", own));
        let second = own("").map(|own| ("/sys/fs/cgroup", own));
        let places = first.into_iter().chain(second);
        let mut parents = places.flat_map(|(root, own)| [Path::new(root).join(own), root.into()]);
        parents.find_map(|parent| Self::below(&parent))
    }

    fn below(parent: &Path) -> Option<Self> {
        let path = parent.join(format!("endler-test-{}", std::process::id()));
        fs::create_dir(&path).ok()?;
        let mut group = Group { path, limit: "" };
        // A group without its limit's file has no memory controller, and goes again.
        group.limit = ["memory.limit_in_bytes", "memory.max"]
            .into_iter()
            .find(|file| group.path.join(file).exists())?;
        let joinable = fs::OpenOptions::new()
            .write(true)
            .open(group.path.join("cgroup.procs"));
        joinable.is_ok().then_some(group)
    }

    pub(crate) fn set_limit(&self, bytes: u64) {
        fs::write(self.path.join(self.limit), bytes.to_string()).expect("a limit");
        // No way out to the disk.
        let _ = fs::write(
            self.path.join("memory.memsw.limit_in_bytes"),
            bytes.to_string(),
        );
        let _ = fs::write(self.path.join("memory.swap.max"), "0");
    }

    /// What the processes of the group hold, in bytes.
    pub(crate) fn held(&self) -> u64 {
        let files = ["memory.usage_in_bytes", "memory.current"];
        let text = files
            .iter()
            .find_map(|file| fs::read_to_string(self.path.join(file)).ok());
        let number = text.and_then(|text| text.trim().parse().ok());
        number.expect("a number of bytes")
    }

    /// Takes a process into the group.
    pub(crate) fn take(&self, process: u32) {
        fs::write(self.path.join("cgroup.procs"), process.to_string()).expect("taken");
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The kernel is slow to let the last process go.
        for _ in 0..1000 {
            if fs::remove_dir(&self.path).is_ok() || !self.path.exists() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}
