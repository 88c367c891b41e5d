//! What lies outside the heap and holds blocks all the same: the stack of a thread
//! that never asked for memory, a variable of one that waits in std, the argument of a system call that a thread waits in,
//! and statics, also where a filter forbids the call by which they are read.

#[path = "../allocator/tests/support/filter.rs"]
#[allow(dead_code, reason = "the allocator's tests use the rest")]
mod filter;
mod process;

use std::arch::asm;
use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};

use endler::reports::holding::leaks;
use endler::reports::load;
use endler::reports::partition::Heap;
use endler_snapshot::Image;
use process::*;

#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

/// Bytes of a block that is looked for.
const SIZE: usize = 7_777;
/// Hides an address.
const KEY: u64 = 0x5555_0000_0000_5555;

/// The descriptor that the threads wait on.
static WAIT_ON: AtomicI32 = AtomicI32::new(-1);
/// The ids of the threads, once they are about to wait.
static HOLDS: AtomicI32 = AtomicI32::new(0);
static ASKS: AtomicI32 = AtomicI32::new(0);
/// The second thread's block, hidden.
static HIDDEN: AtomicU64 = AtomicU64::new(0);

/// Keeps its argument on its stack, and waits.
extern "C" fn holds(block: *mut c_void) -> *mut c_void {
    let mut kept = block;
    let at = &raw mut kept;
    // SAFETY: a variable of this function.
    unsafe { at.write_volatile(block) };
    // SAFETY: the thread's own id.
    HOLDS.store(unsafe { libc::gettid() }, Ordering::Release);
    let mut byte = 0u8;
    let fd = WAIT_ON.load(Ordering::Relaxed);
    // SAFETY: into a variable of this function.
    unsafe { libc::read(fd, (&raw mut byte).cast(), 1) };
    // SAFETY: a variable of this function.
    unsafe { at.read_volatile() }
}

/// Waits in a call whose second argument alone is the address of its block.
extern "C" fn asks(_: *mut c_void) -> *mut c_void {
    // SAFETY: the thread's own id.
    ASKS.store(unsafe { libc::gettid() }, Ordering::Release);
    let fd = WAIT_ON.load(Ordering::Relaxed);
    // SAFETY: read(2) of one byte into a block of this process that nobody else uses.
    unsafe {
        asm!(
            "xor rsi, {key}",
            "syscall",
            "xor rsi, rsi",
            key = in(reg) KEY,
            inout("rax") 0u64 => _,
            in("rdi") u64::from(fd as u32),
            inout("rsi") HIDDEN.load(Ordering::Relaxed) => _,
            in("rdx") 1u64,
            out("rcx") _,
            out("r11") _,
        );
    }
    null_mut()
}

/// A thread that Rust does not know.
fn spawn(run: extern "C" fn(*mut c_void) -> *mut c_void, with: *mut c_void) {
    let mut thread: libc::pthread_t = 0;
    // SAFETY: the function is given what it takes.
    let made = unsafe { libc::pthread_create(&raw mut thread, std::ptr::null(), run, with) };
    assert_eq!(made, 0);
}

fn told(id: &AtomicI32) -> i32 {
    wait_for("a thread waits", || {
        Some(id.load(Ordering::Acquire)).filter(|id| *id != 0)
    })
}

/// Whether a stack of this thread holds the block at an address.
fn is_held(image: &Image, tid: i32, address: u64) -> bool {
    let references = image.references.as_ref().expect("references");
    let block = image.blocks.addr.iter().position(|a| a.0 == address);
    let block = block.expect("the block lives");
    let edges = &references.edges;
    (0..edges.len()).any(|edge| {
        let root = edges.source[edge].index().checked_sub(image.blocks.len());
        let thread = root.and_then(|root| references.roots[root].thread);
        edges.target[edge].index() == block
            && thread.is_some_and(|t| image.threads[t.index()].tid == tid as u32)
    })
}

#[test]
fn threads_that_never_allocate_hold_blocks() {
    let mut ends = [0; 2];
    // SAFETY: two descriptors are written.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    WAIT_ON.store(ends[0], Ordering::Relaxed);
    let held = Box::into_raw(Box::new([1u8; SIZE]));
    let asked = Box::into_raw(Box::new([2u8; SIZE])) as u64;
    HIDDEN.store(asked ^ KEY, Ordering::Relaxed);
    spawn(holds, held.cast());
    spawn(asks, null_mut());
    let (holder, asker) = (told(&HOLDS), told(&ASKS));
    let folder = Folder::new("held-outside");
    let path = folder.path().join("one.endler");
    // A thread that has just run has registers that nobody knows: until both wait.
    let image = wait_for("both are seen to hold their blocks", || {
        endler::snapshot_to(&path).expect("a snapshot");
        let image = load(&path).expect("a whole snapshot");
        let seen = is_held(&image, holder, held as u64) && is_held(&image, asker, asked);
        seen.then_some(image)
    });
    assert!(!is_held(&image, asker, held as u64));
    assert!(!is_held(&image, holder, asked));
    // SAFETY: two bytes end both threads' waits.
    unsafe { libc::write(ends[1], [0u8; 2].as_ptr().cast(), 2) };
}

/// Bytes of another block that is looked for.
const OTHER: usize = 6_666;

/// Holds a block in a variable while it waits in std, whose functions alone have frame
/// pointers.
#[inline(never)]
fn waits(kept: Box<[u8; OTHER]>, gate: &(Mutex<bool>, Condvar), ready: &AtomicBool) -> u8 {
    let mut open = gate.0.lock().expect("nobody panicked");
    ready.store(true, Ordering::Release);
    while !*open {
        open = gate.1.wait(open).expect("nobody panicked");
    }
    kept[0]
}

#[test]
fn what_a_variable_holds_is_called_after_it_while_its_function_waits() {
    static GATE: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());
    static READY: AtomicBool = AtomicBool::new(false);
    let kept = Box::new([4; OTHER]);
    let address = std::ptr::from_ref(&*kept) as u64;
    let thread = std::thread::spawn(|| waits(kept, &GATE, &READY));
    wait_for("the thread waits", || {
        READY.load(Ordering::Acquire).then_some(())
    });
    let folder = Folder::new("waits");
    let path = folder.path().join("one.endler");
    let name = "stack held_outside::waits.kept";
    // A thread that has just run has registers that nobody knows: until it waits.
    wait_for("the variable's name", || {
        endler::snapshot_to(&path).expect("a snapshot");
        let image = load(&path).expect("a whole snapshot");
        let references = image.references.as_ref().expect("references");
        let edges = &references.edges;
        let labels = (0..edges.len())
            .filter(|&e| image.blocks.addr[edges.target[e].index()].0 == address)
            .map(|e| references.labels[edges.label[e].index()].clone());
        let labels: Vec<String> = labels.collect();
        println!("{labels:?}");
        labels.iter().any(|l| l == name).then_some(())
    });
    *GATE.0.lock().expect("nobody panicked") = true;
    GATE.1.notify_all();
    assert_eq!(thread.join().expect("it ends"), 4);
}

/// Not all zeros, so that it lies in the file and not behind it.
struct Kept {
    #[allow(dead_code, reason = "it is there")]
    number: u64,
    block: Mutex<Option<Box<[u8; SIZE]>>>,
}

static KEPT: Kept = Kept {
    number: 7,
    block: Mutex::new(None),
};

#[test]
fn statics_hold_blocks_though_a_filter_forbids_the_call() {
    let test = "statics_hold_blocks_though_a_filter_forbids_the_call";
    match role().as_deref() {
        None => {
            for filtered in ["readv", "both"] {
                let output = finish(start(&mut again(test, filtered)));
                let said = String::from_utf8_lossy(&output.stdout);
                assert!(output.status.success(), "{}: {said}", output.status);
            }
        }
        Some(filtered) => forbidden(filtered == "both"),
    }
}

fn forbidden(all: bool) {
    *KEPT.block.lock().expect("nobody panicked") = Some(Box::new([3; SIZE]));
    let mut calls = vec![(libc::SYS_process_vm_readv, libc::EPERM)];
    if all {
        calls.push((libc::SYS_pread64, libc::EPERM));
    }
    let answers = calls
        .into_iter()
        .map(|(call, error)| (call, filter::Answer::Error(error)));
    filter::refuse(&answers.collect::<Vec<_>>());
    let folder = Folder::new("forbidden");
    let line = endler::snapshot_to(folder.path().join("one.endler"));
    line.expect("a snapshot");
    let image = load(folder.path().join("one.endler")).expect("a whole snapshot");
    let heap = Heap::new(&image);
    let scan = &image.references.as_ref().expect("references").scan;
    let block = image.blocks.size.iter().position(|s| s.0 == SIZE as u64);
    let block = block.expect("the block lives");
    let mut tables = Vec::new();
    endler::reports::write_tables(&image, &mut tables).expect("tables");
    let tables = String::from_utf8(tables).expect("text");
    if all {
        // What cannot be read is told, and no leak is concluded from it.
        assert!(scan.unread > 0 && scan.cut_short);
        assert!(tables.contains("References are missing"), "{tables}");
        assert!(leaks(&[heap]).is_none());
    } else {
        assert_eq!((scan.unread, scan.cut_short), (0, false));
        assert!(!tables.contains("References are missing"), "{tables}");
        let references = image.references.as_ref().expect("references");
        let edges = &references.edges;
        let label = (0..edges.len())
            .find(|&edge| edges.target[edge].index() == block)
            .map(|edge| references.labels[edges.label[edge].index()].as_str());
        assert_eq!(label, Some("held_outside::Kept.block"));
    }
}
