//! A control group with little more memory than the live heap: the copy gives up
//! or is killed first, and the host lives.
//!
//! Not run where this process may make no memory control group.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use endler_allocator::freeze::{self, Error, Options};
use endler_snapshot::Image;
use support::image;
use support::memory_group::Group;

#[global_allocator]
static HEAP: endler_allocator::Heap = endler_allocator::Heap::system();

const HEAP_BYTES: usize = 200 << 20;

/// Takes and touches memory until there is none, or until `most` bytes.
fn hungry(most: usize) -> impl FnMut(&mut Image) -> Result<(), String> {
    move |_| {
        let held: Vec<Vec<u8>> = (0..most >> 20).map(|_| vec![1u8; 1 << 20]).collect();
        Err(format!("{} MiB were given", held.len()))
    }
}

/// The host, in its group: makes its heap, waits for the limit, and is asked.
fn host() {
    // SAFETY: sets this process's own alarm clock.
    unsafe { libc::alarm(100) };
    let told = || {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).expect("told");
    };
    told();
    let heap = vec![1u8; HEAP_BYTES];
    println!("made");
    told();
    // By its budget, which is a quarter of what is left.
    let over = freeze::freeze(&Options::default(), &mut hungry(HEAP_BYTES));
    let Err(Error::Memory { budget }) = over else {
        panic!("{over:?}");
    };
    assert!(
        budget > 0 && budget <= HEAP_BYTES as u64 / 20,
        "a budget of {budget} bytes"
    );
    // And with a budget that is too large: by the kernel, which takes the copy.
    let options = Options {
        memory: Some(1 << 40),
        ..Options::default()
    };
    let over = freeze::freeze(&options, &mut hungry(HEAP_BYTES));
    let Err(error @ Error::Died(_)) = &over else {
        panic!("{over:?}");
    };
    assert!(error.to_string().contains("signal 9"), "{error}");
    let image = image();
    let found = image.blocks.size.iter().any(|s| s.0 == HEAP_BYTES as u64);
    assert!(found && heap.iter().step_by(4096).all(|b| *b == 1));
    println!("lives");
}

#[test]
fn the_copy_gives_up_before_the_host() {
    if support::is_alone() {
        return host();
    }
    let Some(group) = Group::new() else {
        return println!("not run: this process may make no memory control group");
    };
    let mut child = Command::new(std::env::current_exe().expect("the path of this test"))
        .args([
            "the_copy_gives_up_before_the_host",
            "--exact",
            "--nocapture",
        ])
        .env("ENDLER_TEST_ALONE", "1")
        .env_remove("ENDLER")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut said = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut wait_for = |word: &str| {
        let found = said.by_ref().flatten().any(|line| line.contains(word));
        assert!(found, "the host never said `{word}`");
    };
    // Before its heap, so that the memory is the group's.
    group.take(child.id());
    let mut told = child.stdin.take().expect("piped");
    told.write_all(b"it is in the group\n").expect("told");
    wait_for("made");
    let held = group.held();
    assert!(
        held > HEAP_BYTES as u64,
        "the heap is the group's: {held} bytes"
    );
    group.set_limit(held / 10 * 11);
    told.write_all(b"the limit is set\n").expect("told");
    wait_for("lives");
    assert!(child.wait().expect("it ends").success());
}
