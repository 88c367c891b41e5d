//! The copy: a raw `clone`, its life, and what the host makes of its end.
//!
//! ```text
//!  host's profiler thread                     copy (one thread)
//!    gather notes, block signals
//!    clone ───────────────────────────────►   memory from the arena from here on
//!    unblock signals                          close every descriptor
//!    wait for the pidfd, at most the          default SEGV BUS ILL FPE ABRT, no core,
//!    deadline; then SIGKILL                   nice 5, first for the OOM killer
//!    read the shared page ◄── result ──       image, work, _exit
//! ```
//!
//! The clone's exit signal is 0: the host gets no SIGCHLD, and its
//! `waitpid(-1)` does not see the copy (only `__WALL` does, and may reap it: the
//! shared page tells the result all the same). A raw clone runs no
//! `pthread_atfork` handler. The copy runs none of the host's signal
//! handlers (all stay blocked), nor its exit functions (`_exit`), nor its panic
//! hook (replaced first thing; if another thread held that lock at the clone,
//! the host ends the copy after two seconds and tries again).
//!
//! A host that ends does not end such a copy: that finishes its files, or is ended
//! by a timer of its own. A copy that stays ([`super::stay`]) ends with its host.
//!
//! Source: clone(2), signal(7).

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use endler_snapshot::{Cut, Nanos};

use super::descriptors::{self, StillShared, Table};
use super::extract::{self, Gathered};
use super::gather::{gather, reading};
use super::memory::{self, OwnMemory};
use super::shared::{DONE, FAILED, PANICKED, READY, SHARED_TABLE, STARTED, Shared, SharedPage};
use super::wait::{Child, Stages, Status};
use super::{figures, notes, precautions};
use crate::freeze_types::{Cost, Error, Options, Work, WorkOnMemory};
use crate::hook::{self, RECORDER};
use crate::pause::pause;
use crate::state::{self, EXACT};
use crate::{clock, copy_arena, os};

/// Memory that the image takes in place for each slot: its columns, twice for
/// their growth, and what sorting them needs.
const IN_PLACE: u64 = 96;
/// What the copy's own timer adds to the host's deadline.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// Freezes this process and runs `work` on the image in a copy of it.
///
/// For the profiler's own thread: it must not be called while the calling
/// thread holds a lock that `work` takes. O(memory of the process) for the
/// clone (about 25 ms for each GiB touched), in which the host is held.
///
/// Where the kernel makes no copy the work runs here, over tables that change
/// meanwhile, with memory of the host's: a heap whose image would need more than
/// the budget is refused before, and the deadline is looked at between image and
/// work. The work itself is not interrupted then.
///
/// # Errors
/// See [`Error`]. The host is unharmed by all of them.
pub fn freeze(options: &Options, work: &mut Work<'_>) -> Result<Cost, Error> {
    freeze_with_memory(options, &mut |image, _| work(image))
}

/// As [`freeze`], with work that also looks at the frozen memory.
///
/// # Errors
/// See [`Error`]. The host is unharmed by all of them.
pub fn freeze_with_memory(options: &Options, work: &mut WorkOnMemory<'_>) -> Result<Cost, Error> {
    if state::now() != EXACT {
        return Err(Error::NotRecording);
    }
    hook::notice_fork();
    let _pause = pause();
    let gathered = gather(options);
    let budget = options.memory.unwrap_or_else(figures::default_budget);
    let mut table = Table::Hosts;
    for _ in 0..6 {
        match copied(options, table, budget, &gathered, work) {
            Attempt::Finished(result) => return result,
            Attempt::Again => {}
            Attempt::OwnTable => table = Table::Own,
            Attempt::Refused => return in_place(options, budget, &gathered, work),
        }
    }
    Err(never_started())
}

/// What is said when no copy got as far as its work.
pub(super) fn never_started() -> Error {
    Error::Died(
        "it did not start in time: a thread may be inside the panic hook, whose lock it needs, \
         or the machine is too busy"
            .into(),
    )
}

/// Without a copy: the same work here, on tables that change meanwhile.
fn in_place(
    options: &Options,
    budget: u64,
    gathered: &Gathered,
    work: &mut WorkOnMemory<'_>,
) -> Result<Cost, Error> {
    let started = Instant::now();
    if RECORDER.slab.given_out().saturating_mul(IN_PLACE) > budget {
        return Err(Error::Memory { budget });
    }
    let mut image = extract::image(&RECORDER, gathered, Cut::Racing, Nanos(0));
    if started.elapsed() >= options.deadline {
        return Err(Error::Deadline(options.deadline));
    }
    let memory = OwnMemory::now(Cut::Racing);
    let frozen = memory::frozen(&RECORDER, &image, &memory, &gathered.notes);
    // A panic must not end the profiler's thread.
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&mut image, &frozen))) {
        Ok(result) => result.map_err(Error::Failed)?,
        Err(_) => return Err(Error::Died("a panic of the work".into())),
    }
    Ok(Cost {
        objects: image.blocks.len() as u64,
        bytes: image.blocks.total_size().0,
        held: Nanos(0),
        cut: Cut::Racing,
        memory: 0,
        reading: reading(options, gathered),
    })
}

enum Attempt {
    Finished(Result<Cost, Error>),
    /// The copy could not start; nothing is lost by another try.
    Again,
    /// The copy cannot leave the host's table of descriptors.
    OwnTable,
    /// The kernel refuses to make one.
    Refused,
}

/// What ends a copy that still works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// Its own timer: it finishes its files without its host.
    OneWork,
    /// Its own timer, which its work winds up again, and its host's end.
    Staying,
}

/// A copy that was made.
pub(super) struct Made {
    pub(super) child: Child,
    pub(super) shared: SharedPage,
    pub(super) held: Nanos,
    pub(super) budget: u64,
}

impl Made {
    /// What its end tells, where the page does not say that all is done.
    pub(super) fn failure(&self, status: Status, deadline: Duration) -> Error {
        let page = self.shared.get();
        let budget = self.budget;
        match (status, page.stage.load(Ordering::Acquire)) {
            (_, FAILED) => Error::Failed(page.text()),
            (_, PANICKED) => Error::Died(format!("a panic: {}", page.text())),
            (Status::Late, _) => Error::Deadline(deadline),
            (Status::Signal(libc::SIGABRT), _) if page.refusal.by_budget() => {
                Error::Memory { budget }
            }
            (Status::Signal(libc::SIGABRT), _) if page.refusal.by_kernel() => Error::Refused {
                taken: page.refusal.taken(),
            },
            (Status::Signal(signal), _) => Error::Died(cause(signal)),
            (Status::Gone | Status::Hung, _) => Error::Died("it ended without a word".into()),
        }
    }
}

fn copied(
    options: &Options,
    table: Table,
    budget: u64,
    gathered: &Gathered,
    work: &mut WorkOnMemory<'_>,
) -> Attempt {
    let Some(mut made) = make(options, table, budget, gathered, Life::OneWork, work) else {
        return Attempt::Refused;
    };
    let stages = Stages {
        now: &made.shared.get().stage,
        started: STARTED,
    };
    let status = made.child.wait(options.deadline, &stages);
    let page = made.shared.get();
    let cost = Cost {
        objects: page.objects.load(Ordering::Relaxed),
        bytes: page.bytes.load(Ordering::Relaxed),
        held: made.held,
        cut: Cut::Atomic,
        memory: page.used.load(Ordering::Relaxed),
        reading: reading(options, gathered),
    };
    Attempt::Finished(match (status, page.stage.load(Ordering::Acquire)) {
        (_, DONE) => Ok(cost),
        (_, SHARED_TABLE) => return Attempt::OwnTable,
        (Status::Hung, _) => return Attempt::Again,
        (status, _) => Err(made.failure(status, options.deadline)),
    })
}

/// Makes a copy and lets it begin; none if the kernel refuses.
pub(super) fn make(
    options: &Options,
    table: Table,
    budget: u64,
    gathered: &Gathered,
    life: Life,
    work: &mut WorkOnMemory<'_>,
) -> Option<Made> {
    let shared = SharedPage::map()?;
    RECORDER.start.check();
    let blocked = block_all_signals();
    let before = clock::nanos(libc::CLOCK_MONOTONIC);
    let held = || Nanos(clock::nanos(libc::CLOCK_MONOTONIC).saturating_sub(before));
    // Without a pidfd where the host has used up its descriptors.
    let child = RECORDER.epochs.cut(RECORDER.start.tick(), || {
        clone(table, libc::CLONE_PIDFD).or_else(|| clone(table, 0))
    });
    if child.as_ref().is_some_and(|child| child.pid == 0) {
        state::set(state::COPY);
        let begun = Begun {
            options,
            table,
            budget,
            gathered,
            life,
            held: held(),
        };
        run(&begun, shared.get(), work);
    }
    let held = held();
    restore_signals(&blocked);
    Some(Made {
        child: child?,
        shared,
        held,
        budget,
    })
}

/// What a signal that ended the copy tells its user.
fn cause(signal: i32) -> String {
    let of = match signal {
        libc::SIGKILL => ": someone's, or the kernel's for want of memory",
        libc::SIGABRT => ": an abort in the copy",
        libc::SIGSEGV | libc::SIGBUS | libc::SIGILL | libc::SIGFPE => ": a fault in the copy",
        _ => "",
    };
    format!("signal {signal}{of}")
}

/// A copy of this process, in which its number is 0; none if the kernel refuses.
///
/// All signals must be blocked, and the copy may only call [`run`].
fn clone(table: Table, pidfd_flag: libc::c_int) -> Option<Child> {
    let mut pidfd: i32 = -1;
    let files = match table {
        Table::Hosts => libc::CLONE_FILES,
        Table::Own => 0,
    };
    let flags = (pidfd_flag | files) as u64;
    let args = [flags, 0, (&raw mut pidfd) as u64, 0, 0, 0];
    // SAFETY: a clone without shared memory, whose copy calls only `run`.
    let pid = unsafe { os::syscall(libc::SYS_clone, args) };
    let pid = i32::try_from(pid).ok().filter(|pid| *pid >= 0)?;
    Some(Child { pid, pidfd })
}

/// What a copy knows when it begins.
struct Begun<'a> {
    options: &'a Options,
    table: Table,
    budget: u64,
    gathered: &'a Gathered,
    life: Life,
    held: Nanos,
}

/// The copy's whole life.
fn run(begun: &Begun<'_>, shared: &Shared, work: &mut WorkOnMemory<'_>) -> ! {
    // SAFETY: the copy never unmaps the page.
    let shared: &'static Shared = unsafe { &*std::ptr::from_ref(shared) };
    let gathered = begun.gathered;
    copy_arena::begin(begun.budget, &shared.refusal);
    if let Err(StillShared) = descriptors::close_all(begun.options.keep, begun.table) {
        shared.stage.store(SHARED_TABLE, Ordering::Release);
        exit(0);
    }
    precautions::take();
    precautions::end_after(begun.options.deadline.saturating_add(GRACE));
    if begun.life == Life::Staying && !precautions::end_with(gathered.pid) {
        exit(0);
    }
    shared.stage.store(STARTED, Ordering::Release);
    // The host's hook is neither run nor dropped.
    std::mem::forget(std::panic::take_hook());
    std::panic::set_hook(Box::new(|info| {
        shared.tell(PANICKED, &info.to_string());
        exit(101)
    }));
    shared.stage.store(READY, Ordering::Release);
    precautions::lower_priority();
    let mut gathered = gathered.clone();
    notes::confirm(&mut gathered.notes, gathered.pid);
    let mut image = extract::image(&RECORDER, &gathered, Cut::Atomic, begun.held);
    shared
        .objects
        .store(image.blocks.len() as u64, Ordering::Relaxed);
    shared
        .bytes
        .store(image.blocks.total_size().0, Ordering::Relaxed);
    let memory = OwnMemory::now(Cut::Atomic);
    let frozen = memory::frozen(&RECORDER, &image, &memory, &gathered.notes);
    let result = work(&mut image, &frozen);
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
