//! A disk that is full, a limit on the size of files, and a directory that cannot
//! be written: one line says so, nothing is left behind, and the next dump works.

#[path = "process/mounts.rs"]
mod mounts;
mod process;

use std::io::{BufReader, PipeReader};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use mounts::{may_have_own_mounts, mount_small_disk, with_own_mounts};
use process::*;

#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

/// Runs the test once more with `role`, in the folder; shows what it said if it fails.
fn run(test: &str, folder: &Folder) {
    let mut command = again(test, "program");
    let output = finish(start(command.env("FOLDER", folder.path())));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}: {said}", output.status);
}

/// Asks for a dump; the line that answers.
fn dump(errors: &mut BufReader<PipeReader>) -> String {
    raise(libc::SIGUSR1);
    line_with(errors, "endler:")
}

/// The sizes of the tables and of the snapshot of the one dump that is there.
fn sizes(folder: &Path) -> (u64, u64) {
    let size = |ending: &str| {
        let found = names(folder).into_iter().find(|n| n.ends_with(ending));
        let path = folder.join(found.expect("a dump"));
        std::fs::metadata(path).expect("there").len()
    };
    (size(".txt"), size(".endler"))
}

fn clear(folder: &Path) {
    for name in names(folder) {
        std::fs::remove_file(folder.join(name)).expect("removes");
    }
}

#[test]
fn a_full_disk_is_told_and_leaves_no_half_of_a_dump() {
    if role().is_none() {
        let test = "a_full_disk_is_told_and_leaves_no_half_of_a_dump";
        let folder = Folder::new("full-disk");
        if !may_have_own_mounts() {
            return println!("not run: this process may not mount a small disk");
        }
        let mut command = again(test, "program");
        // SAFETY: the command runs nothing else between fork and exec.
        unsafe { with_own_mounts(command.env("FOLDER", folder.path())) };
        let output = finish(start(&mut command));
        let said = String::from_utf8_lossy(&output.stdout);
        return assert!(output.status.success(), "{}: {said}", output.status);
    }
    let folder = std::env::var("FOLDER").expect("given");
    mount_small_disk(Path::new(&folder), 16 << 20);
    let (dumps, filler) = (
        Path::new(&folder).join("dumps"),
        Path::new(&folder).join("filler"),
    );
    let mut errors = own_errors();
    endler::on_signal(libc::SIGUSR1, &dumps).expect("installs");
    let kept: Vec<Box<u64>> = (0..20_000).map(Box::new).collect();
    let line = dump(&mut errors);
    assert!(line.contains("process held"), "{line}");
    let (text, snapshot) = sizes(&dumps);
    assert!(
        text > 8192 && snapshot > 16384,
        "{text} and {snapshot} bytes"
    );
    clear(&dumps);
    // Room for nothing, for half of the tables, and for half of the snapshot.
    for (room, named) in [
        (0, ".txt"),
        (text / 2, ".txt"),
        (text + snapshot / 2, ".endler"),
    ] {
        fill(&filler, room);
        let line = dump(&mut errors);
        let end = format!("{named}: No space left on device (os error 28)\n");
        assert!(
            line.starts_with("endler: no dump in ") && line.ends_with(&end),
            "{line}"
        );
        assert_eq!(names(&dumps), [""; 0], "with room for {room} bytes");
        let to = Path::new(&folder).join("here.endler");
        let error = endler::snapshot_to(&to).err().map(|e| e.to_string());
        assert_eq!(error.is_some(), room < snapshot, "{error:?}");
        let _ = std::fs::remove_file(to);
        assert_eq!(names(Path::new(&folder)), ["dumps", "filler"]);
    }
    std::fs::remove_file(&filler).expect("removes");
    let line = dump(&mut errors);
    assert!(line.contains("process held"), "{line}");
    assert_eq!(names(&dumps).len(), 2);
    drop(kept);
}

/// Fills the disk but for about `room` bytes.
fn fill(filler: &Path, room: u64) {
    use std::io::Write;
    let _ = std::fs::remove_file(filler);
    let mut file = std::fs::File::create(filler).expect("a file");
    while file.write_all(&[0; 4096]).is_ok() {}
    let len = file.metadata().expect("its size").len();
    file.set_len(len - room.next_multiple_of(4096))
        .expect("room");
}

#[test]
fn a_limit_on_the_size_of_files_kills_nobody() {
    if role().is_none() {
        let folder = Folder::new("file-limit");
        return run("a_limit_on_the_size_of_files_kills_nobody", &folder);
    }
    let folder = std::env::var("FOLDER").expect("given");
    let dumps = Path::new(&folder);
    let mut errors = own_errors();
    // The snapshot grows with the heap; its tables do not.
    let kept: Vec<Vec<u8>> = (0..50_000).map(|n| vec![1; 1 + n * 7919 % 3000]).collect();
    // SIGXFSZ has its default action here, which ends a process.
    endler::on_signal(libc::SIGUSR1, dumps).expect("installs");
    let limit = |bytes: libc::rlim_t| {
        let limit = libc::rlimit {
            rlim_cur: bytes,
            rlim_max: libc::RLIM_INFINITY,
        };
        // SAFETY: this process's own limit.
        unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) }
    };
    let line = dump(&mut errors);
    assert!(line.contains("process held"), "{line}");
    let (text, snapshot) = sizes(dumps);
    clear(dumps);
    assert!(
        snapshot > text + 4096,
        "so that the snapshot alone can be too large: {snapshot} and {text} bytes"
    );
    for (bytes, named) in [(text / 2, ".txt"), ((text + snapshot) / 2, ".endler")] {
        assert_eq!(limit(bytes), 0);
        let line = dump(&mut errors);
        let end = format!("{named}: File too large (os error 27)\n");
        assert!(
            line.starts_with("endler: no dump in ") && line.ends_with(&end),
            "{line}"
        );
        assert_eq!(names(dumps), [""; 0]);
        let opened = endler::snapshot().expect_err("it is too large as well");
        assert!(opened.to_string().contains("File too large"), "{opened}");
    }
    assert_eq!(limit(libc::RLIM_INFINITY), 0);
    let line = dump(&mut errors);
    assert!(line.contains("process held"), "{line}");
    assert_eq!(names(dumps).len(), 2);
    drop(kept);
}

#[test]
fn a_directory_that_cannot_be_written_is_told() {
    if role().is_none() {
        // Where a user who is not root can reach it.
        let name = format!("endler-unwritable-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a directory");
        let mut command = again("a_directory_that_cannot_be_written_is_told", "program");
        let output = finish(start(command.env("FOLDER", &path)));
        std::fs::remove_dir_all(&path).expect("removes");
        let said = String::from_utf8_lossy(&output.stdout);
        return assert!(output.status.success(), "{}: {said}", output.status);
    }
    let folder = std::env::var("FOLDER").expect("given");
    let dumps = Path::new(&folder).join("dumps");
    let mut errors = own_errors();
    endler::on_signal(libc::SIGUSR1, &dumps).expect("installs");
    let mode = |mode: u32| {
        std::fs::set_permissions(&dumps, std::fs::Permissions::from_mode(mode)).expect("set");
    };
    // SAFETY: asks for this process's user.
    if unsafe { libc::geteuid() } == 0 {
        const NOBODY: u32 = 65_534;
        chown(&dumps, Some(NOBODY), Some(NOBODY)).expect("given away");
        // In all threads: the C library sends each a signal and waits for its answer.
        // SAFETY: changes this process's user.
        assert_eq!(unsafe { libc::setresuid(NOBODY, NOBODY, NOBODY) }, 0);
    }
    mode(0o555);
    for _ in 0..2 {
        let line = dump(&mut errors);
        assert!(
            line.starts_with("endler: no dump in ")
                && line.ends_with("Permission denied (os error 13)\n"),
            "{line}"
        );
    }
    mode(0o755);
    let line = dump(&mut errors);
    assert!(line.contains("process held"), "{line}");
    assert_eq!(names(&dumps).len(), 2);
    clear(&dumps);
}

#[test]
fn a_directory_that_was_removed_is_made_again() {
    if role().is_none() {
        let folder = Folder::new("removed-directory");
        return run("a_directory_that_was_removed_is_made_again", &folder);
    }
    let folder = std::env::var("FOLDER").expect("given");
    let dumps = Path::new(&folder).join("dumps");
    let mut errors = own_errors();
    endler::on_signal(libc::SIGUSR1, &dumps).expect("installs");
    std::fs::remove_dir(&dumps).expect("removes");
    std::fs::write(&dumps, "a file").expect("a file");
    let line = dump(&mut errors);
    assert!(
        line.starts_with("endler: no dump in ") && line.contains("File exists"),
        "{line}"
    );
    std::fs::remove_file(&dumps).expect("removes");
    let line = dump(&mut errors);
    assert!(line.contains("process held"), "{line}");
    assert_eq!(names(&dumps).len(), 2);
}
