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
//! A host that ends does not end its copy: that finishes its files, or is ended
//! by a timer of its own.
//!
//! Source: clone(2), signal(7).

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use endler_snapshot::{Cut, Inner, Mapping, Nanos};

use super::descriptors::{self, StillShared, Table};
use super::extract::{self, Gathered};
use super::memory::{self, OwnMemory};
use super::notes::Note;
use super::pages::Pages;
use super::wait::{Child, Stages, Status};
use super::{figures, mappings, notes, precautions};
use crate::copy_arena::Refusal;
use crate::freeze_types::{Cost, Error, Options, ReadInner, Work, WorkOnMemory};
use crate::hook::{self, RECORDER};
use crate::pause::pause;
use crate::state::{self, EXACT};
use crate::{clock, copy_arena, os};

/// How the copy stands, written by the copy.
const STARTED: u32 = 1;
const READY: u32 = 2;
const DONE: u32 = 3;
const FAILED: u32 = 4;
const PANICKED: u32 = 5;
/// It could not leave the host's table of descriptors, and has done nothing.
const SHARED_TABLE: u32 = 6;

/// Memory that the image takes in place for each slot: its columns, twice for
/// their growth, and what sorting them needs.
const IN_PLACE: u64 = 96;
/// What the copy's own timer adds to the host's deadline.
const GRACE: Duration = Duration::from_secs(5);

/// A page that the host and the copy share.
#[repr(C)]
struct Shared {
    stage: AtomicU32,
    len: AtomicU32,
    refusal: Refusal,
    used: AtomicU64,
    objects: AtomicU64,
    bytes: AtomicU64,
    message: std::cell::UnsafeCell<[u8; 3000]>,
}

// SAFETY: atomics, but for the message: only the copy's one thread writes it, and
// the host reads it after the copy has ended.
unsafe impl Sync for Shared {}

const _: () = assert!(size_of::<Shared>() <= 4096);

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
    let notes = notes::take(os::thread_id());
    let inner = inner(options.inner);
    let mut exe = [0u8; 4096];
    let len = crate::unwind::objects::executable(&mut exe) as usize;
    Gathered {
        pid: os::process_id(),
        taken: Nanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)),
        sequence: options.sequence,
        phases: RECORDER.phases.list(),
        inner,
        // Late, for what was made ready so far is resident too.
        mappings: read_mappings(&notes),
        notes,
        resident: figures::resident(),
        process_name: text("/proc/self/comm").trim_end_matches('\n').to_owned(),
        exe: String::from_utf8_lossy(exe.get(..len).unwrap_or(&[])).into_owned(),
    }
}

/// The inner allocator's name, and its statistics where they were asked for.
fn inner(read: Option<ReadInner>) -> Inner {
    let before = clock::nanos(libc::CLOCK_MONOTONIC);
    // A panic in a function of the host's must not end the profiler's thread.
    let statistics = read.and_then(|read| std::panic::catch_unwind(read).ok().flatten());
    let reading = match read {
        Some(_) => clock::nanos(libc::CLOCK_MONOTONIC).saturating_sub(before),
        None => 0,
    };
    Inner {
        allocator: RECORDER.inner.get().to_owned(),
        reading: Nanos(reading),
        statistics,
    }
}

fn reading(options: &Options, gathered: &Gathered) -> Option<Nanos> {
    options.inner.map(|_| gathered.inner.reading)
}

fn read_mappings(notes: &[Note]) -> Vec<Mapping> {
    let here = 0u8;
    let stacks = notes.iter().filter_map(|n| Some((n.stack_pointer?, n.tid)));
    let known = mappings::Known {
        own: &os::own_regions(),
        here: ((&raw const here) as u64, os::thread_id()),
        stacks: &stacks.collect::<Vec<_>>(),
    };
    // Files and shared memory now, the rest in the copy; or all of it now.
    match Pages::open().filter(Pages::measures) {
        Some(pages) => {
            let mut mappings = mappings::read_maps(&known);
            pages.measure_shared(&mut mappings);
            mappings
        }
        None => mappings::read_smaps(&known),
    }
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

fn copied(
    options: &Options,
    table: Table,
    budget: u64,
    gathered: &Gathered,
    work: &mut WorkOnMemory<'_>,
) -> Attempt {
    let Some(shared) = SharedPage::map() else {
        return Attempt::Refused;
    };
    RECORDER.start.check();
    let blocked = block_all_signals();
    let before = clock::nanos(libc::CLOCK_MONOTONIC);
    let held = || Nanos(clock::nanos(libc::CLOCK_MONOTONIC).saturating_sub(before));
    // Without a pidfd where the host has used up its descriptors.
    let made = RECORDER.epochs.cut(RECORDER.start.tick(), || {
        clone(table, libc::CLONE_PIDFD).or_else(|| clone(table, 0))
    });
    if made.as_ref().is_some_and(|child| child.pid == 0) {
        state::set(state::COPY);
        run(options, table, budget, gathered, held(), shared.get(), work);
    }
    let held = held();
    restore_signals(&blocked);
    let Some(mut child) = made else {
        return Attempt::Refused;
    };
    let page = shared.get();
    let stages = Stages {
        now: &page.stage,
        started: STARTED,
    };
    let status = child.wait(options.deadline, &stages);
    drop(child);
    let cost = Cost {
        objects: page.objects.load(Ordering::Relaxed),
        bytes: page.bytes.load(Ordering::Relaxed),
        held,
        cut: Cut::Atomic,
        memory: page.used.load(Ordering::Relaxed),
        reading: reading(options, gathered),
    };
    Attempt::Finished(match (status, page.stage.load(Ordering::Acquire)) {
        (_, DONE) => Ok(cost),
        (_, FAILED) => Err(Error::Failed(page.text())),
        (_, PANICKED) => Err(Error::Died(format!("a panic: {}", page.text()))),
        (_, SHARED_TABLE) => return Attempt::OwnTable,
        (Status::Hung, _) => return Attempt::Again,
        (Status::Late, _) => Err(Error::Deadline(options.deadline)),
        (Status::Signal(libc::SIGABRT), _) if page.refusal.by_budget() => {
            Err(Error::Memory { budget })
        }
        (Status::Signal(libc::SIGABRT), _) if page.refusal.by_kernel() => Err(Error::Refused {
            taken: page.refusal.taken(),
        }),
        (Status::Signal(signal), _) => Err(Error::Died(cause(signal))),
        (Status::Gone, _) => Err(Error::Died("it ended without a word".into())),
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

/// The copy's whole life.
fn run(
    options: &Options,
    table: Table,
    budget: u64,
    gathered: &Gathered,
    held: Nanos,
    shared: &Shared,
    work: &mut WorkOnMemory<'_>,
) -> ! {
    // SAFETY: the copy never unmaps the page.
    let shared: &'static Shared = unsafe { &*std::ptr::from_ref(shared) };
    copy_arena::begin(budget, &shared.refusal);
    if let Err(StillShared) = descriptors::close_all(options.keep, table) {
        shared.stage.store(SHARED_TABLE, Ordering::Release);
        exit(0);
    }
    precautions::take();
    precautions::end_after(options.deadline.saturating_add(GRACE));
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
    let mut image = extract::image(&RECORDER, &gathered, Cut::Atomic, held);
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
