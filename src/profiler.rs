//! The profiler's own thread.
//!
//! ```text
//!  signal handler ──► pending bit ┐
//!  snapshot_to ─────► request     ├─► futex ─► thread "endler": dump, dump, …
//!  exit, abort ─────► pending bit ┤
//!  null ────────────► flag        ┘
//! ```
//!
//! Every snapshot is taken by this one thread, so two never run at a time and
//! deliveries during a dump are answered together by the next. All signals are
//! blocked in it. Nothing that it allocates is recorded. It is woken through a
//! word of memory: a descriptor could be closed, or become another file's, in a
//! host that closes what it does not know.
//!
//! A process that the host forks has no such thread: its handlers see another
//! process id and do nothing, and its calls start a thread of its own. It may have
//! been forked while another thread was anywhere in this file, so nothing here is
//! locked: what is shared bears the id of its process.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use endler_allocator::freeze::Running as Copy;

use crate::dump::{self, Done};
use crate::stay::{self, Stay};

use crate::{Error, Snapshot, SnapshotInfo, files, null, signal};

/// One who asked for a snapshot and waits.
enum Request {
    File(PathBuf, Sender<Result<SnapshotInfo, Error>>),
    /// A dump as a signal asks for it: the line that names it.
    Dump(PathBuf, Sender<Result<String, Error>>),
    Open(Sender<Result<Snapshot, Error>>),
    /// A copy that stays; it ends with the profiler's thread, and so with the process.
    Stay(Stay, Sender<Result<Copy, Error>>),
}

/// The thread, once it runs.
struct Running {
    /// The process that it runs in.
    pid: u32,
    requests: Sender<Request>,
}

/// The thread that runs, of this process or of one that forked it; leaked, since
/// another thread may use it at any time.
static RUNNING: AtomicPtr<Running> = AtomicPtr::new(std::ptr::null_mut());
/// The process in which someone is starting the thread; 0 for none.
static STARTING: AtomicU32 = AtomicU32::new(0);
/// Rises at each call for the thread, which sleeps while it stands still.
static WAKE: AtomicU32 = AtomicU32::new(0);
/// The process in which the thread runs, for signal handlers.
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

/// The thread of this process, started if need be.
fn running() -> Result<&'static Running, Error> {
    let pid = std::process::id();
    let _starting = loop {
        if let Some(running) = running_in(pid) {
            return Ok(running);
        }
        match STARTING.load(Ordering::Acquire) {
            starting if starting == pid => std::thread::sleep(Duration::from_millis(1)),
            // Nobody, or one who was starting it in the process that forked this one.
            other => {
                let own =
                    STARTING.compare_exchange(other, pid, Ordering::AcqRel, Ordering::Relaxed);
                if own.is_ok() {
                    break Starting;
                }
            }
        }
    };
    // Another may have started it before this one could.
    running_in(pid).map_or_else(|| spawn(pid), Ok)
}

/// Ends with the value.
struct Starting;

impl Drop for Starting {
    fn drop(&mut self) {
        STARTING.store(0, Ordering::Release);
    }
}

fn running_in(pid: u32) -> Option<&'static Running> {
    // SAFETY: null, or leaked by `spawn`.
    let running = unsafe { RUNNING.load(Ordering::Acquire).as_ref() };
    running.filter(|running| running.pid == pid)
}

fn spawn(pid: u32) -> Result<&'static Running, Error> {
    endler_allocator::notice_fork();
    if WAKE_PID.load(Ordering::Acquire) != pid {
        // Signals of the process that forked this one.
        PENDING.store(0, Ordering::Release);
    }
    let (requests, queue) = channel();
    // The new thread inherits the mask: all signals stay the host's.
    let mask = signal::block_all();
    let thread = std::thread::Builder::new()
        .stack_size(8 << 20)
        .spawn(move || serve(&queue));
    signal::restore(&mask);
    thread.map_err(Error::Thread)?;
    WAKE_PID.store(pid, Ordering::Release);
    let running: &'static Running = Box::leak(Box::new(Running { pid, requests }));
    RUNNING.store(std::ptr::from_ref(running).cast_mut(), Ordering::Release);
    Ok(running)
}

/// Marks a signal (or [`AT_EXIT`]) as delivered and wakes the thread; whether
/// there is a thread in this process. Safe in a signal handler.
pub(crate) fn notify(signal: i32) -> bool {
    if WAKE_PID.load(Ordering::Acquire) != std::process::id() {
        return false;
    }
    PENDING.fetch_or(1 << signal, Ordering::AcqRel);
    ring();
    true
}

/// Wakes the thread if there is one in this process. Safe in a signal handler.
pub(crate) fn wake() {
    if WAKE_PID.load(Ordering::Acquire) == std::process::id() {
        ring();
    }
}

/// Wakes the thread. Safe in a signal handler.
fn ring() {
    WAKE.fetch_add(1, Ordering::AcqRel);
    let wake = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: wakes who waits on this word; touches nothing else.
    unsafe { libc::syscall(libc::SYS_futex, WAKE.as_ptr(), wake, 1) };
}

/// Sleeps until the word is no longer `seen`.
fn sleep_while(seen: u32) {
    let wait = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    let forever = std::ptr::null::<libc::timespec>();
    // SAFETY: waits on a word that lives for ever.
    unsafe { libc::syscall(libc::SYS_futex, WAKE.as_ptr(), wait, seen, forever) };
}

/// CLOCK_MONOTONIC in milliseconds. Safe in a signal handler.
fn millis_now() -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: writes one timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000
}

/// [`notify`], and waits until it is answered, at most `millis`; for the end of
/// the process. Safe in a signal handler; returns at once on the profiler's
/// own thread.
pub(crate) fn notify_and_wait(signal: i32, millis: u64) {
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
    let end = millis_now() + millis;
    while millis_now() < end {
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
    begin(request)?.recv().unwrap_or_else(|_| Err(gone()))
}

fn gone() -> Error {
    Error::Thread(std::io::Error::other("it has ended"))
}

/// Asks the thread, without waiting for its answer.
fn begin<T>(
    request: impl FnOnce(Sender<Result<T, Error>>) -> Request,
) -> Result<Receiver<Result<T, Error>>, Error> {
    let (answer, answered) = channel();
    let running = running()?;
    if running.requests.send(request(answer)).is_err() {
        // The next call starts another thread.
        let ended = std::ptr::from_ref(running).cast_mut();
        let none = std::ptr::null_mut();
        let _ = RUNNING.compare_exchange(ended, none, Ordering::AcqRel, Ordering::Relaxed);
        return Err(gone());
    }
    ring();
    Ok(answered)
}

pub(crate) fn snapshot_to(path: &Path) -> Result<SnapshotInfo, Error> {
    begin_snapshot_to(path)?
        .recv()
        .unwrap_or_else(|_| Err(gone()))
}

pub(crate) fn snapshot() -> Result<Snapshot, Error> {
    ask(Request::Open)
}

/// Writes a dump into a directory; the line that names it, or says why there is none.
pub(crate) fn dump_into(directory: &Path) -> String {
    let done = ask(|answer| Request::Dump(directory.to_path_buf(), answer));
    line_of(done, directory)
}

/// What a session of the console asks for, and waits for in its own way.
pub(crate) fn begin_snapshot_to(
    path: &Path,
) -> Result<Receiver<Result<SnapshotInfo, Error>>, Error> {
    let failed = |cause| Error::File {
        path: path.to_path_buf(),
        cause,
    };
    let path = std::path::absolute(path).map_err(failed)?;
    files::replaceable(&path).map_err(failed)?;
    begin(|answer| Request::File(path, answer))
}

/// As [`begin_snapshot_to`], for a dump as a signal asks for it.
pub(crate) fn begin_dump(directory: PathBuf) -> Result<Receiver<Result<String, Error>>, Error> {
    begin(|answer| Request::Dump(directory, answer))
}

/// As [`begin_snapshot_to`], for a copy that stays. Where nobody waits for it any more,
/// it ends at once.
pub(crate) fn stay(stay: Stay) -> Result<Receiver<Result<Copy, Error>>, Error> {
    begin(|answer| Request::Stay(stay, answer))
}

fn line_of(done: Result<String, Error>, directory: &Path) -> String {
    done.unwrap_or_else(|why| format!("endler: no dump in {}: {why}", directory.display()))
}

/// The thread's life.
fn serve(requests: &Receiver<Request>) {
    let _pause = endler_allocator::pause();
    // SAFETY: names this thread; the name is a C string. (std would name it
    // before the pause and leave the name's block among the host's.)
    unsafe { libc::prctl(libc::PR_SET_NAME, c"endler".as_ptr()) };
    // SAFETY: gettid has no effect.
    THREAD.store(
        unsafe { libc::syscall(libc::SYS_gettid) } as u32,
        Ordering::Release,
    );
    loop {
        let seen = WAKE.load(Ordering::Acquire);
        while let Ok(request) = requests.try_recv() {
            serve_request(request);
        }
        if let Some(directory) = null::asked() {
            signal::tell("endler: the allocator gave no memory");
            signal::tell(&line_of(dump::into_directory(&directory), &directory));
        }
        answer_signals();
        sleep_while(seen);
    }
}

fn serve_request(request: Request) {
    match request {
        Request::File(path, answer) => {
            let result = dump::freeze_and(None, dump::next_sequence(), &|image| {
                dump::snapshot_file(&path, image)
            });
            files::sweep_beside(&path, std::process::id());
            let _ = answer.send(result.map(|done| SnapshotInfo::new(&path, &done)));
        }
        Request::Dump(directory, answer) => {
            let _ = answer.send(dump::into_directory(&directory));
        }
        Request::Stay(asked, answer) => {
            let _ = answer.send(stay::stay(&asked));
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
        signal::tell(&line_of(dump::into_directory(&directory), &directory));
    }
    PENDING.fetch_and(!(signals & 1), Ordering::AcqRel);
    ANSWERED.fetch_add(1, Ordering::AcqRel);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_that_a_fork_interrupted_is_begun_anew() {
        // SAFETY: this process's own alarm clock: the call would wait for ever.
        unsafe { libc::alarm(60) };
        // As in a child that was forked while another thread was starting it.
        STARTING.store(u32::MAX, Ordering::Release);
        start().expect("starts");
        assert_eq!(STARTING.load(Ordering::Acquire), 0);
        let first = std::ptr::from_ref(running().expect("runs"));
        assert!(std::ptr::eq(first, running().expect("runs")), "once");
    }
}
