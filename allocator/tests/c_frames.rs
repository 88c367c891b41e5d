//! C code between Rust frames: without frame pointers, with a stack that it
//! realigns or grows by `alloca`, and without unwind tables.
//!
//! Through the first kinds every stack equals `backtrace`'s. Where C code has no
//! tables the walk cannot go on: it ends there, says so, and names no frame
//! that was not there.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use std::ffi::c_void;
use std::path::Path;

use support::c_code::{Folder, Library};
use support::oracle::{self, Oracle};
use support::{Block, alone};

static HEAP: endler_allocator::Heap = endler_allocator::Heap::system();
#[global_allocator]
static ORACLE: Oracle = Oracle::over(&HEAP);

/// Functions that call back. What they keep beyond the call fills the
/// registers that a callee saves, so rbp holds data and no frame.
const SOURCE: &str = r#"
#include <alloca.h>
#include <stdlib.h>
#include <string.h>

typedef void (*callback)(long);
extern volatile long sink;
volatile long sink;

/* Six values live beyond the call: all registers that a callee saves. */
long plain(callback call, long n) {
    long a = n * 3 + sink, b = n * 5 + sink, c = n * 7 + sink, d = n * 9 + sink;
    long e = n * 11 + sink, f = n * 13 + sink, g = n * 15 + sink;
    call(n);
    call(n + 1);
    return a ^ b * 3 ^ c * 5 ^ d * 7 ^ e * 9 ^ f * 11 ^ g * 13;
}

/* The same with a frame of a page and more. */
long wide(callback call, long n) {
    volatile char room[9000];
    room[n & 1023] = 1;
    return plain(call, n) + room[0] + plain(call, n + room[n & 1023]);
}

/* A frame of a size that is known at run time only. */
long grown(callback call, long n) {
    volatile char *room = alloca(16 + (n & 255));
    room[n & 15] = 1;
    call(n);
    return plain(call, n) + room[0];
}

/* An alignment that the caller's frame does not have. */
long aligned(callback call, long n) {
    volatile _Alignas(128) char room[256];
    room[n & 127] = 1;
    call(n);
    return plain(call, n) + room[0];
}

/* Both, and arguments on the stack. */
long realigned(long a, long b, long c, long d, long e, long f, callback call, long n) {
    volatile _Alignas(64) char room[192];
    volatile char *more = alloca(16 + (n & 127));
    room[n & 63] = more[n & 15] = 1;
    call(n + a + b + c + d + e + f);
    return plain(call, n) + room[0] + more[0];
}

long all(callback call, long n) {
    long sum = plain(call, n) + wide(call, n) + grown(call, n) + aligned(call, n);
    return sum + realigned(1, 2, 3, 4, 5, 6, call, n);
}

/* Down through C alone, then back to Rust. */
long deep(callback call, long n, long depth) {
    if (depth == 0) return all(call, n);
    long below = deep(call, n + sink, depth - 1);
    call(depth);
    return below * 3 + n;
}
"#;

/// The blocks stay, so that they stand in the image.
#[inline(never)]
extern "C" fn allocate(n: i64) {
    std::hint::black_box(Block::alloc(16 + (n & 63) as usize, 8));
}

type Callback = extern "C" fn(i64);
type All = extern "C" fn(Callback, i64) -> i64;
type Deep = extern "C" fn(Callback, i64, i64) -> i64;

fn all(at: *mut c_void) -> All {
    // SAFETY: `all` of the source above has that type.
    unsafe { std::mem::transmute::<*mut c_void, All>(at) }
}

fn deep(at: *mut c_void) -> Deep {
    // SAFETY: `deep` of the source above has that type.
    unsafe { std::mem::transmute::<*mut c_void, Deep>(at) }
}

/// Loads what was compiled and runs it, several times over.
#[inline(never)]
fn run(library: &Path) {
    let library = oracle::quietly(|| Library::open(library));
    let (all, deep) = (all(library.symbol(c"all")), deep(library.symbol(c"deep")));
    for round in 0..20 {
        std::hint::black_box(all(allocate, round));
        std::hint::black_box(deep(allocate, round, round));
    }
}

fn compare(flags: &[&str]) -> oracle::Tally {
    let folder = oracle::quietly(|| Folder::new("c-frames"));
    let library = oracle::quietly(|| folder.compile("frames", SOURCE, flags));
    oracle::begin();
    run(&library);
    let thread = std::thread::scope(|scope| scope.spawn(|| run(&library)).join());
    thread.expect("runs");
    let (_, tally) = oracle::tally();
    println!("{flags:?}: {tally:?}");
    tally
}

#[test]
fn c_frames_without_frame_pointers() {
    alone("c_frames_without_frame_pointers", || {
        compare(&[]).check_all_whole(1000);
    });
}

#[test]
fn c_frames_with_frame_pointers_and_without_optimisation() {
    alone(
        "c_frames_with_frame_pointers_and_without_optimisation",
        || compare(&["-O0", "-fno-omit-frame-pointer"]).check_all_whole(1000),
    );
}

#[test]
fn c_frames_that_all_realign_their_stack() {
    alone("c_frames_that_all_realign_their_stack", || {
        compare(&["-mstackrealign", "-mpreferred-stack-boundary=5"]).check_all_whole(1000);
    });
}

/// No tables: nobody can go on, `backtrace` neither.
#[test]
fn c_frames_without_tables() {
    alone("c_frames_without_tables", || {
        let flags = ["-fno-asynchronous-unwind-tables", "-fno-unwind-tables"];
        let tally = compare(&flags);
        tally.check(1000);
        assert_eq!(
            tally.stuck, tally.equal,
            "each walk met the C code: {tally:?}"
        );
    });
}

/// The same where the library has no table of any kind, not even start files'.
#[test]
fn a_library_without_any_table() {
    alone("a_library_without_any_table", || {
        let flags = [
            "-fno-asynchronous-unwind-tables",
            "-fno-unwind-tables",
            "-nostdlib",
            "-Wl,--no-eh-frame-hdr",
        ];
        let tally = compare(&flags);
        tally.check(1000);
        assert_eq!(
            tally.stuck, tally.equal,
            "each walk met the C code: {tally:?}"
        );
    });
}
