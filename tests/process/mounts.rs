//! A process with mounts of its own, for a disk that is soon full.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// Has the command start with mounts of its own.
///
/// # Safety
/// 1. Nothing else runs in the command between fork and exec that is not
///    async-signal-safe.
pub(crate) unsafe fn with_own_mounts(command: &mut Command) -> &mut Command {
    // SAFETY: raw system calls only, and (1).
    unsafe { command.pre_exec(own_mounts) }
}

/// Whether this system lets a test have mounts of its own.
pub(crate) fn may_have_own_mounts() -> bool {
    let mut command = Command::new("true");
    // SAFETY: the command has nothing else to run.
    unsafe { with_own_mounts(&mut command) }
        .status()
        .is_ok_and(|status| status.success())
}

fn own_mounts() -> io::Result<()> {
    // As root without a user of its own, else as root of a user namespace.
    // SAFETY: changes the calling process only, which has one thread.
    let alone = unsafe { libc::unshare(libc::CLONE_NEWNS) };
    // SAFETY: as above.
    if alone != 0 && unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let (none, root) = (std::ptr::null(), c"/".as_ptr());
    let private = libc::MS_REC | libc::MS_PRIVATE;
    // So that nobody else sees the mount.
    // SAFETY: C strings.
    match unsafe { libc::mount(none, root, none, private, std::ptr::null()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// A disk of that many bytes at `path`, in a process with mounts of its own.
pub(crate) fn mount_small_disk(path: &Path, bytes: u64) {
    let path = CString::new(path.as_os_str().as_bytes()).expect("no null");
    let options = CString::new(format!("size={bytes}")).expect("no null");
    let (kind, data) = (c"tmpfs".as_ptr(), options.as_ptr().cast());
    // SAFETY: C strings.
    let failed = unsafe { libc::mount(kind, path.as_ptr(), kind, 0, data) };
    assert_eq!(failed, 0, "no mount: {}", io::Error::last_os_error());
}
