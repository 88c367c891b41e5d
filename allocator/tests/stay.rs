//! A copy that stays: it answers until its host drops it or ends, and whatever ends it
//! leaves no process and no descriptor behind.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use endler_allocator::freeze::{self, Error, Keep, Options, Running};
use support::*;

#[global_allocator]
static HEAP: endler_allocator::Heap = endler_allocator::Heap::system();

/// No copy needs longer to end.
const LIMIT: Duration = Duration::from_secs(60);

/// A copy that answers each byte: with its process id, or as the byte asks.
fn answering() -> (Running, UnixStream) {
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    let options = Options {
        keep: Keep::these(&[theirs.as_raw_fd()]),
        memory: Some(64 << 20),
        ..Options::default()
    };
    let running = freeze::freeze_to_stay(&options, &mut |image, _| {
        let mut byte = [0];
        loop {
            if (&theirs).read(&mut byte).map_err(|e| e.to_string())? == 0 {
                return Ok(());
            }
            match byte[0] {
                b'p' => panic!("as it was asked to"),
                b'e' => return Err("as it was asked to".into()),
                b'm' => {
                    let mut all = Vec::new();
                    loop {
                        all.push(vec![1u8; 1 << 20]);
                        std::hint::black_box(&all);
                    }
                }
                b't' => freeze::work_at_most(Duration::from_secs(1)),
                b'f' => {
                    let entries = std::fs::read_dir("/proc/self/fd").map_err(|e| e.to_string())?;
                    let open = entries.count();
                    let _ = (&theirs).write_all(format!("{open}\n").as_bytes());
                }
                _ => {
                    let (pid, blocks) = (std::process::id(), image.blocks.len());
                    let _ = (&theirs).write_all(format!("{pid} {blocks}\n").as_bytes());
                }
            }
        }
    });
    (running.expect("a copy"), ours)
}

fn ask(channel: &UnixStream, byte: u8) -> String {
    let mut to = channel;
    to.write_all(&[byte]).expect("asks");
    let mut line = String::new();
    BufReader::new(channel)
        .read_line(&mut line)
        .expect("an answer");
    line.trim_end().to_owned()
}

fn pid_of(answer: &str) -> u32 {
    let pid = answer.split(' ').next().and_then(|word| word.parse().ok());
    pid.expect("a process id")
}

fn lives(pid: u32) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("a list").count()
}

fn no_child_is_left() {
    let flags = libc::WNOHANG | libc::__WALL;
    // SAFETY: asks after children.
    let left = unsafe { libc::waitpid(-1, std::ptr::null_mut(), flags) };
    assert_eq!(left, -1, "a process is left");
}

#[test]
fn it_answers_until_it_is_dropped_and_leaves_nothing() {
    alone("it_answers_until_it_is_dropped_and_leaves_nothing", || {
        let kept = vec![1u8; 1000];
        let before = descriptors();
        for _ in 0..20 {
            let (running, channel) = answering();
            let first = ask(&channel, b'?');
            assert!(pid_of(&first) != std::process::id() && lives(pid_of(&first)));
            // The image stays as it was; and another copy can be made meanwhile.
            let more = vec![1u8; 2000];
            assert!(!image().blocks.addr.is_empty());
            assert_eq!(ask(&channel, b'?'), first);
            // Standard streams, the channel, the listing.
            assert_eq!(ask(&channel, b'f'), "5");
            drop(more);
            drop((running, channel));
            assert!(!lives(pid_of(&first)), "it is not reaped");
        }
        no_child_is_left();
        assert_eq!(descriptors(), before);
        drop(kept);
    });
}

#[test]
fn what_ended_it_is_told() {
    alone("what_ended_it_is_told", || {
        let check = |byte: u8, expect: fn(&Error) -> bool| {
            let (running, mut channel) = answering();
            channel.write_all(&[byte]).expect("asks");
            if byte == 0 {
                channel.shutdown(std::net::Shutdown::Both).expect("shuts");
            }
            let mut rest = Vec::new();
            let _ = channel.read_to_end(&mut rest);
            let why = running.why_it_ended();
            assert!(expect(&why), "{}: {why:?}", byte as char);
            no_child_is_left();
        };
        check(
            b'p',
            |why| matches!(why, Error::Died(text) if text.contains("as it was asked to")),
        );
        check(
            b'e',
            |why| matches!(why, Error::Failed(text) if text == "as it was asked to"),
        );
        check(
            b'm',
            |why| matches!(why, Error::Memory { budget } if *budget == 64 << 20),
        );
        // A second and what is added to it.
        check(
            b't',
            |why| matches!(why, Error::Died(text) if text.starts_with("signal 9")),
        );
    });
}

#[test]
fn it_ends_with_its_host() {
    if is_alone() {
        // The host: says which copy it has, and is killed.
        let (_running, channel) = answering();
        println!("copy {}", ask(&channel, b'?'));
        std::thread::sleep(LIMIT);
        return;
    }
    let mut host = Command::new(std::env::current_exe().expect("the path of this test"))
        .args(["it_ends_with_its_host", "--exact", "--nocapture"])
        .env("ENDLER_TEST_ALONE", "1")
        .env_remove("ENDLER")
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let out = BufReader::new(host.stdout.take().expect("piped"));
    let mut lines = out.lines().map_while(Result::ok);
    let line = lines.find_map(|line| Some(line.split_once("copy ")?.1.to_owned()));
    let copy = pid_of(&line.expect("a copy"));
    assert!(lives(copy));
    host.kill().expect("it runs");
    host.wait().expect("it ends");
    let until = Instant::now() + LIMIT;
    // A zombie of whoever inherited it does not count.
    let works = || {
        let stat = std::fs::read_to_string(format!("/proc/{copy}/stat")).unwrap_or_default();
        let state = stat
            .rsplit(") ")
            .next()
            .and_then(|rest| rest.chars().next());
        state.is_some_and(|state| state != 'Z')
    };
    while works() {
        assert!(Instant::now() < until, "the copy lives on");
        std::thread::sleep(Duration::from_millis(10));
    }
}
