//! The few system calls that the recorder makes, raw.
//!
//! Everything here may run inside the allocation hook, where nothing may
//! allocate from the host, lock, or touch `errno` that the host reads later.
//! So memory comes from `mmap` alone, calls go through `syscall` directly, and
//! every mapping is named `endler` (`PR_SET_VMA_ANON_NAME`), so that `smaps`
//! tells the profiler's own memory from the host's.
//!
//! Not for: anything that could be done outside the hook with std.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use core::arch::asm;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The profiler's mappings, to tell what they cost: address and length, 0 for
/// none. Beyond the table's length they are counted as wholly resident.
static REGIONS: [[AtomicU64; 2]; MAX_REGIONS] =
    [const { [const { AtomicU64::new(0) }; 2] }; MAX_REGIONS];
static REGION_COUNT: AtomicUsize = AtomicUsize::new(0);
static UNLISTED: AtomicU64 = AtomicU64::new(0);
const MAX_REGIONS: usize = 1 << 13;

/// One raw system call of up to six arguments; negative results are `-errno`.
///
/// # Safety
/// 1. The call must be sound with these arguments in the current process.
#[cfg(not(miri))]
#[inline]
pub(crate) unsafe fn syscall(number: i64, args: [u64; 6]) -> i64 {
    let [a, b, c, d, e, f] = args;
    let result: i64;
    // SAFETY: the x86-64 Linux convention: number in rax, arguments in rdi rsi
    // rdx r10 r8 r9, result in rax, rcx and r11 clobbered. (1) is the caller's.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    result
}

/// Miri, which runs the unit tests of what is pure (`tests/model.sh`), knows no
/// instructions by hand: mappings are blocks of its own.
///
/// # Safety
/// 1. As above.
#[cfg(miri)]
pub(crate) unsafe fn syscall(number: i64, args: [u64; 6]) -> i64 {
    use std::alloc::{Layout, alloc_zeroed, dealloc};
    let [at, len, ..] = args;
    let layout = Layout::from_size_align(args[1] as usize, 4096);
    match (number, layout) {
        (libc::SYS_mmap, Ok(layout)) if len > 0 => {
            // SAFETY: the length is not zero.
            let block = unsafe { alloc_zeroed(layout) };
            block.expose_provenance() as i64
        }
        (libc::SYS_munmap, Ok(layout)) => {
            // SAFETY: (1): made above with this length.
            unsafe { dealloc(core::ptr::with_exposed_provenance_mut(at as usize), layout) };
            0
        }
        (libc::SYS_mprotect | libc::SYS_madvise | libc::SYS_prctl, _) => 0,
        _ => i64::from(-libc::ENOSYS),
    }
}

/// Maps `len` bytes of zeroed private memory that is not huge-paged, or null,
/// and lists it as the profiler's.
///
/// `len` is rounded up to whole pages. The mapping is never given back unless
/// [`unmap`] is called with it.
pub(crate) fn map(len: usize) -> *mut u8 {
    list(map_unlisted(len), len)
}

/// As [`map`], but nothing can be written before [`make_writable`]. What cannot
/// be written is not reserved where the kernel gives out no more memory than it
/// has (`vm.overcommit_memory = 2`), and does not count as data (`RLIMIT_DATA`):
/// for large tables of which little is used.
pub(crate) fn map_readable(len: usize) -> *mut u8 {
    list(map_with(len, libc::PROT_READ), len)
}

/// Lets the whole pages around `len` bytes of a [`map_readable`] be written;
/// false when the kernel refuses.
pub(crate) fn make_writable(at: *mut u8, len: usize) -> bool {
    let first = at as usize & !4095;
    let len = (at as usize).wrapping_add(len).wrapping_sub(first);
    let args = [first as u64, len as u64, WRITABLE as u64, 0, 0, 0];
    // SAFETY: gives a right on a mapping of ours and takes none.
    unsafe { syscall(libc::SYS_mprotect, args) == 0 }
}

/// Lists a mapping as the profiler's, if it was made.
fn list(at: *mut u8, len: usize) -> *mut u8 {
    if at.is_null() {
        return at;
    }
    let place = REGION_COUNT.fetch_add(1, Ordering::Relaxed);
    match REGIONS.get(place) {
        Some([start, length]) => {
            length.store(len as u64, Ordering::Relaxed);
            start.store(at as u64, Ordering::Release);
        }
        None => {
            UNLISTED.fetch_add(len as u64, Ordering::Relaxed);
        }
    }
    at
}

/// As [`map`], for memory of the copy, which is not the profiler's in the host.
pub(crate) fn map_unlisted(len: usize) -> *mut u8 {
    map_with(len, WRITABLE)
}

const WRITABLE: i32 = libc::PROT_READ | libc::PROT_WRITE;

fn map_with(len: usize, prot: i32) -> *mut u8 {
    const FLAGS: u64 = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE) as u64;
    let len = len.wrapping_add(4095) & !4095;
    // SAFETY: a fresh anonymous mapping touches no existing memory.
    let at = unsafe {
        syscall(
            libc::SYS_mmap,
            [0, len as u64, prot as u64, FLAGS, u64::MAX, 0],
        )
    };
    if (-4095..0).contains(&at) {
        return core::ptr::null_mut();
    }
    let advice = libc::MADV_NOHUGEPAGE as u64;
    // SAFETY: advice on memory that was just mapped here.
    unsafe { syscall(libc::SYS_madvise, [at as u64, len as u64, advice, 0, 0, 0]) };
    // So that smaps shows whose it is; kernels built without it refuse, which
    // costs nothing but the name.
    const PR_SET_VMA: u64 = 0x5356_4d41;
    let name = c"endler".as_ptr() as u64;
    // SAFETY: names memory that was just mapped here.
    unsafe {
        syscall(
            libc::SYS_prctl,
            [PR_SET_VMA, 0, at as u64, len as u64, name, 0],
        )
    };
    at as *mut u8
}

/// Gives back a mapping made by [`map`] or [`map_unlisted`], or a page-aligned
/// part of one.
///
/// # Safety
/// 1. The `len` bytes at `at` are the caller's own mapping and nothing refers
///    to them any more.
pub(crate) unsafe fn unmap(at: *mut u8, len: usize) {
    let len = len.wrapping_add(4095) & !4095;
    // SAFETY: (1).
    unsafe { syscall(libc::SYS_munmap, [at as u64, len as u64, 0, 0, 0, 0]) };
    let count = REGION_COUNT.load(Ordering::Relaxed);
    for [start, _] in REGIONS.iter().take(count) {
        // A mapping is unlisted by its owner, so there is one such entry at most.
        let _ = start.compare_exchange(at as u64, 0, Ordering::AcqRel, Ordering::Relaxed);
    }
}

/// The profiler's mappings, first byte and one past the last; allocates, so not
/// for the hook.
pub(crate) fn own_regions() -> Vec<(u64, u64)> {
    let count = REGION_COUNT.load(Ordering::Relaxed);
    let regions = REGIONS.iter().take(count).map(|[start, length]| {
        let at = start.load(Ordering::Acquire);
        (at, at.wrapping_add(length.load(Ordering::Relaxed)))
    });
    regions.filter(|(at, _)| *at != 0).collect()
}

/// Resident bytes of the profiler's own memory, asked of the kernel page by
/// page (`mincore`); allocates, so not for the hook.
pub(crate) fn own_resident() -> u64 {
    let mut pages = 0u64;
    let mut flags = Vec::new();
    let count = REGION_COUNT.load(Ordering::Relaxed);
    for [start, length] in REGIONS.iter().take(count) {
        let (at, len) = (
            start.load(Ordering::Acquire),
            length.load(Ordering::Relaxed),
        );
        if at == 0 {
            continue;
        }
        flags.clear();
        flags.resize((len as usize).div_ceil(4096), 0u8);
        let into = flags.as_mut_ptr() as u64;
        // SAFETY: writes one byte for each page of the range into `flags`.
        let failed = unsafe { syscall(libc::SYS_mincore, [at, len, into, 0, 0, 0]) } != 0;
        if !failed {
            pages = pages.wrapping_add(flags.iter().filter(|f| **f & 1 == 1).count() as u64);
        }
    }
    pages
        .wrapping_mul(4096)
        .wrapping_add(UNLISTED.load(Ordering::Relaxed))
}

/// The calling thread's kernel id.
pub(crate) fn thread_id() -> u32 {
    // SAFETY: gettid has no arguments and no effect.
    (unsafe { syscall(libc::SYS_gettid, [0; 6]) }) as u32
}

/// Whether the page that holds `at` can be read now. (Where the kernel gives no
/// answer: yes.)
pub(crate) fn readable(at: u64) -> bool {
    // The kernel reads the set before it refuses to do this with it.
    const NOTHING_KNOWN: u64 = u64::MAX;
    let args = [NOTHING_KNOWN, at & !7, 0, 8, 0, 0];
    // SAFETY: changes nothing, as no such way of changing the mask is known.
    let answer = unsafe { syscall(libc::SYS_rt_sigprocmask, args) };
    answer != i64::from(libc::EFAULT).wrapping_neg()
}

/// Copies memory of this process out of it.
///
/// # Safety
/// 1. The range is mapped and readable, and nobody writes to it meanwhile.
pub(crate) unsafe fn copy_out(at: u64, into: &mut [u8]) {
    // SAFETY: (1); a slice of the caller's own overlaps nothing that it reads.
    unsafe { core::ptr::copy(at as *const u8, into.as_mut_ptr(), into.len()) };
}

/// What became of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    Done,
    /// Not all of the memory is there.
    Absent,
    /// The kernel does not do it for this process.
    Refused,
}

/// Reads memory of a process.
pub(crate) fn read_process(pid: u32, at: u64, into: &mut [u8]) -> Read {
    let here = libc::iovec {
        iov_base: into.as_mut_ptr().cast(),
        iov_len: into.len(),
    };
    let there = libc::iovec {
        iov_base: at as *mut libc::c_void,
        iov_len: into.len(),
    };
    let (here, there) = (&raw const here as u64, &raw const there as u64);
    let args = [u64::from(pid), here, 1, there, 1, 0];
    // SAFETY: the kernel writes to `into` alone, and refuses what is not readable.
    let read = unsafe { syscall(libc::SYS_process_vm_readv, args) };
    if read == into.len() as i64 {
        return Read::Done;
    }
    let refusals = [libc::EPERM, libc::EACCES, libc::ENOSYS];
    match read.checked_neg() {
        Some(error) if refusals.map(i64::from).contains(&error) => Read::Refused,
        _ => Read::Absent,
    }
}

/// The process id.
pub(crate) fn process_id() -> u32 {
    // SAFETY: getpid has no arguments and no effect.
    (unsafe { syscall(libc::SYS_getpid, [0; 6]) }) as u32
}

/// Whether a thread of this process with that id is alive.
pub(crate) fn thread_is_alive(tid: u32) -> bool {
    let pid = u64::from(process_id());
    // SAFETY: signal 0 only asks.
    let answer = unsafe { syscall(libc::SYS_tgkill, [pid, u64::from(tid), 0, 0, 0, 0]) };
    answer != i64::from(libc::ESRCH).wrapping_neg()
}

/// The calling thread's name as the kernel has it (`comm`), zero-padded.
pub(crate) fn thread_name() -> [u8; 16] {
    let mut name = [0u8; 16];
    let into = name.as_mut_ptr() as u64;
    // SAFETY: PR_GET_NAME writes 16 bytes, which `name` has.
    unsafe {
        syscall(
            libc::SYS_prctl,
            [libc::PR_GET_NAME as u64, into, 0, 0, 0, 0],
        )
    };
    name
}

/// The address of the calling thread's control block, which glibc and musl
/// place at the top of the stack of every thread but the first.
pub(crate) fn thread_control_block() -> u64 {
    let at: u64;
    // SAFETY: the x86-64 TLS ABI keeps the block's own address in its first word.
    unsafe { asm!("mov {}, fs:0", out(reg) at, options(nostack, readonly, preserves_flags)) };
    at
}

/// A word of a stack, whatever frame it lies in.
///
/// # Safety
/// 1. The word is 8-aligned and mapped.
#[cfg(not(endler_sanitized))]
#[inline(always)]
pub(crate) unsafe fn stack_word(at: u64) -> u64 {
    // SAFETY: (1); volatile, because a frame may keep another type there.
    unsafe { core::ptr::read_volatile(at as *const u64) }
}

/// As above, unseen by AddressSanitizer: to it the room between two locals of
/// a frame, where a frame that has ended had a word that is remembered, is
/// nobody's.
///
/// # Safety
/// 1. As above.
#[cfg(endler_sanitized)]
#[inline(always)]
pub(crate) unsafe fn stack_word(at: u64) -> u64 {
    let word: u64;
    // SAFETY: (1).
    unsafe {
        asm!("mov {}, [{}]", out(reg) word, in(reg) at, options(nostack, readonly, preserves_flags))
    };
    word
}

/// Writes all of `bytes` to a descriptor, as far as it goes; for one-line messages.
pub(crate) fn write_fd(fd: i32, bytes: &[u8]) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let args = [fd as u64, rest.as_ptr() as u64, rest.len() as u64, 0, 0, 0];
        // SAFETY: the bytes are readable for their length.
        let written = unsafe { syscall(libc::SYS_write, args) };
        match written {
            1.. => rest = rest.get(written as usize..).unwrap_or(&[]),
            e if e == i64::from(libc::EINTR).wrapping_neg() => {}
            _ => return,
        }
    }
}

/// Gives the bytes of a file such as `/proc/self/maps` one by one, without allocating,
/// as long as `each` says so.
pub(crate) fn read_bytes(path: &core::ffi::CStr, each: &mut dyn FnMut(u8) -> bool) {
    let flags = (libc::O_RDONLY | libc::O_CLOEXEC) as u64;
    let at = libc::AT_FDCWD as i64 as u64;
    let args = [at, path.as_ptr() as u64, flags, 0, 0, 0];
    // SAFETY: the path is a C string.
    let fd = unsafe { syscall(libc::SYS_openat, args) };
    if fd < 0 {
        return;
    }
    let mut buffer = [0u8; 2048];
    loop {
        let (into, len) = (buffer.as_mut_ptr() as u64, buffer.len() as u64);
        // SAFETY: the buffer is writable for its length.
        let got = unsafe { syscall(libc::SYS_read, [fd as u64, into, len, 0, 0, 0]) };
        let len = usize::try_from(got).unwrap_or(0);
        let text = buffer.get(..len).unwrap_or(&[]);
        if text.is_empty() || !text.iter().all(|byte| each(*byte)) {
            break;
        }
    }
    // SAFETY: the descriptor is ours and open.
    unsafe { syscall(libc::SYS_close, [fd as u64, 0, 0, 0, 0, 0]) };
}

/// Reads a small file such as `/proc/self/maps` into `into` without allocating;
/// gives the number of bytes read.
pub(crate) fn read_file(path: &core::ffi::CStr, into: &mut [u8]) -> usize {
    let flags = (libc::O_RDONLY | libc::O_CLOEXEC) as u64;
    let at = libc::AT_FDCWD as i64 as u64;
    let args = [at, path.as_ptr() as u64, flags, 0, 0, 0];
    // SAFETY: the path is a C string.
    let fd = unsafe { syscall(libc::SYS_openat, args) };
    if fd < 0 {
        return 0;
    }
    let mut len = 0usize;
    while let Some(rest) = into.get_mut(len..).filter(|r| !r.is_empty()) {
        let args = [
            fd as u64,
            rest.as_mut_ptr() as u64,
            rest.len() as u64,
            0,
            0,
            0,
        ];
        // SAFETY: `rest` is writable for its length.
        let got = unsafe { syscall(libc::SYS_read, args) };
        match got {
            1.. => len = len.wrapping_add(got as usize),
            e if e == i64::from(libc::EINTR).wrapping_neg() => {}
            _ => break,
        }
    }
    // SAFETY: the descriptor is ours and open.
    unsafe { syscall(libc::SYS_close, [fd as u64, 0, 0, 0, 0, 0]) };
    len
}
