//! Queries that are given up, and ends of all kinds: no process is left.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use endler::console::client::{Client, Said};

use crate::host::*;
use crate::process::*;

/// A query whose copy is stopped, so that it goes on as long as nobody ends it.
fn begun(host: &Host, client: &mut Client) -> u32 {
    client.send("hpy.heap()").expect("sends");
    let copy = working_child_of(host.pid(), 0);
    signal(copy, libc::SIGSTOP);
    copy
}

#[test]
fn a_query_is_interrupted_and_the_session_goes_on() {
    if is_host() {
        return;
    }
    let host = Host::new("ends::a_query_is_interrupted_and_the_session_goes_on");
    let mut client = host.client();
    answer(&mut client, "x = hpy.heap()");
    answer(&mut client, "x");
    // The copy that is there is ended for the new one.
    let first = host.copy();
    client.send("hpy.heap()").expect("sends");
    let copy = working_child_of(host.pid(), first);
    signal(copy, libc::SIGSTOP);
    let mut to = client.stream();
    to.write_all(b"\x03").expect("writes");
    let said = client.read().expect("said");
    // It may have answered just before it was stopped.
    match said {
        Said::Failure(text) => assert_eq!(text, "interrupted"),
        Said::Answer(_) => {}
        other => panic!("{other:?}"),
    }
    assert!(matches!(client.read(), Ok(Said::Prompt(_))));
    assert!(
        answer(&mut client, "x").contains("Page"),
        "variables are kept"
    );
    drop(client);
    host.wait_for_no_copy();
    host.end();
}

#[test]
fn an_interrupt_leaves_one_prompt_for_each_line() {
    if is_host() {
        return;
    }
    let host = Host::new("ends::an_interrupt_leaves_one_prompt_for_each_line");
    let mut client = host.client();
    let mut to = client.stream().try_clone().expect("clones");
    // Nothing is under way: it came too late.
    to.write_all(b"\x03\x03").expect("writes");
    assert!(answer(&mut client, "help").contains("heap"));
    // Two lines are forgotten, or answered before; the third is answered.
    to.write_all(b"help\nhelp\n\x03phase('p')\n")
        .expect("writes");
    let mut answers = Vec::new();
    while answers.len() < 3 {
        match client.read().expect("said") {
            Said::Prompt(_) => panic!("no answer: {answers:?}"),
            said => answers.push(said),
        }
        assert!(matches!(client.read(), Ok(Said::Prompt(_))));
    }
    assert_eq!(answers[2], Said::Answer(String::new()));
    assert_eq!(answers[0], Said::Failure("interrupted".into()));
    assert!(answer(&mut client, "help").contains("heap"));
    host.end();
}

#[test]
fn a_connection_that_closes_in_a_query_leaves_no_process() {
    if is_host() {
        return;
    }
    let host = Host::new("ends::a_connection_that_closes_in_a_query_leaves_no_process");
    let mut client = host.client();
    let copy = begun(&host, &mut client);
    drop(client);
    wait_for("its end", || (!works(copy)).then_some(()));
    host.wait_for_no_copy();
    assert!(answer(&mut host.client(), "prefs()").contains("Page"));
    host.end();
}

#[test]
fn a_copy_that_is_killed_is_told_and_the_next_line_makes_another() {
    if is_host() {
        return;
    }
    let host = Host::new("ends::a_copy_that_is_killed_is_told_and_the_next_line_makes_another");
    let mut client = host.client();
    answer(&mut client, "x = hpy.heap()");
    answer(&mut client, "x");
    let first = host.copy();
    client.send("hpy.heap()").expect("sends");
    let copy = working_child_of(host.pid(), first);
    signal(copy, libc::SIGSTOP);
    signal(copy, libc::SIGKILL);
    match client.read().expect("said") {
        Said::Failure(text) => assert!(text.contains("signal 9"), "{text}"),
        Said::Answer(_) => {}
        other => panic!("{other:?}"),
    }
    assert!(matches!(client.read(), Ok(Said::Prompt(_))));
    assert!(answer(&mut client, "x").contains("Page"));
    host.end();
}

#[test]
fn a_query_that_takes_too_much_memory_ends_and_the_session_goes_on() {
    if is_host() {
        return;
    }
    let test = "ends::a_query_that_takes_too_much_memory_ends_and_the_session_goes_on";
    let host = Host::with(test, &[("MEMORY", "100000")]);
    let mut client = host.client();
    for line in ["hpy.heap()", "prefs()"] {
        let said = client.ask(line).expect("an answer");
        let (last, before) = said.split_last().expect("an answer");
        let told = "this needs more than the 100000 bytes of memory that a query may take";
        assert!(
            matches!(last, Said::Failure(why) if why.starts_with(told)),
            "{said:?}"
        );
        // What it was tried without.
        let without = ["without references: ", "without types: "];
        for (one, without) in before.iter().zip(without) {
            assert!(
                matches!(one, Said::Notice(text) if text.starts_with(without)),
                "{said:?}"
            );
        }
        assert_eq!(before.len(), 2, "{said:?}");
        host.wait_for_no_copy();
    }
    assert!(answer(&mut client, "help").contains("heap"));
    drop(client);
    host.end();
}

#[test]
fn a_copy_ends_with_its_host() {
    if is_host() {
        return;
    }
    for killed in [true, false] {
        let mut host = Host::new("ends::a_copy_ends_with_its_host");
        let mut client = host.client();
        let copy = begun(&host, &mut client);
        if killed {
            host.child.kill().expect("it runs");
            host.child.wait().expect("ends");
        } else {
            host.end();
        }
        wait_for("the copy's end", || (!works(copy)).then_some(()));
    }
}

#[test]
fn a_fork_of_the_host_keeps_nothing_open_and_serves_nothing() {
    if is_host() {
        return;
    }
    let mut host = Host::new("ends::a_fork_of_the_host_keeps_nothing_open_and_serves_nothing");
    let mut client = host.client();
    answer(&mut client, "x = hpy.heap()");
    let forked: u32 = host.tell("fork").parse().expect("a number");
    // The session goes on, and a new copy as well.
    answer(&mut client, "hpy.heap()");
    let why = Client::connect(forked).expect_err("no console");
    assert!(why.to_string().contains("has no console"), "{why}");
    let other = host.client();
    let mut stream = other.stream().try_clone().expect("clones");
    assert_eq!(host.tell("end"), "ok");
    // Closed for the peer, though the fork has it open too.
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("the end");
    assert!(!host.socket().exists());
    assert!(UnixStream::connect(host.socket()).is_err());
    let why = Client::connect(host.pid()).expect_err("no console any more");
    assert!(why.to_string().contains("has no console"), "{why}");
    drop((client, other));
    signal(forked, libc::SIGKILL);
    wait_for("no copy", || {
        let child = child_of(host.pid());
        (child.is_none() || child == Some(forked)).then_some(())
    });
    host.end();
}

#[test]
fn sockets_of_the_dead_are_swept() {
    if is_host() {
        return;
    }
    let mut host = Host::new("ends::sockets_of_the_dead_are_swept");
    let socket = host.socket();
    host.child.kill().expect("it runs");
    host.child.wait().expect("ends");
    assert!(socket.exists(), "killed, it could not remove it");
    let runtime = host.directory().parent().expect("a directory").to_owned();
    let runtime = runtime.to_str().expect("text");
    let test = "ends::sockets_of_the_dead_are_swept";
    let next = Host::with(test, &[("XDG_RUNTIME_DIR", runtime)]);
    assert!(!socket.exists());
    let why = Client::connect(host.pid()).expect_err("no process");
    assert!(why.to_string().contains("there is no process"), "{why}");
    next.end();
}
