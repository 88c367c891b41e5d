//! `endler fragmentation` on real processes, with glibc's allocator inside: the lines
//! sum to what the process reads of itself, planted pinners are named and what
//! they hold returns when they go, and each cause is told from the others.
#![allow(missing_docs)]

mod process;
mod resident;
mod support;

use std::process::Command;

use endler::reports::fragmentation::{Cause, Line};
use resident::{alone, images, judged, near, own_rss};

#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

/// Whether the C library is glibc, of which more is known.
fn is_glibc() -> bool {
    let glibc = endler::inner::system().is_some();
    if !glibc {
        println!("not run here: the C library has no malloc_info");
    }
    glibc
}

#[test]
fn pinners_are_named() {
    alone("pinners_are_named", |taken| {
        endler::inner_statistics(endler::inner::automatic);
        resident::pinners_are_named(taken);
    });
}

/// The system itself says how much the planted blocks held.
#[test]
fn what_is_said_to_return_returns() {
    alone("what_is_said_to_return_returns", |taken| {
        if !is_glibc() {
            return;
        }
        // SAFETY: gives free pages back, and touches no block.
        let trim = || unsafe { libc::malloc_trim(0) };
        let pinners = resident::plant();
        trim();
        let path = taken.snapshot("pinned");
        trim();
        let before = own_rss();
        drop(pinners);
        trim();
        let returned = before - own_rss();
        let images = images(&[path]);
        let account = endler::reports::fragmentation::account(
            endler::reports::partition::Heap::new(&images[0]),
        );
        let row = account.pins.rows.first().expect("pinners");
        println!("{returned} bytes returned; {row:?}");
        assert!(row.names[0].contains("Pinner"));
        assert!(returned > 8 << 20, "{returned} bytes returned");
        // The rest are pages at the edges of a run, which hold a little of both.
        assert!(near(row.returns, returned, 20), "{returned}: {row:?}");
    });
}

#[test]
fn a_leak_is_a_leak() {
    alone("a_leak_is_a_leak", resident::a_leak_is_a_leak);
}

#[test]
fn a_cache_of_steady_size_is_fragmentation() {
    alone(
        "a_cache_of_steady_size_is_fragmentation",
        resident::a_cache_of_steady_size_is_fragmentation,
    );
}

#[test]
fn a_map_is_outside_the_heap() {
    alone("a_map_is_outside_the_heap", |taken| {
        // Of glibc it is known to the page.
        resident::a_map_is_outside_the_heap(taken, 50);
    });
}

#[test]
fn a_deep_stack_is_outside_the_heap() {
    alone(
        "a_deep_stack_is_outside_the_heap",
        resident::a_deep_stack_is_outside_the_heap,
    );
}

#[test]
fn nothing_grows() {
    alone("nothing_grows", resident::nothing_grows);
}

/// Memory that C code takes from malloc is no fragmentation, and no Rust block.
#[test]
fn what_c_code_takes_is_neither_free_nor_live() {
    alone("what_c_code_takes_is_neither_free_nor_live", |taken| {
        if !is_glibc() {
            return;
        }
        endler::inner_statistics(endler::inner::system);
        let first = taken.snapshot("first");
        let take = |_| {
            // SAFETY: malloc asks for nothing.
            let at = unsafe { libc::malloc(1000) };
            assert!(!at.is_null());
            // SAFETY: the block is so long.
            unsafe { std::ptr::write_bytes(at.cast::<u8>(), 1, 1000) };
            at as usize
        };
        let taken_by_c: Vec<usize> = (0..20_000).map(take).collect();
        let second = taken.snapshot("second");
        let images = images(&[first, second]);
        let (accounts, verdict) = judged(&images);
        let [before, after] = [0, 1].map(|i| accounts[i].line(Line::Unrecorded));
        assert!(near(after - before, 20_000 * 1008, 50), "{before} {after}");
        assert_eq!(verdict.cause, Cause::Outside);
        let says = verdict.to_string();
        assert!(
            says.contains("in use through the inner allocator, not by Rust"),
            "{says}"
        );
        for at in taken_by_c {
            // SAFETY: `take` got it of malloc, and nobody has freed it.
            unsafe { libc::free(at as *mut libc::c_void) };
        }
    });
}

/// What the variable asks for, and what the command prints.
#[test]
fn the_command_says_the_same() {
    if process::role().is_none() {
        let folder = process::Folder::new("fragmentation-command");
        let mut again = process::again("the_command_says_the_same", "snapshots");
        again.env("ENDLER", "exact,fragmentation");
        again.env("FOLDER", folder.path());
        let output = process::finish(process::start(&mut again));
        assert!(output.status.success(), "{output:?}");
        let paths = ["first", "second"].map(|n| folder.path().join(format!("{n}.endler")));
        let run = |args: &[&str]| {
            let mut command = Command::new(support::endler());
            let output = command
                .arg("fragmentation")
                .args(&paths)
                .args(args)
                .output();
            let output = output.expect("endler runs");
            assert_eq!(output.status.code(), Some(0), "{output:?}");
            assert!(output.stderr.is_empty(), "{output:?}");
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        let text = run(&["--top", "3"]);
        println!("{text}");
        let images = images(&paths);
        let (accounts, verdict) = judged(&images);
        assert!(text.contains(&verdict.to_string()), "{text}");
        for line in Line::ALL {
            let found = text
                .lines()
                .find(|row| row.ends_with(&format!("  {}", line.name())));
            let numbers: Vec<&str> = found.unwrap_or_default().split_whitespace().collect();
            let [a, b] = [0, 1].map(|i| accounts[i].line(line).to_string());
            assert!(numbers.len() > 4, "no line `{}`: {text}", line.name());
            assert_eq!((numbers[0], numbers[2]), (a.as_str(), b.as_str()));
        }
        assert!(text.contains("inner allocator std::alloc::System, its statistics read in "));
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            flat.contains("resident::Pinner> & fragmentation::resident::pinner at "),
            "{text}"
        );
        let json: serde_json::Value = serde_json::from_str(&run(&["--json"])).expect("it is JSON");
        assert_eq!(json["cause"], "fragmentation");
        let last = &json["fragmentation"][1];
        let lines = last["lines"].as_object().expect("lines");
        let sum: u64 = lines.values().filter_map(serde_json::Value::as_u64).sum();
        assert_eq!(last["rss"], sum);
        let row = &accounts[1].pins.rows[0];
        assert_eq!(last["pins"][0]["type"], row.names[0].as_str());
        assert_eq!(last["pins"][0]["site"], row.names[1].as_str());
        assert_eq!(last["pins"][0]["returns"], row.returns);
        assert_eq!(
            last["pins"].as_array().map(Vec::len),
            Some(accounts[1].pins.rows.len())
        );
        if is_glibc() {
            assert!(last["inner"]["allocated"].is_u64(), "{last}");
            assert!(!text.contains("not asked"));
        }
        return;
    }
    process::not_for_ever();
    let folder = std::path::PathBuf::from(std::env::var_os("FOLDER").expect("where"));
    endler::snapshot_to(folder.join("first.endler")).expect("a snapshot");
    let pinners = resident::plant();
    endler::snapshot_to(folder.join("second.endler")).expect("a snapshot");
    drop(pinners);
}
