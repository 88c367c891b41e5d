//! A snapshot that was taken and opened in the same process.

use std::io::{Read, Seek, SeekFrom};
use std::os::fd::{AsRawFd, FromRawFd};

use endler_reports::partition::Heap;
use endler_snapshot::{Image, format};

use crate::Error;
use crate::dump::Done;

/// A snapshot of this process, with the tables of a saved one.
///
/// ```no_run
/// # fn main() -> Result<(), endler::Error> {
/// let snapshot = endler::snapshot()?;
/// println!("{}", snapshot.heap().all().count());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Snapshot {
    image: Image,
}

/// Freezes with the descriptor kept open in the copy.
type Freeze<'a> =
    dyn Fn(i32, &dyn Fn(&Image) -> Result<(), String>) -> Result<Done, Error> + 'a;

impl Snapshot {
    /// Takes a snapshot through a file that has no name.
    pub(crate) fn take(freeze: &Freeze<'_>) -> Result<Self, Error> {
        // SAFETY: the name is a C string; makes a descriptor.
        let fd = unsafe { libc::memfd_create(c"endler".as_ptr(), libc::MFD_CLOEXEC) };
        if fd < 0 {
            return Err(Error::Thread(std::io::Error::last_os_error()));
        }
        // SAFETY: the descriptor was just made and is nobody else's.
        let mut file = unsafe { std::fs::File::from_raw_fd(fd) };
        let failed = |cause| Error::File { path: "an unnamed file".into(), cause };
        freeze(file.as_raw_fd(), &|image| {
            // SAFETY: the copy has this descriptor open; it is not closed here.
            let file = std::mem::ManuallyDrop::new(unsafe { std::fs::File::from_raw_fd(fd) });
            let mut to = std::io::BufWriter::with_capacity(1 << 18, &*file);
            // A first try may have left a part of a larger file.
            file.set_len(0).and_then(|()| (&*file).seek(SeekFrom::Start(0))).map_err(|e| e.to_string())?;
            format::write(image, &mut to).map_err(|e| e.to_string())?;
            std::io::Write::flush(&mut to).map_err(|e| e.to_string())
        })?;
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let image = format::read(&bytes).map_err(Error::Snapshot)?;
        Ok(Snapshot { image })
    }

    /// The heap: sets of blocks, and the relations that partition them.
    #[must_use]
    pub fn heap(&self) -> Heap<'_> {
        Heap::new(&self.image)
    }

    /// The columns themselves.
    #[must_use]
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// The text that a signal writes.
    #[must_use]
    pub fn tables(&self) -> String {
        endler_reports::tables(&self.image)
    }
}
