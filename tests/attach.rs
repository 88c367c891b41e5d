//! `endler attach` and `endler dump`: of a script, on a terminal, and what they say where
//! there is nothing to attach to.

mod process;
mod support;
#[path = "process/terminal.rs"]
mod terminal;

use std::io::{BufReader, Write};
use std::process::{Child, Command, Output, Stdio};

use process::*;
use terminal::{HAS_READ, READS, Terminal};

#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

struct Page {
    number: u64,
}

/// The process: holds pages until its input ends.
fn program() {
    let pages: Vec<Box<Page>> = (0..100).map(|n| Box::new(Page { number: n })).collect();
    println!("ready");
    let _ = std::io::stdin().lines().next();
    let sum: u64 = pages.iter().map(|page| page.number).sum();
    assert_eq!(sum, 4950);
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
fn values_are_written_to_no_file_unless_they_are_asked_for() {
    if role().is_some() {
        return program();
    }
    let test = "values_are_written_to_no_file_unless_they_are_asked_for";
    let host = Host::new(test, "exact,console");
    let lines = "oldest('Page')\niter_all('Page').number\n!with values\niter_all('Page').number";
    let said = text(&endler(&["attach", &host.pid()], lines).stdout);
    let line = "(values are not written to a file: --with-values)";
    assert_eq!(said.matches(line).count(), 3, "{said}");
    assert!(
        said.contains("Allocated in") && !said.contains("number: "),
        "{said}"
    );
    let arguments = ["attach", "--with-values", &host.pid()];
    let said = text(&endler(&arguments, lines).stdout);
    assert!(
        !said.contains(line) && said.contains("\n  number: "),
        "{said}"
    );
    // The first of a page: its row, and its number.
    let row = said.lines().find_map(|line| line.strip_prefix("     0 "));
    assert!(row.is_some_and(|n| n.parse::<u64>().is_ok()), "{said}");
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

/// `endler attach` on a terminal, at its first prompt.
fn attached(host: &Host) -> Terminal {
    let mut command = Command::new(support::endler());
    command
        .args(["attach", &host.pid()])
        .env("XDG_STATE_HOME", host.folder.path());
    let mut terminal = Terminal::new(&mut command);
    prompt(&mut terminal);
    terminal
}

#[track_caller]
fn prompt(terminal: &mut Terminal) {
    terminal.until(READS);
    terminal.until(">>> ");
}

/// Types a line; what is answered.
#[track_caller]
fn ask(terminal: &mut Terminal, line: &str) -> String {
    terminal.types(&format!("{line}\r"));
    terminal.until(HAS_READ);
    let answer = terminal.until(READS);
    terminal.until(">>> ");
    answer
}

#[test]
fn a_person_has_a_prompt_history_and_completion() {
    if role().is_some() {
        return program();
    }
    let host = Host::new(
        "a_person_has_a_prompt_history_and_completion",
        "exact,console",
    );
    let mut terminal = attached(&host);
    assert!(terminal.screen.contains(&format!("process {}", host.pid())));
    let table = ask(&mut terminal, "prefs()");
    assert!(table.contains("Live References"), "{table:?}");
    assert!(table.contains("Box<Page> "), "{table:?}");
    assert!(ask(&mut terminal, "no_such_name").contains('^'));
    // Arrow up, twice.
    terminal.types("\x1b[A\x1b[A");
    terminal.until("prefs()");
    assert!(ask(&mut terminal, "").contains("Live References"));
    // The only word that begins so.
    terminal.types("print_l\t");
    terminal.until("print_live_refs");
    assert!(ask(&mut terminal, "()").contains("Box<Page> "));
    ask(&mut terminal, "summer = hpy.heap()");
    // A type, and a field: who sits there sees values, and so their names.
    terminal.types("page = get_oldest('Pag\t");
    terminal.until("get_oldest('Page");
    ask(&mut terminal, "')");
    terminal.types("page.num\t");
    terminal.until("page.number");
    let number = ask(&mut terminal, "");
    assert!(number.trim().parse::<u64>().is_ok(), "{number:?}");
    terminal.types("summ\t");
    terminal.until("summer");
    assert!(ask(&mut terminal, ".count").trim().parse::<u64>().is_ok());
    // Ctrl-C forgets the line that is being typed.
    terminal.types("half a line\x03");
    prompt(&mut terminal);
    assert!(ask(&mut terminal, "help").contains("heap"));
    // Ctrl-D.
    terminal.types("\x04");
    assert!(terminal.ended().success(), "{:?}", terminal.screen);
    // The next time the lines are still known.
    let mut again = attached(&host);
    again.types("\x1b[A");
    again.until("help");
    assert!(ask(&mut again, "").contains("heap"));
}

#[test]
fn a_person_interrupts_a_query_and_goes_on() {
    if role().is_some() {
        return program();
    }
    let host = Host::new("a_person_interrupts_a_query_and_goes_on", "exact,console");
    let mut terminal = attached(&host);
    ask(&mut terminal, "x = hpy.heap()");
    let count = ask(&mut terminal, "x.count");
    let mut interrupted = 0;
    // Its copy is stopped; it may have answered just before, and then Ctrl-C forgets a
    // line that is not there.
    for _ in 0..10 {
        let before = child_of(host.child.id()).unwrap_or(0);
        terminal.types("hpy.heap().count\r");
        terminal.until(HAS_READ);
        signal(working_child_of(host.child.id(), before), libc::SIGSTOP);
        terminal.types("\x03");
        let said = terminal.until(READS);
        interrupted += usize::from(said.contains("interrupted"));
        terminal.types("help\r");
        terminal.until("Ask as in Heapy");
        prompt(&mut terminal);
        // Each answer is that of its own line, behind a notice that the heap is a new one.
        let answer = ask(&mut terminal, "x.count");
        assert!(answer.ends_with(&count), "{said:?} {answer:?} {count:?}");
        if interrupted == 2 {
            break;
        }
    }
    assert!(interrupted > 0, "{:?}", terminal.screen);
    terminal.types("\x04");
    assert!(terminal.ended().success(), "{:?}", terminal.screen);
    drop(terminal);
    wait_for("the copy's end", || {
        child_of(host.child.id()).is_none().then_some(())
    });
}

#[test]
fn a_terminal_that_can_do_nothing_has_a_prompt() {
    if role().is_some() {
        return program();
    }
    let host = Host::new(
        "a_terminal_that_can_do_nothing_has_a_prompt",
        "exact,console",
    );
    let mut command = Command::new(support::endler());
    command
        .args(["attach", &host.pid()])
        .env("XDG_STATE_HOME", host.folder.path());
    let mut terminal = Terminal::on("dumb", &mut command);
    terminal.until("\n>>> ");
    terminal.types("prefs()\r");
    assert!(terminal.until("\n>>> ").contains("Box<Page> "));
    // Nothing is under way.
    terminal.types("half\x03");
    terminal.until("^C");
    terminal.types("help\r");
    assert!(terminal.until("\n>>> ").contains("Ask as in Heapy"));
    terminal.types("prefs()\r");
    assert!(terminal.until("\n>>> ").contains("Box<Page> "));
    terminal.types("\x04");
    assert!(terminal.ended().success(), "{:?}", terminal.screen);
}
