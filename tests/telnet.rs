//! The console through a real `telnet`, which has a terminal of its own, as a user's has:
//! the password, what is echoed, tables, Ctrl-C, and what a wrong password gets.

mod process;
#[path = "process/terminal.rs"]
mod terminal;

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use endler::console::client::{Client, Said};
use endler::console::{Options, serve};
use endler::trackref::Tracked;

use process::*;
use terminal::Terminal;

#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

#[derive(Debug)]
#[allow(dead_code, reason = "read through the console alone")]
struct Spider {
    name: String,
}

/// The process: serves until its input ends.
fn program() {
    let console = serve(
        Options::new()
            .telnet()
            .answer_within(Duration::from_secs(900)),
    )
    .expect("a console");
    let spider = Tracked::new(Spider {
        name: "books".into(),
    });
    println!("port {}", console.port().expect("a port"));
    let _ = std::io::stdin().lines().next();
    drop(spider);
}

/// A process that serves; ends with the value.
struct Host {
    child: Child,
    port: u16,
    password: String,
    _runtime: Folder,
}

impl Host {
    fn new(test: &str) -> Self {
        let runtime = Folder::new(&format!("telnet-{test:.20}"));
        let mut command = again(test, "program");
        command
            .arg("--include-ignored")
            .env("XDG_RUNTIME_DIR", runtime.path())
            .stdin(Stdio::piped());
        let mut child = start(&mut command);
        let mut errors = BufReader::new(child.stderr.take().expect("piped"));
        let line = line_with(&mut errors, "password ");
        let password = line
            .rsplit("password ")
            .next()
            .expect("one")
            .trim()
            .to_owned();
        assert!(password.len() >= 32, "{line}");
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        let said = line_with(&mut out, "port ");
        let port = said.rsplit("port ").next().expect("one").trim();
        assert!(
            line.contains(&format!("telnet localhost {port},")),
            "{line}"
        );
        Host {
            port: port.parse().expect("a number"),
            child,
            password,
            _runtime: runtime,
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn telnet(host: &Host) -> Terminal {
    let mut command = Command::new("telnet");
    Terminal::new(command.args(["localhost", &host.port.to_string()]))
}

/// Types a line; what stands there up to the next prompt.
#[track_caller]
fn ask(telnet: &mut Terminal, line: &str) -> String {
    telnet.types(&format!("{line}\r"));
    // Names of types end so as well, but not at a line's beginning.
    telnet.until("\n>>> ")
}

#[test]
#[ignore = "needs telnet: tests/telnet.sh"]
fn a_session_as_a_user_has_it() {
    if role().is_some() {
        return program();
    }
    let host = Host::new("a_session_as_a_user_has_it");
    let mut telnet = telnet(&host);
    telnet.until("Password: ");
    let password = host.password.clone();
    ask(&mut telnet, &password);
    assert!(
        !telnet.screen.contains(&password),
        "it is shown: {}",
        telnet.screen
    );
    let table = ask(&mut telnet, "prefs()");
    assert!(table.contains("Live References\r\n"), "{table:?}");
    let row = table.lines().find(|line| line.starts_with("Spider "));
    let row = row.unwrap_or_else(|| panic!("{table}"));
    // trackref's line to the letter, but for the age.
    let (before, age) = row.split_once("oldest: ").expect(row);
    assert_eq!(before, "Spider                              1   ");
    let age = age
        .strip_suffix("s ago")
        .and_then(|s| s.parse::<u64>().ok());
    assert!(age.is_some(), "{row}");
    let one = ask(&mut telnet, "hpy.heap() & iter_all('Spider')");
    let expect = "Partition of a set of 1 object. Total size = ";
    assert!(one.contains(expect), "{one}");
    let header = " Index  Count   %     Size   % Cumulative  % Type\r\n";
    assert!(one.contains(header), "{one}");
    let name = ask(&mut telnet, "get_oldest('Spider').name");
    assert!(name.contains("books"), "{name}");
    let heap = ask(&mut telnet, "hpy.heap()");
    assert!(heap.contains("Partition of a set of"), "{heap}");

    assert!(ask(&mut telnet, "help").contains("heap"));
    drop(telnet);
    let pid = host.child.id();
    wait_for("the copy's end", || child_of(pid).is_none().then_some(()));
}

#[test]
#[ignore = "needs telnet: tests/telnet.sh"]
fn three_wrong_passwords_end_the_connection() {
    if role().is_some() {
        return program();
    }
    let host = Host::new("three_wrong_passwords_end_the_connection");
    let mut telnet = telnet(&host);
    for wrong in ["", &host.password[1..], &"x".repeat(100_000)[..]] {
        telnet.until("Password: ");
        // A terminal takes no line of more than 4096 bytes.
        telnet.types(&format!("{:.4000}\r", wrong));
        telnet.until("Wrong.");
    }
    telnet.ended();
    assert!(!telnet.screen.contains(">>> "), "{}", telnet.screen);
    assert_eq!(child_of(host.child.id()), None);

    // Without telnet: a query instead of a password is a wrong one.
    let mut plain = TcpStream::connect(("127.0.0.1", host.port)).expect("connects");
    plain
        .write_all(b"prefs()\nhelp\nhpy.heap()\n")
        .expect("writes");
    let mut all = Vec::new();
    plain.read_to_end(&mut all).expect("the end");
    let all = String::from_utf8_lossy(&all);
    assert_eq!(all.matches("Wrong.").count(), 3, "{all}");
    assert!(!all.contains(">>> "), "{all}");
    // From another address of this machine nobody connects.
    let elsewhere = std::net::SocketAddr::from(([127, 0, 0, 2], host.port));
    let refused = TcpStream::connect_timeout(&elsewhere, Duration::from_secs(5));
    assert!(refused.is_err(), "it listens elsewhere too");
}

#[test]
fn who_only_knocks_at_the_port_keeps_nobody_from_the_socket() {
    if role().is_some() {
        return program();
    }
    let host = Host::new("who_only_knocks_at_the_port_keeps_nobody_from_the_socket");
    let mut knocking = Vec::new();
    for number in 1..=5 {
        let mut stream = TcpStream::connect(("127.0.0.1", host.port)).expect("connects");
        stream
            .set_read_timeout(Some(Duration::from_secs(50)))
            .expect("set");
        let mut said = String::new();
        if number == 5 {
            stream.read_to_string(&mut said).expect("the end");
            assert!(said.contains("refused: 4 connections"), "{said}");
        } else {
            let mut asked = vec![0; 13];
            stream.read_exact(&mut asked).expect("asked");
            assert!(asked.ends_with(b"Password: "), "{asked:?}");
        }
        knocking.push(stream);
    }
    let mut client = Client::connect(host.child.id()).expect("a console");
    let said = client.ask("help").expect("an answer");
    assert!(
        matches!(&said[..], [Said::Answer(text)] if text.contains("heap")),
        "{said:?}"
    );
    drop((client, knocking));
}

const IAC: u8 = 255;
const DONT: u8 = 254;
const DO: u8 = 253;
const WONT: u8 = 252;
const WILL: u8 = 251;
const AYT: u8 = 246;
const IP: u8 = 244;
const BRK: u8 = 243;
const DM: u8 = 242;
const SUPPRESS_GO_AHEAD: u8 = 3;
const TIMING_MARK: u8 = 6;
const WINDOW_SIZE: u8 = 31;

/// The bytes of a session, without a client; logged in.
struct Bytes {
    stream: TcpStream,
    said: Vec<u8>,
}

impl Bytes {
    fn new(host: &Host) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", host.port)).expect("connects");
        let patience = Some(Duration::from_secs(240));
        stream.set_read_timeout(patience).expect("set");
        let mut bytes = Bytes {
            stream,
            said: Vec::new(),
        };
        bytes.until(b"Password: ");
        bytes.send(format!("{}\r\n", host.password).as_bytes());
        bytes.until(b">>> ");
        bytes
    }

    fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("sent");
    }

    /// What comes up to this, which is taken out.
    #[track_caller]
    fn until(&mut self, mark: &[u8]) -> Vec<u8> {
        loop {
            let found = self.said.windows(mark.len()).position(|part| part == mark);
            if let Some(at) = found {
                let rest = self.said.split_off(at + mark.len());
                let mut before = std::mem::replace(&mut self.said, rest);
                before.truncate(at);
                return before;
            }
            let mut bytes = [0; 4096];
            let len = self.stream.read(&mut bytes).unwrap_or(0);
            assert!(
                len > 0,
                "no {mark:?}: {}",
                String::from_utf8_lossy(&self.said)
            );
            self.said.extend(&bytes[..len]);
        }
    }

    #[track_caller]
    fn ask(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n").as_bytes());
        String::from_utf8_lossy(&self.until(b">>> ")).into_owned()
    }

    /// A byte that the kernel marks as urgent.
    fn send_urgent(&mut self, byte: u8) {
        let fd = std::os::fd::AsRawFd::as_raw_fd(&self.stream);
        // SAFETY: reads one byte.
        let sent = unsafe { libc::send(fd, (&raw const byte).cast(), 1, libc::MSG_OOB) };
        assert_eq!(sent, 1);
    }
}

/// Begins a query whose copy is stopped, so that it goes on as long as nobody ends it,
/// and interrupts it; whether the answer had come before. Then a line is answered.
fn is_interrupted(host: &Host, bytes: &mut Bytes, interrupt: &dyn Fn(&mut Bytes)) -> bool {
    let before = child_of(host.child.id()).unwrap_or(0);
    bytes.send(b"hpy.heap()\r\n");
    signal(working_child_of(host.child.id(), before), libc::SIGSTOP);
    interrupt(bytes);
    let said = String::from_utf8_lossy(&bytes.until(b">>> ")).into_owned();
    assert!(
        said.contains("interrupted") || said.contains("Partition"),
        "{said}"
    );
    if !said.contains("interrupted") {
        // What came too late interrupts nothing, and asks once more.
        bytes.until(b">>> ");
    }
    assert!(bytes.ask("help").contains("heap"));
    said.contains("interrupted")
}

#[test]
fn a_query_is_interrupted_by_each_of_telnets_ways() {
    if role().is_some() {
        return program();
    }
    let host = Host::new("a_query_is_interrupted_by_each_of_telnets_ways");
    let mut bytes = Bytes::new(&host);
    type Way<'a> = (&'a str, &'a dyn Fn(&mut Bytes));
    let ways: [Way<'_>; 4] = [
        ("Ctrl-C as a byte", &|bytes| bytes.send(b"\x03")),
        ("BRK", &|bytes| bytes.send(&[IAC, BRK])),
        // As telnet sends it, with the mark by which it knows what came later.
        ("IP", &|bytes| bytes.send(&[IAC, IP, IAC, DO, TIMING_MARK])),
        ("IP and Synch", &|bytes| {
            bytes.send(&[IAC, IP, IAC]);
            bytes.send_urgent(DM);
        }),
    ];
    for (name, interrupt) in ways {
        let interrupted = (0..10).any(|_| is_interrupted(&host, &mut bytes, interrupt));
        assert!(interrupted, "{name}: the answer was always there before");
    }
    // The session is whole, and no copy is left of those that were interrupted.
    assert!(bytes.ask("get_oldest('Spider').name").contains("books"));
    drop(bytes);
    wait_for("the copy's end", || {
        child_of(host.child.id()).is_none().then_some(())
    });
}

#[test]
fn options_are_refused_and_are_you_there_is_answered_during_a_query() {
    if role().is_some() {
        return program();
    }
    let host = Host::new("options_are_refused_and_are_you_there_is_answered_during_a_query");
    let mut bytes = Bytes::new(&host);
    bytes.send(&[IAC, DO, SUPPRESS_GO_AHEAD]);
    assert_eq!(bytes.until(&[IAC, WONT, SUPPRESS_GO_AHEAD]), b"");
    bytes.send(&[IAC, WILL, WINDOW_SIZE]);
    assert_eq!(bytes.until(&[IAC, DONT, WINDOW_SIZE]), b"");
    // To these there is nothing to say; what comes next is the answer.
    bytes.send(&[IAC, DONT, SUPPRESS_GO_AHEAD, IAC, WONT, WINDOW_SIZE]);
    bytes.send(&[IAC, 250, WINDOW_SIZE, 0, 80, 0, 24, IAC, 240]);
    assert!(bytes.ask("help").starts_with("Ask as in Heapy"));
    bytes.send(b"hpy.heap()\r\n");
    let copy = working_child_of(host.child.id(), 0);
    signal(copy, libc::SIGSTOP);
    bytes.send(&[IAC, AYT]);
    bytes.until(b"[endler: yes]\r\n");
    signal(copy, libc::SIGCONT);
    bytes.until(b">>> ");
    assert!(bytes.ask("help").contains("heap"));
}
