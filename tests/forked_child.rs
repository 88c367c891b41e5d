//! A process that the host forks: it has the handlers but not the profiler's
//! thread. Its signals harm nobody, and it can have a profiler of its own.

mod process;

use std::panic::{AssertUnwindSafe, catch_unwind};

use process::*;

#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

/// Forks; the child runs `body` and exits 0 if that does not panic.
fn in_a_child(body: impl FnOnce()) {
    // SAFETY: the child uses what glibc allows after a fork: its allocator,
    // threads, exit.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // SAFETY: the child's own alarm clock.
        unsafe { libc::alarm(60) };
        let result = catch_unwind(AssertUnwindSafe(body));
        // SAFETY: ends the child, without the exit functions of the harness.
        unsafe { libc::_exit(i32::from(result.is_err())) };
    }
    let mut status = 0;
    // SAFETY: waits for our own child.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    assert_eq!(status, 0, "the child failed");
}

#[test]
fn signals_of_a_forked_child_ask_nobody_until_it_asks_itself() {
    let (ours, theirs) = (Folder::new("forked-ours"), Folder::new("forked-theirs"));
    endler::on_signal(libc::SIGUSR1, ours.path()).expect("installs");
    in_a_child(|| {
        // SAFETY: raises a signal that has a handler here.
        unsafe { libc::raise(libc::SIGUSR1) };
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert!(
            ours.dumps("").is_empty(),
            "a dump of the parent, or of the child"
        );
        let kept = vec![9u8; 33_333];
        let snapshot = endler::snapshot().expect("the child's own");
        assert_eq!(snapshot.image().process.pid, std::process::id());
        assert!(
            snapshot
                .image()
                .blocks
                .size
                .iter()
                .any(|size| size.0 == 33_333)
        );
        // Whatever else the thread has to answer, it begins it now, and has ended
        // it before it takes the second one.
        std::thread::sleep(std::time::Duration::from_millis(300));
        endler::snapshot().expect("another");
        assert!(
            ours.dumps("").is_empty(),
            "an answer to the parent's signals"
        );
        endler::on_signal(libc::SIGUSR1, theirs.path()).expect("installs");
        // SAFETY: as above.
        unsafe { libc::raise(libc::SIGUSR1) };
        let path = wait_for("the child's dump", || theirs.dumps(".endler").pop());
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        assert!(
            name.starts_with(&format!("endler.{}.", std::process::id())),
            "{name}"
        );
        drop(kept);
    });
    assert!(ours.dumps("").is_empty());
    // The parent's own still works.
    // SAFETY: as above.
    unsafe { libc::raise(libc::SIGUSR1) };
    let path = wait_for("the parent's dump", || ours.dumps(".endler").pop());
    let image = endler::reports::load(path).expect("a whole snapshot");
    assert_eq!(image.process.pid, std::process::id());
    assert!(image.blocks.size.iter().all(|size| size.0 != 33_333));
}
