//! What someone has planted under the names that a dump would use: nothing is
//! followed, and nothing is overwritten.

mod process;

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use process::*;

#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

fn fifo(path: &Path) {
    let path = CString::new(path.as_os_str().as_bytes()).expect("no null");
    // SAFETY: the path is a C string.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
}

#[test]
fn a_dump_takes_another_number() {
    not_for_ever();
    let folder = Folder::new("planted-dump");
    let victim = folder.path().join("victim");
    std::fs::write(&victim, "another's").expect("a file");
    let pid = std::process::id();
    let named = |rest: &str| folder.path().join(format!("endler.{pid}.{rest}"));
    std::os::unix::fs::symlink(&victim, named("1.txt")).expect("a link");
    std::os::unix::fs::symlink(&victim, named("1.endler")).expect("a link");
    fifo(&named("2.txt"));
    fifo(&named("2.endler"));
    std::fs::create_dir(named("3.txt")).expect("a directory");
    std::fs::create_dir(named("3.endler")).expect("a directory");
    std::fs::write(named("4294967295.endler"), "the last number").expect("a file");
    endler::on_signal(libc::SIGUSR1, folder.path()).expect("installs");
    let mut whole = Vec::new();
    for expect in 1..=2 {
        raise(libc::SIGUSR1);
        let ready = || {
            let dumps = folder.dumps(".endler");
            let found = dumps.iter().filter(|path| {
                path.symlink_metadata()
                    .is_ok_and(|m| m.is_file() && m.len() > 100)
            });
            whole = found.cloned().collect();
            (whole.len() == expect).then_some(())
        };
        wait_for("a dump", ready);
    }
    for path in &whole {
        endler::reports::load(path).expect("a whole snapshot");
        let text = path.with_extension("txt");
        assert!(text.symlink_metadata().expect("its tables").is_file());
    }
    assert_eq!(std::fs::read(&victim).expect("reads"), b"another's");
    assert!(named("1.txt").is_symlink() && named("1.endler").is_symlink());
    let is_fifo = |path: &Path| path.metadata().is_ok_and(|m| m.file_type().is_fifo());
    assert!(is_fifo(&named("2.txt")) && is_fifo(&named("2.endler")));
    assert!(named("3.txt").is_dir() && named("3.endler").is_dir());
    let last = std::fs::read(named("4294967295.endler")).expect("reads");
    assert_eq!(last, b"the last number");
}

#[test]
fn a_snapshot_replaces_a_link_and_refuses_what_is_no_file() {
    let folder = Folder::new("planted-snapshot");
    let victim = folder.path().join("victim");
    std::fs::write(&victim, "another's").expect("a file");
    let path = folder.path().join("here.endler");
    std::os::unix::fs::symlink(&victim, &path).expect("a link");
    endler::snapshot_to(&path).expect("a snapshot");
    assert!(!path.is_symlink(), "the link was followed");
    endler::reports::load(&path).expect("a whole snapshot");
    assert_eq!(std::fs::read(&victim).expect("reads"), b"another's");

    let place = folder.path().join("place");
    fifo(&place);
    let error = endler::snapshot_to(&place).expect_err("refused");
    assert!(
        error
            .to_string()
            .contains("place: there is something of that name"),
        "{error}"
    );
    assert!(place.metadata().expect("there").file_type().is_fifo());
    std::fs::remove_file(&place).expect("removes");
    std::fs::create_dir(&place).expect("a directory");
    let error = endler::snapshot_to(&place).expect_err("refused");
    assert!(
        error
            .to_string()
            .contains("place: there is something of that name"),
        "{error}"
    );
    assert_eq!(names(folder.path()), ["here.endler", "place", "victim"]);
}
