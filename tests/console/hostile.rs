//! Peers that do what they should not.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::time::Duration;

use endler::console::client::{Client, Said};

use crate::host::*;
use crate::process::*;

/// More bytes than a line may have.
const TEN_MB: usize = 10 << 20;

/// Writes from a thread of its own, since the console reads no further ahead than it
/// must; gives the connection to read from.
fn write(client: &Client, bytes: Vec<u8>) -> std::thread::JoinHandle<()> {
    let mut to = client.stream().try_clone().expect("clones");
    std::thread::spawn(move || {
        let _ = to.write_all(&bytes);
    })
}

/// What is said up to a prompt.
fn up_to_prompt(client: &mut Client) -> Vec<Said> {
    let mut said = Vec::new();
    loop {
        match client.read().expect("more") {
            Said::Prompt(_) => return said,
            other => said.push(other),
        }
    }
}

#[test]
fn noise_and_long_lines_are_errors_and_the_next_line_is_answered() {
    if is_host() {
        return;
    }
    let host = Host::new("hostile::noise_and_long_lines_are_errors_and_the_next_line_is_answered");
    let mut client = host.client();
    let mut long = vec![b'x'; TEN_MB];
    long.push(b'\n');
    let writer = write(&client, long);
    let said = up_to_prompt(&mut client);
    assert!(
        matches!(&said[..], [Said::Failure(text)] if text.contains("65536")),
        "{said:?}"
    );
    writer.join().expect("written");

    client
        .stream()
        .write_all(b"\xff\xfe\x80\n")
        .expect("writes");
    let said = up_to_prompt(&mut client);
    assert!(
        matches!(&said[..], [Said::Failure(text)] if text.contains("text")),
        "{said:?}"
    );

    // Every byte but the interrupt and the line feed, then all in disorder.
    let mut noise: Vec<u8> = (0..=255).filter(|b| ![3, b'\n'].contains(b)).collect();
    noise.push(b'\n');
    let mut seed = 7u32;
    noise.extend((0..200_000).map(|_| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    }));
    noise.extend(b"\nhelp\n");
    let writer = write(&client, noise);
    wait_for("the noise's answers", || {
        let said = up_to_prompt(&mut client);
        matches!(&said[..], [Said::Answer(text)] if text.contains("heap")).then_some(())
    });
    writer.join().expect("written");
    assert!(answer(&mut client, "help").contains("heap"));
    host.end();
}

#[test]
fn a_half_closed_socket_is_answered_and_then_closed() {
    if is_host() {
        return;
    }
    let host = Host::new("hostile::a_half_closed_socket_is_answered_and_then_closed");
    let mut stream = UnixStream::connect(host.socket()).expect("connects");
    stream.write_all(b"phase('p')\nprefs()").expect("writes");
    stream.shutdown(Shutdown::Write).expect("shuts");
    let mut all = String::new();
    stream.read_to_string(&mut all).expect("text, and the end");
    assert!(all.contains("Live References"), "{all}");
    host.wait_for_no_copy();
    host.end();
}

#[test]
fn a_peer_that_never_reads_is_given_up_and_others_are_answered() {
    if is_host() {
        return;
    }
    let mut host =
        Host::new("hostile::a_peer_that_never_reads_is_given_up_and_others_are_answered");
    let threads = |host: &mut Host| host.tell("counts").split(' ').nth(1).map(str::to_owned);
    // The profiler's own thread begins with the first heap.
    answer(&mut host.client(), "prefs()");
    std::thread::sleep(Duration::from_millis(200));
    let before = threads(&mut host);
    let silent = host.client();
    // Answers without end, for a peer that reads none.
    let writer = write(&silent, b"help\n".repeat(20_000));
    let mut client = host.client();
    for _ in 0..5 {
        assert!(answer(&mut client, "prefs()").contains("Page"));
    }
    drop(client);
    wait_for("its end", || (threads(&mut host) == before).then_some(()));
    writer.join().expect("written, or refused");
    drop(silent);
    host.end();
}

#[test]
fn the_fifth_connection_is_refused_and_a_flood_leaves_nothing() {
    if is_host() {
        return;
    }
    let mut host = Host::new("hostile::the_fifth_connection_is_refused_and_a_flood_leaves_nothing");
    let before = host.tell("counts");
    let same = |host: &mut Host| {
        let now = host.tell("counts");
        let two = |text: &str| {
            text.split(' ')
                .take(2)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        (two(&now) == two(&before)).then_some(())
    };
    let four: Vec<Client> = (0..4).map(|_| host.client()).collect();
    let why = Client::connect(host.pid()).expect_err("too many");
    assert!(why.to_string().contains("4 connections"), "{why}");
    drop(four);
    wait_for("their end", || same(&mut host));
    let mut held = Vec::new();
    for round in 0..500 {
        let stream = UnixStream::connect(host.socket()).expect("connects");
        let _ = (&stream).write_all(b"prefs(");
        // Some are closed at once, some later.
        if round % 3 == 0 {
            held.push(stream);
        }
    }
    drop(held);
    wait_for("their end", || same(&mut host));
    let mut client = host.client();
    assert!(answer(&mut client, "prefs()").contains("Page"));
    drop(client);
    host.end();
}

#[test]
fn another_users_process_is_refused() {
    if is_host() {
        return;
    }
    let test = "hostile::another_users_process_is_refused";
    if std::env::var("OTHER").is_ok() {
        return;
    }
    // SAFETY: geteuid has no effect.
    if unsafe { libc::geteuid() } != 0 {
        println!("not run here: another user's process (this one may become no other)");
        return;
    }
    let host = Host::new(test);
    let as_another = |program: &str, path: &std::path::Path| {
        let mut command = std::process::Command::new("/bin/sh");
        command
            .args(["-c", program, "sh"])
            .arg(path)
            .uid(65534)
            .gid(65534);
        finish(start(&mut command))
    };
    let output = as_another("ls \"$1\"", &host.directory());
    assert!(!output.status.success(), "another user may look into it");
    // Were directory and socket open to all, the kernel still tells who connects.
    let open = |path: &std::path::Path, mode| {
        let set = std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode));
        set.expect("set");
    };
    let runtime = host.directory().parent().expect("a directory").to_owned();
    let (directory, socket) = (host.directory(), host.socket());
    for path in [&runtime, &directory] {
        open(path, 0o755);
    }
    open(&socket, 0o777);
    let stream = UnixStream::connect(&socket).expect("root may");
    let mut line = String::new();
    BufReader::new(stream)
        .read_line(&mut line)
        .expect("a prompt");
    assert!(line.starts_with("> "), "{line}");
    let pid = host.pid();
    let refused = in_another_users_thread(move || {
        let stream = UnixStream::connect(&socket).expect("connects");
        let mut all = String::new();
        let _ = BufReader::new(stream).read_to_string(&mut all);
        let why = Client::connect(pid).expect_err("refused").to_string();
        (all, why)
    });
    assert!(
        refused.0.starts_with("! ") && refused.0.contains("refused"),
        "{refused:?}"
    );
    assert!(refused.1.contains("refused"), "{refused:?}");
    host.end();
}

/// The kernel knows users by thread: this one's is another's from here on.
fn in_another_users_thread<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::spawn(|| {
        // SAFETY: the raw call changes this thread alone, which ends soon.
        let done = unsafe { libc::syscall(libc::SYS_setresuid, 65534, 65534, 65534) };
        assert_eq!(done, 0);
        body()
    });
    thread.join().expect("no panic")
}

#[test]
fn a_directory_that_others_may_enter_is_not_used() {
    if role().is_some() {
        let why = endler::console::serve(endler::console::Options::new());
        let why = why.expect_err("refused").to_string();
        assert!(why.contains("yours alone"), "{why}");
        return;
    }
    let folder = Folder::new("console-open");
    let own = folder.path().join("endler");
    std::fs::create_dir(&own).expect("a directory");
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&own, open).expect("set");
    let test = "hostile::a_directory_that_others_may_enter_is_not_used";
    let mut command = again(test, "program");
    let output = finish(start(command.env("XDG_RUNTIME_DIR", folder.path())));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
}
