//! Signals: chaining, refusing, the environment variable, and mode off.

mod process;

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use process::*;

#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

static PLAIN: AtomicU32 = AtomicU32::new(0);
static FULL: AtomicU32 = AtomicU32::new(0);

extern "C" fn plain(signal: i32) {
    PLAIN.fetch_add(signal as u32, Ordering::SeqCst);
}

extern "C" fn full(signal: i32, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    // SAFETY: the kernel passes a siginfo that is valid while the handler runs.
    let own = unsafe { (*info).si_signo };
    assert_eq!(own, signal);
    FULL.fetch_add(signal as u32, Ordering::SeqCst);
}

fn install(signal: i32, handler: usize, flags: i32) {
    // SAFETY: zeroed is a valid sigaction.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler;
    action.sa_flags = flags;
    // SAFETY: the handlers have the form that their flags say.
    let result = unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
    assert_eq!(result, 0);
}

#[test]
fn handlers_that_were_there_are_called_and_default_actions_are_not_taken() {
    let folder = Folder::new("signals-chain");
    install(libc::SIGUSR1, plain as *const () as usize, 0);
    install(libc::SIGUSR2, full as *const () as usize, libc::SA_SIGINFO);
    for signal in [libc::SIGUSR1, libc::SIGUSR2, libc::SIGRTMIN() + 1] {
        endler::on_signal(signal, folder.path()).expect("installs");
        // Twice: our own handler is not chained to itself.
        endler::on_signal(signal, folder.path()).expect("installs");
    }
    raise(libc::SIGUSR1);
    raise(libc::SIGUSR2);
    // The default action of a real-time signal would end this process.
    raise(libc::SIGRTMIN() + 1);
    assert_eq!(PLAIN.load(Ordering::SeqCst), libc::SIGUSR1 as u32);
    assert_eq!(FULL.load(Ordering::SeqCst), libc::SIGUSR2 as u32);
    wait_for("a dump", || folder.dumps(".endler").pop());
}

#[test]
fn signals_that_cannot_be_used_are_refused_with_the_reason() {
    for (signal, why) in [
        (libc::SIGKILL, "the kernel lets nobody handle it"),
        (libc::SIGSTOP, "the kernel lets nobody handle it"),
        (libc::SIGSEGV, "it reports a fault"),
        (libc::SIGABRT, "it reports a fault"),
        (32, "the C library keeps it for itself"),
        (33, "the C library keeps it for itself"),
        (64, "the highest that can be used is 63"),
        (0, "there is no signal of that number"),
        (-1, "there is no signal of that number"),
        (1000, "there is no signal of that number"),
    ] {
        let error = endler::on_signal(signal, std::env::temp_dir()).expect_err("refused");
        let text = error.to_string();
        let expect = format!("signal {signal} cannot be used: {why}");
        assert!(text.starts_with(&expect), "{text}");
    }
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error_that_names_it() {
    let error = endler::on_signal(libc::SIGUSR1, "/proc/no/such/place").expect_err("refused");
    assert!(error.to_string().contains("/proc/no/such/place"), "{error}");
}

/// Runs as a program that never calls `on_signal`.
#[test]
fn the_environment_alone_is_enough() {
    if role().is_some() {
        let kept = vec![[7u64; 100]; 10];
        println!("ready {}", std::process::id());
        std::thread::sleep(Duration::from_secs(20));
        drop(kept);
        return;
    }
    let folder = Folder::new("signals-env");
    let mut command = again("the_environment_alone_is_enough", "program");
    let options = format!("exact,signal=USR2,dir={}", folder.path().display());
    let mut child = start(command.env("ENDLER", options));
    let mut out = std::io::BufReader::new(child.stdout.take().expect("piped"));
    line_with(&mut out, "ready");
    signal(child.id(), libc::SIGUSR2);
    let path = wait_for("a dump", || folder.dumps(".endler").pop());
    let image = endler::reports::load(path).expect("a whole snapshot");
    assert!(
        image.blocks.size.iter().any(|s| s.0 == 8000),
        "the program's block is in it"
    );
    child.kill().expect("it runs");
    child.wait().expect("it ends");
}

#[test]
fn in_mode_off_a_signal_kills_nobody_and_says_why_there_is_no_dump() {
    if role().is_some() {
        let folder = std::env::var("FOLDER").expect("given");
        endler::on_signal(libc::SIGUSR1, folder).expect("installs");
        raise(libc::SIGUSR1);
        std::thread::sleep(Duration::from_millis(300));
        println!("still here");
        return;
    }
    let folder = Folder::new("signals-off");
    let mut command: Command = again(
        "in_mode_off_a_signal_kills_nobody_and_says_why_there_is_no_dump",
        "program",
    );
    let output = finish(start(
        command.env("ENDLER", "off").env("FOLDER", folder.path()),
    ));
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("still here"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        errors.contains("endler: no dump in ") && errors.contains("nothing is recorded"),
        "{errors}"
    );
    assert!(folder.dumps("").is_empty());
}
