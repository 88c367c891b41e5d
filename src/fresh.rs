//! A directory for a test of its own.

use std::path::PathBuf;

/// A fresh directory that ends with the value.
pub(crate) struct Fresh(pub(crate) PathBuf);

impl Fresh {
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("endler-files-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a directory");
        Fresh(path)
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).expect("a directory").flatten();
        let names = entries.map(|e| e.file_name().into_string().expect("text"));
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
