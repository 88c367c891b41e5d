//! What is asked and answered.

use endler::console::client::{Client, Said};

use crate::host::*;
use crate::process::*;

#[test]
fn variables_outlive_the_copy_that_they_were_made_in() {
    if is_host() {
        return;
    }
    let mut host = Host::new("sessions::variables_outlive_the_copy_that_they_were_made_in");
    let mut client = host.client();
    assert_eq!(answer(&mut client, "x = hpy.heap()"), "");
    let first = host.copy();
    let before = answer(&mut client, "x");
    assert!(before.contains("Box<console::host::Page>"), "{before}");
    assert_eq!(host.copy(), first, "one copy answers several lines");
    host.tell("more");
    assert_eq!(answer(&mut client, "x"), before, "the heap is of its time");
    let after = answer(&mut client, "y = hpy.heap()");
    assert_eq!(after, "");
    assert_ne!(host.copy(), first, "a new heap is a new copy");
    assert_eq!(answer(&mut client, "x"), before);
    let grown = answer(&mut client, "(y - x).bytype[0]");
    assert!(grown.contains("50"), "{grown}");
    // Another connection has its own.
    let mut other = host.client();
    let unknown = failure(&mut other, "x");
    assert!(unknown.contains('^'), "it points at the column: {unknown}");
    drop((client, other));
    host.wait_for_no_copy();
    host.end();
}

#[test]
fn tracked_objects_of_the_process_are_in_the_tables() {
    if is_host() {
        return;
    }
    let host = Host::new("sessions::tracked_objects_of_the_process_are_in_the_tables");
    let mut client = host.client();
    let table = answer(&mut client, "prefs()");
    assert!(table.starts_with("Live References\n"), "{table}");
    let tracked = table.lines().find(|line| line.contains("Spider"));
    assert!(tracked.is_some_and(|line| line.contains("  1 ")), "{table}");
    let name = answer(&mut client, "get_oldest('Spider').name");
    assert!(name.contains("books"), "{name}");
    let url = answer(&mut client, "get_oldest('Page').url");
    assert!(url.contains("http://books.test/"), "{url}");
    host.end();
}

#[test]
fn five_heaps_are_too_many() {
    if is_host() {
        return;
    }
    let host = Host::new("sessions::five_heaps_are_too_many");
    let mut client = host.client();
    for name in ["a", "b", "c", "d", "e"] {
        answer(&mut client, &format!("{name} = hpy.heap()"));
    }
    let why = failure(&mut client, "f = hpy.heap()");
    assert!(why.contains("4 heaps"), "{why}");
    answer(&mut client, "del a");
    answer(&mut client, "f = hpy.heap()");
    assert!(answer(&mut client, "b").contains("Page"));
    host.end();
}

#[test]
fn what_the_host_does_is_done_there() {
    if is_host() {
        return;
    }
    let folder = Folder::new("console-dump");
    let host = Host::new("sessions::what_the_host_does_is_done_there");
    let mut client = host.client();
    answer(&mut client, "phase('later')");
    let to = folder.path().join("here.endler");
    let said = answer(&mut client, &format!("dump(\"{}\")", to.display()));
    assert!(said.contains("objects") && said.contains("held"), "{said}");
    let image = endler::reports::load(&to).expect("a whole snapshot");
    assert_eq!(image.process.pid, host.pid());
    assert_eq!(image.phases[image.process.phase.index()].name, "later");
    let said = answer(&mut client, &format!("dump('{}')", folder.path().display()));
    assert!(said.contains(".txt"), "{said}");
    assert_eq!(folder.dumps(".txt").len(), 1);
    let why = failure(&mut client, "dump('/proc/no/such')");
    assert!(why.contains("/proc/no/such"), "{why}");
    host.end();
}

#[test]
fn a_copy_that_nobody_asks_ends_and_the_next_line_makes_another() {
    if is_host() {
        return;
    }
    let test = "sessions::a_copy_that_nobody_asks_ends_and_the_next_line_makes_another";
    let host = Host::with(test, &[("COPY_LIVES", "300")]);
    let mut client = host.client();
    answer(&mut client, "x = hpy.heap()");
    let told = client.read().expect("a notice");
    assert!(
        matches!(&told, Said::Notice(text) if text.contains("given back")),
        "{told:?}"
    );
    host.wait_for_no_copy();
    // The variable is of the heap before, which is still known.
    assert!(answer(&mut client, "x").contains("Page"));
    host.copy();
    host.end();
}

#[test]
fn the_environment_alone_gives_a_console() {
    if role().is_some() {
        let kept = vec![1u8; 1000];
        println!("ready");
        let _ = std::io::stdin().lines().next();
        return drop(kept);
    }
    let folder = Folder::new("console-environment");
    let mut command = again("sessions::the_environment_alone_gives_a_console", "program");
    command
        .env("ENDLER", "exact,console")
        .env("XDG_RUNTIME_DIR", folder.path())
        .stdin(std::process::Stdio::piped());
    let mut child = start(&mut command);
    let mut out = std::io::BufReader::new(child.stdout.take().expect("piped"));
    line_with(&mut out, "ready");
    let (mut client, _) = Client::connect(child.id()).expect("a console");
    assert!(answer(&mut client, "help").contains("heap"));
    drop(child.stdin.take());
    assert!(child.wait().expect("ends").success());
}
