//! What a watch asks of the system: the process's resident memory, and a thread.

use std::thread::JoinHandle;

use endler_snapshot::Bytes;

use crate::{Error, signal};

const STATUS: &str = "/proc/self/status";

/// The process's resident memory: private, of files, and shared.
pub(crate) fn resident() -> Result<Bytes, Error> {
    let failed = |cause| Error::File {
        path: STATUS.into(),
        cause,
    };
    let text = std::fs::read_to_string(STATUS).map_err(failed)?;
    let missing = || failed(std::io::Error::other("it has no line `VmRSS: N kB`"));
    resident_in(&text).ok_or_else(missing)
}

fn resident_in(status: &str) -> Option<Bytes> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(Bytes(kib.checked_mul(1024)?))
}

/// Starts a thread in which all signals are blocked: they stay the host's.
pub(crate) fn spawn(work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    // The new thread inherits the mask.
    let mask = signal::block_all();
    let named = std::thread::Builder::new().name("endler-watch".into());
    let thread = named.spawn(work);
    signal::restore(&mask);
    thread.map_err(Error::Thread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read_in_bytes() {
        let text = "Name:\tx\nVmHWM:\t  9 kB\nVmRSS:\t    5120 kB\nThreads:\t1\n";
        assert_eq!(resident_in(text), Some(Bytes(5120 << 10)));
        for text in [
            "",
            "VmRSS:",
            "VmRSS:\t5 MB",
            "VmRSS:\t-5 kB",
            "VmRSS: 18446744073709551615 kB",
        ] {
            assert_eq!(resident_in(text), None, "{text}");
        }
        let before = resident().expect("it is told").0;
        let touched = vec![1_u8; 64 << 20];
        let after = resident().expect("it is told").0;
        drop(std::hint::black_box(touched));
        // Other tests of this process may give memory back meanwhile.
        assert!(after > before + (32 << 20), "{before} {after}");
    }
}
