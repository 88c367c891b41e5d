//! `watch`: a process that grows past its warning and its limit is told, dumped and
//! called once for each; below them nothing happens.
#![allow(missing_docs)]

mod process;

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use endler::Bytes;
use endler::watch::{Bound, Crossing, Options};
use process::*;

#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

const MIB: u64 = 1 << 20;
const EVERY: Duration = Duration::from_millis(10);

/// Resident memory that nothing else of these programs has.
fn touched(mib: u64) -> Vec<u8> {
    vec![1; (mib * MIB) as usize]
}

/// Resident memory, read otherwise than the library does.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("it is Linux");
    let pages = text.split(' ').nth(1).expect("two fields");
    pages.parse::<u64>().expect("a number") * 4096
}

/// Time for some looks. (How many does not matter: what must not happen would have
/// happened at the first.)
fn some_looks() {
    std::thread::sleep(EVERY * 10);
}

/// What the program does, by its role.
fn run(role: &str) {
    let folder = std::env::var("FOLDER").expect("given");
    let start = resident();
    let bounds = || {
        Options::new()
            .warning(Bytes(start + 20 * MIB))
            .limit(Bytes(start + 60 * MIB))
            .every(EVERY)
            .dump_into(&folder)
    };
    let (calls, called) = channel::<Crossing>();
    let next = || {
        called
            .recv_timeout(Duration::from_secs(30))
            .expect("called")
    };
    let silent = || {
        some_looks();
        assert!(called.try_recv().is_err(), "called without need");
    };
    match role {
        "grows" => {
            let send = move |crossing: &Crossing| calls.send(*crossing).expect("it waits");
            let watch = endler::watch(bounds().then(send)).expect("starts");
            silent();
            let first = touched(40);
            let warned = next();
            assert_eq!(warned.bound, Bound::Warning);
            assert_eq!(warned.bytes, Bytes(start + 20 * MIB));
            assert!(warned.resident.0 > start + 20 * MIB, "{warned:?}");
            silent();
            let second = touched(40);
            let over = next();
            assert_eq!(over.bound, Bound::Limit);
            assert!(over.resident.0 > start + 60 * MIB, "{over:?}");
            // It falls and rises again: each bound counts once.
            drop((first, second));
            some_looks();
            let again = touched(80);
            silent();
            drop((watch, again));
        }
        "passes_both_at_once" => {
            let held = touched(80);
            let panics = move |crossing: &Crossing| {
                calls.send(*crossing).expect("it waits");
                panic!("of the host's function");
            };
            let watch = endler::watch(bounds().then(panics)).expect("starts");
            assert_eq!(next().bound, Bound::Warning);
            assert_eq!(next().bound, Bound::Limit);
            drop((watch, held));
        }
        "stays_below" | "is_not_watched_any_more" => {
            let send = move |crossing: &Crossing| calls.send(*crossing).expect("it waits");
            let watch = endler::watch(bounds().then(send)).expect("starts");
            if role == "stays_below" {
                let held = touched(8);
                silent();
                drop((watch, held));
            } else {
                drop(watch);
                let held = touched(80);
                some_looks();
                let end = called.recv_timeout(Duration::from_secs(30));
                assert!(end.is_err(), "the function has gone uncalled");
                drop(held);
            }
        }
        "ends_itself" => {
            // Dropping the watch in its own function waits for nobody.
            let own = Arc::new(Mutex::new(None));
            let watch = Arc::clone(&own);
            let end = move |crossing: &Crossing| {
                drop(watch.lock().expect("no panic").take());
                calls.send(*crossing).expect("it waits");
            };
            let started = endler::watch(bounds().then(end)).expect("starts");
            *own.lock().expect("no panic") = Some(started);
            let held = touched(80);
            assert_eq!(next().bound, Bound::Warning);
            silent();
            drop(held);
        }
        _ => unreachable!("roles are listed below"),
    }
}

#[test]
fn bounds_are_told_once() {
    if let Some(role) = role() {
        not_for_ever();
        run(&role);
        return;
    }
    let both = ["warning", "limit"];
    let programs = [
        ("grows", "exact", &both[..], 2),
        ("grows", "off", &both[..], 0),
        ("passes_both_at_once", "exact", &both[..], 2),
        ("stays_below", "exact", &[], 0),
        ("is_not_watched_any_more", "exact", &[], 0),
        ("ends_itself", "exact", &both[..1], 1),
    ];
    // All at once: each waits more than it works.
    let running = programs.map(|(role, recorded, told, dumps)| {
        let folder = Folder::new(&format!("watch-{role}-{recorded}"));
        let mut command = again("bounds_are_told_once", role);
        command.env("FOLDER", folder.path()).env("ENDLER", recorded);
        (role, recorded, told, dumps, start(&mut command), folder)
    });
    for (role, recorded, told, dumps, child, folder) in running {
        let output = finish(child);
        let errors = String::from_utf8_lossy(&output.stderr);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{role}: {errors}{said}");
        let lines: Vec<&str> = errors
            .lines()
            .filter(|l| l.starts_with("endler:"))
            .collect();
        let bound = |line: &&'_ str| -> Option<String> {
            let (_, rest) = line.split_once(" bytes resident, above the ")?;
            Some(rest.split_once(" of ")?.0.to_owned())
        };
        let bounds: Vec<String> = lines.iter().filter_map(bound).collect();
        assert_eq!(bounds, told, "{role}: {errors}");
        // Each is followed by a line on its dump.
        assert_eq!(lines.len(), 2 * told.len(), "{role}: {errors}");
        let named = match recorded {
            "off" => "no dump in",
            _ => ".endler beside it",
        };
        let mut follows = lines.iter().skip(1).step_by(2);
        assert!(follows.all(|line| line.contains(named)), "{role}: {errors}");
        let files = folder.dumps(".endler");
        assert_eq!(files.len(), dumps, "{role}: {errors}");
        assert_eq!(folder.dumps(".txt").len(), dumps, "{role}: {errors}");
        for file in files {
            let image = endler::reports::load(file).expect("a whole snapshot");
            let most = image.blocks.size.iter().map(|size| size.0).max();
            assert!(most >= Some(40 * MIB), "{role}: what grew is in it");
        }
    }
}
