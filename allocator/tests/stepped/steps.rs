//! Runs a program in a forked process, instruction by instruction, and sends it
//! a signal where it is told to. Nothing here allocates: the process may not
//! have allocated before its copies do.
//!
//! ```text
//!  tracer (this process)                     program (a fork of it)
//!    wait ◄───────────── SIGSTOP ──────────    window opens
//!    step, step … or continue to an int3       its operations
//!      signal ─────────────────────────────►   handler, sigreturn
//!    wait ◄───────────── SIGSTOP ──────────    window closes
//!    wait ◄────────────── exit ────────────    books equal the image, or not
//! ```

use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use super::symbols;

/// The signal that the program gets.
pub(crate) const SIGNAL: i32 = libc::SIGUSR1;
/// Addresses that can be learned.
const LEARNED: usize = 1 << 16;
/// Marks of an address.
const VISITED_ONCE: u32 = 1;
const WANTED: u32 = 2;
/// The first address of a function that is run at full speed: thousands of
/// steps each that are nothing of the hook's own.
const SKIPPED: u32 = 4;
const SKIPS: [&str; 2] = ["objects8build_id17h", "3cfi4rule17h"];

/// Where signals are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Nowhere: the addresses that are visited are learned, in their order.
    Never,
    /// Before every so many instructions.
    Every(usize),
    /// Before the first visit of one learned address.
    At(usize),
    /// As `At`, each address in a window of its own, all in one process.
    EachOnce,
}

/// What tracer and program share.
#[repr(C)]
struct Shared {
    window: AtomicU32,
    windows: AtomicU64,
    handled: AtomicU64,
}

static SHARED: AtomicPtr<Shared> = AtomicPtr::new(null_mut());
static VISITED: AtomicPtr<AtomicU32> = AtomicPtr::new(null_mut());
static FOUND: Found = Found {
    runs: AtomicUsize::new(0),
    failed: AtomicUsize::new(0),
    steps: AtomicUsize::new(0),
    sent: AtomicUsize::new(0),
    learned: AtomicUsize::new(0),
    missed: AtomicUsize::new(0),
    first_failure: AtomicUsize::new(0),
};

unsafe extern "C" {
    static __executable_start: u8;
    static etext: u8;
}

/// First and last address of the program's code.
pub(crate) fn text() -> (usize, usize) {
    (
        (&raw const __executable_start) as usize,
        (&raw const etext) as usize,
    )
}

/// What all runs of this process found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) runs: AtomicUsize,
    pub(crate) failed: AtomicUsize,
    pub(crate) steps: AtomicUsize,
    pub(crate) sent: AtomicUsize,
    pub(crate) learned: AtomicUsize,
    /// Addresses that were not visited again.
    pub(crate) missed: AtomicUsize,
    /// The address at which the first run that failed was struck.
    pub(crate) first_failure: AtomicUsize,
}

impl Found {
    pub(crate) fn get() -> &'static Found {
        &FOUND
    }

    /// Whether the instruction at this address was stepped.
    pub(crate) fn visited(&self, at: usize) -> bool {
        let (from, to) = text();
        let visited = VISITED.load(Ordering::Relaxed);
        if visited.is_null() || at < from || at >= to {
            return false;
        }
        // SAFETY: the table has a mark for each byte of the code.
        let visited = unsafe { visited.wrapping_add(at - from).as_ref() };
        visited.is_some_and(|mark| mark.load(Ordering::Relaxed) & VISITED_ONCE != 0)
    }
}

fn add(to: &AtomicUsize) {
    to.fetch_add(1, Ordering::Relaxed);
}

fn shared() -> &'static Shared {
    // SAFETY: mapped by `begin`, zeroed atomics, never unmapped.
    unsafe { &*SHARED.load(Ordering::Relaxed) }
}

fn map(len: usize, flags: i32) -> *mut c_void {
    let prot = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a fresh mapping.
    let at = unsafe { libc::mmap(null_mut(), len, prot, flags | libc::MAP_ANONYMOUS, -1, 0) };
    assert_ne!(at, libc::MAP_FAILED);
    at
}

// The program's side.

/// Stops for the tracer, which steps from `halt(1)` to `halt(0)`.
pub(crate) fn halt(window: u32) {
    shared().window.store(window, Ordering::SeqCst);
    // SAFETY: stops this process until the tracer goes on.
    unsafe { libc::raise(libc::SIGSTOP) };
}

/// Windows that the program should open.
pub(crate) fn windows() -> usize {
    shared().windows.load(Ordering::Relaxed) as usize
}

/// The handler says that it ran.
pub(crate) fn handled() {
    shared().handled.fetch_add(1, Ordering::Relaxed);
}

pub(crate) fn times_handled() -> u64 {
    shared().handled.load(Ordering::Relaxed)
}

// The tracer's side.

/// Whether processes of this one may be traced; some sandboxes forbid it.
pub(crate) fn allowed() -> bool {
    // SAFETY: the child makes two system calls.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // SAFETY: lets the parent trace this process.
        let failed = unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) } != 0;
        // SAFETY: ends the child.
        unsafe { libc::_exit(i32::from(failed)) };
    }
    matches!(wait(pid), Event::Ended(0))
}

/// The tracer's tables.
pub(crate) struct Steps {
    /// A mark for each byte of the code.
    visited: *mut AtomicU32,
    /// The addresses, in the order of their first visits.
    learned: *mut usize,
}

/// How a process stopped or ended.
enum Event {
    Stopped(i32),
    Ended(i32),
}

impl Steps {
    /// Addresses of the functions of the allocator whose mangled names hold one
    /// of `parts` will be learned.
    pub(crate) fn begin(parts: &[&str]) -> Steps {
        let (from, to) = text();
        let shared = map(4096, libc::MAP_SHARED);
        SHARED.store(shared.cast(), Ordering::Relaxed);
        let visited = map((to - from) * 4, libc::MAP_PRIVATE).cast();
        VISITED.store(visited, Ordering::Relaxed);
        let steps = Steps {
            visited,
            learned: map(LEARNED * 8, libc::MAP_PRIVATE).cast(),
        };
        symbols::each(|name, at, len| {
            if parts
                .iter()
                .any(|part| symbols::holds(name, part.as_bytes()))
            {
                let wanted = (at..at + len).filter_map(|at| steps.mark(at));
                wanted.for_each(|mark| mark.store(WANTED, Ordering::Relaxed));
            }
            if SKIPS
                .iter()
                .any(|part| symbols::holds(name, part.as_bytes()))
            {
                let first = steps.mark(at).into_iter();
                first.for_each(|mark| mark.store(SKIPPED, Ordering::Relaxed));
            }
        });
        steps
    }

    fn mark(&self, at: usize) -> Option<&AtomicU32> {
        let (from, to) = text();
        if at < from || at >= to {
            return None;
        }
        // SAFETY: the table has a mark for each byte of the code.
        unsafe { self.visited.wrapping_add(at - from).as_ref() }
    }

    pub(crate) fn learned(&self) -> usize {
        FOUND.learned.load(Ordering::Relaxed)
    }

    fn address(&self, number: usize) -> usize {
        assert!(number < LEARNED);
        // SAFETY: within the table.
        unsafe { self.learned.wrapping_add(number).read() }
    }

    fn visit(&self, at: usize, learns: bool) {
        add(&FOUND.steps);
        let Some(mark) = self.mark(at) else { return };
        let before = mark.fetch_or(VISITED_ONCE, Ordering::Relaxed);
        let number = FOUND.learned.load(Ordering::Relaxed);
        if learns && before == WANTED && number < LEARNED {
            // SAFETY: within the table.
            unsafe { self.learned.wrapping_add(number).write(at) };
            add(&FOUND.learned);
        }
    }

    /// Runs `program` in a fork of this process to its end.
    pub(crate) fn run(&self, signal: Signal, program: fn()) {
        shared()
            .windows
            .store(self.learned() as u64, Ordering::Relaxed);
        shared().handled.store(0, Ordering::Relaxed);
        // SAFETY: this process has one thread.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            // SAFETY: lets the parent trace this process.
            unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) };
            // SAFETY: never returns.
            unsafe { at_the_end_of_a_stack(&raw const program) };
        }
        assert!(pid > 0);
        add(&FOUND.runs);
        let before = FOUND.sent.load(Ordering::Relaxed);
        let mut next = 0;
        let mut last = Event::Stopped(0);
        let status = loop {
            // What the windows left over, or the next.
            let event = match last {
                Event::Ended(status) => break status,
                Event::Stopped(_) => wait(pid),
            };
            last = match event {
                Event::Stopped(libc::SIGSTOP) if shared().window.load(Ordering::SeqCst) == 1 => {
                    let event = match signal {
                        Signal::Never | Signal::Every(_) => self.step(pid, signal),
                        Signal::At(_) if FOUND.sent.load(Ordering::Relaxed) != before => {
                            self.strike(pid, 0)
                        }
                        Signal::At(number) => self.strike(pid, self.address(number)),
                        Signal::EachOnce => self.strike(pid, self.address(next)),
                    };
                    next += usize::from(signal == Signal::EachOnce);
                    event
                }
                Event::Stopped(libc::SIGSTOP) => {
                    resume(pid, libc::PTRACE_CONT, 0);
                    event
                }
                Event::Stopped(other) => {
                    resume(pid, libc::PTRACE_CONT, other);
                    event
                }
                Event::Ended(_) => event,
            };
        };
        let sent = FOUND.sent.load(Ordering::Relaxed) - before;
        let handled = shared().handled.load(Ordering::Relaxed) as usize;
        let fails = status != 0 || sent != handled;
        if fails && FOUND.failed.fetch_add(1, Ordering::Relaxed) == 0 {
            {
                let at = match signal {
                    Signal::At(number) => self.address(number),
                    _ => self.address(next.saturating_sub(1)),
                };
                FOUND.first_failure.store(at, Ordering::Relaxed);
            }
        }
    }

    /// Steps through a window; gives how it ended.
    fn step(&self, pid: i32, signal: Signal) -> Event {
        // Out of `raise`, which blocks all signals, first.
        let mut inside = false;
        let (from, to) = text();
        resume(pid, libc::PTRACE_SINGLESTEP, 0);
        loop {
            match wait(pid) {
                Event::Stopped(libc::SIGTRAP) => {}
                // The window is closed.
                Event::Stopped(libc::SIGSTOP) => {
                    resume(pid, libc::PTRACE_CONT, 0);
                    return Event::Stopped(libc::SIGSTOP);
                }
                Event::Stopped(other) => {
                    resume(pid, libc::PTRACE_CONT, other);
                    return Event::Stopped(other);
                }
                ended => return ended,
            }
            if shared().window.load(Ordering::SeqCst) == 0 {
                resume(pid, libc::PTRACE_CONT, 0);
                return Event::Stopped(0);
            }
            let registers = registers(pid);
            self.visit(registers.rip as usize, signal == Signal::Never);
            inside |= (from..to).contains(&(registers.rip as usize));
            let mark = self.mark(registers.rip as usize);
            if mark.is_some_and(|mark| mark.load(Ordering::Relaxed) & SKIPPED != 0) {
                skip(pid, &registers);
            }
            let steps = FOUND.steps.load(Ordering::Relaxed);
            if inside && matches!(signal, Signal::Every(n) if steps.is_multiple_of(n)) {
                add(&FOUND.sent);
                if let Some(event) = handle(pid, registers.rip) {
                    return event;
                }
            }
            resume(pid, libc::PTRACE_SINGLESTEP, 0);
        }
    }

    /// Sends the signal at the first visit of `at` in this window.
    fn strike(&self, pid: i32, at: usize) -> Event {
        if at == 0 {
            resume(pid, libc::PTRACE_CONT, 0);
            return Event::Stopped(0);
        }
        let word = peek(pid, at);
        poke(pid, at, word & !0xff | 0xcc);
        resume(pid, libc::PTRACE_CONT, 0);
        let event = wait(pid);
        poke(pid, at, word);
        match event {
            Event::Stopped(libc::SIGTRAP) => {
                let mut registers = registers(pid);
                assert_eq!(registers.rip as usize, at + 1);
                registers.rip = at as u64;
                set_registers(pid, &registers);
                add(&FOUND.sent);
                resume(pid, libc::PTRACE_CONT, SIGNAL);
                Event::Stopped(0)
            }
            Event::Stopped(libc::SIGSTOP) => {
                add(&FOUND.missed);
                resume(pid, libc::PTRACE_CONT, 0);
                Event::Stopped(0)
            }
            Event::Stopped(other) => {
                resume(pid, libc::PTRACE_CONT, other);
                Event::Stopped(0)
            }
            ended => ended,
        }
    }
}

/// Lets a function run that was just entered, to its return.
fn skip(pid: i32, registers: &libc::user_regs_struct) {
    let back = peek(pid, registers.rsp as usize) as usize;
    let word = peek(pid, back);
    poke(pid, back, word & !0xff | 0xcc);
    resume(pid, libc::PTRACE_CONT, 0);
    let Event::Stopped(libc::SIGTRAP) = wait(pid) else {
        panic!("no return");
    };
    poke(pid, back, word);
    let mut registers = self::registers(pid);
    registers.rip = back as u64;
    set_registers(pid, &registers);
}

/// Calls `program` with nothing outside it, so that its walks are short: a
/// return address of 0 ends a stack.
#[unsafe(naked)]
unsafe extern "C" fn at_the_end_of_a_stack(program: *const fn()) -> ! {
    core::arch::naked_asm!("sub rsp, 8", "push 0", "xor ebp, ebp", "jmp {run}", run = sym run)
}

/// A panic aborts it.
extern "C" fn run(program: *const fn()) -> ! {
    // SAFETY: the frame of `Steps::run` stands behind.
    let program = unsafe { *program };
    program();
    // SAFETY: ends the child.
    unsafe { libc::_exit(0) }
}

/// Sends the signal and lets its handler run, up to where it struck.
fn handle(pid: i32, struck: u64) -> Option<Event> {
    let mut send = SIGNAL;
    loop {
        resume(pid, libc::PTRACE_SYSCALL, send);
        send = 0;
        match wait(pid) {
            Event::Stopped(stop) if stop == libc::SIGTRAP | 0x80 => {}
            event => return Some(passed_on(pid, event)),
        }
        if registers(pid).orig_rax == libc::SYS_rt_sigreturn as u64 {
            break;
        }
    }
    resume(pid, libc::PTRACE_SINGLESTEP, 0);
    match wait(pid) {
        Event::Stopped(libc::SIGTRAP) => {}
        event => return Some(passed_on(pid, event)),
    }
    assert_eq!(registers(pid).rip, struck, "back from the handler");
    None
}

/// A signal that is not ours, such as a fault, takes its course.
fn passed_on(pid: i32, event: Event) -> Event {
    if let Event::Stopped(signal) = event {
        resume(pid, libc::PTRACE_CONT, signal);
    }
    event
}

fn resume(pid: i32, how: u32, signal: i32) {
    // SAFETY: the process is stopped and is ours.
    let failed = unsafe { libc::ptrace(how, pid, 0, i64::from(signal)) };
    assert_eq!(failed, 0, "goes on");
}

fn wait(pid: i32) -> Event {
    let mut status = 0;
    // SAFETY: waits for our own child.
    let got = unsafe { libc::waitpid(pid, &raw mut status, libc::__WALL) };
    assert_eq!(got, pid);
    if !libc::WIFSTOPPED(status) {
        return Event::Ended(status);
    }
    // Once more at each first stop: setting options costs little.
    let stop = libc::WSTOPSIG(status);
    if stop == libc::SIGSTOP {
        let options = libc::PTRACE_O_EXITKILL | libc::PTRACE_O_TRACESYSGOOD;
        // SAFETY: the process is stopped and is ours.
        unsafe { libc::ptrace(libc::PTRACE_SETOPTIONS, pid, 0, options) };
    }
    Event::Stopped(stop)
}

fn registers(pid: i32) -> libc::user_regs_struct {
    // SAFETY: zeroed registers are valid.
    let mut registers: libc::user_regs_struct = unsafe { std::mem::zeroed() };
    // SAFETY: writes the registers of a stopped process of ours.
    let failed = unsafe { libc::ptrace(libc::PTRACE_GETREGS, pid, 0, &raw mut registers) };
    assert_eq!(failed, 0);
    registers
}

fn set_registers(pid: i32, registers: &libc::user_regs_struct) {
    // SAFETY: the process is stopped and is ours.
    let failed = unsafe { libc::ptrace(libc::PTRACE_SETREGS, pid, 0, &raw const *registers) };
    assert_eq!(failed, 0);
}

fn peek(pid: i32, at: usize) -> i64 {
    // SAFETY: reads a word of a stopped process of ours.
    unsafe { libc::ptrace(libc::PTRACE_PEEKTEXT, pid, at, 0) }
}

fn poke(pid: i32, at: usize, word: i64) {
    // SAFETY: writes a word of a stopped process of ours; the code there is as
    // it was when it runs again.
    let failed = unsafe { libc::ptrace(libc::PTRACE_POKETEXT, pid, at, word) };
    assert_eq!(failed, 0);
}
