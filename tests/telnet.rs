//! The console through a real `telnet`, which has a terminal of its own, as a user's has:
//! the password, what is echoed, tables, Ctrl-C, and what a wrong password gets.

mod process;
#[path = "process/terminal.rs"]
mod terminal;

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

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

#[test]
#[ignore = "needs telnet: tests/telnet.sh"]
fn a_session_as_a_user_has_it() {
    if role().is_some() {
        return program();
    }
    let host = Host::new("a_session_as_a_user_has_it");
    let mut telnet = telnet(&host);
    telnet.sees(0, "Password: ");
    let password = host.password.clone();
    telnet.types(&format!("{password}\r"));
    telnet.sees_prompt(0);
    assert!(
        !telnet.screen.contains(&password),
        "it is shown: {}",
        telnet.screen
    );
    let table = telnet.ask("prefs()");
    assert!(table.contains("Live References\r\n"), "{table:?}");
    let row = table.lines().find(|line| line.contains("Spider"));
    assert!(row.is_some_and(|row| row.contains(" 1 ")), "{table}");
    let name = telnet.ask("get_oldest('Spider').name");
    assert!(name.contains("books"), "{name}");
    let heap = telnet.ask("hpy.heap()");
    assert!(heap.contains("Partition of a set of"), "{heap}");

    assert!(telnet.ask("help").contains("heap"));
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
        let from = telnet.screen.len();
        telnet.sees(from.saturating_sub(10), "Password: ");
        // A terminal takes no line of more than 4096 bytes.
        telnet.types(&format!("{:.4000}\r", wrong));
        telnet.sees(from, "Wrong.");
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
