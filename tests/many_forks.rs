//! A host that forks a thousand children while its threads allocate, enter phases
//! and ask endler: every child goes on, none writes its parent's files, and the
//! parent is left with nothing.

mod process;

use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use process::*;

#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

static STOP: AtomicBool = AtomicBool::new(false);
static FORKS: AtomicUsize = AtomicUsize::new(0);

/// Until told to stop.
fn again_and_again(body: impl Fn(usize)) {
    let rounds = 0..;
    for round in rounds.take_while(|_| !STOP.load(Ordering::Relaxed)) {
        body(round);
    }
}

/// Runs `body` in a forked child; gives its process id and waits for its end.
fn in_a_child(body: impl FnOnce()) -> u32 {
    // SAFETY: the child uses what glibc allows after a fork: its allocator,
    // threads, exit.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "no fork: {}", std::io::Error::last_os_error());
    if pid == 0 {
        not_for_ever();
        let result = catch_unwind(AssertUnwindSafe(body));
        // SAFETY: ends the child, without the exit functions of the harness.
        unsafe { libc::_exit(i32::from(result.is_err())) };
    }
    let mut status = 0;
    // SAFETY: waits for our own child.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    assert_eq!(status, 0, "the child failed, or hung");
    pid as u32
}

fn descriptors() -> Vec<String> {
    let entries = std::fs::read_dir("/proc/self/fd")
        .expect("a list")
        .flatten();
    let leads = entries.filter_map(|e| std::fs::read_link(e.path()).ok());
    // The listing's own leads to it.
    let mut leads: Vec<String> = leads
        .map(|path| path.display().to_string())
        .filter(|path| !path.ends_with("/fd"))
        .collect();
    leads.sort();
    leads
}

/// Resident memory, in bytes.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("reads");
    let pages = statm.split(' ').nth(1).and_then(|n| n.parse::<u64>().ok());
    pages.expect("a number") * 4096
}

#[test]
fn a_thousand_children_of_a_busy_host() {
    if role().is_none() {
        let output = finish(start(&mut again(
            "a_thousand_children_of_a_busy_host",
            "host",
        )));
        let said = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        return assert!(output.status.success(), "{}: {said}{errors}", output.status);
    }
    let (ours, theirs) = (Folder::new("many-ours"), Folder::new("many-theirs"));
    endler::on_signal(libc::SIGUSR1, ours.path()).expect("installs");
    let busy: [&(dyn Fn(usize) + Sync); 3] = [
        &|round| drop(std::hint::black_box(vec![1u8; 1 + round % 3000])),
        // A burst at each fork, fewer than the 65,534 that are kept in all.
        &|round| {
            while round > 60 * FORKS.load(Ordering::Relaxed) && !STOP.load(Ordering::Relaxed) {
                std::thread::sleep(std::time::Duration::from_micros(50));
            }
            endler::phase("busy");
        },
        &|round| {
            // Two directories, so that each call changes something.
            let path = [ours.path(), theirs.path()][round % 2];
            endler::on_signal(libc::SIGUSR2, path).expect("installs");
            std::thread::sleep(std::time::Duration::from_micros(200));
        },
    ];
    std::thread::scope(|scope| {
        for body in busy {
            scope.spawn(move || again_and_again(body));
        }
        let mut dumping = Vec::new();
        let mut before = (descriptors(), 0);
        for round in 0..1000 {
            if round == 200 {
                before = (descriptors(), resident());
            }
            let kept = vec![7u8; 12_345 + round];
            let dumps = round % 200 == 100;
            FORKS.store(round, Ordering::Relaxed);
            let pid = in_a_child(|| child(&kept, dumps, theirs.path()));
            if dumps {
                dumping.push((pid, kept.len() as u64));
            }
        }
        assert_eq!(descriptors(), before.0);
        // The phases' names are the host's own and stay, a hundred bytes each.
        let grown = resident().saturating_sub(before.1);
        assert!(grown < 32 << 20, "the host has grown by {grown} bytes");
        STOP.store(true, Ordering::Relaxed);
        let flags = libc::WNOHANG | libc::__WALL;
        // SAFETY: asks after children.
        let left = unsafe { libc::waitpid(-1, std::ptr::null_mut(), flags) };
        assert_eq!(left, -1, "a process is left");

        assert_eq!(
            names(ours.path()),
            [""; 0],
            "a child wrote its parent's files"
        );
        assert_eq!(dumping.len(), 5);
        for (pid, size) in &dumping {
            let name = format!("child-{pid}.endler");
            let image = endler::reports::load(theirs.path().join(name)).expect("whole");
            assert_eq!(image.process.pid, *pid);
            let phase = &image.phases[image.process.phase.index()].name;
            assert_eq!(phase, "child");
            let inherited = image.blocks.size.iter().filter(|s| s.0 == *size).count();
            assert_eq!(inherited, 1, "what it inherited is in its heap");
            let own: Vec<_> = names(theirs.path())
                .into_iter()
                .filter(|name| name.starts_with(&format!("endler.{pid}.")))
                .collect();
            assert_eq!(own.len(), 2, "by the signal: {own:?}");
        }
        assert_eq!(names(theirs.path()).len(), 3 * dumping.len());
    });
    // The parent's own still works.
    raise(libc::SIGUSR1);
    let path = wait_for("the parent's dump", || ours.dumps(".endler").pop());
    let image = endler::reports::load(path).expect("a whole snapshot");
    assert_eq!(image.process.pid, std::process::id());
}

/// What a child does: uses memory, is sent its parent's signal, enters a phase, and
/// takes dumps of its own if `dumps`.
fn child(inherited: &[u8], dumps: bool, theirs: &Path) {
    assert!(inherited.iter().all(|b| *b == 7));
    let mut made: Vec<Vec<u8>> = (1..50).map(|n| vec![n; usize::from(n) * 40]).collect();
    made.iter_mut().for_each(|v| v.push(1));
    // The handler is inherited and does nothing: there is no thread to wake.
    raise(libc::SIGUSR1);
    endler::phase("child");
    if dumps {
        let pid = std::process::id();
        let to = theirs.join(format!("child-{pid}.endler"));
        endler::snapshot_to(to).expect("the child's own");
        endler::on_signal(libc::SIGUSR2, theirs).expect("installs");
        raise(libc::SIGUSR2);
        let ours = |name: &String| name.starts_with(&format!("endler.{pid}."));
        wait_for("the child's dump", || {
            (names(theirs)
                .iter()
                .filter(|n| ours(n) && !n.ends_with(".partial"))
                .count()
                == 2)
                .then_some(())
        });
    }
}

/// The signals that are blocked, and whether SIGUSR1 has a handler.
fn signals_here() -> (Vec<i32>, bool) {
    // SAFETY: zeroed is an empty set.
    let mut mask: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: only asks for this thread's mask.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), &raw mut mask) };
    // SAFETY: asks a set of ours.
    let blocked = (1..65).filter(|n| unsafe { libc::sigismember(&raw const mask, *n) } == 1);
    // SAFETY: zeroed is a valid sigaction.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: only asks for the present action.
    unsafe { libc::sigaction(libc::SIGUSR1, std::ptr::null(), &raw mut action) };
    (blocked.collect(), action.sa_sigaction != libc::SIG_DFL)
}

#[test]
fn a_program_that_a_host_starts_during_dumps_is_a_fresh_one() {
    let test = "a_program_that_a_host_starts_during_dumps_is_a_fresh_one";
    if role().as_deref() == Some("program") {
        // What cargo leaves open is not endler's.
        let endlers = |path: &String| {
            ["anon_inode", "memfd", "many-", "exec-"]
                .iter()
                .any(|word| path.contains(word))
        };
        assert!(!descriptors().iter().any(endlers), "{:?}", descriptors());
        assert_eq!(signals_here(), (vec![], false));
        let kept = vec![1u8; 54_321];
        let to = std::env::var("FOLDER").expect("given");
        let pid = std::process::id();
        let to = format!("{to}/program-{pid}.endler");
        endler::snapshot_to(&to).expect("its own");
        let image = endler::reports::load(to).expect("whole");
        assert_eq!((image.process.pid, image.process.sequence), (pid, 1));
        let of = |size: u64| image.blocks.size.iter().filter(|s| s.0 == size).count();
        assert_eq!(
            (of(54_321), of(65_432)),
            (1, 0),
            "its parent's blocks are not its own"
        );
        return drop(kept);
    }
    if role().is_none() {
        let output = finish(start(&mut again(test, "host")));
        let said = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        return assert!(output.status.success(), "{}: {said}{errors}", output.status);
    }
    let (ours, theirs) = (Folder::new("exec-ours"), Folder::new("exec-theirs"));
    endler::on_signal(libc::SIGUSR1, ours.path()).expect("installs");
    let kept = vec![1u8; 65_432];
    std::thread::scope(|scope| {
        // Descriptors come and go meanwhile.
        scope.spawn(|| again_and_again(|_| drop(endler::snapshot().expect("a snapshot"))));
        for forks in [false, true, false, true] {
            raise(libc::SIGUSR1);
            let mut command = again(test, "program");
            command.env("FOLDER", theirs.path());
            if forks {
                // SAFETY: does nothing, but makes std fork instead of spawn.
                unsafe { command.pre_exec(|| Ok(())) };
            }
            let output = finish(start(&mut command));
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}: {said}", output.status);
        }
        STOP.store(true, Ordering::Relaxed);
    });
    assert_eq!(names(theirs.path()).len(), 4);
    wait_for("the host's dumps", || ours.dumps(".endler").pop());
    let own = format!("endler.{}.", std::process::id());
    assert!(names(ours.path()).iter().all(|name| name.starts_with(&own)));
    drop(kept);
}
