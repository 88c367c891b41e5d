//! Limits that a program is started under (`RLIMIT_AS`, `RLIMIT_DATA`): what the
//! profiler reserves leaves a small program room, and a program runs where the
//! profiler has none.
//!
//! `RLIMIT_DATA` counts what a strict overcommit setting (`vm.overcommit_memory`
//! = 2) counts, private memory that may be written, for this process alone.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use std::os::unix::process::CommandExt;
use std::process::Command;

use support::{Block, image, is_alone, live, text};

#[global_allocator]
static HEAP: endler_allocator::Heap = endler_allocator::Heap::system();

const MIB: u64 = 1 << 20;
/// The variable by which a case knows that it runs under a limit.
const UNDER: &str = "ENDLER_TEST_UNDER";

fn limit(resource: libc::__rlimit_resource_t, bytes: u64) -> std::io::Result<()> {
    let limit = libc::rlimit {
        rlim_cur: bytes,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: sets this process's own limit.
    match unsafe { libc::setrlimit(resource, &raw const limit) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// The case `test` in a process that is started under a limit; what it said.
fn started_under(
    test: &str,
    endler: &str,
    under: Option<(libc::__rlimit_resource_t, u64)>,
) -> String {
    let mut command = Command::new(std::env::current_exe().expect("the path of this test"));
    command
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env("ENDLER_TEST_ALONE", "1")
        .env("ENDLER", endler)
        // std waits for itself for ever when memory is refused to a backtrace.
        .env("RUST_BACKTRACE", "0");
    if let Some((resource, bytes)) = under {
        command.env(UNDER, "1");
        // SAFETY: one system call between fork and exec.
        unsafe { command.pre_exec(move || limit(resource, bytes)) };
    }
    let out = command.output().expect("it starts");
    assert!(out.status.success(), "{}\n{}", out.status, text(&out));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

/// A few threads and 30 MiB of blocks.
fn small_program() -> Vec<Block> {
    let make = || {
        let blocks = (1..5000).map(|size| Block::alloc(size, 8));
        let blocks: Vec<Block> = blocks.collect();
        blocks.iter().for_each(|block| block.mark(1));
        blocks
    };
    std::thread::scope(|scope| {
        let threads = [scope.spawn(make), scope.spawn(make)];
        let blocks = threads.into_iter();
        let blocks = blocks.flat_map(|thread| thread.join().expect("it ends"));
        blocks.collect()
    })
}

/// The small program, whose every block is recorded. The limit ends before
/// this test reads an image.
fn recorded_program() {
    // SAFETY: sets this process's own alarm clock.
    unsafe { libc::alarm(60) };
    let blocks = small_program();
    for resource in [libc::RLIMIT_AS, libc::RLIMIT_DATA] {
        limit(resource, libc::RLIM_INFINITY).expect("no limit");
    }
    let image = image();
    assert_eq!(image.figures.lost, 0);
    for block in &blocks {
        let row = live(&image, block.addr()).expect("it lives");
        assert_eq!((row.addr, row.size), block.row());
    }
}

/// What this process has of a line of `/proc/self/status`, in bytes.
fn status(key: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("a status");
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let kib = line.and_then(|line| line.trim_matches([':', '\t', ' ', 'k', 'B']).parse().ok());
    kib.map_or(0, |kib: u64| kib * 1024)
}

/// `VmSize` and `VmData` of the small program, without the profiler and with it.
fn sizes(test: &str) -> [[u64; 2]; 2] {
    ["off", "exact"].map(|endler| {
        let said = started_under(test, endler, None);
        let line = said.lines().find_map(|line| line.split_once("sizes: "));
        let mut numbers = line.expect("its sizes").1.split(' ');
        [0; 2].map(|_| numbers.next().and_then(|n| n.parse().ok()).expect("a size"))
    })
}

#[test]
fn what_is_reserved_is_little_and_a_strict_limit_leaves_room() {
    const TEST: &str = "what_is_reserved_is_little_and_a_strict_limit_leaves_room";
    const WRITABLE: u64 = 40 * MIB;
    if is_alone() {
        if std::env::var_os(UNDER).is_some() {
            return recorded_program();
        }
        let blocks = small_program();
        println!("sizes: {} {}", status("VmSize"), status("VmData"));
        return blocks.iter().for_each(|block| block.free());
    }
    let [[space, data], [with_space, with_data]] = sizes(TEST);
    let (space_more, data_more) = (with_space - space, with_data - data);
    println!("address space + {space_more}, private and writable + {data_more}");
    // 64 MiB are the shadow's directory, of which few pages are written.
    assert!(space_more < 120 * MIB, "{space_more} of address space");
    assert!(data_more < WRITABLE, "{data_more} that may be written");
    let strict = (libc::RLIMIT_DATA, data + WRITABLE);
    started_under(TEST, "exact", Some(strict));
}

#[test]
fn a_small_program_is_recorded_within_512_mib_of_address_space() {
    const TEST: &str = "a_small_program_is_recorded_within_512_mib_of_address_space";
    if is_alone() {
        return recorded_program();
    }
    started_under(TEST, "exact", Some((libc::RLIMIT_AS, 512 * MIB)));
}

#[test]
fn a_program_runs_where_the_profiler_has_no_room() {
    const TEST: &str = "a_program_runs_where_the_profiler_has_no_room";
    if !is_alone() {
        // Less than the shadow's directory alone.
        started_under(TEST, "exact", Some((libc::RLIMIT_AS, 60 * MIB)));
        return;
    }
    let kept = Block::alloc(1000, 16);
    kept.mark(3);
    let grown = kept.realloc(2000).expect("memory");
    let blocks: Vec<Block> = (1..2000).map(|size| Block::alloc(size, 8)).collect();
    blocks.iter().for_each(|block| block.mark(1));
    let (early, late) = blocks.split_at(1000);
    early.iter().for_each(|block| block.free());
    limit(libc::RLIMIT_AS, libc::RLIM_INFINITY).expect("no limit");
    // From here on there is room.
    let fresh = Block::alloc(3000, 16);
    let found = grown.realloc(4000).expect("memory");
    assert_eq!(found.first_byte(), 3);
    late.iter().for_each(|block| block.free());
    let image = image();
    assert!(image.figures.lost >= 2001, "{} lost", image.figures.lost);
    for block in [fresh, found] {
        let row = live(&image, block.addr()).expect("it lives");
        assert_eq!((row.addr, row.size), block.row());
    }
    assert!(early.iter().all(|block| {
        // The place may be another's by now.
        live(&image, block.addr()).is_none_or(|row| row.addr == fresh.addr() || row.size > 2000)
    }));
}
