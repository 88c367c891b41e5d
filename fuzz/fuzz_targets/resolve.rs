//! A file with debug information, mutated anywhere: types, fields and statics are read
//! from it. Nothing may panic, go on for ever, or take memory without bound.
//!
//! The same function reads the same corpus, damaged otherwise, in the ordinary tests:
//! `reports/tests/fuzzed.rs`.

#![no_main]

#[path = "../../reports/tests/hostile_debug/reader.rs"]
#[allow(dead_code, reason = "nothing is looked at")]
mod reader;

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};

use libfuzzer_sys::fuzz_target;

/// A file in memory, written anew for each input.
fn file() -> &'static Mutex<File> {
    static FILE: OnceLock<Mutex<File>> = OnceLock::new();
    FILE.get_or_init(|| {
        // SAFETY: the name is a C string.
        let descriptor = unsafe { libc::memfd_create(c"input".as_ptr(), 0) };
        assert!(descriptor >= 0, "no file in memory");
        // SAFETY: it was just opened and belongs to nobody.
        Mutex::new(unsafe { File::from_raw_fd(descriptor) })
    })
}

fuzz_target!(|bytes: &[u8]| {
    let mut file = file().lock().unwrap();
    file.set_len(0).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    file.write_all(bytes).unwrap();
    let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    if let Some(image) = reader::image(bytes, &path) {
        reader::read(&image);
    }
});
