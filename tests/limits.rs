//! Bounds on live bytes, and the dump when the allocator gives null.
#![allow(missing_docs)]

mod process;

use std::sync::mpsc::channel;
use std::time::Duration;

use endler::Bytes;
use endler::watch::{Bound, Crossing, Memory, Options};
use process::*;

#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

const MIB: u64 = 1 << 20;
const EVERY: Duration = Duration::from_millis(10);

fn folder() -> String {
    std::env::var("FOLDER").expect("given")
}

/// Grows in live bytes alone: what it allocates is not touched.
fn live() {
    let (calls, called) = channel::<Crossing>();
    let options = Options::new()
        .limit(Bytes(2 << 40))
        .live_warning(Bytes(100 * MIB))
        .live_limit(Bytes(300 * MIB))
        .every(EVERY)
        .dump_into(folder())
        .then(move |crossing| calls.send(*crossing).expect("it waits"));
    let watch = endler::watch(options).expect("starts");
    let next = || {
        called
            .recv_timeout(Duration::from_secs(40))
            .expect("called")
    };
    let small: Vec<u8> = Vec::with_capacity(90 << 20);
    std::thread::sleep(EVERY * 10);
    assert!(called.try_recv().is_err(), "called without need");
    let first: Vec<u8> = Vec::with_capacity(50 << 20);
    let warned = next();
    assert_eq!((warned.bound, warned.of), (Bound::Warning, Memory::Live));
    let live = warned.live.expect("counted").0;
    assert!((140 * MIB..150 * MIB).contains(&live), "{live}");
    assert!(warned.resident.0 < 100 * MIB, "it is not resident");
    drop((small, first));
    let large: Vec<u8> = Vec::with_capacity(400 << 20);
    let over = next();
    assert_eq!((over.bound, over.of), (Bound::Limit, Memory::Live));
    drop((large, watch));
}

/// Goes on until the address space is used up, and then with less.
fn null() {
    let own = std::fs::read_to_string("/proc/self/statm").expect("it is Linux");
    let _watch = endler::watch(Options::new().dump_into(folder()).dump_at_null()).expect("starts");
    let pages: u64 = own
        .split(' ')
        .next()
        .expect("a field")
        .parse()
        .expect("a number");
    let room = pages * 4096 + 512 * MIB;
    let limit = libc::rlimit {
        rlim_cur: room,
        rlim_max: room,
    };
    // SAFETY: sets this process's own limit.
    let done = unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) };
    assert_eq!(done, 0);
    let mut held: Vec<Vec<u8>> = Vec::with_capacity(1000);
    let refused = loop {
        let mut more: Vec<u8> = Vec::new();
        match more.try_reserve_exact(MIB as usize) {
            Ok(()) => held.push(more),
            Err(_) => break held.len(),
        }
    };
    // The request was answered at once; the program goes on.
    assert!(refused > 100, "{refused} MiB");
    wait_for("the dump", || {
        let folder = std::path::PathBuf::from(folder());
        names(&folder)
            .iter()
            .any(|n| n.ends_with(".endler"))
            .then_some(())
    });
    // It is written once.
    let mut more: Vec<u8> = Vec::new();
    assert!(more.try_reserve_exact(1 << 30).is_err());
    std::thread::sleep(EVERY * 20);
    drop(held);
}

fn run(test: &str, role_name: &str, recorded: &str, body: fn()) -> Option<(String, Folder)> {
    if role().is_some() {
        not_for_ever();
        body();
        return None;
    }
    let folder = Folder::new(&format!("limits-{role_name}-{recorded}"));
    let mut command = again(test, role_name);
    command.env("FOLDER", folder.path()).env("ENDLER", recorded);
    let output = finish(start(&mut command));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{errors}{said}");
    Some((errors, folder))
}

#[test]
fn live_bytes_have_bounds_of_their_own() {
    let test = "live_bytes_have_bounds_of_their_own";
    let Some((errors, folder)) = run(test, "live", "exact", live) else {
        return;
    };
    for line in [
        " bytes live, above the warning of ",
        " bytes live, above the limit of ",
    ] {
        assert_eq!(errors.matches(line).count(), 1, "{errors}");
    }
    assert_eq!(folder.dumps(".endler").len(), 2, "{errors}");
}

#[test]
fn bounds_on_live_bytes_need_the_recording() {
    fn off() {
        let options = Options::new().live_limit(Bytes(1)).every(EVERY);
        let watch = endler::watch(options.then(|_| panic!("called"))).expect("starts");
        std::thread::sleep(EVERY * 10);
        drop(watch);
    }
    let test = "bounds_on_live_bytes_need_the_recording";
    if let Some((errors, _)) = run(test, "off", "off", off) {
        let line = "endler: nothing is recorded, so bounds on live bytes are not watched\n";
        assert_eq!(errors, line);
    }
}

#[test]
fn the_first_null_is_followed_by_a_dump() {
    let test = "the_first_null_is_followed_by_a_dump";
    let Some((errors, folder)) = run(test, "null", "exact", null) else {
        return;
    };
    assert_eq!(
        errors
            .matches("endler: the allocator gave no memory")
            .count(),
        1,
        "{errors}"
    );
    let dumps = folder.dumps(".endler");
    assert_eq!(dumps.len(), 1, "{errors}");
    let image = endler::reports::load(&dumps[0]).expect("a whole snapshot");
    let held = image.blocks.size.iter().filter(|size| size.0 == MIB);
    assert!(held.count() > 100, "what took the memory is in it");
}
