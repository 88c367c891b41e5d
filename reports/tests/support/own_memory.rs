//! The memory of the very process that scans, as it is.

use std::fs::File;
use std::os::unix::fs::FileExt;

use endler_snapshot::{Addr, Memory, Unreadable};

/// Reads through the kernel, so that no address can be a fault.
pub(crate) struct Own(File);

impl Own {
    pub(crate) fn new() -> Own {
        Own(File::open("/proc/self/mem").expect("the process's own memory"))
    }
}

impl Memory for Own {
    fn read(&self, at: Addr, into: &mut [u8]) -> Result<(), Unreadable> {
        self.0.read_exact_at(into, at.0).map_err(|_| Unreadable)
    }
}
