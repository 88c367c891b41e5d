//! `on_exit`: a last dump at a normal exit and at an abort, and nowhere else.

mod process;

use std::os::unix::process::ExitStatusExt;

use process::*;

#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

/// What the program does after `on_exit`, by its role.
fn end(role: &str) {
    match role {
        // The test returns, and with it the harness's main.
        "return" => {}
        "exit" => std::process::exit(7),
        "abort" => std::process::abort(),
        // SAFETY: ends the process.
        "libc_abort" => unsafe { libc::abort() },
        "out_of_memory" => {
            let too_much: Vec<u8> = Vec::with_capacity(1 << 46);
            std::hint::black_box(too_much);
        }
        "forked" => {
            // SAFETY: the child does nothing but exit, with exit functions.
            let child = unsafe { libc::fork() };
            if child == 0 {
                // SAFETY: ends the child.
                unsafe { libc::exit(0) };
            }
            let mut status = 0;
            // SAFETY: waits for the child.
            unsafe { libc::waitpid(child, &raw mut status, 0) };
            // SAFETY: ends the process without exit functions: no dump of its own.
            unsafe { libc::_exit(0) };
        }
        _ => unreachable!("roles are listed below"),
    }
}

#[test]
fn the_last_dump() {
    if let Some(role) = role() {
        endler::on_exit(std::env::var("FOLDER").expect("given")).expect("installs");
        endler::phase("last");
        let kept: Vec<Box<[u8; 12_345]>> = (0..3).map(|_| Box::new([1; 12_345])).collect();
        end(&role);
        // Alive at the end of the process, which is not here.
        std::mem::forget(kept);
        return;
    }
    for (role, code, killed_by, dumps) in [
        ("return", Some(0), None, 1),
        ("exit", Some(7), None, 1),
        ("abort", None, Some(libc::SIGABRT), 1),
        ("libc_abort", None, Some(libc::SIGABRT), 1),
        ("out_of_memory", None, Some(libc::SIGABRT), 1),
        ("forked", Some(0), None, 0),
    ] {
        let folder = Folder::new(&format!("exit-{role}"));
        let mut command = again("the_last_dump", role);
        let output = finish(start(command.env("FOLDER", folder.path())));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), code, "{role}: {errors}");
        assert_eq!(output.status.signal(), killed_by, "{role}: {errors}");
        let files = folder.dumps(".last.endler");
        assert_eq!(files.len(), dumps, "{role}: {errors}");
        for file in files {
            let image = endler::reports::load(file).expect("a whole snapshot");
            let held = image.blocks.size.iter().filter(|s| s.0 == 12_345).count();
            assert_eq!(held, 3, "{role}");
        }
    }
}
