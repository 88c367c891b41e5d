//! A file mapped into memory; but for requests to the cache (`prefetch`) the only unsafe code of this crate.
//!
//! Debug information is far larger than the part of it that a snapshot needs,
//! so it is mapped and not read. The mapping is private and read-only. What
//! the bytes say is checked by those who read them (`object`, `gimli`); this
//! module only guards the lifetime.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;

/// A whole file, readable as bytes for as long as this value lives.
pub(crate) struct Mapped(memmap2::Mmap);

impl Mapped {
    /// Maps the file at `path`. Anything but a regular file is refused, so
    /// that a pipe or a device in a hostile snapshot cannot block us.
    pub(crate) fn open(path: &Path) -> io::Result<Mapped> {
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a regular file",
            ));
        }
        let file = File::open(path)?;
        // SAFETY: `Mmap::map` asks that the file is not changed while it is
        // mapped. Linkers and package managers replace binaries by renaming a
        // new file over them, which leaves the mapped one as it was; a file
        // written in place while a program runs from it fails with ETXTBSY. A
        // debug file that is truncated all the same ends this process by
        // SIGBUS and breaks no memory of it. Nobody writes through the mapping.
        let map = unsafe { memmap2::Mmap::map(&file) }?;
        Ok(Mapped(map))
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
