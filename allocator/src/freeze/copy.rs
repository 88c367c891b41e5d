//! The copy: a raw `clone`, the precautions in it, and the wait for it.
//!
//! ```text
//!  host's profiler thread                     copy (one thread)
//!    gather notes, block signals
//!    clone ───────────────────────────────►   memory from the arena from here on
//!    unblock signals                          close every descriptor
//!    wait for the pidfd, at most the          default SEGV BUS ILL FPE, no core,
//!    deadline; then SIGKILL                   nice 5, first for the OOM killer
//!    read the shared page ◄── result ──       image, work, _exit
//! ```
//!
//! The clone's exit signal is 0: the host gets no SIGCHLD, and its
//! `waitpid(-1)` does not see the copy (only `__WALL` does). A raw clone runs
//! no `pthread_atfork` handler. The copy runs none of the host's signal
//! handlers (all stay blocked), nor its exit functions (`_exit`), nor its panic
//! hook (replaced first thing; if another thread held that lock at the clone,
//! an alarm ends the copy and the host tries again).
//!
//! Source: clone(2), signal(7), pidfd_open(2).

use std::io::Write;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use endler_snapshot::{Cut, Nanos};

use super::extract::{self, Gathered};
use super::{figures, notes};
use crate::freeze_types::{Cost, Error, Options, Work};
use crate::hook::{self, PHASES, RECORDER};
use crate::state::{self, EXACT};
use crate::{clock, copy_arena, os};

/// How the copy stands, written by the copy.
const STARTED: u32 = 1;
const READY: u32 = 2;
const DONE: u32 = 3;
const FAILED: u32 = 4;
const PANICKED: u32 = 5;

/// The copy's priority. At nice 19 a dump of 6 M blocks was not ready after 60 s
/// beside four busy processes on two cores, and one of four blocks took 31 s; at
/// 5 the copy has a third of a busy processor for the second that it needs.
const NICE: libc::c_int = 5;

/// A page that the host and the copy share.
#[repr(C)]
struct Shared {
    stage: AtomicU32,
    len: AtomicU32,
    used: AtomicU64,
    objects: AtomicU64,
    bytes: AtomicU64,
    message: std::cell::UnsafeCell<[u8; 3000]>,
}
const _: () = assert!(size_of::<Shared>() <= 4096);

/// Freezes this process and runs `work` on the image in a copy of it.
///
/// For the profiler's own thread: it must not be called while the calling
/// thread holds a lock that `work` takes. O(memory of the process) for the
/// clone (about 25 ms for each GiB touched), in which the host is held.
///
/// # Errors
/// See [`Error`]. The host is unharmed by all of them.
pub fn freeze(options: &Options, work: &mut Work<'_>) -> Result<Cost, Error> {
    if state::now() != EXACT {
        return Err(Error::NotRecording);
    }
    let _pause = hook::pause();
    let gathered = gather(options);
    let budget = options.memory.unwrap_or_else(figures::default_budget);
    for _ in 0..5 {
        match copied(options, budget, &gathered, work) {
            Attempt::Finished(result) => return result,
            Attempt::Again => {}
            Attempt::Refused => return in_place(&gathered, work),
        }
    }
    Err(Error::Died(
        "it could not start: the panic hook's lock was held each time".into(),
    ))
}

fn gather(options: &Options) -> Gathered {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    RECORDER.objects.refresh(&RECORDER.rules);
    let mut exe = [0u8; 4096];
    let len = crate::unwind::objects::executable(&mut exe) as usize;
    Gathered {
        pid: os::process_id(),
        taken: Nanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)),
        sequence: options.sequence,
        phases: PHASES.list(),
        notes: notes::take(os::thread_id()),
        resident: figures::resident(),
        process_name: text("/proc/self/comm").trim_end_matches('\n').to_owned(),
        exe: String::from_utf8_lossy(exe.get(..len).unwrap_or(&[])).into_owned(),
    }
}

/// Without a copy: the same work here, on tables that change meanwhile.
fn in_place(gathered: &Gathered, work: &mut Work<'_>) -> Result<Cost, Error> {
    let mut image = extract::image(&RECORDER, gathered, Cut::Racing, Nanos(0));
    // A panic must not end the profiler's thread.
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&mut image))) {
        Ok(result) => result.map_err(Error::Failed)?,
        Err(_) => return Err(Error::Died("a panic of the work".into())),
    }
    Ok(Cost {
        objects: image.blocks.len() as u64,
        bytes: image.blocks.total_size().0,
        held: Nanos(0),
        cut: Cut::Racing,
        memory: 0,
    })
}

enum Attempt {
    Finished(Result<Cost, Error>),
    /// The copy could not start; nothing is lost by another try.
    Again,
    /// The kernel refuses to make one.
    Refused,
}

fn copied(options: &Options, budget: u64, gathered: &Gathered, work: &mut Work<'_>) -> Attempt {
    let Some(shared) = SharedPage::map() else {
        return Attempt::Refused;
    };
    let mut pidfd: i32 = -1;
    let blocked = block_all_signals();
    let before = clock::nanos(libc::CLOCK_MONOTONIC);
    let flags = libc::CLONE_PIDFD as u64;
    let args = [flags, 0, (&raw mut pidfd) as u64, 0, 0, 0];
    let pid = RECORDER.epochs.cut(RECORDER.start.tick(), || {
        // SAFETY: a clone without shared memory, whose copy calls only `run`.
        unsafe { os::syscall(libc::SYS_clone, args) }
    });
    if pid == 0 {
        state::set(state::COPY);
        let held = Nanos(clock::nanos(libc::CLOCK_MONOTONIC).saturating_sub(before));
        run(options, budget, gathered, held, shared.get(), work);
    }
    let held = Nanos(clock::nanos(libc::CLOCK_MONOTONIC).saturating_sub(before));
    restore_signals(&blocked);
    if pid < 0 {
        return Attempt::Refused;
    }
    let status = wait(pid as i32, pidfd, options.deadline);
    if pidfd >= 0 {
        // SAFETY: the descriptor is ours and open.
        unsafe { libc::close(pidfd) };
    }
    let page = shared.get();
    let stage = page.stage.load(Ordering::Acquire);
    let cost = Cost {
        objects: page.objects.load(Ordering::Relaxed),
        bytes: page.bytes.load(Ordering::Relaxed),
        held,
        cut: Cut::Atomic,
        memory: page.used.load(Ordering::Relaxed),
    };
    Attempt::Finished(match (status, stage) {
        (_, DONE) => Ok(cost),
        (_, FAILED) => Err(Error::Failed(page.text())),
        (Status::Late, _) => Err(Error::Deadline(options.deadline)),
        (_, PANICKED) => Err(Error::Died(format!("a panic: {}", page.text()))),
        (Status::Signal(libc::SIGALRM), 0 | STARTED) => return Attempt::Again,
        (Status::Signal(libc::SIGALRM), _) => Err(Error::Deadline(options.deadline)),
        (Status::Signal(libc::SIGABRT), STARTED | READY) => Err(Error::Memory { budget }),
        (Status::Signal(signal), _) => Err(Error::Died(format!("signal {signal}"))),
        (Status::Gone, _) => Err(Error::Died("it ended without a word".into())),
    })
}

/// The copy's whole life.
fn run(
    options: &Options,
    budget: u64,
    gathered: &Gathered,
    held: Nanos,
    shared: &Shared,
    work: &mut Work<'_>,
) -> ! {
    copy_arena::begin(budget);
    precautions(options.keep);
    shared.stage.store(STARTED, Ordering::Release);
    alarm(Duration::from_secs(2));
    // The host's hook is neither run nor dropped.
    std::mem::forget(std::panic::take_hook());
    let page = std::ptr::from_ref(shared) as usize;
    std::panic::set_hook(Box::new(move |info| {
        // SAFETY: the shared page is mapped for the copy's whole life.
        let shared = unsafe { &*(page as *const Shared) };
        shared.tell(PANICKED, &info.to_string());
        exit(101)
    }));
    alarm(options.deadline.saturating_add(Duration::from_secs(5)));
    shared.stage.store(READY, Ordering::Release);
    // Only now, so that a busy machine does not use up the time to start in.
    // SAFETY: lowers the copy's own priority.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) };
    let mut gathered = gathered.clone();
    notes::confirm(&mut gathered.notes, gathered.pid);
    let mut image = extract::image(&RECORDER, &gathered, Cut::Atomic, held);
    shared
        .objects
        .store(image.blocks.len() as u64, Ordering::Relaxed);
    shared
        .bytes
        .store(image.blocks.total_size().0, Ordering::Relaxed);
    let result = work(&mut image);
    shared.used.store(copy_arena::used(), Ordering::Relaxed);
    match result {
        Ok(()) => shared.stage.store(DONE, Ordering::Release),
        Err(why) => shared.tell(FAILED, &why),
    }
    exit(0)
}

fn exit(code: i32) -> ! {
    loop {
        // SAFETY: ends this process, without exit functions.
        unsafe { os::syscall(libc::SYS_exit_group, [code as u64, 0, 0, 0, 0, 0]) };
    }
}

/// See the module's drawing.
fn precautions(keep: Option<i32>) {
    let close = |from: u64, to: u64| {
        // SAFETY: closes descriptors of this process only, which is the copy.
        unsafe { os::syscall(libc::SYS_close_range, [from, to, 0, 0, 0, 0]) }
    };
    match keep.and_then(|fd| u64::try_from(fd).ok()) {
        Some(fd) => {
            if let Some(below) = fd.checked_sub(1) {
                close(0, below);
            }
            close(fd + 1, u64::from(u32::MAX));
        }
        None => {
            close(0, u64::from(u32::MAX));
        }
    }
    for _ in 0..3 {
        // Standard streams that lead nowhere, so that no file gets their numbers.
        let path = c"/dev/null".as_ptr() as u64;
        let args = [
            libc::AT_FDCWD as i64 as u64,
            path,
            libc::O_RDWR as u64,
            0,
            0,
            0,
        ];
        // SAFETY: the path is a C string.
        unsafe { os::syscall(libc::SYS_openat, args) };
    }
    // SAFETY: zeroed is a valid sigaction: the default action.
    let default: libc::sigaction = unsafe { std::mem::zeroed() };
    for signal in [
        libc::SIGSEGV,
        libc::SIGBUS,
        libc::SIGILL,
        libc::SIGFPE,
        libc::SIGABRT,
        libc::SIGALRM,
    ] {
        // SAFETY: sets a default action in the copy.
        unsafe { libc::sigaction(signal, &raw const default, std::ptr::null_mut()) };
    }
    let limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: options the copy's own core file.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const limit) };
    if let Ok(mut file) = std::fs::File::options()
        .write(true)
        .open("/proc/self/oom_score_adj")
    {
        let _ = file.write_all(b"1000");
    }
}

/// Ends the copy by SIGALRM after a while, whatever hangs.
fn alarm(after: Duration) {
    let seconds = libc::time_t::try_from(after.as_secs().max(1)).unwrap_or(libc::time_t::MAX);
    let timer = libc::itimerval {
        it_interval: libc::timeval {
            tv_sec: 0,
            tv_usec: 0,
        },
        it_value: libc::timeval {
            tv_sec: seconds,
            tv_usec: 0,
        },
    };
    // SAFETY: zeroed is an empty set.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: adds to a set of ours.
    unsafe { libc::sigaddset(&raw mut set, libc::SIGALRM) };
    // SAFETY: unblocks the alarm in the copy, where its action is the default.
    unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut()) };
    // SAFETY: sets the copy's own timer.
    unsafe { libc::syscall(libc::SYS_setitimer, libc::ITIMER_REAL, &raw const timer, 0) };
}

fn block_all_signals() -> libc::sigset_t {
    // SAFETY: zeroed sets are valid; sigfillset and the mask write only them.
    let (mut all, mut before): (libc::sigset_t, libc::sigset_t) = unsafe { std::mem::zeroed() };
    // SAFETY: fills a set of ours.
    unsafe { libc::sigfillset(&raw mut all) };
    // SAFETY: changes this thread's mask, which `restore_signals` puts back.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before) };
    before
}

fn restore_signals(before: &libc::sigset_t) {
    // SAFETY: puts back what `block_all_signals` found.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before, std::ptr::null_mut()) };
}

/// How the copy ended, as far as the kernel tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Signal(i32),
    /// It exited, or someone else reaped it: the shared page tells the rest.
    Gone,
    /// Killed at the deadline.
    Late,
}

fn wait(pid: i32, pidfd: i32, deadline: Duration) -> Status {
    let started = Instant::now();
    let mut late = false;
    loop {
        let mut status = 0;
        // SAFETY: asks after our own child; the exit signal 0 needs __WALL.
        let got = unsafe { libc::waitpid(pid, &raw mut status, libc::WNOHANG | libc::__WALL) };
        if got == pid {
            return match (late, libc::WIFSIGNALED(status)) {
                (true, _) => Status::Late,
                (false, true) => Status::Signal(libc::WTERMSIG(status)),
                (false, false) => Status::Gone,
            };
        }
        if got < 0 && std::io::Error::last_os_error().raw_os_error() == Some(libc::ECHILD) {
            return if late { Status::Late } else { Status::Gone };
        }
        let left = deadline.saturating_sub(started.elapsed());
        if left.is_zero() && !late {
            late = true;
            // SAFETY: the child is ours and was not reaped.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
        let nap = if late {
            Duration::from_millis(20)
        } else {
            left
        };
        if pidfd >= 0 {
            let mut poll = libc::pollfd {
                fd: pidfd,
                events: libc::POLLIN,
                revents: 0,
            };
            let millis = i32::try_from(nap.as_millis().max(1)).unwrap_or(i32::MAX);
            // SAFETY: one descriptor, ours.
            unsafe { libc::poll(&raw mut poll, 1, millis) };
        } else {
            std::thread::sleep(nap.min(Duration::from_millis(5)));
        }
    }
}

impl Shared {
    /// In the copy: leaves a message and a stage.
    fn tell(&self, stage: u32, text: &str) {
        let bytes = text.as_bytes();
        let len = bytes.len().min(3000);
        // SAFETY: only the copy writes, and the host reads after it ended.
        let message = unsafe { &mut *self.message.get() };
        if let (Some(to), Some(from)) = (message.get_mut(..len), bytes.get(..len)) {
            to.copy_from_slice(from);
        }
        self.len.store(len as u32, Ordering::Release);
        self.stage.store(stage, Ordering::Release);
    }

    /// In the host: the message.
    fn text(&self) -> String {
        let len = self.len.load(Ordering::Acquire) as usize;
        // SAFETY: as in `tell`.
        let message = unsafe { &*self.message.get() };
        String::from_utf8_lossy(message.get(..len).unwrap_or(&[])).into_owned()
    }
}

/// A shared mapping that ends with the value.
struct SharedPage(*mut Shared);

impl SharedPage {
    fn map() -> Option<Self> {
        let (prot, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
        );
        // SAFETY: a fresh mapping.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), 4096, prot, flags, -1, 0) };
        (at != libc::MAP_FAILED).then(|| SharedPage(at.cast()))
    }

    fn get(&self) -> &Shared {
        // SAFETY: the page is mapped while `self` lives; zeroed, it is valid.
        unsafe { &*self.0 }
    }
}

impl Drop for SharedPage {
    fn drop(&mut self) {
        // SAFETY: `map` made it, and no reference outlives `self`.
        unsafe { libc::munmap(self.0.cast(), 4096) };
    }
}
