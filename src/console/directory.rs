//! Where the Unix sockets stand: a directory that is one user's alone.
//!
//! `$XDG_RUNTIME_DIR/endler` where that directory exists, else `/tmp/endler-UID`; in it
//! a socket `PID.sock` for each process that serves one.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use super::system;
use crate::Error;

/// The directories in which a process of that user may have its socket, the likelier
/// first. `runtime` is its `XDG_RUNTIME_DIR`.
pub(super) fn candidates(user: u32, runtime: Option<&Path>) -> Vec<PathBuf> {
    let runtime = runtime.filter(|path| path.is_absolute());
    let mut all: Vec<PathBuf> = runtime
        .map(|path| path.join("endler"))
        .into_iter()
        .collect();
    all.push(PathBuf::from(format!("/tmp/endler-{user}")));
    all
}

/// This process's directory, made if need be.
fn own() -> Result<PathBuf, Error> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let runtime = runtime.filter(|path| path.is_dir());
    let path = candidates(system::user(), runtime.as_deref()).swap_remove(0);
    let failed = |cause| Error::File {
        path: path.clone(),
        cause,
    };
    match DirBuilder::new().mode(0o700).create(&path) {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => return Err(failed(e)),
        _ => {}
    }
    let found = fs::symlink_metadata(&path).map_err(failed)?;
    let (mode, owner) = (found.mode() & 0o7777, found.uid());
    if found.is_dir() && owner == system::user() && mode & 0o077 == 0 {
        return Ok(path);
    }
    Err(failed(std::io::Error::other(format!(
        "not a directory that is yours alone (owner {owner}, mode {mode:o}): remove it, or set \
         XDG_RUNTIME_DIR to a directory of yours"
    ))))
}

/// A socket that others find by this process's number; its file goes with the value.
pub(super) struct Socket {
    pub(super) listener: UnixListener,
    path: PathBuf,
    /// Device and inode, to know it again.
    file: (u64, u64),
}

impl Socket {
    pub(super) fn open() -> Result<Self, Error> {
        let directory = own()?;
        sweep(&directory);
        let path = directory.join(format!("{}.sock", std::process::id()));
        let failed = |cause| Error::File {
            path: path.clone(),
            cause,
        };
        // What stands under this process's number is an earlier one's.
        let _ = fs::remove_file(&path);
        let listener = UnixListener::bind(&path).map_err(failed)?;
        fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let file = identity(&path).ok_or_else(|| failed(std::io::ErrorKind::NotFound.into()))?;
        Ok(Socket {
            listener,
            path,
            file,
        })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if identity(&self.path) == Some(self.file) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let found = fs::symlink_metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

/// Removes the sockets of processes that are gone. One that answers is somebody's,
/// whatever the number says: in a container numbers are others.
fn sweep(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".sock"));
        let Some(pid) = number.and_then(|number| number.parse::<u32>().ok()) else {
            continue;
        };
        if !Path::new(&format!("/proc/{pid}")).exists()
            && UnixStream::connect(entry.path())
                .is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionRefused)
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}
