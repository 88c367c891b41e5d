//! Signal handlers that allocate: the stack goes on through the signal's frame
//! into the code that was interrupted, as `backtrace`'s does.
//!
//! The code is interrupted at an instruction of its own choice (`raise`), at
//! every instruction (the processor's trap flag), and by a timer; on the
//! thread's stack and on a signal stack; in Rust and in C.
//!
//! The inner allocator is one that a handler may call: it takes no lock.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};

use support::c_code::{Folder, Library};
use support::oracle::{self, Oracle};
use support::{Block, alone};

/// Gives each block from one mapping, and takes none back.
struct Bump {
    start: AtomicPtr<u8>,
    used: AtomicUsize,
}

const ROOM: usize = 8 << 30;

impl Bump {
    #[cold]
    fn map(&self) -> *mut u8 {
        let (prot, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
        );
        // SAFETY: a fresh mapping.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), ROOM, prot, flags, -1, 0) };
        // The first allocation comes before any thread and any handler.
        self.start.store(at.cast(), Ordering::Release);
        at.cast()
    }
}

// SAFETY: blocks are distinct parts of one mapping.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let start = self.start.load(Ordering::Acquire);
        let start = if start.is_null() { self.map() } else { start };
        let room = layout.size() + layout.align() + 16;
        let used = self.used.fetch_add(room & !15, Ordering::Relaxed);
        if used + room > ROOM {
            return std::ptr::null_mut();
        }
        let at = start as usize + used;
        at.next_multiple_of(layout.align()) as *mut u8
    }
    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

static HEAP: endler_allocator::Heap<Bump> = endler_allocator::Heap::wrapping(Bump {
    start: AtomicPtr::new(std::ptr::null_mut()),
    used: AtomicUsize::new(0),
});
#[global_allocator]
static ORACLE: Oracle = Oracle::over(&HEAP);

static STRUCK: AtomicU64 = AtomicU64::new(0);
thread_local! {
    static HANDLES: Cell<bool> = const { Cell::new(false) };
}

/// Whether a trap is wanted after the next instruction too.
static STEPPED: AtomicBool = AtomicBool::new(false);

extern "C" fn handler(signal: i32, _: *mut c_void, context: *mut libc::ucontext_t) {
    if signal == libc::SIGTRAP && !STEPPED.load(Ordering::Relaxed) {
        // SAFETY: the kernel passes the interrupted registers.
        let registers = unsafe { &mut (*context).uc_mcontext.gregs };
        registers[libc::REG_EFL as usize] &= !0x100;
        return;
    }
    // The harness's thread has the signal stack that std gave it: too small for this.
    if HANDLES.get() {
        STRUCK.fetch_add(1, Ordering::Relaxed);
        in_the_handler();
    }
}

#[inline(never)]
fn in_the_handler() {
    std::hint::black_box(Block::alloc(32, 8));
}

enum On {
    /// The stack that the signal strikes.
    Same,
    /// A signal stack.
    Other,
}

fn handle(signal: i32, on: &On) {
    HANDLES.set(true);
    if matches!(on, On::Other) {
        let room = vec![0u8; 512 << 10].leak();
        let stack = libc::stack_t {
            ss_sp: room.as_mut_ptr().cast(),
            ss_flags: 0,
            ss_size: room.len(),
        };
        // SAFETY: the room is never given back.
        let failed = unsafe { libc::sigaltstack(&raw const stack, std::ptr::null_mut()) };
        assert_eq!(failed, 0);
    }
    // SAFETY: zeroed is a valid action.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as *const () as usize;
    action.sa_flags = libc::SA_RESTART
        | libc::SA_SIGINFO
        | match on {
            On::Same => 0,
            On::Other => libc::SA_ONSTACK,
        };
    // SAFETY: the handler allocates only, from an allocator that may be
    // entered twice.
    let failed = unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
    assert_eq!(failed, 0);
}

/// What is interrupted: leaves, frames of all sizes, calls through pointers.
#[inline(never)]
fn rust_work(n: u64) -> u64 {
    let mut words = [n; 4];
    for (i, word) in words.iter_mut().enumerate() {
        *word = leaf(*word, i as u64);
    }
    words.swap(0, (scatter(n) & 3) as usize);
    let sum: u64 = words.iter().fold(0, |sum, word| sum.wrapping_add(*word));
    let aligned = Aligned([sum; 8]);
    std::hint::black_box(&aligned).0[(n & 7) as usize] ^ dynamic(&|x| leaf(x, n), n)
}

#[repr(align(64))]
struct Aligned([u64; 8]);

#[inline(never)]
fn leaf(a: u64, b: u64) -> u64 {
    a.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(b as u32) ^ b
}

#[inline(never)]
fn scatter(a: u64) -> u64 {
    leaf(a, 5) >> 11
}

#[inline(never)]
fn dynamic(call: &dyn Fn(u64) -> u64, n: u64) -> u64 {
    call(call(n)).wrapping_add(1)
}

const C_WORK: &str = r#"
#include <alloca.h>
#include <stdlib.h>
#include <signal.h>
static long leaf(long a, long b) __attribute__((noinline));
static long leaf(long a, long b) { return (a * 31 + b) ^ (a >> 3); }
static int order(const void *a, const void *b) { return *(const char *)a - *(const char *)b; }
static long grown(long n) __attribute__((noinline));
static long grown(long n) {
    volatile char *room = alloca(16 + (n & 255));
    room[n & 15] = n;
    return leaf(room[n & 15], n);
}
static long aligned(long n) __attribute__((noinline));
static long aligned(long n) {
    volatile _Alignas(64) char room[128];
    room[n & 63] = n;
    return leaf(room[n & 63], n);
}
long work(long n) {
    char text[12] = "interrupted";
    qsort(text, 11, 1, order);
    long a = leaf(n, 1), b = leaf(n, 2), c = leaf(n, 3), d = leaf(n, 4), e = leaf(n, 5);
    a += grown(n); b += aligned(n); c += grown(a); d += leaf(b, c);
    return a ^ b * 3 ^ c * 5 ^ d * 7 ^ e * 9 ^ text[n & 7];
}
long raising(long n) { long a = n * 3, b = n * 5; raise(SIGUSR1); return a ^ b; }
"#;

type Work = extern "C" fn(i64) -> i64;

fn function(at: *mut c_void) -> Work {
    // SAFETY: the functions of the source above that are asked for have that type.
    unsafe { std::mem::transmute::<*mut c_void, Work>(at) }
}

/// The C code's functions.
fn c_code() -> (Work, Work) {
    oracle::quietly(|| {
        let folder = Folder::new("signal-frames");
        let library = Library::open(&folder.compile("work", C_WORK, &[]));
        let functions = (library.symbol(c"work"), library.symbol(c"raising"));
        (function(functions.0), function(functions.1))
    })
}

/// Raises in Rust, through std's and libc's frames, and in C.
fn raised(on: &On) {
    let (_, raising) = c_code();
    handle(libc::SIGUSR1, on);
    oracle::begin();
    for n in 0..200 {
        in_rust(n);
        std::hint::black_box(raising(i64::from(n)));
    }
    let (_, tally) = oracle::tally();
    println!("{tally:?}");
    tally.check_all_whole(400);
    assert!(tally.interrupted >= 400, "{tally:?}");
}

#[inline(never)]
fn in_rust(n: i32) {
    if n % 3 > 0 {
        return in_rust(std::hint::black_box(n - 1));
    }
    // SAFETY: the signal is handled.
    unsafe { libc::raise(libc::SIGUSR1) };
}

#[test]
fn raised_on_the_same_stack() {
    alone("raised_on_the_same_stack", || raised(&On::Same));
}

#[test]
fn raised_on_a_signal_stack() {
    alone("raised_on_a_signal_stack", || raised(&On::Other));
}

/// Sets the processor's trap flag: a signal after each instruction.
#[inline(always)]
fn begin_to_step() {
    // SAFETY: the trap that follows each instruction has a handler.
    unsafe { std::arch::asm!("pushfq", "or qword ptr [rsp], 0x100", "popfq") };
}

#[inline(never)]
fn stepped(body: impl FnOnce()) {
    STEPPED.store(true, Ordering::Relaxed);
    begin_to_step();
    body();
    STEPPED.store(false, Ordering::Relaxed);
}

/// At every instruction, prologues and epilogues included.
fn at_every_instruction(on: &On) {
    let (work, _) = c_code();
    handle(libc::SIGTRAP, on);
    oracle::begin();
    stepped(|| {
        std::hint::black_box(rust_work(std::hint::black_box(5)));
    });
    let in_rust = STRUCK.load(Ordering::Relaxed);
    stepped(|| {
        std::hint::black_box(work(std::hint::black_box(6)));
    });
    let in_c = STRUCK.load(Ordering::Relaxed) - in_rust;
    let (_, tally) = oracle::tally();
    println!("{in_rust} instructions of Rust, {in_c} of C: {tally:?}");
    assert!(
        in_rust > 800 && in_c > 800,
        "{in_rust} and {in_c} instructions"
    );
    tally.check(1600);
    // Each was recorded, and told.
    assert!(u64::from(tally.equal) >= in_rust + in_c, "{tally:?}");
    STUCK_ALLOWED.check(&tally);
}

/// Where tables say more than a rule holds: gcc's prologue of a realigned stack,
/// whose frame hangs on a register that is no frame's.
struct StuckAllowed(u32);
const STUCK_ALLOWED: StuckAllowed = StuckAllowed(40);

impl StuckAllowed {
    fn check(&self, tally: &oracle::Tally) {
        assert!(tally.stuck <= self.0, "{tally:?}");
    }
}

#[test]
fn at_every_instruction_on_the_same_stack() {
    alone("at_every_instruction_on_the_same_stack", || {
        at_every_instruction(&On::Same);
    });
}

#[test]
fn at_every_instruction_on_a_signal_stack() {
    alone("at_every_instruction_on_a_signal_stack", || {
        at_every_instruction(&On::Other);
    });
}

/// A real timer, into Rust and C, allocating code included: a signal that
/// strikes inside the allocator or the hook is answered too, its block is not
/// recorded then.
fn by_a_timer(on: &On) {
    let (work, _) = c_code();
    handle(libc::SIGPROF, on);
    oracle::begin();
    let every = libc::timeval {
        tv_sec: 0,
        tv_usec: 300,
    };
    let timer = libc::itimerval {
        it_interval: every,
        it_value: every,
    };
    // SAFETY: the signal is handled.
    unsafe { libc::setitimer(libc::ITIMER_PROF, &raw const timer, std::ptr::null_mut()) };
    let mut n = 0u64;
    let mut kept = Vec::new();
    while STRUCK.load(Ordering::Relaxed) < 300 {
        n += 1;
        std::hint::black_box(rust_work(n));
        std::hint::black_box(work(n as i64));
        if n.is_multiple_of(16) {
            oracle::ask(false);
            kept.push(format!("{n}"));
            kept.truncate(20);
            oracle::ask(true);
        }
    }
    // SAFETY: ends the timer.
    unsafe {
        libc::setitimer(
            libc::ITIMER_PROF,
            &raw const NEVER,
            std::ptr::null_mut::<libc::itimerval>(),
        )
    };
    let (_, tally) = oracle::tally();
    println!("{tally:?}");
    tally.check(20);
    assert!(tally.interrupted >= 20, "{tally:?}");
    STUCK_ALLOWED.check(&tally);
}

static NEVER: libc::itimerval = libc::itimerval {
    it_interval: libc::timeval {
        tv_sec: 0,
        tv_usec: 0,
    },
    it_value: libc::timeval {
        tv_sec: 0,
        tv_usec: 0,
    },
};

#[test]
fn a_timer_on_the_same_stack() {
    alone("a_timer_on_the_same_stack", || by_a_timer(&On::Same));
}

#[test]
fn a_timer_on_a_signal_stack() {
    alone("a_timer_on_a_signal_stack", || by_a_timer(&On::Other));
}
