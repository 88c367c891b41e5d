//! Stacks that are not the thread's own: coroutines that switch, move between
//! threads, and whose stacks are unmapped and mapped anew at the same place.
//!
//! A stack recorded on a coroutine's stack is what `backtrace` says up to the
//! coroutine's first frame: what resumed it lies on another stack, which a walk
//! does not enter, and it says so. Nothing outside the stack is read, not even
//! where tables lie.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use std::sync::Mutex;

use corosensei::stack::{DefaultStack, Stack, StackPointer};
use corosensei::{Coroutine, CoroutineResult, Yielder};
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

/// Allocates down to `depth`, and lets others run there.
#[inline(never)]
fn switching(yielder: &Yielder<u32, u32>, depth: u32) {
    std::hint::black_box(Block::alloc(32, 8));
    if depth > 0 {
        switching(yielder, std::hint::black_box(depth - 1));
    } else {
        let n = yielder.suspend(1);
        nested(n);
    }
    std::hint::black_box(Block::alloc(32, 8));
}

type Task<S> = Coroutine<u32, u32, (), S>;

fn task<S: Stack + 'static>(stack: S, depth: u32, rounds: u32) -> Task<S> {
    Coroutine::with_stack(stack, move |yielder, _| {
        for round in 0..rounds {
            switching(yielder, depth + round % 3);
        }
    })
}

/// Resumes all in turn until they are done.
fn run_all<S: Stack + 'static>(mut tasks: Vec<Task<S>>) {
    let mut turn = 0;
    while !tasks.is_empty() {
        turn += 1;
        let resume =
            |task: &mut Task<S>| matches!(task.resume(turn % 5), CoroutineResult::Yield(_));
        tasks.retain_mut(resume);
        nested(turn % 4);
    }
}

fn stack(size: usize) -> DefaultStack {
    DefaultStack::new(size).expect("memory for a stack")
}

#[test]
fn many_coroutines_that_switch() {
    alone("many_coroutines_that_switch", || {
        oracle::begin();
        run_all((0..50).map(|n| task(stack(64 << 10), n % 40, 6)).collect());
        let (_, tally) = oracle::tally();
        println!("{tally:?}");
        tally.check(3000);
        assert!(tally.stuck > 1000 && tally.truncated > 300, "{tally:?}");
    });
}

/// Of other sizes each time, so that what is known of a place is soon untrue.
#[test]
fn stacks_that_are_mapped_anew() {
    alone("stacks_that_are_mapped_anew", || {
        oracle::begin();
        for round in 0..40 {
            let size = [64 << 10, 1 << 20, 128 << 10, 4 << 20][round % 4];
            run_all((0..4).map(|n| task(stack(size), n * 5, 2)).collect());
        }
        let (_, tally) = oracle::tally();
        println!("{tally:?}");
        tally.check(3000);
    });
}

/// A task that is resumed on whichever thread has it.
struct Moves(Task<DefaultStack>);
// SAFETY: what the task holds across a switch is plain data.
unsafe impl Send for Moves {}

#[test]
fn coroutines_that_move_between_threads() {
    alone("coroutines_that_move_between_threads", || {
        oracle::begin();
        let tasks = (0..24).map(|n| Moves(task(stack(64 << 10), n % 36, 8)));
        let queue = Mutex::new(tasks.collect::<Vec<_>>());
        let work = || {
            let mut turn = 0;
            loop {
                let Some(mut task) = queue.lock().expect("whole").pop() else {
                    return;
                };
                turn += 1;
                nested(turn % 6);
                if let CoroutineResult::Yield(_) = task.0.resume(turn % 5) {
                    queue.lock().expect("whole").insert(0, task);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(work);
            }
        });
        let (_, tally) = oracle::tally();
        println!("{tally:?}");
        tally.check(1500);
    });
}

/// What a coroutine is begun with lies beside its first frame, which is marked
/// as a signal's: it is no place to look for registers in.
#[test]
fn data_beside_the_first_frame_is_no_frame() {
    alone("data_beside_the_first_frame_is_no_frame", || {
        oracle::begin();
        let words = [nested as *const () as usize + 1; 64];
        let local = 0usize;
        let mut data = words;
        // What would be a stack pointer is one.
        for word in data.iter_mut().skip(1).step_by(2) {
            *word = (&raw const local) as usize & !15;
        }
        for words in [words, data] {
            let task = Coroutine::with_stack(stack(64 << 10), move |_: &Yielder<u32, u32>, _| {
                std::hint::black_box(&words);
                nested(3);
            });
            run_all(vec![task]);
        }
        let (_, tally) = oracle::tally();
        println!("{tally:?}");
        tally.check(16);
    });
}

/// A stack in a part of a mapping that the test made.
struct Part {
    base: u64,
    limit: u64,
}

// SAFETY: the part is mapped while the coroutine lives.
unsafe impl Stack for Part {
    fn base(&self) -> StackPointer {
        StackPointer::new(self.base as usize).expect("not null")
    }
    fn limit(&self) -> StackPointer {
        StackPointer::new(self.limit as usize).expect("not null")
    }
}

fn map(len: u64) -> u64 {
    let (prot, flags) = (
        libc::PROT_READ | libc::PROT_WRITE,
        libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
    );
    // SAFETY: a fresh mapping.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), len as usize, prot, flags, -1, 0) };
    assert_ne!(at, libc::MAP_FAILED);
    at as u64
}

fn unmap(at: u64, len: u64) {
    // SAFETY: nothing runs there.
    let failed = unsafe { libc::munmap(at as *mut libc::c_void, len as usize) };
    assert_eq!(failed, 0);
}

fn protect(at: u64, len: u64) {
    // SAFETY: nothing runs there.
    let failed = unsafe { libc::mprotect(at as *mut libc::c_void, len as usize, libc::PROT_NONE) };
    assert_eq!(failed, 0);
}

// A frame whose table says that it lies at rbp, which holds what it was given.
std::arch::global_asm!(
    ".text",
    ".globl lying",
    ".type lying, @function",
    "lying:",
    ".cfi_startproc",
    "push rbp",
    ".cfi_def_cfa_offset 16",
    ".cfi_offset rbp, -16",
    "mov rbp, rsi",
    ".cfi_def_cfa_register rbp",
    "call rdi",
    "pop rbp",
    ".cfi_def_cfa rsp, 8",
    "ret",
    ".cfi_endproc",
    ".size lying, .-lying",
);

unsafe extern "C" {
    safe fn lying(call: extern "C" fn(), rbp: u64);
}

/// `backtrace` believes the table: it is not asked.
extern "C" fn allocate() {
    oracle::ask(false);
    std::hint::black_box(Block::alloc(24, 8));
}

const MIB: u64 = 1 << 20;

/// The upper half of a stack's mapping goes; then a frame points there.
#[test]
fn a_lying_frame_above_what_is_left_of_a_mapping() {
    alone("a_lying_frame_above_what_is_left_of_a_mapping", || {
        for take_away in [unmap, protect] {
            let low = map(4 * MIB);
            let whole = Part {
                base: low + 4 * MIB,
                limit: low,
            };
            run_all(vec![task(whole, 3, 2)]);
            take_away(low + 2 * MIB, 2 * MIB);
            for above in [0, 4096, MIB, 2 * MIB - 64] {
                let half = Part {
                    base: low + 2 * MIB,
                    limit: low,
                };
                let at = low + 2 * MIB + above;
                let lies = Coroutine::with_stack(half, move |_: &Yielder<u32, u32>, _| {
                    nested(1);
                    lying(allocate, at - 16);
                    lying(allocate, at);
                    nested(1);
                });
                run_all(vec![lies]);
            }
        }
    });
}

/// The same on a thread whose first allocation is made on a stack below its
/// own: that one is not the thread's.
#[test]
fn a_thread_that_first_allocates_on_another_stack() {
    alone("a_thread_that_first_allocates_on_another_stack", || {
        static PLACE: Mutex<u64> = Mutex::new(0);
        extern "C" fn begin(_: *mut libc::c_void) -> *mut libc::c_void {
            let low = *PLACE.lock().expect("whole");
            let local = 0u8;
            assert!(
                (&raw const local as u64) > low,
                "the mapping lies below the thread's stack"
            );
            let part = |base, limit| Part { base, limit };
            run_all(vec![task(part(low + 4 * MIB, low), 3, 2)]);
            unmap(low + 2 * MIB, 2 * MIB);
            for above in [0, 4096, MIB, 2 * MIB - 64] {
                let at = low + 2 * MIB + above;
                let stack = part(low + 2 * MIB, low);
                let lies = Coroutine::with_stack(stack, move |_: &Yielder<u32, u32>, _| {
                    lying(allocate, at - 16);
                });
                run_all(vec![lies]);
            }
            std::ptr::null_mut()
        }
        // No thread of std's: those allocate on their own stack first.
        let mut thread = 0;
        // SAFETY: zeroed is what the call overwrites.
        let mut attributes: libc::pthread_attr_t = unsafe { std::mem::zeroed() };
        // SAFETY: the attributes are this function's.
        unsafe { libc::pthread_attr_init(&raw mut attributes) };
        let own = map(MIB + 8 * MIB);
        *PLACE.lock().expect("whole") = own;
        let at = (own + 8 * MIB) as *mut libc::c_void;
        // SAFETY: the memory stays mapped.
        let failed = unsafe { libc::pthread_attr_setstack(&raw mut attributes, at, MIB as usize) };
        assert_eq!(failed, 0);
        protect(own + 4 * MIB, 4 * MIB);
        let no_argument = std::ptr::null_mut();
        // SAFETY: the function needs nothing of this frame.
        let failed = unsafe {
            libc::pthread_create(&raw mut thread, &raw const attributes, begin, no_argument)
        };
        assert_eq!(failed, 0);
        // SAFETY: it was made above.
        unsafe { libc::pthread_join(thread, std::ptr::null_mut()) };
    });
}
