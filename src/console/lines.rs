//! From bytes to lines, with a limit, and with telnet's commands taken out.
//!
//! ```text
//!  line feed                   ends a line; a carriage return or a null before it is dropped
//!  0x03, telnet's IP and BRK   an interrupt: what came before it is forgotten
//!  telnet's AYT                answered at once, whatever is under way
//!  more than LONGEST bytes     the rest up to the line feed is skipped: one event
//! ```
//!
//! So an interrupt is always the first event: nothing is left before it.
//!
//! Source: RFC 854 (commands, CR NUL), RFC 855 (options), RFC 860 (the timing mark by
//! which a client waits after an interrupt).

use std::collections::VecDeque;

/// The most bytes of a line.
pub(super) const LONGEST: usize = 64 << 10;
/// Lines that are read ahead; a peer that sends more waits.
const AHEAD: usize = 64;
/// Bytes that are read ahead.
const AHEAD_BYTES: usize = 2 * LONGEST;

/// What the peer did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Line(String),
    TooLong,
    NotText,
    /// And so many lines are forgotten.
    Interrupt {
        forgotten: usize,
    },
}

/// Whether telnet's commands are among the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Telnet,
}

const IAC: u8 = 255;
const DONT: u8 = 254;
const DO: u8 = 253;
const WONT: u8 = 252;
const WILL: u8 = 251;
const SB: u8 = 250;
const AYT: u8 = 246;
const IP: u8 = 244;
const BRK: u8 = 243;
const SE: u8 = 240;
const ECHO: u8 = 1;
/// To one who asks whether we are there.
const HERE: &[u8] = b"\r\n[endler: yes]\r\n";
const ETX: u8 = 3;

/// The client shall not show what is typed: we say that we do.
pub(super) const HIDE: [u8; 3] = [IAC, WILL, ECHO];
/// The client shows again what is typed.
pub(super) const SHOW: [u8; 3] = [IAC, WONT, ECHO];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Text,
    /// After IAC.
    Command,
    /// After IAC and WILL, WONT, DO or DONT.
    Option(u8),
    /// Between IAC SB and IAC SE.
    Sub,
    /// After IAC in there.
    SubCommand,
}

/// Bytes in, events out.
#[derive(Debug)]
pub(super) struct Lines {
    kind: Kind,
    state: State,
    line: Vec<u8>,
    skipping: bool,
    events: VecDeque<Event>,
    ahead: usize,
    /// What is to be sent back.
    replies: Vec<u8>,
}

impl Lines {
    pub(super) fn new(kind: Kind) -> Self {
        Lines {
            kind,
            state: State::Text,
            line: Vec::new(),
            skipping: false,
            events: VecDeque::new(),
            ahead: 0,
            replies: Vec::new(),
        }
    }

    /// Whether more should be read now.
    pub(super) fn has_room(&self) -> bool {
        self.events.len() < AHEAD && self.ahead < AHEAD_BYTES
    }

    pub(super) fn next(&mut self) -> Option<Event> {
        let event = self.events.pop_front();
        if let Some(Event::Line(line)) = &event {
            self.ahead -= line.len();
        }
        event
    }

    /// Takes an interrupt, if one waits; how many lines it has forgotten.
    pub(super) fn take_interrupt(&mut self) -> Option<usize> {
        match self.events.front() {
            Some(&Event::Interrupt { forgotten }) => {
                self.next();
                Some(forgotten)
            }
            _ => None,
        }
    }

    /// What the peer's options ask to be sent back.
    pub(super) fn take_replies(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.replies)
    }

    /// The peer has closed: what stands without a line feed is a line.
    pub(super) fn end(&mut self) {
        if !self.line.is_empty() || self.skipping {
            self.text(b'\n');
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.state = match (self.state, byte) {
                (State::Text, IAC) if self.kind == Kind::Telnet => State::Command,
                (State::Text, byte) => {
                    self.text(byte);
                    State::Text
                }
                (State::Command, DO | DONT | WILL | WONT) => State::Option(byte),
                (State::Command, SB) => State::Sub,
                (State::Command, IP | BRK) => {
                    self.interrupt();
                    State::Text
                }
                (State::Command, AYT) => {
                    self.send_back(HERE);
                    State::Text
                }
                (State::Command, IAC) => {
                    self.text(IAC);
                    State::Text
                }
                (State::Command, _) => State::Text,
                (State::Option(verb), option) => {
                    self.reply(verb, option);
                    State::Text
                }
                (State::Sub, IAC) => State::SubCommand,
                (State::Sub, _) => State::Sub,
                (State::SubCommand, SE) => State::Text,
                (State::SubCommand, _) => State::Sub,
            };
        }
    }

    /// Refuses every option but the echo that we offered.
    fn reply(&mut self, verb: u8, option: u8) {
        let answer = match verb {
            DO if option != ECHO => WONT,
            WILL => DONT,
            _ => return,
        };
        self.send_back(&[IAC, answer, option]);
    }

    /// A peer that asks without end is not answered without end.
    fn send_back(&mut self, bytes: &[u8]) {
        if self.replies.len() < 1024 {
            self.replies.extend(bytes);
        }
    }

    fn interrupt(&mut self) {
        let lines = self.events.drain(..).map(|event| match event {
            Event::Interrupt { forgotten } => forgotten,
            _ => 1,
        });
        let forgotten = lines.sum();
        self.ahead = 0;
        self.line.clear();
        self.skipping = false;
        self.events.push_back(Event::Interrupt { forgotten });
    }

    fn text(&mut self, byte: u8) {
        match byte {
            ETX => self.interrupt(),
            b'\n' if self.skipping => {
                self.skipping = false;
                self.events.push_back(Event::TooLong);
            }
            b'\n' => {
                while matches!(self.line.last(), Some(b'\r' | 0)) {
                    self.line.pop();
                }
                let event = match String::from_utf8(std::mem::take(&mut self.line)) {
                    Ok(line) => {
                        self.ahead += line.len();
                        Event::Line(line)
                    }
                    Err(_) => Event::NotText,
                };
                self.events.push_back(event);
            }
            _ if self.skipping => {}
            _ if self.line.len() == LONGEST => {
                self.skipping = true;
                self.line = Vec::new();
            }
            byte => self.line.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(kind: Kind, bytes: &[u8]) -> Vec<Event> {
        let mut lines = Lines::new(kind);
        lines.push(bytes);
        lines.end();
        std::iter::from_fn(|| lines.next()).collect()
    }

    fn line(text: &str) -> Event {
        Event::Line(text.into())
    }

    #[test]
    fn bytes_become_lines() {
        let check = |kind, bytes: &[u8], expect: &[Event]| {
            assert_eq!(events(kind, bytes), expect, "{bytes:?}");
        };
        check(
            Kind::Plain,
            b"a\nb\r\n\nc",
            &[line("a"), line("b"), line(""), line("c")],
        );
        check(Kind::Telnet, b"a\r\0\nb", &[line("a"), line("b")]);
        check(Kind::Plain, b"\xff\xfe\n", &[Event::NotText]);
        let interrupt = |forgotten| Event::Interrupt { forgotten };
        check(Kind::Plain, b"a\nb\x03c\n", &[interrupt(1), line("c")]);
        check(
            Kind::Telnet,
            b"ab\xff\xf4\xff\xfd\x06c\n",
            &[interrupt(0), line("c")],
        );
        check(Kind::Telnet, b"a\xff\xf6b\n", &[line("ab")]);
        check(
            Kind::Telnet,
            b"a\xff\xfa\x18\0x\n\xff\xffy\xff\xf0b\n",
            &[line("ab")],
        );
        check(Kind::Telnet, b"\xff\xff\n", &[Event::NotText]);
    }

    #[test]
    fn a_long_line_is_one_error_and_the_next_is_read() {
        let mut bytes = vec![b'x'; LONGEST];
        bytes.push(b'\n');
        assert!(matches!(&events(Kind::Plain, &bytes)[..], [Event::Line(l)] if l.len() == LONGEST));
        let mut bytes = vec![b'x'; LONGEST * 3];
        bytes.extend(b"\nnext\n");
        assert_eq!(events(Kind::Plain, &bytes), [Event::TooLong, line("next")]);
        bytes.truncate(LONGEST * 2);
        assert_eq!(events(Kind::Plain, &bytes), [Event::TooLong]);
    }

    #[test]
    fn an_interrupt_forgets_what_was_read_ahead() {
        let mut lines = Lines::new(Kind::Plain);
        lines.push(b"a\nb\n");
        assert_eq!(lines.take_interrupt(), None);
        lines.push(b"c\n\x03x\n\x03d\n");
        assert_eq!(lines.take_interrupt(), Some(4));
        assert_eq!(lines.take_interrupt(), None);
        assert_eq!(lines.next(), Some(line("d")));
        assert_eq!((lines.next(), lines.ahead), (None, 0));
        let full = vec![b'\n'; AHEAD];
        lines.push(&full);
        assert!(!lines.has_room());
    }

    #[test]
    fn options_are_refused_but_the_echo_that_was_offered() {
        let mut lines = Lines::new(Kind::Telnet);
        lines.push(&[
            IAC, DO, ECHO, IAC, DO, 6, IAC, WILL, 31, IAC, WONT, 31, IAC, DONT, 1,
        ]);
        assert_eq!(lines.take_replies(), [IAC, WONT, 6, IAC, DONT, 31]);
        for _ in 0..10_000 {
            lines.push(&[IAC, DO, 6]);
        }
        assert!(lines.take_replies().len() < 1100);
        lines.push(&[IAC, AYT]);
        assert_eq!(lines.take_replies(), HERE);
    }
}
