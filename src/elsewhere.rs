//! Where nothing is recorded: every call says so.

use std::path::{Path, PathBuf};

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
