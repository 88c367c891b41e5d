//! The thirty-line service with endler's two lines, as a user would run it.

mod process;

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command};

use process::*;

struct Service {
    child: Child,
    address: String,
    folder: Folder,
}

impl Service {
    fn start(name: &str) -> Self {
        let folder = Folder::new(name);
        let mut command = Command::new(example("service"));
        let mut child = start(command.current_dir(folder.path()).env_remove("ENDLER"));
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        let line = line_with(&mut out, "listening on ");
        let address = line
            .split_whitespace()
            .nth(2)
            .expect("an address")
            .trim_end_matches(',');
        Service {
            address: address.to_owned(),
            child,
            folder,
        }
    }

    /// One request; the number of visits that the service has counted.
    fn ask(&self) -> u64 {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        let body = answer.rsplit("\r\n\r\n").next().unwrap_or_default();
        body.split(' ')
            .next()
            .and_then(|n| n.parse().ok())
            .expect("a count")
    }

    fn dumps(&self, ending: &str) -> Vec<std::path::PathBuf> {
        let path = self.folder.path().join("heap-dumps");
        let files = std::fs::read_dir(path).into_iter().flatten();
        let mut files: Vec<_> = files
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.to_string_lossy().ends_with(ending))
            .collect();
        files.sort_by_key(|path| {
            let name = path
                .file_name()
                .and_then(|n| n.to_str())
                .unwrap_or_default()
                .to_owned();
            name.split('.').nth(2).and_then(|n| n.parse::<u32>().ok())
        });
        files
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_signal_writes_tables_of_its_own_types_while_it_serves() {
    let service = Service::start("service-tables");
    for expect in 1..=60 {
        assert_eq!(service.ask(), expect);
    }
    signal(service.child.id(), libc::SIGUSR1);
    assert_eq!(service.ask(), 61, "it serves during the dump");
    let path = wait_for("the snapshot", || service.dumps(".endler").pop());
    assert_eq!(service.ask(), 62, "it serves after the dump");
    let text = std::fs::read_to_string(path.with_extension("txt")).expect("the tables");

    let image = endler::reports::load(&path).expect("a whole snapshot");
    let heap = endler::reports::partition::Heap::new(&image);
    let types = heap
        .all()
        .by(&endler::reports::partition::By::parse("type").expect("a relation"));
    let visits = types
        .find("Box<service::Visit>")
        .expect("the service's own type");
    let count = types.rows()[visits].count;
    assert!((60..=61).contains(&count), "{count} visits at the copy");
    assert_eq!(
        types.rows()[visits].size.0,
        count * 48,
        "a Visit has 48 bytes"
    );
    assert!(types.find("Vec<u64>").is_some() && types.find("String").is_some());

    assert!(text.contains("Live References\n\n"), "{text}");
    let row = text
        .lines()
        .find(|l| l.starts_with("Box<service::Visit> "))
        .expect("a live reference");
    assert_eq!(
        row,
        format!("{:<30} {count:>6}   oldest: 0s ago", "Box<service::Visit>")
    );
    assert!(
        text.contains("  %  Oldest Type\n") || text.contains(" Type\n"),
        "{text}"
    );
    assert!(
        text.contains("service::main::{closure#0} at examples/service.rs:"),
        "{text}"
    );

    let told = path.with_extension("txt").display().to_string();
    let mut service = service;
    let errors = service.child.stderr.take().expect("piped");
    let line = line_with(&mut BufReader::new(errors), "process held");
    assert!(
        line.starts_with(&format!("endler: {told} and .endler beside it")),
        "{line}"
    );
}

#[test]
fn many_signals_are_answered_by_few_dumps_and_sixteen_stay() {
    let service = Service::start("service-burst");
    service.ask();
    for _ in 0..50 {
        signal(service.child.id(), libc::SIGUSR1);
    }
    wait_for("a dump", || service.dumps(".endler").pop());
    // A dump that began before the last signal is followed by one more.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let burst = service.dumps(".endler").len();
    assert!(
        (1..10).contains(&burst),
        "{burst} dumps for 50 signals at once"
    );

    let number = |path: &std::path::Path| -> u32 {
        let name = path
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or_default();
        name.split('.')
            .nth(2)
            .and_then(|n| n.parse().ok())
            .expect("a number")
    };
    while number(service.dumps(".endler").last().expect("a dump")) < 20 {
        let before = number(service.dumps(".endler").last().expect("a dump"));
        signal(service.child.id(), libc::SIGUSR1);
        wait_for("the next dump", || {
            service
                .dumps(".endler")
                .last()
                .filter(|p| number(p) > before)
                .map(|_| ())
        });
    }
    wait_for("the old ones to go", || {
        // The two files of one go one after the other.
        let both = [".endler", ".txt"].map(|end| service.dumps(end).len());
        (both == [16, 16]).then_some(())
    });
    for path in service.dumps(".endler") {
        endler::reports::load(&path).expect("every file is whole");
    }
    assert_eq!(service.ask(), 2, "it still serves");
    let left: Vec<_> = service.dumps("partial");
    assert!(left.is_empty(), "{left:?}");
}
