//! From a path to an image.

use crate::Error;
use endler_snapshot::{Image, format};
use std::io::Read;
use std::path::Path;

/// Reads a snapshot file. The image is as it was written: resolved or not.
pub fn load(path: impl AsRef<Path>) -> Result<Image, Error> {
    let path = path.as_ref();
    let read = |cause| Error::Read {
        path: path.to_path_buf(),
        cause,
    };
    let bytes = std::fs::read(path).map_err(read)?;
    decode(&bytes, path)
}

/// Reads a snapshot from a stream; `name` is what errors call it.
pub fn load_from(stream: &mut dyn Read, name: impl AsRef<Path>) -> Result<Image, Error> {
    let name = name.as_ref();
    let mut bytes = Vec::new();
    stream
        .read_to_end(&mut bytes)
        .map_err(|cause| Error::Read {
            path: name.to_path_buf(),
            cause,
        })?;
    decode(&bytes, name)
}

fn decode(bytes: &[u8], path: &Path) -> Result<Image, Error> {
    format::read(bytes).map_err(|cause| Error::Snapshot {
        path: path.to_path_buf(),
        cause,
    })
}
