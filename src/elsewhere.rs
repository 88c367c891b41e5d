//! Where nothing is recorded: every call says so.

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use endler_snapshot::Bytes;

use crate::{Error, Snapshot, SnapshotInfo};

fn platform<T>() -> Result<T, Error> {
    Err(Error::Freeze(endler_allocator::freeze::Error::Platform))
}

pub(crate) fn on_signal(_signal: i32, _directory: PathBuf) -> Result<(), Error> {
    platform()
}

pub(crate) fn on_exit(_directory: PathBuf) -> Result<(), Error> {
    platform()
}

pub(crate) fn snapshot_to(_path: &Path) -> Result<SnapshotInfo, Error> {
    platform()
}

pub(crate) fn snapshot() -> Result<Snapshot, Error> {
    platform()
}

pub(crate) fn resident() -> Result<Bytes, Error> {
    platform()
}

pub(crate) fn dump_directory(_directory: PathBuf) -> Result<PathBuf, Error> {
    platform()
}

pub(crate) fn dump_at_null(_directory: PathBuf) -> Result<(), Error> {
    platform()
}

pub(crate) fn dump_into(directory: &Path) -> String {
    let why = endler_allocator::freeze::Error::Platform;
    format!("endler: no dump in {}: {why}", directory.display())
}

pub(crate) fn spawn(_work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    platform()
}

pub(crate) fn tell(line: &str) {
    eprintln!("{line}");
}
