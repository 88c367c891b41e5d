//! Which functions of the allocator stand where, from the program's own symbol
//! table. Nothing here allocates.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Calls `each` with the mangled name, the first address and the length of
/// every function whose name has `endler_allocator` in it.
pub(crate) fn each(mut each: impl FnMut(&[u8], usize, usize)) {
    let file = file();
    let word = |at: usize, len: usize| {
        let bytes = file.get(at..at + len).unwrap_or(&[]);
        bytes
            .iter()
            .rev()
            .fold(0usize, |n, b| n << 8 | usize::from(*b))
    };
    // The program is loaded at one distance from what its file says.
    let bias = super::steps::text().0 & !0xfff;
    let (sections, count) = (word(40, 8), word(60, 2));
    let section = |n: usize| sections + n * 64;
    for n in 0..count {
        const SYMBOLS: usize = 2;
        let at = section(n);
        if word(at + 4, 4) != SYMBOLS {
            continue;
        }
        let (start, len) = (word(at + 24, 8), word(at + 32, 8));
        let names = word(section(word(at + 40, 4)) + 24, 8);
        for symbol in (start..start + len).step_by(24) {
            const FUNCTION: usize = 2;
            if word(symbol + 4, 1) & 15 != FUNCTION {
                continue;
            }
            let name = file.get(names + word(symbol, 4)..).unwrap_or(&[]);
            let end = name.iter().position(|b| *b == 0).unwrap_or(0);
            let name = &name[..end];
            if holds(name, b"endler_allocator") {
                each(name, bias + word(symbol + 8, 8), word(symbol + 16, 8));
            }
        }
    }
}

pub(crate) fn holds(name: &[u8], part: &[u8]) -> bool {
    name.windows(part.len()).any(|window| window == part)
}

/// The program's file, mapped once.
fn file() -> &'static [u8] {
    static FILE: AtomicUsize = AtomicUsize::new(0);
    static LEN: AtomicUsize = AtomicUsize::new(0);
    if FILE.load(Ordering::Relaxed) == 0 {
        // SAFETY: the path is a C string.
        let fd =
            unsafe { libc::open(c"/proc/self/exe".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
        assert!(fd >= 0);
        // SAFETY: asks for the length of an open file.
        let len = unsafe { libc::lseek(fd, 0, libc::SEEK_END) } as usize;
        let (prot, none) = (libc::PROT_READ, std::ptr::null_mut());
        // SAFETY: a fresh mapping.
        let at = unsafe { libc::mmap(none, len, prot, libc::MAP_PRIVATE, fd, 0) };
        assert_ne!(at, libc::MAP_FAILED);
        // SAFETY: the descriptor is ours.
        unsafe { libc::close(fd) };
        LEN.store(len, Ordering::Relaxed);
        FILE.store(at as usize, Ordering::Relaxed);
    }
    let (at, len) = (FILE.load(Ordering::Relaxed), LEN.load(Ordering::Relaxed));
    // SAFETY: mapped above, never unmapped; nobody writes a running program's file.
    unsafe { std::slice::from_raw_parts(at as *const u8, len) }
}
