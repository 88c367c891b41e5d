//! A copy that is stopped or killed in the middle of a dump, a host that is killed
//! then, and dumps that are asked for meanwhile.

mod process;

use std::io::BufReader;
use std::path::Path;
use std::process::Child;

use process::*;

#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

/// The program: a heap whose dump takes a while to write.
fn program() {
    let held: Vec<Box<u64>> = (0..200_000).map(Box::new).collect();
    println!("ready");
    std::thread::sleep(std::time::Duration::from_secs(60));
    drop(held);
}

/// A program whose dumps go to the folder.
fn program_in(test: &str, folder: &Folder) -> Child {
    let mut command = again(test, "program");
    let options = format!("exact,signal=USR1,dir={}", folder.path().display());
    let mut child = start(command.env("ENDLER", options));
    let mut out = BufReader::new(child.stdout.take().expect("piped"));
    line_with(&mut out, "ready");
    child
}

/// Asks for a dump, and stops the copy while it writes.
fn stop_a_copy(host: &Child, folder: &Path) -> u32 {
    signal(host.id(), libc::SIGUSR1);
    let copy = wait_for("the copy", || child_of(host.id()));
    let part = || names(folder).into_iter().find(|n| n.ends_with(".partial"));
    wait_for("a part of a file", part);
    signal(copy, libc::SIGSTOP);
    copy
}

fn end(mut host: Child) {
    host.kill().expect("it runs");
    host.wait().expect("it ends");
}

#[test]
fn signals_during_a_dump_are_answered_by_one_more() {
    if role().is_some() {
        return program();
    }
    let folder = Folder::new("held-coalesced");
    let host = program_in("signals_during_a_dump_are_answered_by_one_more", &folder);
    let copy = stop_a_copy(&host, folder.path());
    for _ in 0..10 {
        signal(host.id(), libc::SIGUSR1);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let meanwhile = names(folder.path());
    assert!(
        meanwhile
            .iter()
            .all(|n| n.contains(".1.") && n.ends_with(".partial")),
        "two dumps at a time, or a file that is not whole: {meanwhile:?}"
    );
    signal(copy, libc::SIGCONT);
    let pid = host.id();
    wait_for("the second dump", || {
        (folder.dumps(".endler").len() == 2).then_some(())
    });
    // A third would begin at once.
    std::thread::sleep(std::time::Duration::from_millis(1000));
    let expect = ["1.endler", "1.txt", "2.endler", "2.txt"].map(|n| format!("endler.{pid}.{n}"));
    assert_eq!(names(folder.path()), expect);
    for path in folder.dumps(".endler") {
        endler::reports::load(&path).expect("a whole snapshot");
    }
    end(host);
}

#[test]
fn a_copy_killed_in_a_dump_leaves_nothing_and_the_next_succeeds() {
    if role().is_some() {
        return program();
    }
    let folder = Folder::new("held-killed");
    let test = "a_copy_killed_in_a_dump_leaves_nothing_and_the_next_succeeds";
    let mut host = program_in(test, &folder);
    let mut errors = BufReader::new(host.stderr.take().expect("piped"));
    for _ in 0..2 {
        let copy = stop_a_copy(&host, folder.path());
        signal(copy, libc::SIGKILL);
        let line = line_with(&mut errors, "endler:");
        assert!(
            line.contains("no dump in ") && line.contains("died (signal 9"),
            "{line}"
        );
        assert_eq!(names(folder.path()), [""; 0]);
    }
    signal(host.id(), libc::SIGUSR1);
    line_with(&mut errors, "process held");
    let path = folder.dumps(".endler").pop().expect("a dump");
    endler::reports::load(&path).expect("a whole snapshot");
    assert_eq!(names(folder.path()).len(), 2, "tables and snapshot");
    end(host);
}

#[test]
fn a_dump_whose_host_is_killed_is_finished() {
    if role().is_some() {
        return program();
    }
    let folder = Folder::new("held-orphan");
    let host = program_in("a_dump_whose_host_is_killed_is_finished", &folder);
    let pid = host.id();
    let copy = stop_a_copy(&host, folder.path());
    end(host);
    signal(copy, libc::SIGCONT);
    let path = wait_for("the dump", || folder.dumps(".endler").pop());
    endler::reports::load(&path).expect("a whole snapshot");
    let expect = ["endler", "txt"].map(|ending| format!("endler.{pid}.1.{ending}"));
    assert_eq!(names(folder.path()), expect);
}

#[test]
fn what_a_host_and_its_copy_killed_together_left_goes_with_a_later_dump() {
    if role().is_some() {
        return program();
    }
    let folder = Folder::new("held-both");
    let test = "what_a_host_and_its_copy_killed_together_left_goes_with_a_later_dump";
    let host = program_in(test, &folder);
    let copy = stop_a_copy(&host, folder.path());
    end(host);
    signal(copy, libc::SIGKILL);
    wait_for("its end", || {
        (!Path::new(&format!("/proc/{copy}")).exists()).then_some(())
    });
    let left = names(folder.path());
    assert!(
        !left.is_empty() && left.iter().all(|n| n.ends_with(".partial")),
        "{left:?}"
    );
    let two_hours_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(7200);
    for name in &left {
        let file = std::fs::File::options()
            .write(true)
            .open(folder.path().join(name));
        file.and_then(|f| f.set_modified(two_hours_ago))
            .expect("set");
    }
    let mut next = program_in(test, &folder);
    let mut errors = BufReader::new(next.stderr.take().expect("piped"));
    signal(next.id(), libc::SIGUSR1);
    line_with(&mut errors, "process held");
    let pid = next.id();
    let expect = ["endler", "txt"].map(|ending| format!("endler.{pid}.1.{ending}"));
    assert_eq!(names(folder.path()), expect);
    end(next);
}

#[test]
fn one_path_asked_for_by_many_threads_is_whole() {
    let folder = Folder::new("held-one-path");
    let path = folder.path().join("here.endler");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let info = endler::snapshot_to(&path).expect("a snapshot");
                assert!(info.objects > 0);
            });
        }
    });
    assert_eq!(names(folder.path()), ["here.endler"]);
    endler::reports::load(&path).expect("a whole snapshot");
}
