//! `endler attach` and `endler dump`: of a script, and what they say where there is
//! nothing to attach to.

mod process;
mod support;

use std::io::{BufReader, Write};
use std::process::{Child, Command, Output, Stdio};

use process::*;

#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

struct Page {
    _number: u64,
}

/// The process: holds pages until its input ends.
fn program() {
    let pages: Vec<Box<Page>> = (0..100).map(|n| Box::new(Page { _number: n })).collect();
    println!("ready");
    let _ = std::io::stdin().lines().next();
    drop(pages);
}

/// A process with a console, or without one; ends with the value.
struct Host {
    child: Child,
    folder: Folder,
}

impl Host {
    fn new(test: &str, endler: &str) -> Self {
        let folder = Folder::new(&format!("attach-{test:.12}"));
        let mut command = again(test, "program");
        command
            .env("ENDLER", endler)
            .env("XDG_RUNTIME_DIR", folder.path())
            .stdin(Stdio::piped());
        let mut child = start(&mut command);
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        line_with(&mut out, "ready");
        Host { child, folder }
    }

    fn pid(&self) -> String {
        self.child.id().to_string()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The command, with lines on its standard input.
fn endler(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(support::endler());
    let mut child = start(command.args(arguments).stdin(Stdio::piped()));
    let mut to = child.stdin.take().expect("piped");
    let _ = to.write_all(input.as_bytes());
    drop(to);
    finish(child)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn lines_of_a_script_are_answered() {
    if role().is_some() {
        return program();
    }
    let host = Host::new("lines_of_a_script_are_answered", "exact,console");
    let lines = "prefs()\nx = hpy.heap()\nx.bytype[0]\nno_such_name";
    let output = endler(&["attach", &host.pid()], lines);
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said} {}", text(&output.stderr));
    assert!(said.starts_with("Live References\n"), "{said}");
    let row = said.lines().find(|line| line.starts_with("Box<Page> "));
    assert!(row.is_some_and(|row| row.contains(" 100 ")), "{said}");
    assert!(said.contains("Partition of a set of"), "{said}");
    assert!(said.contains("no_such_name\n^"), "{said}");
}

#[test]
fn a_dump_is_written_where_it_is_wanted() {
    if role().is_some() {
        return program();
    }
    let host = Host::new("a_dump_is_written_where_it_is_wanted", "exact,console");
    let to = host.folder.path().join("here.endler");
    let to_text = to.to_str().expect("text");
    let output = endler(&["dump", &host.pid(), "-o", to_text], "");
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said} {}", text(&output.stderr));
    assert!(said.contains(to_text) && said.contains("objects"), "{said}");
    let image = endler::reports::load(&to).expect("a whole snapshot");
    assert_eq!(image.process.pid, host.child.id());
    let output = endler(&["dump", &host.pid(), "-o", "/proc/no/such"], "");
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("/proc/no/such"));
}

#[test]
fn where_there_is_no_console_it_says_how_to_get_one() {
    if role().is_some() {
        return program();
    }
    let host = Host::new("where_there_is_no_console_it_says_how_to_get_one", "exact");
    for command in ["attach", "dump"] {
        let output = endler(&[command, &host.pid()], "prefs()\n");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{said}");
        for mark in [
            "has no console",
            "endler::console::serve",
            "ENDLER=exact,console",
        ] {
            assert!(said.contains(mark), "{command}: {said}");
        }
        // Beyond the highest number that a process may have.
        let output = endler(&[command, "4194305"], "");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains("there is no process 4194305"), "{said}");
    }
}

#[test]
fn a_process_that_records_nothing_says_so() {
    if role().is_some() {
        let console = endler::console::serve(endler::console::Options::new());
        let _console = console.expect("a console");
        return program();
    }
    let host = Host::new("a_process_that_records_nothing_says_so", "off");
    let output = endler(&["attach", &host.pid()], "prefs()\n");
    assert!(text(&output.stdout).contains("nothing is recorded"));
}
