//! How much of a process is resident, as the kernel counts it.

use std::io;

use endler::Bytes;

/// Resident memory of one process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Resident {
    /// Now: `VmRSS`.
    pub now: Bytes,
    /// The most since the process's program was started: `VmHWM`. The kernel
    /// keeps it, so no short rise is missed.
    pub highest: Bytes,
}

impl Resident {
    /// Of this process.
    pub(crate) fn here() -> io::Result<Self> {
        let text = std::fs::read_to_string("/proc/self/status")?;
        Self::read(&text).ok_or_else(|| io::Error::other("no resident memory in /proc/self/status"))
    }

    /// What a `status` of `/proc` says.
    pub(crate) fn read(status: &str) -> Option<Self> {
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
            Some(Bytes(kib.checked_mul(1024)?))
        };
        Some(Resident {
            now: bytes("VmRSS:")?,
            highest: bytes("VmHWM:")?,
        })
    }
}
