//! Libraries that are loaded and unloaded all the time, and whose constructor
//! and destructor allocate through the host's allocator, while other threads
//! allocate.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use std::ffi::{CString, c_void};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use support::{Block, alone, image, live};

#[global_allocator]
static HEAP: endler_allocator::Heap = endler_allocator::Heap::system();

/// Finds the host's functions by the environment, since a test program exports none.
const SOURCE: &str = r#"
#include <stdlib.h>
typedef void *(*made_t)(unsigned long);
typedef void (*freed_t)(void *, unsigned long);
static void *block;
static unsigned long number(const char *name) { return strtoul(getenv(name), 0, 10); }
__attribute__((constructor)) static void begin(void) {
    block = ((made_t)number("ENDLER_TEST_MADE"))(SIZE);
}
__attribute__((destructor)) static void end(void) {
    ((freed_t)number("ENDLER_TEST_FREED"))(block, SIZE);
}
void *the_block(void) { return block; }
"#;
/// Of the blocks of the libraries' constructors.
const SIZES: [usize; 2] = [11_111, 22_222];

static MADE: AtomicUsize = AtomicUsize::new(0);
static STOP: AtomicBool = AtomicBool::new(false);

extern "C" fn made(size: usize) -> *mut u8 {
    MADE.fetch_add(1, Ordering::Relaxed);
    Block::alloc(size, 8).at
}

extern "C" fn freed(at: *mut u8, size: usize) {
    let layout = std::alloc::Layout::from_size_align(size, 8).expect("a layout");
    Block { at, layout }.free();
}

/// A library whose constructor allocates that much.
fn build(folder: &std::path::Path, size: usize) -> CString {
    let (source, library) = (
        folder.join(format!("{size}.c")),
        folder.join(format!("{size}.so")),
    );
    std::fs::write(&source, SOURCE).expect("writes");
    let mut command = Command::new("cc");
    command
        .args(["-shared", "-fPIC", "-O1"])
        .arg(format!("-DSIZE={size}"));
    let out = command
        .arg("-o")
        .arg(&library)
        .arg(&source)
        .output()
        .expect("cc runs");
    assert!(out.status.success(), "{}", support::text(&out));
    CString::new(library.to_str().expect("UTF-8")).expect("no zero")
}

fn open(library: &CString) -> *mut c_void {
    // SAFETY: the library's constructor may run on any thread.
    let handle = unsafe { libc::dlopen(library.as_ptr(), libc::RTLD_NOW) };
    assert!(!handle.is_null());
    handle
}

/// The block that the library's constructor made.
fn block_of(handle: *mut c_void) -> u64 {
    // SAFETY: the handle is open.
    let symbol = unsafe { libc::dlsym(handle, c"the_block".as_ptr()) };
    assert!(!symbol.is_null());
    // SAFETY: the library's source says so.
    let the_block = unsafe { std::mem::transmute::<*mut c_void, extern "C" fn() -> u64>(symbol) };
    the_block()
}

fn close(handle: *mut c_void) {
    // SAFETY: the handle is open.
    assert_eq!(unsafe { libc::dlclose(handle) }, 0);
}

#[test]
fn libraries_come_and_go_while_threads_allocate() {
    alone("libraries_come_and_go_while_threads_allocate", || {
        let folder = std::env::temp_dir().join(format!("endler-loaded-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        for (name, at) in [
            ("MADE", made as *const () as usize),
            ("FREED", freed as *const () as usize),
        ] {
            // SAFETY: no other thread reads the environment yet.
            unsafe { std::env::set_var(format!("ENDLER_TEST_{name}"), at.to_string()) };
        }
        let libraries = SIZES.map(|size| build(&folder, size));
        let threads: [_; 2] = std::array::from_fn(|_| {
            std::thread::spawn(|| {
                while !STOP.load(Ordering::Relaxed) {
                    let blocks: Vec<Block> = (1..200).map(|size| Block::alloc(size, 8)).collect();
                    blocks.into_iter().for_each(Block::free);
                }
            })
        });
        for round in 0..150 {
            let (library, size) = (&libraries[round % 2], SIZES[round % 2]);
            let handle = open(library);
            if round % 50 == 7 {
                let (image, at) = (image(), block_of(handle));
                assert_eq!(live(&image, at).map(|row| row.size), Some(size as u64));
            }
            close(handle);
        }
        STOP.store(true, Ordering::Relaxed);
        threads
            .into_iter()
            .for_each(|thread| thread.join().expect("ends"));
        assert_eq!(MADE.load(Ordering::Relaxed), 150);
        let image = image();
        let left = image
            .blocks
            .size
            .iter()
            .filter(|s| SIZES.contains(&(s.0 as usize)));
        assert_eq!(left.count(), 0, "the destructors freed them");
        assert_eq!(image.figures.lost, 0);
        std::fs::remove_dir_all(&folder).expect("removes");
    });
}
