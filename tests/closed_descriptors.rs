//! A program that closes every descriptor it does not know, as daemons do: what
//! it opens afterwards is its own, and it can still be asked for a dump.

mod process;

use std::fs::File;
use std::io::BufReader;

use process::*;

#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

#[test]
fn descriptors_of_the_program_are_its_own() {
    if role().is_some() {
        // SAFETY: none of the descriptors above 2 is used by this test.
        unsafe { libc::close_range(3, u32::MAX, 0) };
        let folder = std::env::var("FOLDER").expect("given");
        let open = |n: i32| File::create_new(format!("{folder}/file-{n}")).expect("a file");
        let files: Vec<File> = (0..20).map(open).collect();
        println!("ready");
        std::thread::sleep(std::time::Duration::from_secs(30));
        drop(files);
        return;
    }
    let folder = Folder::new("closed-descriptors");
    let mut command = again("descriptors_of_the_program_are_its_own", "program");
    let options = format!("exact,signal=USR2,dir={}", folder.path().display());
    command.env("ENDLER", options).env("FOLDER", folder.path());
    let mut child = start(&mut command);
    let mut out = BufReader::new(child.stdout.take().expect("piped"));
    line_with(&mut out, "ready");
    signal(child.id(), libc::SIGUSR2);
    std::thread::sleep(std::time::Duration::from_millis(300));
    let length =
        |n: i32| std::fs::metadata(folder.path().join(format!("file-{n}"))).map(|m| m.len());
    let lengths: Vec<u64> = (0..20).map(|n| length(n).expect("a file")).collect();
    let dump = std::panic::catch_unwind(|| wait_for("a dump", || folder.dumps(".endler").pop()));
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    assert_eq!(
        lengths, [0; 20],
        "the handler wrote into a file of the program"
    );
    assert!(dump.is_ok(), "and no dump came");
}
