//! The first allocation of a process, wherever it comes from: what is allocated
//! before the mode is decided is recorded or counted as lost.
//!
//! The cases begin before `main`, in a process that has not allocated yet
//! ([`at_start`]); the harness then runs the test, which looks at what they left.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicUsize, Ordering};

use support::{Block, alone, image, live};

#[global_allocator]
static HEAP: endler_allocator::Heap = endler_allocator::Heap::system();

#[used]
#[unsafe(link_section = ".init_array")]
static AT_START: extern "C" fn(i32, *const *const c_char) = at_start;

const THREADS: usize = 8;
/// The size of a case's blocks is above this, by the number of its place.
const SIZE: usize = 10_000;

/// Where the cases leave their blocks.
static BLOCKS: [AtomicPtr<u8>; THREADS] = [const { AtomicPtr::new(null_mut()) }; THREADS];
static READY: AtomicUsize = AtomicUsize::new(0);
static STATUS: AtomicI32 = AtomicI32::new(-1);

extern "C" fn at_start(argc: i32, argv: *const *const c_char) {
    // SAFETY: reads the environment.
    let alone = unsafe { libc::getenv(c"ENDLER_TEST_ALONE".as_ptr()) };
    if alone.is_null() || argc < 2 {
        return;
    }
    assert_eq!(endler_allocator::mode(), None, "nobody has allocated");
    // SAFETY: the loader gives `argc` pointers.
    let name = unsafe { argv.wrapping_add(1).read() };
    // SAFETY: an argument is a C string.
    match unsafe { CStr::from_ptr(name) }.to_bytes() {
        b"in_a_constructor" => leave(0),
        b"in_a_signal_handler" => in_a_handler(),
        b"in_a_forked_child" => in_a_child(),
        b"on_many_threads_at_once" => on_many_threads(),
        _ => {}
    }
}

fn leave(place: usize) {
    BLOCKS[place].store(Block::alloc(SIZE + place, 8).at, Ordering::SeqCst);
}

fn in_a_handler() {
    extern "C" fn handler(_: i32) {
        leave(0);
    }
    let handler = handler as *const () as usize;
    // SAFETY: the handler takes the signal's number.
    unsafe { libc::signal(libc::SIGUSR1, handler) };
    // SAFETY: to this thread.
    unsafe { libc::raise(libc::SIGUSR1) };
}

fn in_a_child() {
    // SAFETY: this process has one thread.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        leave(0);
        let result = std::panic::catch_unwind(|| {
            assert_eq!(left(&image(), 1), 1);
        });
        // SAFETY: ends the child.
        unsafe { libc::_exit(i32::from(result.is_err())) };
    }
    let mut status = 0;
    // SAFETY: waits for our own child.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    STATUS.store(status, Ordering::SeqCst);
    assert_eq!(endler_allocator::mode(), None, "the child's is its own");
    leave(0);
}

/// By the C library's own function: std's would allocate on this thread.
fn on_many_threads() {
    extern "C" fn work(place: *mut c_void) -> *mut c_void {
        READY.fetch_add(1, Ordering::SeqCst);
        while READY.load(Ordering::SeqCst) < THREADS {
            std::hint::spin_loop();
        }
        leave(place as usize);
        null_mut()
    }
    let threads: [Cell<libc::pthread_t>; THREADS] = [const { Cell::new(0) }; THREADS];
    for (place, thread) in threads.iter().enumerate() {
        let place = place as *mut c_void;
        // SAFETY: a thread that is joined below.
        let failed = unsafe { libc::pthread_create(thread.as_ptr(), null_mut(), work, place) };
        assert_eq!(failed, 0);
    }
    for thread in &threads {
        // SAFETY: joins it.
        let failed = unsafe { libc::pthread_join(thread.get(), null_mut()) };
        assert_eq!(failed, 0);
    }
}

/// How many of the case's first blocks are in the image, with their sizes.
fn left(image: &endler_snapshot::Image, count: usize) -> usize {
    let places = BLOCKS.iter().enumerate().take(count);
    let recorded = places.filter(|(place, block)| {
        let block = block.load(Ordering::SeqCst);
        assert!(!block.is_null());
        let row = live(image, block as u64);
        row.is_some_and(|row| row.size == (SIZE + place) as u64)
    });
    recorded.count()
}

fn check(test: &str, count: usize) {
    alone(test, || {
        let image = image();
        let recorded = left(&image, count);
        assert!(recorded >= 1, "who decided the mode is recorded");
        let lost = image.figures.lost;
        assert_eq!(
            recorded as u64 + lost,
            count as u64,
            "{recorded} are recorded, {lost} are lost"
        );
    });
}

#[test]
fn in_a_constructor() {
    check("in_a_constructor", 1);
}

#[test]
fn in_a_signal_handler() {
    check("in_a_signal_handler", 1);
}

#[test]
fn in_a_forked_child() {
    check("in_a_forked_child", 1);
    if support::is_alone() {
        assert_eq!(STATUS.load(Ordering::SeqCst), 0, "the child failed");
    }
}

#[test]
fn on_many_threads_at_once() {
    check("on_many_threads_at_once", THREADS);
}
