//! C code that is compiled while the test runs, loaded, and unloaded again.

use std::ffi::{CStr, CString, c_void};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder of this process that goes when it is dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("endler-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder for compiled code");
        Folder(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Compiles `source` into a shared library.
    pub(crate) fn compile(&self, name: &str, source: &str, flags: &[&str]) -> PathBuf {
        let (c, so) = (
            self.0.join(format!("{name}.c")),
            self.0.join(format!("{name}.so")),
        );
        std::fs::write(&c, source).expect("writes the source");
        let out = Command::new("cc")
            .args(["-O2", "-fomit-frame-pointer", "-shared", "-fPIC", "-w"])
            .args(flags)
            .arg(&c)
            .arg("-o")
            .arg(&so)
            .output()
            .expect("cc runs, as it does to link Rust");
        assert!(out.status.success(), "{}", super::text(&out));
        so
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A loaded library, unloaded by [`Library::close`] alone.
pub(crate) struct Library(*mut c_void);

impl Library {
    pub(crate) fn open(path: &Path) -> Self {
        let name = CString::new(path.to_str().expect("text")).expect("no null");
        // SAFETY: the libraries of these tests run no code when they are loaded.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        assert!(!handle.is_null(), "{} does not load", path.display());
        Library(handle)
    }

    /// The address of a function.
    pub(crate) fn symbol(&self, name: &CStr) -> *mut c_void {
        // SAFETY: the handle is open and the name is a C string.
        let at = unsafe { libc::dlsym(self.0, name.as_ptr()) };
        assert!(!at.is_null(), "no {name:?}");
        at
    }

    pub(crate) fn close(self) {
        // SAFETY: the handle is open, and no code of the library is running.
        let failed = unsafe { libc::dlclose(self.0) };
        assert_eq!(failed, 0);
    }
}
