//! Signals that ask for a dump.
//!
//! The handler does three things, all async-signal-safe: it sets a bit, wakes
//! a futex, and calls the handler function that was there before. All else
//! happens on the profiler's thread.

use std::path::PathBuf;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::{Error, files, profiler};

/// Signal numbers on Linux go from 1 to 64; 63 fit the pending bits beside
/// [`profiler::AT_EXIT`].
const SIGNALS: usize = 64;

/// Where each signal's dumps go; 0 is the process's end. Leaked when they change:
/// a lock could be held by another thread when the host forks.
static DIRECTORIES: [AtomicPtr<PathBuf>; SIGNALS] =
    [const { AtomicPtr::new(std::ptr::null_mut()) }; SIGNALS];
/// How often ours may be set over a handler that the host set over ours.
const LAYERS: usize = 4;
/// The action that each signal had before ours, by layer; leaked, so that the
/// handler may read it at any time.
static BEFORE: [[AtomicPtr<libc::sigaction>; SIGNALS]; LAYERS] =
    [const { [const { AtomicPtr::new(std::ptr::null_mut()) }; SIGNALS] }; LAYERS];

type Handler = extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void);
/// A function of its own for each layer: a host's handler between two of them
/// calls the lower one, which calls what was below it, and never the upper one.
static HANDLERS: [Handler; LAYERS] = [handler::<0>, handler::<1>, handler::<2>, handler::<3>];

pub(crate) fn on_signal(signal: i32, directory: PathBuf) -> Result<(), Error> {
    let refuse = |why| Err(Error::Signal { signal, why });
    match signal {
        libc::SIGKILL | libc::SIGSTOP => return refuse("the kernel lets nobody handle it"),
        libc::SIGSEGV | libc::SIGBUS | libc::SIGILL | libc::SIGFPE | libc::SIGABRT => {
            return refuse("it reports a fault of the program; take SIGUSR1 or a real-time signal");
        }
        1..=31 => {}
        64 => return refuse("the highest that can be used is 63"),
        real_time if (libc::SIGRTMIN()..64).contains(&real_time) => {}
        32..64 => return refuse("the C library keeps it for itself"),
        _ => return refuse("there is no signal of that number"),
    }
    let directory = files::directory(directory)?;
    profiler::start()?;
    set_directory(signal, directory);
    install(signal)
}

/// Where the dumps of a signal go.
pub(crate) fn directory(signal: usize) -> Option<PathBuf> {
    // SAFETY: null, or leaked by `set_directory`.
    unsafe { DIRECTORIES.get(signal)?.load(Ordering::Acquire).as_ref() }.cloned()
}

pub(crate) fn set_directory(signal: i32, path: PathBuf) {
    let number = usize::try_from(signal).unwrap_or(SIGNALS);
    if let Some(place) = DIRECTORIES.get(number)
        && directory(number).as_ref() != Some(&path)
    {
        place.store(Box::into_raw(Box::new(path)), Ordering::Release);
    }
}

/// Sets our handler for `signal`, remembering the one that is there.
pub(crate) fn install(signal: i32) -> Result<(), Error> {
    let failed = || Error::Signal {
        signal,
        why: "the system takes no handler for it",
    };
    // SAFETY: zeroed is a valid sigaction.
    let mut before: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: only asks for the present action.
    if unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut before) } != 0 {
        return Err(failed());
    }
    let is_ours = |handler: &Handler| *handler as *const () as usize == before.sa_sigaction;
    if HANDLERS.iter().any(is_ours) {
        return Ok(());
    }
    let number = usize::try_from(signal).unwrap_or(SIGNALS);
    let free = |layer: &[AtomicPtr<libc::sigaction>; SIGNALS]| {
        layer
            .get(number)
            .is_some_and(|place| place.load(Ordering::Acquire).is_null())
    };
    let layer = BEFORE.iter().position(free);
    let Some((layer, ours)) = layer.and_then(|n| Some((n, HANDLERS.get(n)?))) else {
        let why = "other handlers were set over endler's too often";
        return Err(Error::Signal { signal, why });
    };
    if let Some(place) = BEFORE.get(layer).and_then(|layer| layer.get(number)) {
        place.store(Box::into_raw(Box::new(before)), Ordering::Release);
    }
    // SAFETY: zeroed is a valid sigaction.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = *ours as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO
        | match before.sa_sigaction {
            libc::SIG_DFL | libc::SIG_IGN => libc::SA_RESTART | libc::SA_ONSTACK,
            // The host's handler runs as it would alone: what it interrupts, what
            // it blocks, and on which stack.
            _ => {
                action.sa_mask = before.sa_mask;
                before.sa_flags & (libc::SA_RESTART | libc::SA_ONSTACK | libc::SA_NODEFER)
            }
        };
    // SAFETY: the handler has the three-argument form that SA_SIGINFO asks for.
    if unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) } != 0 {
        return Err(failed());
    }
    Ok(())
}

/// Async-signal-safe; keeps `errno`.
extern "C" fn handler<const LAYER: usize>(
    signal: i32,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // SAFETY: the C library's errno of this thread.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let saved = unsafe { errno.read() };
    if signal == libc::SIGABRT {
        crate::exit::at_abort();
    } else {
        profiler::notify(signal);
    }
    // SAFETY: as above.
    unsafe { errno.write(saved) };
    chain(LAYER, signal, info, context);
}

/// Calls the handler function that was there before; a default action or an
/// ignored signal is no function.
fn chain(layer: usize, signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let Some(before) = usize::try_from(signal)
        .ok()
        .and_then(|n| BEFORE.get(layer)?.get(n))
    else {
        return;
    };
    // SAFETY: null, or leaked by `install`.
    let Some(before) = (unsafe { before.load(Ordering::Acquire).as_ref() }) else {
        return;
    };
    match before.sa_sigaction {
        libc::SIG_DFL | libc::SIG_IGN => {}
        function if before.sa_flags & libc::SA_SIGINFO != 0 => {
            type Full = extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void);
            // SAFETY: installed with SA_SIGINFO, so it has this form.
            let function: Full = unsafe { std::mem::transmute(function) };
            function(signal, info, context);
        }
        function => {
            // SAFETY: installed without SA_SIGINFO, so it has this form.
            let function: extern "C" fn(i32) = unsafe { std::mem::transmute(function) };
            function(signal);
        }
    }
}

/// Blocks all signals in this thread; what was blocked before.
pub(crate) fn block_all() -> libc::sigset_t {
    // SAFETY: zeroed sets are valid.
    let (mut all, mut before): (libc::sigset_t, libc::sigset_t) = unsafe { std::mem::zeroed() };
    // SAFETY: fills a set of ours.
    unsafe { libc::sigfillset(&raw mut all) };
    // SAFETY: changes this thread's mask, which `restore` puts back.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before) };
    before
}

/// Puts back what [`block_all`] found.
pub(crate) fn restore(mask: &libc::sigset_t) {
    // SAFETY: sets this thread's mask.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, mask, std::ptr::null_mut()) };
}

/// One line on standard error, in one write, without std's lock.
pub(crate) fn tell(line: &str) {
    let line = format!("{line}\n");
    // SAFETY: the bytes are readable for their length.
    unsafe { libc::write(2, line.as_ptr().cast(), line.len()) };
}
