//! The profiler's own thread.
//!
//! ```text
//!  signal handler ──► pending bit ┐
//!  snapshot_to ─────► request     ├─► eventfd ─► thread "endler": dump, dump, …
//!  exit, abort ─────► pending bit ┘
//! ```
//!
//! Every snapshot is taken by this one thread, so two never run at a time and
//! deliveries during a dump are answered together by the next. All signals are
//! blocked in it. Nothing that it allocates is recorded.
//!
//! A process that the host forks has no such thread: its handlers see another
//! process id and do nothing, and its calls start a thread of its own.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::dump::{self, Done};

use crate::{Error, Snapshot, SnapshotInfo, signal};

/// One who asked for a snapshot and waits.
enum Request {
    File(PathBuf, Sender<Result<SnapshotInfo, Error>>),
    Open(Sender<Result<Snapshot, Error>>),
}

/// The thread, once it runs.
struct Running {
    /// The process that it runs in.
    pid: u32,
    wake: OwnedFd,
    requests: Sender<Request>,
}

static RUNNING: Mutex<Option<Running>> = Mutex::new(None);
/// The running thread's eventfd and process, for signal handlers.
static WAKE: AtomicI32 = AtomicI32::new(-1);
static WAKE_PID: AtomicU32 = AtomicU32::new(0);
/// Signals that were delivered and not answered yet: bit n is signal n.
static PENDING: AtomicU64 = AtomicU64::new(0);
/// Rises when all that was pending has been answered.
static ANSWERED: AtomicU32 = AtomicU32::new(0);
/// The thread's kernel id, so that it never waits for itself.
static THREAD: AtomicU32 = AtomicU32::new(0);

/// The pending bit of the process's end.
pub(crate) const AT_EXIT: i32 = 0;

/// Starts the thread, unless it runs in this process already.
pub(crate) fn start() -> Result<(), Error> {
    running().map(|_| ())
}

fn running() -> Result<MutexGuard<'static, Option<Running>>, Error> {
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    let pid = std::process::id();
    if running.as_ref().is_some_and(|r| r.pid == pid) {
        return Ok(running);
    }
    // SAFETY: makes a descriptor; no pointer is passed.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
    if fd < 0 {
        return Err(Error::Thread(std::io::Error::last_os_error()));
    }
    // SAFETY: the descriptor was just made and is nobody else's.
    let wake = unsafe { OwnedFd::from_raw_fd(fd) };
    let (requests, queue) = channel();
    // The new thread inherits the mask: all signals stay the host's.
    let mask = signal::block_all();
    let thread = std::thread::Builder::new()
        .name("endler".into())
        .stack_size(8 << 20)
        .spawn(move || serve(fd, &queue));
    signal::restore(&mask);
    thread.map_err(Error::Thread)?;
    PENDING.store(0, Ordering::Relaxed);
    WAKE.store(wake.as_raw_fd(), Ordering::Release);
    WAKE_PID.store(pid, Ordering::Release);
    // A forked child leaves its parent's descriptor alone: dropping the old
    // value closes only the child's copy.
    *running = Some(Running {
        pid,
        wake,
        requests,
    });
    Ok(running)
}

/// Marks a signal (or [`AT_EXIT`]) as delivered and wakes the thread; whether
/// there is a thread in this process. Safe in a signal handler.
pub(crate) fn notify(signal: i32) -> bool {
    if WAKE_PID.load(Ordering::Acquire) != std::process::id() {
        return false;
    }
    PENDING.fetch_or(1 << signal, Ordering::AcqRel);
    ring(WAKE.load(Ordering::Acquire));
    true
}

fn ring(fd: i32) {
    let one = 1u64;
    // SAFETY: writes eight bytes to an eventfd; async-signal-safe.
    unsafe { libc::write(fd, (&raw const one).cast(), 8) };
}

/// [`notify`], and waits until it is answered, at most `millis`; for the end of
/// the process. Safe in a signal handler; returns at once on the profiler's
/// own thread.
pub(crate) fn notify_and_wait(signal: i32, millis: u32) {
    // SAFETY: gettid has no effect.
    let own = unsafe { libc::syscall(libc::SYS_gettid) } as u32;
    if own == THREAD.load(Ordering::Acquire) {
        return;
    }
    let before = ANSWERED.load(Ordering::Acquire);
    if !notify(signal) {
        return;
    }
    let pending = || PENDING.load(Ordering::Acquire) & 1 << signal != 0;
    for _ in 0..millis {
        if !pending() && ANSWERED.load(Ordering::Acquire) != before {
            return;
        }
        let nap = libc::timespec {
            tv_sec: 0,
            tv_nsec: 1_000_000,
        };
        // SAFETY: reads one timespec; async-signal-safe.
        unsafe { libc::nanosleep(&raw const nap, std::ptr::null_mut()) };
    }
}

fn ask<T>(request: impl FnOnce(Sender<Result<T, Error>>) -> Request) -> Result<T, Error> {
    let (answer, answered) = channel();
    let gone = || Error::Thread(std::io::Error::other("it has ended"));
    {
        let running = running()?;
        let running = running.as_ref().ok_or_else(gone)?;
        running.requests.send(request(answer)).map_err(|_| gone())?;
        ring(running.wake.as_raw_fd());
    }
    answered.recv().unwrap_or_else(|_| Err(gone()))
}

pub(crate) fn snapshot_to(path: &Path) -> Result<SnapshotInfo, Error> {
    let failed = |cause| Error::File {
        path: path.to_path_buf(),
        cause,
    };
    let path = std::path::absolute(path).map_err(failed)?;
    ask(|answer| Request::File(path, answer))
}

pub(crate) fn snapshot() -> Result<Snapshot, Error> {
    ask(Request::Open)
}

/// The thread's life.
fn serve(wake: i32, requests: &Receiver<Request>) {
    let _pause = endler_allocator::pause();
    // SAFETY: gettid has no effect.
    THREAD.store(
        unsafe { libc::syscall(libc::SYS_gettid) } as u32,
        Ordering::Release,
    );
    loop {
        let mut count = 0u64;
        // SAFETY: reads eight bytes of an eventfd into a u64.
        let got = unsafe { libc::read(wake, (&raw mut count).cast(), 8) };
        if got < 0 {
            match std::io::Error::last_os_error().raw_os_error() {
                Some(libc::EINTR) => continue,
                // The host closed our descriptor: nothing can wake us any more.
                _ => return,
            }
        }
        while let Ok(request) = requests.try_recv() {
            serve_request(request);
        }
        answer_signals();
    }
}

fn serve_request(request: Request) {
    match request {
        Request::File(path, answer) => {
            let result = dump::freeze_and(None, dump::next_sequence(), &|image| {
                dump::snapshot_file(&path, image)
            });
            let _ = answer.send(result.map(|done| SnapshotInfo::new(&path, &done)));
        }
        Request::Open(answer) => {
            let _ = answer.send(Snapshot::take(&|fd, write| -> Result<Done, Error> {
                dump::freeze_and(Some(fd), dump::next_sequence(), write)
            }));
        }
    }
}

fn answer_signals() {
    let pending = PENDING.load(Ordering::Acquire);
    if pending == 0 {
        return;
    }
    // Cleared before the copy: what is delivered from now on is another dump.
    let signals = PENDING.fetch_and(!(pending & !1), Ordering::AcqRel);
    let mut directories: Vec<PathBuf> = (0..64)
        .filter(|n| signals >> n & 1 == 1)
        .filter_map(signal::directory)
        .collect();
    directories.sort();
    directories.dedup();
    for directory in directories {
        let line = match dump::into_directory(&directory) {
            Ok(line) => line,
            Err(why) => format!("endler: no dump in {}: {why}", directory.display()),
        };
        signal::tell(&line);
    }
    PENDING.fetch_and(!(signals & 1), Ordering::AcqRel);
    ANSWERED.fetch_add(1, Ordering::AcqRel);
}
