//! A connection: what its peer types, and what it is told.
//!
//! ```text
//!  to `endler attach`:  KIND LENGTH, a line feed, so many bytes
//!     =  an answer     !  why there is none     *  a notice     >  the variables: ask
//!     ?  names that complete a line; only to one that wants them (`wants`)
//!  to telnet:           text, carriage returns before line feeds, and the prompt `>>> `
//! ```
//!
//! `endler attach` is asked for a line once for each line that it has sent, also for one
//! that an interrupt has forgotten, so that it knows which answer is whose.
//!
//! A peer that reads nothing for [`STUCK`] is given up: nobody but its own thread waits
//! for it.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use endler_reports::console::Names;

use super::lines::{Event, Kind, Lines};
use super::system::{HANGUP, READ, WRITE, urgent_in_line, wait};

/// How long a peer may read nothing while there is something to read.
const STUCK: Duration = Duration::from_secs(20);

/// The connection is at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gone;

#[derive(Debug)]
pub(super) enum Stream {
    /// `endler attach`.
    Unix(UnixStream),
    /// `telnet`.
    Tcp(TcpStream),
}

impl Stream {
    fn fd(&self) -> RawFd {
        match self {
            Stream::Unix(stream) => stream.as_raw_fd(),
            Stream::Tcp(stream) => stream.as_raw_fd(),
        }
    }

    fn read(&self, into: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Stream::Unix(stream) => (&mut &*stream).read(into),
            Stream::Tcp(stream) => (&mut &*stream).read(into),
        }
    }

    fn write(&self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Stream::Unix(stream) => (&mut &*stream).write(bytes),
            Stream::Tcp(stream) => (&mut &*stream).write(bytes),
        }
    }
}

/// What the peer is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Answer,
    Failure,
    Notice,
}

#[derive(Debug)]
pub(super) struct Client {
    stream: Stream,
    lines: Lines,
    /// Readable when the console ends.
    stop: RawFd,
    /// The peer sends no more.
    ended: bool,
}

impl Client {
    pub(super) fn new(stream: Stream, stop: RawFd) -> Result<Self, Gone> {
        let (kind, set) = match &stream {
            Stream::Unix(stream) => (Kind::Plain, stream.set_nonblocking(true)),
            Stream::Tcp(stream) => {
                urgent_in_line(stream);
                (Kind::Telnet, stream.set_nonblocking(true))
            }
        };
        set.map_err(|_| Gone)?;
        Ok(Client {
            stream,
            lines: Lines::new(kind),
            stop,
            ended: false,
        })
    }

    /// What to wait for: the peer's descriptor, and the end of the console.
    pub(super) fn waits_for(&self) -> [(RawFd, i16); 2] {
        let reads = !self.ended && self.lines.has_room();
        let events = if reads { READ } else { 0 };
        [(self.stream.fd(), events), (self.stop, READ)]
    }

    /// Takes what [`Client::waits_for`] has brought.
    pub(super) fn take(&mut self, [peer, stop]: [i16; 2]) -> Result<(), Gone> {
        if stop != 0 {
            return Err(Gone);
        }
        if peer & READ != 0 {
            self.read()?;
        } else if peer & HANGUP != 0 {
            return Err(Gone);
        }
        Ok(())
    }

    fn read(&mut self) -> Result<(), Gone> {
        let mut bytes = [0; 16 << 10];
        match self.stream.read(&mut bytes) {
            Ok(0) => {
                self.ended = true;
                self.lines.end();
                // A peer that has shut one half of a Unix socket still listens; of
                // telnet's nobody can say whether it does.
                if matches!(self.stream, Stream::Tcp(_)) {
                    return Err(Gone);
                }
            }
            Ok(len) => {
                self.lines.push(bytes.get(..len).unwrap_or_default());
                let replies = self.lines.take_replies();
                if !replies.is_empty() {
                    self.send(&replies)?;
                }
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => return Err(Gone),
        }
        Ok(())
    }

    /// What the peer did next, as far as it was read; an error when it sends no more
    /// and all is taken.
    pub(super) fn next(&mut self) -> Result<Option<Event>, Gone> {
        match self.lines.next() {
            None if self.ended => Err(Gone),
            event => Ok(event),
        }
    }

    /// Takes an interrupt, if one waits; how many lines it has forgotten.
    pub(super) fn take_interrupt(&mut self) -> Option<usize> {
        self.lines.take_interrupt()
    }

    /// Whether it is `endler attach`.
    pub(super) fn is_attached(&self) -> bool {
        matches!(self.stream, Stream::Unix(_))
    }

    pub(super) fn tell(&mut self, what: What, text: &str) -> Result<(), Gone> {
        match self.stream {
            Stream::Unix(_) => {
                let kind = match what {
                    What::Answer => '=',
                    What::Failure => '!',
                    What::Notice => '*',
                };
                self.send(format!("{kind} {}\n{text}", text.len()).as_bytes())
            }
            Stream::Tcp(_) if text.is_empty() => Ok(()),
            Stream::Tcp(_) => {
                let text = text.replace('\n', "\r\n");
                self.send(format!("{text}\r\n").as_bytes())
            }
        }
    }

    /// Gives `endler attach` names to complete lines with.
    pub(super) fn hint(&mut self, names: &Names) -> Result<(), Gone> {
        let text = names.to_text();
        self.send(format!("? {}\n{text}", text.len()).as_bytes())
    }

    /// Asks for a line.
    pub(super) fn prompt(&mut self, variables: &[String]) -> Result<(), Gone> {
        match self.stream {
            Stream::Unix(_) => {
                let names = variables.join(" ");
                self.send(format!("> {}\n{names}", names.len()).as_bytes())
            }
            Stream::Tcp(_) => self.send(b">>> "),
        }
    }

    /// These bytes as they are.
    pub(super) fn send(&mut self, mut bytes: &[u8]) -> Result<(), Gone> {
        while !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(0) => return Err(Gone),
                Ok(len) => bytes = bytes.get(len..).unwrap_or_default(),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    let [peer, stop] =
                        wait([(self.stream.fd(), WRITE), (self.stop, READ)], Some(STUCK));
                    if stop != 0 || peer & WRITE == 0 {
                        return Err(Gone);
                    }
                }
                Err(_) => return Err(Gone),
            }
        }
        Ok(())
    }
}

impl Drop for Client {
    /// Also where a fork of the host holds the descriptor, the peer is told.
    fn drop(&mut self) {
        let _ = match &self.stream {
            Stream::Unix(stream) => stream.shutdown(std::net::Shutdown::Both),
            Stream::Tcp(stream) => stream.shutdown(std::net::Shutdown::Write),
        };
    }
}
