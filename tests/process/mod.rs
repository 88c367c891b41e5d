//! Programs of their own for tests: examples, and this test binary again.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The path of a built example; cargo builds examples before it runs tests.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let profile = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
    let path = profile.join("examples").join(name);
    if !path.exists() {
        // One test alone (`--test service`) builds no examples.
        let built = Command::new(env!("CARGO"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["build", "--quiet", "--example", name, "--target-dir"])
            .arg(profile.parent().expect("target"))
            .status();
        assert!(
            built.expect("cargo runs").success(),
            "{name} does not build"
        );
    }
    path
}

/// A fresh directory that ends with the value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a directory");
        Folder(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The files with an ending, by their dump's number.
    pub(crate) fn dumps(&self, ending: &str) -> Vec<PathBuf> {
        let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir(&self.0)
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let name = path.file_name()?.to_str()?.to_owned();
                let number = name.split('.').nth(2)?.parse().ok()?;
                name.ends_with(ending).then_some((number, path))
            })
            .collect();
        found.sort();
        found.into_iter().map(|(_, path)| path).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// This test binary once more, running `test` with `role` in the variable ROLE.
pub(crate) fn again(test: &str, role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the path of this test"));
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]);
    command
        .env("ROLE", role)
        .env_remove("ENDLER")
        .stdin(Stdio::null());
    command
}

/// The role that [`again`] gave, if this is the process that it started.
pub(crate) fn role() -> Option<String> {
    std::env::var("ROLE").ok()
}

/// What a process said; panics after four minutes, which no process takes on a machine
/// that others use too.
pub(crate) fn finish(mut child: Child) -> Output {
    let end = Instant::now() + Duration::from_secs(240);
    loop {
        if child.try_wait().expect("waits").is_some() {
            return child.wait_with_output().expect("its output");
        }
        if Instant::now() > end {
            let _ = child.kill();
            let output = child.wait_with_output().expect("its output");
            panic!("it hangs: {}", String::from_utf8_lossy(&output.stderr));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Starts a command with its outputs piped.
pub(crate) fn start(command: &mut Command) -> Child {
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts")
}

/// The first line of a stream that holds `mark`; the stream goes on being read
/// into the returned handle's text.
pub(crate) fn line_with(stream: &mut BufReader<impl Read>, mark: &str) -> String {
    let mut line = String::new();
    loop {
        line.clear();
        let got = stream.read_line(&mut line).expect("text");
        assert!(got > 0, "the stream ended before `{mark}`");
        if line.contains(mark) {
            return line;
        }
    }
}

/// Waits until `ready` gives something; panics after two minutes.
pub(crate) fn wait_for<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(120);
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(Instant::now() < end, "{what} did not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A process that `parent` made.
pub(crate) fn child_of(parent: u32) -> Option<u32> {
    let processes = std::fs::read_dir("/proc").expect("processes");
    let mut pids = processes.filter_map(|p| p.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.find(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The name in brackets may hold blanks; then come the state and the parent.
        let mut fields = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace();
        fields.nth(1) == Some(&parent.to_string())
    })
}

/// A process that `parent` made, other than `not`, once it has worked for three ticks of
/// the kernel's clock: a copy is past its start then.
pub(crate) fn working_child_of(parent: u32, not: u32) -> u32 {
    wait_for("a process at work", || {
        let pid = child_of(parent).filter(|pid| *pid != not)?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let mut times = stat.rsplit(')').next()?.split_whitespace().skip(11);
        let mut ticks = || times.next()?.parse::<u64>().ok();
        (ticks()? + ticks()? >= 3).then_some(pid)
    })
}

/// The names in a directory, in order.
pub(crate) fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let names = entries.map(|e| e.file_name().to_string_lossy().into_owned());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

/// This process's standard error from here on, to be read line by line. Panics are
/// told on standard output.
pub(crate) fn own_errors() -> BufReader<std::io::PipeReader> {
    std::panic::set_hook(Box::new(|info| println!("{info}")));
    let (reader, writer) = std::io::pipe().expect("a pipe");
    // SAFETY: 2 becomes the pipe; nothing of this process has it open otherwise.
    let to = unsafe { libc::dup2(std::os::fd::AsRawFd::as_raw_fd(&writer), 2) };
    assert_eq!(to, 2);
    BufReader::new(reader)
}

/// Sends a signal to this process.
pub(crate) fn raise(signal: i32) {
    // SAFETY: raises a signal that the test has prepared for.
    assert_eq!(unsafe { libc::raise(signal) }, 0);
}

/// Ends this process by SIGALRM if it hangs.
pub(crate) fn not_for_ever() {
    // SAFETY: this process's own alarm clock.
    unsafe { libc::alarm(200) };
}

/// Sends a signal to a process.
pub(crate) fn signal(pid: u32, signal: i32) {
    // SAFETY: sends a signal to a child of this test.
    let sent = unsafe { libc::kill(pid as i32, signal) };
    assert_eq!(sent, 0, "the process is there");
}
