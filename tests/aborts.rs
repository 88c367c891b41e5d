//! A program built with `panic = "abort"`: a panic is not unwound, and the last
//! dump is written all the same, with whole stacks.

mod process;

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use endler_snapshot::StackEnd;
use process::*;

const SOURCE: &str = r#"
#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

#[inline(never)]
fn outer() -> Vec<u8> {
    let mut made = inner(12_345);
    made[0] = std::hint::black_box(1);
    made
}

#[inline(never)]
fn inner(size: usize) -> Vec<u8> {
    std::hint::black_box(vec![0; size])
}

fn main() {
    endler::on_exit(std::env::var("FOLDER").expect("given")).expect("installs");
    let made = outer();
    let none = made.iter().find(|byte| **byte == 2);
    println!("{}", none.expect("as planned"));
}
"#;

/// The newest build of the library beside this test.
fn library() -> PathBuf {
    let own = std::env::current_exe().expect("the path of this test");
    let entries = own.parent().expect("a folder").read_dir().expect("a list");
    let is_it = |path: &PathBuf| {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or("");
        name.starts_with("libendler-") && name.ends_with(".rlib")
    };
    let paths = entries.flatten().map(|entry| entry.path()).filter(is_it);
    let newest = paths.max_by_key(|path| path.metadata().and_then(|m| m.modified()).ok());
    newest.expect("the library that this test is of")
}

fn build(folder: &Path) -> PathBuf {
    let (source, program) = (folder.join("aborts.rs"), folder.join("program"));
    std::fs::write(&source, SOURCE).expect("writes");
    let library = library();
    let mut command = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()));
    command.args(["--edition=2024", "-Cpanic=abort", "--extern"]);
    command.arg(format!("endler={}", library.display()));
    command.arg("-L").arg(library.parent().expect("a folder"));
    let out = command.arg("-o").arg(&program).arg(&source).output();
    let out = out.expect("the compiler runs");
    let errors = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{errors}");
    program
}

#[test]
fn a_program_that_aborts_leaves_a_last_dump_with_whole_stacks() {
    let folder = Folder::new("aborts");
    let program = build(folder.path());
    let mut command = Command::new(program);
    command.env_remove("ENDLER").env("FOLDER", folder.path());
    let out = finish(start(&mut command));
    let errors = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.signal(), Some(libc::SIGABRT), "{errors}");
    assert!(errors.contains("as planned"), "{errors}");
    let [dump] = &folder.dumps(".endler")[..] else {
        panic!("no dump: {errors}");
    };
    let image = endler::reports::load(dump).expect("a whole snapshot");
    let rows = (0..image.blocks.len()).filter(|row| image.blocks.size[*row].0 == 12_345);
    let [row] = rows.collect::<Vec<_>>()[..] else {
        panic!("not one such block");
    };
    let context = &image.contexts[image.blocks.context[row].index()];
    assert_eq!(context.end, StackEnd::Complete);
    let (mut at, mut frames) = (context.stack, 0);
    while at.index() != 0 {
        frames += 1;
        at = image.stacks.parent[at.index()];
    }
    // inner, outer, main, and what std has around them.
    assert!(frames >= 8, "{frames} frames");
}
