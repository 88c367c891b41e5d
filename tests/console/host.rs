//! A process that serves a console: this test binary once more.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{BufReader, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use endler::Bytes;
use endler::console::client::{Client, Said, Want};
use endler::console::{Options, serve};
use endler::trackref::Tracked;

use crate::process::*;

/// Counts what the process has, recorded or not. A copy has an arena of its own.
struct Counting;

static LIVE: AtomicI64 = AtomicI64::new(0);

// SAFETY: all is forwarded to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static HEAP: endler::Heap<Counting> = endler::Heap::wrapping(Counting);

/// What the process holds.
#[derive(Debug)]
#[allow(dead_code, reason = "read through the console alone")]
pub(crate) struct Page {
    url: String,
    number: u64,
}

#[derive(Debug)]
#[allow(dead_code, reason = "read through the console alone")]
pub(crate) struct Spider {
    name: String,
}

/// The process, if this is one: holds pages, serves, and does what its input says.
pub(crate) fn is_host() -> bool {
    if role().is_none() {
        return false;
    }
    // No limit of the console's own decides on a busy machine.
    let mut options = Options::new().answer_within(Duration::from_secs(900));
    if let Ok(millis) = std::env::var("COPY_LIVES") {
        options = options.copy_lives(Duration::from_millis(millis.parse().expect("a number")));
    }
    if let Ok(bytes) = std::env::var("MEMORY") {
        options = options.memory(Bytes(bytes.parse().expect("a number")));
    }
    if std::env::var_os("FOR_EVER").is_some() {
        let ever = Duration::MAX;
        options = options.answer_within(ever).copy_lives(ever);
    }
    if let Some(directory) = std::env::var_os("DUMP_INTO") {
        options = options.dump_into(directory);
    }
    if std::env::var_os("DUMP_ANYWHERE").is_some() {
        options = options.dump_anywhere();
    }
    let mut console = Some(serve(options).expect("a console"));
    let page = |number| {
        Box::new(Page {
            url: format!("http://books.test/{number}"),
            number,
        })
    };
    let mut pages: Vec<Box<Page>> = (0..100).map(page).collect();
    let spider = Tracked::new(Spider {
        name: "books".into(),
    });
    say("ready");
    for line in std::io::stdin().lines() {
        match line.expect("text").as_str() {
            "more" => {
                let from = pages.len() as u64;
                pages.extend((from..from + 50).map(page));
                say("ok");
            }
            "counts" => say(&format!(
                "{} {} {}",
                entries("/proc/self/fd"),
                entries("/proc/self/task"),
                LIVE.load(Ordering::Relaxed)
            )),
            "fork" => say(&format!("{}", forked())),
            "end" => {
                drop(console.take());
                say("ok");
            }
            other => panic!("{other}"),
        }
    }
    drop((pages, spider));
    true
}

/// A child that sleeps, with all that its parent has open.
fn forked() -> i32 {
    // SAFETY: the child calls nothing but sleep and _exit.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // SAFETY: sleeps.
        unsafe { libc::sleep(120) };
        // SAFETY: ends the child.
        unsafe { libc::_exit(0) };
    }
    pid
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "host: {line}")
        .and_then(|()| out.flush())
        .expect("said");
}

pub(crate) fn entries(path: &str) -> usize {
    std::fs::read_dir(path).map_or(0, Iterator::count)
}

/// A directory for sockets: short, since their paths are, and nobody else's.
struct Runtime(PathBuf);

impl Runtime {
    /// By the last part of the test's name.
    fn of(test: &str) -> Self {
        let test = test.rsplit("::").next().expect("a name");
        let name = format!("endler-{:.40}-{}", test, std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&path);
        let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
        made.expect("a directory");
        Runtime(path)
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A process that serves; ends with the value.
pub(crate) struct Host {
    pub(crate) child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    runtime: Runtime,
}

impl Host {
    pub(crate) fn new(test: &str) -> Self {
        Host::with(test, &[])
    }

    /// With these variables in its environment.
    pub(crate) fn with(test: &str, variables: &[(&str, &str)]) -> Self {
        let runtime = Runtime::of(test);
        let mut command = again(test, "host");
        command
            .env("XDG_RUNTIME_DIR", &runtime.0)
            .envs(variables.iter().copied());
        Host::started(command, runtime)
    }

    /// Without debug information, so that its heaps are ready at once; none where
    /// nothing takes that away.
    pub(crate) fn without_types(test: &str) -> Option<Self> {
        let runtime = Runtime::of(test);
        let program = runtime.0.join("program");
        let mut strip = std::process::Command::new("objcopy");
        strip
            .arg("--strip-debug")
            .arg(std::env::current_exe().expect("the path of this test"))
            .arg(&program);
        if !strip.status().is_ok_and(|status| status.success()) {
            println!("not run: there is no objcopy");
            return None;
        }
        let same = again(test, "host");
        let mut command = std::process::Command::new(&program);
        command
            .args(same.get_args())
            .env("ROLE", "host")
            .env_remove("ENDLER")
            .env("XDG_RUNTIME_DIR", &runtime.0);
        Some(Host::started(command, runtime))
    }

    fn started(mut command: std::process::Command, runtime: Runtime) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("starts");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let mut host = Host {
            input: child.stdin.take(),
            output,
            child,
            runtime,
        };
        assert_eq!(host.heard(), "ready");
        host
    }

    fn heard(&mut self) -> String {
        let line = line_with(&mut self.output, "host: ");
        let (_, said) = line.split_once("host: ").expect("its mark");
        said.trim_end().to_owned()
    }

    /// Has it do something; what it says.
    pub(crate) fn tell(&mut self, line: &str) -> String {
        let input = self.input.as_mut().expect("open");
        writeln!(input, "{line}").expect("told");
        self.heard()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn client(&self) -> Client {
        let client = Client::connect_with(self.pid(), &[Want::Values]);
        client.expect("a console").0
    }

    pub(crate) fn directory(&self) -> PathBuf {
        self.runtime.0.join("endler")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory().join(format!("{}.sock", self.pid()))
    }

    /// The copy that answers, once there is one.
    pub(crate) fn copy(&self) -> u32 {
        wait_for("a copy", || child_of(self.pid()))
    }

    pub(crate) fn wait_for_no_copy(&self) {
        let none = || child_of(self.pid()).is_none().then_some(());
        wait_for("the copy's end", none);
    }

    /// Lets it end by itself.
    pub(crate) fn end(mut self) {
        self.input = None;
        let status = wait_for("the host's end", || self.child.try_wait().expect("waits"));
        let mut rest = String::new();
        let _ = self.output.read_to_string(&mut rest);
        assert!(status.success(), "{status}: {rest}");
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a line is answered with, without notices.
fn said_of(client: &mut Client, line: &str) -> Vec<Said> {
    let mut said = client.ask(line).expect("an answer");
    said.retain(|one| !matches!(one, Said::Notice(_)));
    said
}

/// The one text that a line is answered with.
#[track_caller]
pub(crate) fn answer(client: &mut Client, line: &str) -> String {
    let said = said_of(client, line);
    match &said[..] {
        [Said::Answer(text)] => text.clone(),
        other => panic!("{line}: {other:?}"),
    }
}

/// The one text by which a line is refused.
#[track_caller]
pub(crate) fn failure(client: &mut Client, line: &str) -> String {
    let said = said_of(client, line);
    match &said[..] {
        [Said::Failure(text)] => text.clone(),
        other => panic!("{line}: {other:?}"),
    }
}

/// Whether a process works: not gone, and no zombie.
pub(crate) fn works(pid: u32) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
    let stat = stat.unwrap_or_default();
    let state = stat
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.chars().next());
    state.is_some_and(|state| state != 'Z' && state != 'X')
}
