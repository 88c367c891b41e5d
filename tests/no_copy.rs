//! A container whose seccomp filter lets nobody fork: the dump is taken in the
//! process itself and says that it is not of one instant.

#[path = "../allocator/tests/support/filter.rs"]
#[allow(dead_code, reason = "the allocator's tests use the rest")]
mod filter;
mod process;

use process::*;

#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

#[test]
fn a_dump_without_a_copy_says_so_and_the_host_lives() {
    if role().is_none() {
        let test = "a_dump_without_a_copy_says_so_and_the_host_lives";
        let output = finish(start(&mut again(test, "program")));
        let said = String::from_utf8_lossy(&output.stdout);
        return assert!(output.status.success(), "{}: {said}", output.status);
    }
    let folder = Folder::new("no-copy");
    let mut errors = own_errors();
    endler::on_signal(libc::SIGUSR1, folder.path()).expect("installs");
    filter::refuse_copies();
    let kept: Vec<Box<[u8; 4321]>> = (0..7).map(|_| Box::new([1; 4321])).collect();
    for number in 1..=2 {
        raise(libc::SIGUSR1);
        let line = line_with(&mut errors, "endler:");
        assert!(
            line.contains("no copy could be made, so not of one instant"),
            "{line}"
        );
        let path = folder.dumps(".endler").pop().expect("a dump");
        let image = endler::reports::load(&path).expect("a whole snapshot");
        assert_eq!(format!("{:?}", image.process.cut), "Racing");
        assert_eq!(image.process.sequence, number);
        let held = image.blocks.size.iter().filter(|s| s.0 == 4321).count();
        assert_eq!(held, kept.len());
        let text = std::fs::read_to_string(path.with_extension("txt")).expect("tables");
        assert!(text.contains("not of one instant"), "{text}");
    }
    assert!(
        !endler::snapshot_to(folder.path().join("here"))
            .expect("a snapshot")
            .atomic
    );
}
