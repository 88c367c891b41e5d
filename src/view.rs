//! Taking a snapshot and opening it in the same process, through a file that
//! has no name.

use std::io::{Read, Seek, SeekFrom};
use std::os::fd::{AsRawFd, FromRawFd};

use endler_snapshot::{Image, format};

use crate::dump::Done;
use crate::{Error, Snapshot};

/// Freezes with the descriptor kept open in the copy.
type Freeze<'a> = dyn Fn(i32, &dyn Fn(&Image) -> Result<(), String>) -> Result<Done, Error> + 'a;

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
        let failed = |cause| Error::File {
            path: "an unnamed file".into(),
            cause,
        };
        freeze(file.as_raw_fd(), &|image| {
            // SAFETY: the copy has this descriptor open; it is not closed here.
            let file = std::mem::ManuallyDrop::new(unsafe { std::fs::File::from_raw_fd(fd) });
            let mut to = std::io::BufWriter::with_capacity(1 << 18, &*file);
            // A first try may have left a part of a larger file.
            file.set_len(0)
                .and_then(|()| (&*file).seek(SeekFrom::Start(0)))
                .map_err(|e| e.to_string())?;
            format::write(image, &mut to).map_err(|e| e.to_string())?;
            std::io::Write::flush(&mut to).map_err(|e| e.to_string())
        })?;
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let image = format::read(&bytes).map_err(Error::Snapshot)?;
        Ok(Snapshot { image })
    }
}
