//! The ends of threads and of the process: destructors of thread-locals and of
//! pthread keys, `atexit` and `.fini_array` allocate and free, while other
//! threads still do.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use std::cell::RefCell;
use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use support::{Block, again, alone, image, is_alone, live, text};

#[global_allocator]
static HEAP: endler_allocator::Heap = endler_allocator::Heap::system();

/// What the destructors left, and what they made in all.
static LEFT: Mutex<Vec<Block>> = Mutex::new(Vec::new());
static MADE: AtomicUsize = AtomicUsize::new(0);

/// Allocates, reallocates and frees; one block stays.
fn destroy(size: usize) {
    let freed = Block::alloc_zeroed(size, 64);
    let left = Block::alloc(size, 8).realloc(2 * size).expect("memory");
    freed.free();
    MADE.fetch_add(1, Ordering::Relaxed);
    let _pause = endler_allocator::pause();
    LEFT.lock().expect("not poisoned").push(left);
}

fn check_left(count: usize) {
    let image = image();
    let left = LEFT.lock().expect("not poisoned");
    assert_eq!((left.len(), MADE.load(Ordering::Relaxed)), (count, count));
    for block in left.iter() {
        let row = live(&image, block.addr()).expect("it lives");
        assert_eq!((row.addr, row.size), block.row());
        assert_eq!(row.thread, "ending");
    }
    assert_eq!(image.figures.lost, 0);
}

fn on_threads(count: usize, work: impl Fn() + Send + Clone + 'static) {
    for _ in 0..count {
        let builder = std::thread::Builder::new().name("ending".into());
        let thread = builder.spawn(work.clone()).expect("a thread");
        thread.join().expect("ends");
    }
}

/// The second one's destructor runs when the first one's has.
struct Last(usize);
struct Grows(RefCell<Vec<u64>>);

impl Drop for Last {
    fn drop(&mut self) {
        destroy(self.0);
        // Another thread-local, for the first time, in a destructor.
        thread_local!(static LATE: Grows = const { Grows(RefCell::new(Vec::new())) });
        LATE.with(|late| late.0.borrow_mut().push(1));
    }
}

impl Drop for Grows {
    fn drop(&mut self) {
        self.0.borrow_mut().extend(0..1000);
        destroy(500);
    }
}

thread_local! {
    static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
}

#[test]
fn thread_locals_allocate_in_their_destructors() {
    alone("thread_locals_allocate_in_their_destructors", || {
        on_threads(100, || {
            LAST.with(|last| *last.borrow_mut() = Some(Last(300)));
        });
        check_left(200);
    });
}

static KEY: AtomicU32 = AtomicU32::new(0);

/// Made before any allocation, so it comes before all of std's.
#[used]
#[unsafe(link_section = ".init_array")]
static AT_START: extern "C" fn() = at_start;

extern "C" fn at_start() {
    let mut key = 0;
    // SAFETY: makes a key.
    let failed = unsafe { libc::pthread_key_create(&raw mut key, Some(again_and_again)) };
    assert_eq!(failed, 0);
    KEY.store(key, Ordering::Relaxed);
}

/// The key's destructor sets the key anew, until the C library gives up.
unsafe extern "C" fn again_and_again(value: *mut c_void) {
    destroy(700);
    let next = value.wrapping_byte_add(1);
    // SAFETY: the key was made at the start.
    unsafe { libc::pthread_setspecific(KEY.load(Ordering::Relaxed), next) };
}

#[test]
fn keys_allocate_in_every_pass_of_their_destructors() {
    alone("keys_allocate_in_every_pass_of_their_destructors", || {
        on_threads(50, || {
            // SAFETY: the key was made at the start.
            unsafe {
                libc::pthread_setspecific(
                    KEY.load(Ordering::Relaxed),
                    null_mut::<u8>().wrapping_byte_add(1).cast(),
                )
            };
        });
        // PTHREAD_DESTRUCTOR_ITERATIONS of glibc and musl.
        check_left(200);
    });
}

static ENDS: AtomicBool = AtomicBool::new(false);

#[used]
#[unsafe(link_section = ".fini_array")]
static AT_END: extern "C" fn() = at_end;

extern "C" fn at_end() {
    if ENDS.load(Ordering::Relaxed) {
        look("fini_array");
    }
}

extern "C" fn at_exit() {
    look("atexit");
}

/// Allocates, and looks for it in an image.
fn look(name: &str) {
    let block = Block::alloc(4321, 8).realloc(5432).expect("memory");
    let row = live(&image(), block.addr()).expect("it lives");
    assert_eq!((row.addr, row.size), block.row());
    block.free();
    println!("{name} saw its block");
}

/// Two threads that never end, and then the process does.
fn end_with(end: impl FnOnce()) {
    for _ in 0..2 {
        std::thread::spawn(|| {
            loop {
                let blocks: Vec<Block> = (1..200).map(|size| Block::alloc(size, 8)).collect();
                blocks.into_iter().for_each(Block::free);
                support::nap(1);
            }
        });
    }
    ENDS.store(true, Ordering::Relaxed);
    // SAFETY: the function stands as long as the process.
    assert_eq!(unsafe { libc::atexit(at_exit) }, 0);
    end();
}

fn check_end(test: &str, code: i32, end: impl FnOnce()) {
    if is_alone() {
        // SAFETY: sets this process's own alarm clock.
        unsafe { libc::alarm(60) };
        return end_with(end);
    }
    let out = again(test, None);
    assert_eq!(out.status.code(), Some(code), "{}", text(&out));
    let said = String::from_utf8_lossy(&out.stdout);
    for name in ["atexit", "fini_array"] {
        assert!(
            said.contains(&format!("{name} saw its block")),
            "{}",
            text(&out)
        );
    }
}

#[test]
fn main_returns_while_others_allocate() {
    check_end("main_returns_while_others_allocate", 0, || {});
}

#[test]
fn exit_is_called_while_others_allocate() {
    check_end("exit_is_called_while_others_allocate", 42, || {
        std::process::exit(42)
    });
}
