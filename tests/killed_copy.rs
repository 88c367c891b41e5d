//! A copy of the process that is killed while it writes (by the kernel for want
//! of memory, or at the deadline) leaves nothing behind.

mod process;

use process::*;

#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

#[test]
fn what_a_killed_copy_had_written_goes_away() {
    let folder = Folder::new("killed-copy");
    let path = folder.path().join("here.endler");
    let held: Vec<Box<u64>> = (0..400_000).map(Box::new).collect();
    let partial = || {
        let files = std::fs::read_dir(folder.path()).expect("a directory");
        let mut names = files.filter_map(|f| f.ok()?.file_name().into_string().ok());
        names.find(|name| name.ends_with(".partial"))
    };
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| endler::snapshot_to(&path));
        let pid = wait_for("the copy", || child_of(std::process::id()));
        wait_for("a part of the file", partial);
        signal(pid, libc::SIGKILL);
        let error = asked.join().expect("answers").expect_err("it was killed");
        assert!(error.to_string().contains("died"), "{error}");
    });
    assert!(!path.exists());
    assert_eq!(partial(), None, "what it had written stays");
    endler::snapshot_to(&path).expect("the next one succeeds");
    assert!(endler::reports::load(&path).is_ok());
    drop(held);
}
