//! The thread that accepts connections, and a thread for each.
//!
//! ```text
//!  thread that accepts ─► poll: Unix socket, port, the end ─► a thread a connection, at
//!                                                             most CONNECTIONS of them
//!  drop(Serving) ─► the end: a byte in a pipe that every poll looks at ─► joined
//! ```
//!
//! All signals are blocked in these threads, and their memory is not recorded. A process
//! that the host forks has none of them: it holds the descriptors, but nobody accepts.

use std::io::{ErrorKind, PipeReader, PipeWriter, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::connection::{Client, Stream, What};
use super::directory::Socket;
use super::session::Session;
use super::system::{self, READ, wait};
use super::telnet::{self, Password, Port};
use crate::console::Options;
use crate::{Error, signal};

/// Connections at a time, by each way: who may only knock at the port keeps nobody from
/// the socket.
const CONNECTIONS: usize = 4;
/// Enough for reading lines: heaps are looked at on the profiler's thread alone.
const STACK: usize = 1 << 20;
/// Rest after a connection could not be taken (no descriptor left).
const REST: Duration = Duration::from_millis(100);

/// The process that serves its Unix socket; 0 for none.
static SERVED_BY: AtomicU32 = AtomicU32::new(0);

pub(crate) struct Serving {
    /// None where there is nothing to serve that is not served already.
    thread: Option<(JoinHandle<()>, PipeWriter)>,
    port: Option<u16>,
    /// The process in which the thread runs.
    pid: u32,
}

impl Serving {
    pub(crate) fn port(&self) -> Option<u16> {
        self.port
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let Some((thread, end)) = self.thread.take() else {
            return;
        };
        if std::process::id() != self.pid {
            // A fork has no such thread to wait for.
            std::mem::forget(thread);
            return;
        }
        let _pause = endler_allocator::pause();
        // Closing it tells nothing where a fork of this process has it open too.
        let _ = (&end).write_all(b"x");
        let _ = thread.join();
    }
}

/// The Unix socket is this process's, as long as the value lives.
struct Claim(u32);

impl Claim {
    fn new() -> Option<Self> {
        let pid = std::process::id();
        let before = SERVED_BY.load(Ordering::Acquire);
        let free = before != pid;
        let claimed = free
            && SERVED_BY
                .compare_exchange(before, pid, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok();
        claimed.then_some(Claim(pid))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let _ = SERVED_BY.compare_exchange(self.0, 0, Ordering::AcqRel, Ordering::Relaxed);
    }
}

/// Where connections come from.
struct Doors {
    socket: Option<(Socket, Claim)>,
    port: Option<Port>,
    options: Options,
}

pub(crate) fn serve(options: Options) -> Result<Serving, Error> {
    endler_allocator::notice_fork();
    let socket = match Claim::new() {
        Some(claim) => Some((Socket::open()?, claim)),
        None => None,
    };
    let port = match options.telnet {
        true => Some(Port::open()?),
        false => None,
    };
    let mut serving = Serving {
        thread: None,
        port: port.as_ref().map(|port| port.number),
        pid: std::process::id(),
    };
    if socket.is_none() && port.is_none() {
        return Ok(serving);
    }
    let doors = Doors {
        socket,
        port,
        options,
    };
    let (ended, end) = std::io::pipe().map_err(Error::Thread)?;
    let thread = spawn(move || doors.accept(ended))?;
    serving.thread = Some((thread, end));
    Ok(serving)
}

/// A thread of the profiler's: signals blocked, unrecorded.
fn spawn(work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    // The new thread inherits the mask.
    let mask = signal::block_all();
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(|| {
        let _pause = endler_allocator::pause();
        system::name_this_thread(c"endler-console");
        work();
    });
    signal::restore(&mask);
    thread.map_err(Error::Thread)
}

/// A listener, as it was when it was made: the host may close what it does not know, and
/// its number is then another file's.
struct Door {
    fd: RawFd,
    file: Option<(u64, u64)>,
}

impl Door {
    fn new(fd: RawFd) -> Self {
        Door {
            fd,
            file: system::identity(fd),
        }
    }

    /// Whether it is still itself.
    fn stands(&self) -> bool {
        self.file.is_some() && system::identity(self.fd) == self.file
    }
}

impl Doors {
    /// The thread's life.
    fn accept(mut self, end: PipeReader) {
        let socket = self.socket.as_ref();
        let socket = socket.map(|(socket, _)| Door::new(socket.listener.as_raw_fd()));
        let port = self.port.as_ref();
        let port = port.map(|port| Door::new(port.listener.as_raw_fd()));
        let end_door = Door::new(end.as_raw_fd());
        let fd = |door: &Option<Door>| (door.as_ref().map_or(-1, |door| door.fd), READ);
        let [mut at_socket, mut at_port]: [Vec<JoinHandle<()>>; 2] = Default::default();
        loop {
            let [by_socket, by_port, ended] =
                wait([fd(&socket), fd(&port), (end_door.fd, READ)], None);
            let doors = [&socket, &port].into_iter().flatten();
            if !doors.chain([&end_door]).all(Door::stands) {
                // Not to be closed either; and sessions still look at the end.
                std::mem::forget((self, end));
                return;
            }
            if ended != 0 {
                break;
            }
            for sessions in [&mut at_socket, &mut at_port] {
                sessions.retain(|session| !session.is_finished());
            }
            if by_socket != 0 {
                self.by_socket(&mut at_socket, end_door.fd);
            }
            if by_port != 0 {
                self.by_port(&mut at_port, end_door.fd);
            }
        }
        // Nobody new meanwhile.
        (self.socket, self.port) = (None, None);
        for session in at_socket.into_iter().chain(at_port) {
            let _ = session.join();
        }
    }

    fn by_socket(&self, sessions: &mut Vec<JoinHandle<()>>, end: RawFd) {
        let Some((socket, _)) = &self.socket else {
            return;
        };
        let stream = match socket.listener.accept() {
            Ok((stream, _)) => stream,
            Err(e) => return rest_after(&e),
        };
        let peer = system::peer(&stream).map(|(_, user)| user);
        let Ok(mut client) = Client::new(Stream::Unix(stream), end) else {
            return;
        };
        let own = system::user();
        match peer {
            Ok(user) if user == own || user == 0 => {
                self.begin(client, None, sessions);
            }
            _ => {
                let text = format!("refused: this process is user {own}'s");
                let _ = client.tell(What::Failure, &text);
            }
        }
    }

    fn by_port(&self, sessions: &mut Vec<JoinHandle<()>>, end: RawFd) {
        let Some(port) = &self.port else { return };
        let stream = match port.listener.accept() {
            Ok((stream, _)) => stream,
            Err(e) => return rest_after(&e),
        };
        if let Ok(client) = Client::new(Stream::Tcp(stream), end) {
            self.begin(client, Some(port.password.clone()), sessions);
        }
    }

    /// Starts a session, if there are not too many.
    fn begin(
        &self,
        mut client: Client,
        password: Option<Password>,
        sessions: &mut Vec<JoinHandle<()>>,
    ) {
        if sessions.len() >= CONNECTIONS {
            let text = format!("refused: {CONNECTIONS} connections are open already");
            let _ = client.tell(What::Failure, &text);
            return;
        }
        let options = self.options.clone();
        let thread = spawn(move || {
            if let Some(password) = &password
                && telnet::log_in(&mut client, password).is_err()
            {
                return;
            }
            Session::new(client, options).serve();
        });
        sessions.extend(thread);
    }
}

fn rest_after(error: &std::io::Error) {
    if error.kind() != ErrorKind::WouldBlock {
        std::thread::sleep(REST);
    }
}
