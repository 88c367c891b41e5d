//! Stacks of other sizes than most threads have: 64 KiB and 1 GiB, memory that
//! the program gave, and a frame of many pages.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use std::ffi::c_void;

use support::oracle::{self, Oracle};
use support::{Block, alone};

static HEAP: endler_allocator::Heap = endler_allocator::Heap::system();
#[global_allocator]
static ORACLE: Oracle = Oracle::over(&HEAP);

#[inline(never)]
fn nested(depth: u32) {
    std::hint::black_box(Block::alloc(24, 8));
    if depth > 0 {
        nested(std::hint::black_box(depth - 1));
    }
    std::hint::black_box(Block::alloc(40, 8));
}

/// A frame of a MiB and more.
#[inline(never)]
fn wide(depth: u32) -> u8 {
    let mut room = std::mem::MaybeUninit::<[u8; 1 << 20]>::uninit();
    let at = room.as_mut_ptr().cast::<u8>();
    // SAFETY: the first byte of the room.
    unsafe { at.write(1) };
    nested(2);
    if depth > 0 {
        wide(std::hint::black_box(depth - 1));
    }
    nested(1);
    // SAFETY: it was written above.
    unsafe { std::hint::black_box(at).read() }
}

/// A frame of more than 8 MiB, which is more than a kept rule holds.
#[inline(never)]
fn too_wide() -> u8 {
    let mut room = std::mem::MaybeUninit::<[u8; 9 << 20]>::uninit();
    let at = room.as_mut_ptr().cast::<u8>();
    // SAFETY: the first byte of the room.
    unsafe { at.write(1) };
    nested(2);
    // SAFETY: it was written above.
    unsafe { std::hint::black_box(at).read() }
}

fn on_a_thread(stack: usize, body: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(stack);
    let thread = thread.spawn(body).expect("a thread");
    thread.join().expect("runs");
}

#[test]
fn threads_of_64_kib() {
    alone("threads_of_64_kib", || {
        oracle::begin();
        for n in 0..20 {
            on_a_thread(64 << 10, move || nested(n));
        }
        let (_, tally) = oracle::tally();
        println!("{tally:?}");
        tally.check_all_whole(400);
    });
}

#[test]
fn threads_of_a_gib() {
    alone("threads_of_a_gib", || {
        oracle::begin();
        on_a_thread(1 << 30, || {
            wide(900);
            nested(5);
            wide(3);
        });
        let (_, tally) = oracle::tally();
        println!("{tally:?}");
        tally.check_all_whole(5000);
    });
}

#[test]
fn a_frame_of_many_pages() {
    alone("a_frame_of_many_pages", || {
        oracle::begin();
        on_a_thread(64 << 20, || {
            for _ in 0..4 {
                too_wide();
                nested(2);
            }
        });
        let (_, tally) = oracle::tally();
        println!("{tally:?}");
        tally.check_all_whole(48);
    });
}

/// The address of a stack, to begin a thread of the C library on.
struct Given(*mut c_void, usize);

/// A thread that std knows nothing of, so that its first allocation is ours.
fn on_a_bare_thread(
    given: Option<&Given>,
    size: usize,
    body: extern "C" fn(*mut c_void) -> *mut c_void,
) {
    let mut thread = 0;
    // SAFETY: zeroed is what the call overwrites.
    let mut attributes: libc::pthread_attr_t = unsafe { std::mem::zeroed() };
    // SAFETY: the attributes are this function's.
    unsafe { libc::pthread_attr_init(&raw mut attributes) };
    let failed = match given {
        // SAFETY: the memory stays mapped.
        Some(Given(at, len)) => unsafe {
            libc::pthread_attr_setstack(&raw mut attributes, *at, *len)
        },
        // SAFETY: the attributes are this function's.
        None => unsafe { libc::pthread_attr_setstacksize(&raw mut attributes, size) },
    };
    assert_eq!(failed, 0);
    let nothing = std::ptr::null_mut();
    // SAFETY: the function needs nothing of this frame.
    let failed =
        unsafe { libc::pthread_create(&raw mut thread, &raw const attributes, body, nothing) };
    assert_eq!(failed, 0);
    // SAFETY: it was made above.
    unsafe { libc::pthread_join(thread, std::ptr::null_mut()) };
}

/// Deeper than the stack's end could be guessed from.
#[test]
fn the_first_allocation_far_down() {
    alone("the_first_allocation_far_down", || {
        #[inline(never)]
        fn down(depth: u32) -> u8 {
            let mut room = std::mem::MaybeUninit::<[u8; 1 << 20]>::uninit();
            let at = room.as_mut_ptr().cast::<u8>();
            // SAFETY: the first byte of the room.
            unsafe { at.write(1) };
            if depth == 0 {
                nested(3);
            } else {
                down(std::hint::black_box(depth - 1));
            }
            nested(1);
            // SAFETY: it was written above.
            unsafe { std::hint::black_box(at).read() }
        }
        extern "C" fn body(_: *mut c_void) -> *mut c_void {
            down(200);
            nested(1);
            std::ptr::null_mut()
        }
        oracle::begin();
        on_a_bare_thread(None, 1 << 30, body);
        let (_, tally) = oracle::tally();
        println!("{tally:?}");
        tally.check_all_whole(800);
    });
}

/// With memory above and below it that is no stack.
#[test]
fn a_stack_that_the_program_gave() {
    alone("a_stack_that_the_program_gave", || {
        extern "C" fn body(_: *mut c_void) -> *mut c_void {
            nested(25);
            nested(50);
            std::ptr::null_mut()
        }
        let room = Block::alloc(1 << 20, 4096);
        let given = Given(room.at.wrapping_add(256 << 10).cast(), 256 << 10);
        oracle::begin();
        for _ in 0..3 {
            on_a_bare_thread(Some(&given), 0, body);
        }
        let (_, tally) = oracle::tally();
        println!("{tally:?}");
        tally.check_all_whole(400);
    });
}
