//! How a file appears: whole, or not at all.
//!
//! It is written under a name of its own (`O_EXCL`, mode 0600, so nobody's
//! link is followed) and renamed when it is whole. A reader sees a complete
//! file or none. A dump's two files are both whole before either has its name,
//! and replace nothing that stands there.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::files::with_ending;

/// A whole file that has not got its name yet. It goes if it never gets it.
#[derive(Debug)]
pub(crate) struct Part {
    part: PathBuf,
    path: PathBuf,
}

impl Part {
    /// Writes what will be `path`.
    ///
    /// `host` is the profiled process: the copy that writes has an id of its own,
    /// and the host must find what a copy that was killed left behind.
    pub(crate) fn write(
        path: &Path,
        host: u32,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<Self, String> {
        let part = Part {
            part: partial(path, host),
            path: path.to_path_buf(),
        };
        let file = open_new(&part.part).map_err(|e| format!("{}: {e}", part.part.display()));
        let mut to = match file {
            Ok(file) => BufWriter::with_capacity(1 << 18, file),
            // What stands there is not ours.
            Err(why) => {
                std::mem::forget(part);
                return Err(why);
            }
        };
        let written = write(&mut to).and_then(|()| to.flush());
        written.map_err(|cause| part.failed(&cause))?;
        Ok(part)
    }

    /// Gives it its name; a file of that name is replaced.
    pub(crate) fn replace(&self) -> Result<(), String> {
        std::fs::rename(&self.part, &self.path).map_err(|cause| self.failed(&cause))
    }

    /// Gives it its name, if there is nothing of that name.
    pub(crate) fn publish(&self) -> Result<(), String> {
        rename_new(&self.part, &self.path).map_err(|cause| self.failed(&cause))
    }

    /// Takes its name away again.
    pub(crate) fn withdraw(&self) {
        let _ = std::fs::remove_file(&self.path);
    }

    fn failed(&self, cause: &io::Error) -> String {
        format!("{}: {cause}", self.path.display())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.part);
    }
}

/// Renames unless something has that name.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    let c = |path: &Path| std::ffi::CString::new(path.as_os_str().as_bytes());
    let (c_from, c_to) = (c(from)?, c(to)?);
    let (from_at, to_at) = (c_from.as_ptr(), c_to.as_ptr());
    let (at, flags) = (libc::AT_FDCWD, libc::RENAME_NOREPLACE);
    // SAFETY: both paths are C strings.
    let failed = unsafe { libc::syscall(libc::SYS_renameat2, at, from_at, at, to_at, flags) };
    if failed == 0 {
        return Ok(());
    }
    let cause = io::Error::last_os_error();
    match cause.raw_os_error() {
        // A file system, or a kernel, without that flag.
        Some(libc::EINVAL | libc::ENOSYS | libc::EPERM) if to.symlink_metadata().is_err() => {
            std::fs::rename(from, to)
        }
        _ => Err(cause),
    }
}

/// The name under which process `host` writes `path`.
pub(crate) fn partial(path: &Path, host: u32) -> PathBuf {
    with_ending(path, &format!(".{host}.partial"))
}

fn open_new(path: &Path) -> io::Result<File> {
    // Left over by a copy that was killed: the name holds the host's id.
    let _ = std::fs::remove_file(path);
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::fresh::Fresh;

    #[test]
    fn a_failed_write_leaves_nothing() {
        let fresh = Fresh::new("failed");
        let path = fresh.0.join("whole");
        let result = Part::write(&path, 5, |to| {
            to.write_all(b"half")?;
            Err(io::Error::other("disk full"))
        });
        assert!(result.expect_err("it failed").ends_with("whole: disk full"));
        assert!(fresh.names().is_empty());
        let part = Part::write(&path, 5, |to| to.write_all(b"whole")).expect("writes");
        assert!(!path.exists());
        part.replace().expect("renames");
        drop(part);
        assert_eq!(std::fs::read(&path).expect("reads"), b"whole");
        assert_eq!(fresh.names(), ["whole"]);
    }

    #[test]
    fn what_stands_under_a_dumps_name_is_neither_followed_nor_replaced() {
        let fresh = Fresh::new("planted");
        let (path, other) = (fresh.0.join("dump"), fresh.0.join("other"));
        std::fs::write(&other, "another's").expect("a file");
        type Plant<'a> = &'a dyn Fn(&Path) -> io::Result<()>;
        let plant: [Plant<'_>; 3] = [
            &|path| std::os::unix::fs::symlink(&other, path),
            &|path| std::fs::create_dir(path),
            &|path| std::fs::write(path, "older"),
        ];
        for plant in plant {
            let name = partial(&path, 5);
            plant(&name).expect("planted");
            let failed = Part::write(&path, 5, |to| to.write_all(b"new"));
            // A directory stays; a name that is removed takes nothing with it.
            assert_eq!(failed.is_err(), name.is_dir());
            drop(failed);
            let _ = std::fs::remove_dir(&name);
            plant(&path).expect("planted");
            let part = Part::write(&path, 5, |to| to.write_all(b"new")).expect("writes");
            let why = part.publish().expect_err("it is taken");
            assert!(why.contains("dump: File exists"), "{why}");
            drop(part);
            assert_eq!(fresh.names(), ["dump", "other"]);
            let _ = std::fs::remove_dir(&path);
            let _ = std::fs::remove_file(&path);
        }
        assert_eq!(std::fs::read(&other).expect("reads"), b"another's");
    }
}
