//! Code that is loaded while the program runs, unloaded, and replaced by other
//! code at the same addresses.
//!
//! A stack recorded in the first library keeps that library's name; one recorded
//! in the second is walked by the second's frames and gets the second's name,
//! though every return address is one that the first had too.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use std::ffi::c_void;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use endler_snapshot::{Addr, Image};
use support::c_code::{Folder, Library};
use support::oracle::{self, Oracle};
use support::{Block, alone};

static HEAP: endler_allocator::Heap = endler_allocator::Heap::system();
#[global_allocator]
static ORACLE: Oracle = Oracle::over(&HEAP);

/// A library whose function has a frame of a size of its own, but the same
/// return address whatever the size is. `NAME` makes its build id another.
fn source(name: &str, frame: u32) -> String {
    r#"
__asm__(".text\n.balign 64\n.globl through\n.type through, @function\nthrough:\n"
    ".cfi_startproc\n"
    "sub $FRAME, %rsp\n.cfi_adjust_cfa_offset FRAME\n"
    "movq $0x1234567, (%rsp)\nmovq $0x7654321, 8(%rsp)\nmovq $0x1111111, 16(%rsp)\n"
    "call *%rdi\n"
    "add $FRAME, %rsp\n.cfi_adjust_cfa_offset -FRAME\n"
    "ret\n.cfi_endproc\n.size through, .-through\n");
const char which[] = "NAME";
"#
    .replace("FRAME", &frame.to_string())
    .replace("NAME", name)
}

#[inline(never)]
extern "C" fn allocate() {
    let block = Block::alloc(48, 8);
    LAST.with(|last| last.set(block.addr()));
}

thread_local! {
    static LAST: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

type Through = extern "C" fn(extern "C" fn());

fn through(at: *mut c_void) -> Through {
    // SAFETY: the function of the source above has that type.
    unsafe { std::mem::transmute::<*mut c_void, Through>(at) }
}

/// Allocates through the library's frame; the block's address.
#[inline(never)]
fn run(function: Through) -> u64 {
    function(allocate);
    LAST.with(std::cell::Cell::get)
}

/// Allocates through a library several times and unloads it: the function's
/// address, and the blocks.
#[inline(never)]
fn load_and_run(path: &Path) -> (u64, Vec<u64>) {
    let library = oracle::quietly(|| Library::open(path));
    let at = library.symbol(c"through");
    let blocks = oracle::quietly(|| Vec::with_capacity(8));
    let blocks = (0..8).fold(blocks, |mut blocks, _| {
        blocks.push(run(through(at)));
        blocks
    });
    oracle::quietly(|| library.close());
    (at as u64, blocks)
}

/// The path of the file that the frame of `through` lies in.
fn file_of(image: &Image, block: u64, function: u64) -> Option<String> {
    let row = image.blocks.addr.binary_search(&Addr(block)).ok()?;
    let context = image.contexts[image.blocks.context[row].index()];
    let mut frames = image
        .stacks
        .frames(context.stack)
        .map(|f| image.frames[f.index()]);
    let frame = frames.find(|f| (function..function + 64).contains(&f.address.0))?;
    Some(image.modules[frame.module?.index()].path.clone())
}

/// The libraries one after the other, twice round, at one address.
fn one_after_the_other(frames: [u32; 2], flags: &[&str]) {
    let folder = Folder::new("reloaded");
    let compile = |name: &str, frame| folder.compile(name, &source(name, frame), flags);
    let paths: [PathBuf; 2] = [compile("first", frames[0]), compile("other", frames[1])];
    oracle::begin();
    let mut runs = Vec::new();
    for round in 0..4 {
        let path = &paths[round % 2];
        let (at, blocks) = load_and_run(path);
        oracle::quietly(|| runs.push((path, at, blocks)));
    }
    let (image, tally) = oracle::tally();
    let _quiet = endler_allocator::pause();
    let same = runs.iter().all(|(_, at, _)| *at == runs[0].1);
    if !same {
        println!("not run here: the loader gave the libraries different addresses");
        return;
    }
    tally.check_all_whole(32);
    for (path, at, blocks) in &runs {
        for block in blocks {
            let file = file_of(&image, *block, *at);
            assert_eq!(file.as_deref(), path.to_str(), "of block {block:x}");
        }
    }
}

#[test]
fn other_frames_at_the_same_addresses() {
    alone("other_frames_at_the_same_addresses", || {
        one_after_the_other([24, 56], &[]);
    });
}

#[test]
fn the_same_frames_under_another_name() {
    alone("the_same_frames_under_another_name", || {
        one_after_the_other([40, 40], &[]);
    });
}

#[test]
fn libraries_without_a_build_id() {
    alone("libraries_without_a_build_id", || {
        one_after_the_other([24, 56], &["-Wl,--build-id=none"]);
    });
}

/// Memory at the addresses of a library that is gone is not the library's.
#[test]
fn made_code_where_a_library_was() {
    alone("made_code_where_a_library_was", || {
        let folder = Folder::new("made-code");
        let path = folder.compile("gone", &source("gone", 40), &[]);
        let (at, blocks) = load_and_run(&path);
        let code: [u8; 12] = [
            0x48, 0x83, 0xec, 0x28, 0xff, 0xd7, 0x48, 0x83, 0xc4, 0x28, 0xc3, 0,
        ];
        let page = at & !4095;
        let prot = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
        // SAFETY: replaces no mapping.
        let mapped = unsafe { libc::mmap(page as *mut c_void, 4096, prot, flags, -1, 0) };
        assert_eq!(mapped as u64, page, "the library's place is free");
        // SAFETY: within the page that was just mapped.
        unsafe { std::ptr::copy_nonoverlapping(code.as_ptr(), at as *mut u8, code.len()) };
        let made = run(through(at as *mut c_void));
        let image = support::image();
        let old = file_of(&image, blocks[0], at);
        assert_eq!(old.as_deref(), path.to_str());
        assert_eq!(file_of(&image, made, at), None, "code that no file holds");
        let (_, end) = oracle::recorded(&image, made).expect("recorded");
        assert_eq!(end, endler_snapshot::StackEnd::Stuck);
    });
}

/// Libraries come and go on one thread while another allocates, in code of its
/// own and in a library that stays.
#[test]
fn libraries_come_and_go_beside_allocations() {
    alone("libraries_come_and_go_beside_allocations", || {
        static DONE: AtomicBool = AtomicBool::new(false);
        let folder = Folder::new("come-and-go");
        let compile = |name: &str, frame| folder.compile(name, &source(name, frame), &[]);
        let paths = [compile("first", 24), compile("other", 56)];
        let stays = compile("stays", 40);
        let library = Library::open(&stays);
        let at = library.symbol(c"through") as usize;
        oracle::begin();
        let others: Vec<_> = (0..2)
            .map(|n| {
                std::thread::spawn(move || {
                    let mut turns = 0u64;
                    while !DONE.load(Ordering::Relaxed) {
                        turns += 1;
                        // Most go again at once; some stay to be compared.
                        oracle::ask(turns.is_multiple_of(64));
                        if n == 0 {
                            std::hint::black_box(vec![turns; 3]);
                        }
                        if turns.is_multiple_of(64) {
                            run(through(at as *mut c_void));
                        }
                    }
                })
            })
            .collect();
        let mut runs = Vec::new();
        for round in 0..60 {
            let path = &paths[round % 2];
            let (at, blocks) = load_and_run(path);
            oracle::quietly(|| runs.push((path, at, blocks)));
        }
        DONE.store(true, Ordering::Relaxed);
        for other in others {
            other.join().expect("allocates");
        }
        let (image, tally) = oracle::tally();
        println!("{tally:?}");
        tally.check_all_whole(60 * 8);
        for (path, at, blocks) in &runs {
            for block in blocks {
                assert_eq!(file_of(&image, *block, *at).as_deref(), path.to_str());
            }
        }
    });
}
