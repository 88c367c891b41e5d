//! The other end of the Unix socket: finds the console of a process and speaks with it.
//! For `endler attach` and `endler dump`, and for tests; not for programs.

use std::fs;
use std::io::{self, BufRead, BufReader, Error as IoError, ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use endler_reports::console::Names;

use super::directory::candidates;
pub use super::wants::Want;
use super::wants::Wants;
use super::{interrupt, system};
use crate::Error;

/// How long a console may be silent when one connects.
const GREETING: Duration = Duration::from_secs(10);
/// The most bytes of one answer.
const MOST: usize = 16 << 20;

/// What the console says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// An answer; empty for an assignment.
    Answer(String),
    /// Why there is none.
    Failure(String),
    /// Something besides.
    Notice(String),
    /// Names that complete a line.
    Names(Names),
    /// It waits for a line; with the names of the variables.
    Prompt(Vec<String>),
}

/// A connection to a console.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<UnixStream>,
}

impl Client {
    /// Connects to the console of a process, up to its first prompt, for answers without
    /// values of fields.
    ///
    /// # Errors
    /// There is no such process, it has no console, or refuses; the message says what to
    /// do.
    pub fn connect(pid: u32) -> Result<Self, Error> {
        Ok(Client::connect_with(pid, &[])?.0)
    }

    /// The same for more than answers; the names to complete lines with, if they are
    /// wanted.
    ///
    /// # Errors
    /// As for [`Client::connect`].
    pub fn connect_with(pid: u32, wants: &[Want]) -> Result<(Self, Names), Error> {
        let stream = find(pid).map_err(Error::Console)?;
        Client::begin(stream, &Wants::these(wants)).map_err(|why| {
            let text = match why.kind() {
                ErrorKind::WouldBlock => format!("process {pid} does not answer"),
                ErrorKind::UnexpectedEof => format!("process {pid} has closed the connection"),
                _ => why.to_string(),
            };
            Error::Console(text)
        })
    }

    fn begin(stream: UnixStream, wants: &Wants) -> io::Result<(Self, Names)> {
        stream.set_read_timeout(Some(GREETING))?;
        let mut client = Client {
            stream: BufReader::new(stream),
        };
        // Said also where nothing is wanted: else a script's first line could say it.
        let greeting = wants.line();
        let mut names = Names::default();
        for line in [None, Some(&greeting)] {
            if let Some(line) = line {
                client.send(line)?;
            }
            loop {
                match client.read()? {
                    Said::Prompt(_) => break,
                    Said::Failure(text) => return Err(IoError::other(text)),
                    Said::Names(given) => names = given,
                    _ => {}
                }
            }
        }
        client.stream.get_ref().set_read_timeout(None)?;
        Ok((client, names))
    }

    /// What it says next.
    ///
    /// # Errors
    /// It is gone, or what came is not a console's.
    pub fn read(&mut self) -> io::Result<Said> {
        let mut head = Vec::new();
        (&mut self.stream).take(64).read_until(b'\n', &mut head)?;
        if head.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let head = String::from_utf8_lossy(&head);
        let bad = || IoError::new(ErrorKind::InvalidData, "what answers is not a console");
        let (kind, len) = head.trim_end().split_once(' ').ok_or_else(bad)?;
        let len: usize = len.parse().map_err(|_| bad())?;
        if len > MOST {
            return Err(bad());
        }
        let mut bytes = vec![0; len];
        self.stream.read_exact(&mut bytes)?;
        let text = String::from_utf8(bytes).map_err(|_| bad())?;
        Ok(match kind {
            "=" => Said::Answer(text),
            "!" => Said::Failure(text),
            "*" => Said::Notice(text),
            "?" => Said::Names(Names::from_text(&text)),
            ">" => Said::Prompt(text.split_ascii_whitespace().map(str::to_owned).collect()),
            _ => return Err(bad()),
        })
    }

    /// Sends a line.
    ///
    /// # Errors
    /// The console is gone.
    pub fn send(&mut self, line: &str) -> io::Result<()> {
        let line = line.replace(['\n', '\x03'], " ");
        self.stream
            .get_ref()
            .write_all(format!("{line}\n").as_bytes())
    }

    /// Sends a line, and gives what it says up to the next prompt.
    ///
    /// # Errors
    /// As for [`Client::read`].
    pub fn ask(&mut self, line: &str) -> io::Result<Vec<Said>> {
        self.send(line)?;
        let mut said = Vec::new();
        loop {
            match self.read()? {
                Said::Prompt(_) => return Ok(said),
                other => said.push(other),
            }
        }
    }

    /// From here on Ctrl-C interrupts what the console does, and does not end this
    /// process.
    pub fn take_interrupts(&self) {
        interrupt::send_on_to(self.stream.get_ref());
    }

    /// The connection itself.
    #[must_use]
    pub fn stream(&self) -> &UnixStream {
        self.stream.get_ref()
    }
}

/// The socket of a process, connected; or why not.
fn find(pid: u32) -> Result<UnixStream, String> {
    let process = PathBuf::from(format!("/proc/{pid}"));
    let owner = match fs::metadata(&process) {
        Ok(found) => found.uid(),
        Err(_) => return Err(format!("there is no process {pid}")),
    };
    let own = system::user();
    let refused = || {
        format!("refused: process {pid} is user {owner}'s; only user {owner} and root may connect")
    };
    for path in paths(pid, owner, &process) {
        let stream = match UnixStream::connect(&path) {
            Ok(stream) => stream,
            Err(e) if e.kind() == ErrorKind::PermissionDenied => return Err(refused()),
            Err(_) => continue,
        };
        // Whoever made that socket: what it says goes to a terminal.
        match system::peer(&stream) {
            Ok((peer, user)) if peer == pid && (user == owner || user == 0) => return Ok(stream),
            _ => {}
        }
    }
    if own != owner && own != 0 {
        return Err(refused());
    }
    let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
    Err(format!(
        "process {pid} ({}) has no console. Two lines in it give it one:\n    \
         #[global_allocator] static HEAP: endler::Heap = endler::Heap::system();\n    \
         let _console = endler::console::serve(endler::console::Options::new())?; // in main\n\
         With the first line alone, start it with ENDLER=exact,console in its environment.",
        name.trim_end()
    ))
}

/// Where its socket may be: as it names itself and its directories, or as we do.
fn paths(pid: u32, owner: u32, process: &Path) -> Vec<PathBuf> {
    let text = |file: &str| fs::read_to_string(process.join(file)).unwrap_or_default();
    let environment = text("environ");
    let its = environment
        .split('\0')
        .find_map(|word| word.strip_prefix("XDG_RUNTIME_DIR="))
        .map(PathBuf::from);
    let ours = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let usual = Some(PathBuf::from(format!("/run/user/{owner}")));
    let mut directories: Vec<PathBuf> = [its, ours, usual]
        .iter()
        .flat_map(|runtime| candidates(owner, runtime.as_deref()))
        .collect();
    // In a container numbers and directories are others.
    let root = process.join("root");
    let inside = directories
        .iter()
        .filter_map(|path| path.strip_prefix("/").ok());
    let inside: Vec<PathBuf> = inside.map(|path| root.join(path)).collect();
    directories.extend(inside);
    let status = text("status");
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    let its_number = numbers.and_then(|list| list.split_ascii_whitespace().last());
    let its_number = its_number.and_then(|n| n.parse().ok()).unwrap_or(pid);
    let mut paths: Vec<PathBuf> = Vec::new();
    for directory in directories {
        for number in [pid, its_number] {
            let path = directory.join(format!("{number}.sock"));
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
    }
    paths
}
