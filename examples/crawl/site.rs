//! The folder that is served.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder of pages.
pub(crate) struct Site {
    root: PathBuf,
    /// Paths of all pages from the root, `/`-separated, sorted.
    pages: Vec<String>,
}

impl Site {
    /// Opens a folder and lists its pages.
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        let root = root.canonicalize()?;
        let mut pages = Vec::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in folder.read_dir()? {
                let entry = entry?;
                let path = entry.path();
                // Symbolic links are neither: the server does not follow them out.
                let kind = entry.file_type()?;
                if kind.is_dir() {
                    folders.push(path);
                } else if kind.is_file() && path.extension().is_some_and(|e| e == "html") {
                    pages.extend(
                        path.strip_prefix(&root)
                            .ok()
                            .and_then(Path::to_str)
                            .map(str::to_owned),
                    );
                }
            }
        }
        pages.sort_unstable();
        Ok(Site { root, pages })
    }

    /// The folder to serve when none is named: the documentation of the
    /// installed Rust toolchain, or else the small site beside this file.
    pub(crate) fn default_root() -> PathBuf {
        rust_documentation()
            .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/site"))
    }

    /// The folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// How many pages it has.
    pub(crate) fn len(&self) -> usize {
        self.pages.len()
    }

    /// All paths, one a line.
    pub(crate) fn listing(&self) -> String {
        self.pages.join("\n")
    }
}

fn rust_documentation() -> Option<PathBuf> {
    let out = Command::new("rustc")
        .args(["--print", "sysroot"])
        .output()
        .ok()?;
    let sysroot = PathBuf::from(String::from_utf8(out.stdout).ok()?.trim_end());
    let html = sysroot.join("share/doc/rust/html");
    html.join("index.html").is_file().then_some(html)
}
