//! What a session and its copy send each other.
//!
//! ```text
//!  frame    := kind (1 byte)  length (4, little-endian)  payload
//!  session ─► copy   Q  `line`, then a line for each tracked type and object
//!  copy ─► session   r  the heap is there                 n  TEXT, to be told first
//!                    a  TEXT, the answer                  e  TEXT, why there is none
//!                    w  names that complete a line, where they are wanted
//!                    s  what was saved, and where in the copy's file
//! ```
//!
//! A copy has the same code as its host, so there are no versions. All that is read is
//! checked all the same.

use std::io::{self, Read};
use std::time::Duration;

use endler_reports::console::{MAX_ANSWER, Names, TrackedObject, TrackedType};
use endler_snapshot::{Addr, Bytes};

/// The most bytes of a payload that a copy sends.
const MOST: usize = 2 * MAX_ANSWER + (64 << 10);
/// The most that it is sent.
const MOST_ASKED: usize = 64 << 20;
/// A heap of the copy itself, among the numbers of older heaps.
pub(super) const OWN: usize = usize::MAX;

/// A line to be answered, with what only the host knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) line: String,
    pub(super) types: Vec<TrackedType>,
    pub(super) objects: Vec<TrackedObject>,
}

/// Where a copy has put what must outlive it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Saved {
    /// The heaps that something refers to: their place among those that the copy was
    /// given, or [`OWN`].
    pub(super) heaps: Vec<usize>,
    /// Where the copy's own heap is in its file: from which byte, how many; 0 for none.
    pub(super) image: (u64, u64),
    /// The same of variables and the rest.
    pub(super) state: (u64, u64),
    pub(super) variables: Vec<String>,
}

/// What a copy says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Ready,
    Notice(String),
    Answer(String),
    Failed(String),
    Names(Names),
    Saved(Saved),
}

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut bytes = vec![kind];
    bytes.extend(len.to_le_bytes());
    bytes.extend(payload);
    bytes
}

/// A number that says how long the payload behind it is.
fn length(head: [u8; 5]) -> usize {
    let [_, a, b, c, d] = head;
    u32::from_le_bytes([a, b, c, d]) as usize
}

impl Request {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut text = format!("{}\n", self.line.replace('\n', " "));
        for of in &self.types {
            text += &format!("T {} {} {}\n", of.count, of.oldest.as_nanos(), of.name);
        }
        for object in &self.objects {
            let (at, size) = (object.address.0, object.size.0);
            text += &format!("O {at} {size} {}\n", object.type_name);
        }
        frame(b'Q', text.as_bytes())
    }

    /// Reads the next one; none at the channel's end.
    pub(super) fn read(from: &mut impl Read) -> io::Result<Option<Self>> {
        let mut head = [0; 5];
        match from.read_exact(&mut head) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            other => other?,
        }
        let bad = || io::Error::from(io::ErrorKind::InvalidData);
        let len = Some(length(head)).filter(|len| *len <= MOST_ASKED);
        let mut payload = vec![0; len.ok_or_else(bad)?];
        from.read_exact(&mut payload)?;
        let text = String::from_utf8(payload).map_err(|_| bad())?;
        let mut lines = text.lines();
        let mut request = Request {
            line: lines.next().unwrap_or_default().to_owned(),
            ..Request::default()
        };
        for line in lines {
            let mut words = line.splitn(4, ' ');
            let kind = words.next();
            let mut number = || words.next()?.parse::<u64>().ok();
            let (Some(first), Some(second)) = (number(), number()) else {
                return Err(bad());
            };
            let name = words.next().unwrap_or_default().to_owned();
            match kind {
                Some("T") => request.types.push(TrackedType {
                    name,
                    count: first,
                    oldest: Duration::from_nanos(second),
                }),
                _ => request.objects.push(TrackedObject {
                    type_name: name,
                    address: Addr(first),
                    size: Bytes(second),
                }),
            }
        }
        Ok(Some(request))
    }
}

impl Saved {
    fn encode(&self) -> String {
        let heaps: Vec<String> = self.heaps.iter().map(usize::to_string).collect();
        let ((image, bytes), (at, len)) = (self.image, self.state);
        format!(
            "{image} {bytes} {at} {len}\n{}\n{}",
            heaps.join(" "),
            self.variables.join(" ")
        )
    }

    fn decode(text: &str) -> Option<Self> {
        let mut lines = text.split('\n');
        let mut numbers = lines.next()?.split(' ').map(|n| n.parse::<u64>().ok());
        let mut number = || numbers.next().flatten();
        let (image, state) = ((number()?, number()?), (number()?, number()?));
        let words = |line: &'_ str| -> Vec<String> {
            line.split_ascii_whitespace().map(str::to_owned).collect()
        };
        let heaps = words(lines.next()?);
        Some(Saved {
            heaps: heaps
                .iter()
                .map(|n| n.parse().ok())
                .collect::<Option<_>>()?,
            image,
            state,
            variables: words(lines.next()?),
        })
    }
}

impl Told {
    pub(super) fn encode(&self) -> Vec<u8> {
        match self {
            Told::Ready => frame(b'r', b""),
            Told::Notice(text) => frame(b'n', text.as_bytes()),
            Told::Answer(text) => frame(b'a', text.as_bytes()),
            Told::Failed(text) => frame(b'e', text.as_bytes()),
            Told::Names(names) => frame(b'w', names.to_text().as_bytes()),
            Told::Saved(saved) => frame(b's', saved.encode().as_bytes()),
        }
    }

    fn decode(kind: u8, payload: &[u8]) -> Option<Self> {
        let text = || String::from_utf8_lossy(payload).into_owned();
        Some(match kind {
            b'r' => Told::Ready,
            b'n' => Told::Notice(text()),
            b'a' => Told::Answer(text()),
            b'e' => Told::Failed(text()),
            b'w' => Told::Names(Names::from_text(&text())),
            b's' => Told::Saved(Saved::decode(&text())?),
            _ => return None,
        })
    }
}

/// What a copy said is no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoFrame;

/// Bytes of a copy in, what it says out.
#[derive(Debug, Default)]
pub(super) struct Frames {
    bytes: Vec<u8>,
}

impl Frames {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// Whether a whole frame is there.
    pub(super) fn has_one(&self) -> bool {
        let head = self.bytes.first_chunk::<5>();
        head.is_some_and(|head| self.bytes.len() - 5 >= length(*head))
    }

    pub(super) fn next(&mut self) -> Result<Option<Told>, NoFrame> {
        let Some(head) = self.bytes.first_chunk::<5>() else {
            return Ok(None);
        };
        let (kind, len) = (head[0], length(*head));
        if len > MOST {
            return Err(NoFrame);
        }
        let Some(payload) = self.bytes.get(5..5 + len) else {
            return Ok(None);
        };
        let told = Told::decode(kind, payload).ok_or(NoFrame)?;
        self.bytes.drain(..5 + len);
        if self.bytes.is_empty() {
            // A long answer's room is not kept.
            self.bytes = Vec::new();
        }
        Ok(Some(told))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_arrive_as_they_were_sent() {
        let request = Request {
            line: "prefs('a b')".into(),
            types: vec![TrackedType {
                name: "app::Pair<u8, u16>".into(),
                count: 3,
                oldest: Duration::from_nanos(1_500),
            }],
            objects: vec![TrackedObject {
                type_name: "app::Pair<u8, u16>".into(),
                address: Addr(0x7f00),
                size: Bytes(16),
            }],
        };
        let mut bytes = request.encode();
        bytes.extend(Request::default().encode());
        let mut from = &bytes[..];
        let mut next = || Request::read(&mut from).expect("reads");
        assert_eq!(next(), Some(request));
        assert_eq!(next(), Some(Request::default()));
        assert_eq!(next(), None);
        assert!(Request::read(&mut &b"Q\xff\xff\xff\xff"[..]).is_err());
        assert!(Request::read(&mut &frame(b'Q', b"x\nT 1 z n\n")[..]).is_err());
    }

    #[test]
    fn what_a_copy_says_arrives_in_any_pieces() {
        let saved = Saved {
            heaps: vec![1, OWN],
            image: (3, 74),
            state: (77, 5),
            variables: vec!["x".into(), "y2".into()],
        };
        let all = [
            Told::Ready,
            Told::Notice("n".into()),
            Told::Answer("ä\nb".into()),
            Told::Failed(String::new()),
            Told::Names(Names {
                types: vec!["app::Pair<u8, u16>".into()],
                fields: vec![("r.one".into(), vec!["url".into(), "0".into()])],
            }),
            Told::Saved(saved),
            Told::Saved(Saved::default()),
        ];
        let bytes: Vec<u8> = all.iter().flat_map(Told::encode).collect();
        for piece in [1, 2, 3, 7, bytes.len()] {
            let mut frames = Frames::default();
            let mut got = Vec::new();
            for part in bytes.chunks(piece) {
                frames.push(part);
                while let Some(told) = frames.next().expect("frames") {
                    got.push(told);
                }
            }
            assert_eq!(got, all, "in pieces of {piece}");
        }
        for bad in [&b"?\0\0\0\0"[..], b"s\x01\0\0\0x", b"a\xff\xff\xff\xff"] {
            let mut frames = Frames::default();
            frames.push(bad);
            assert_eq!(frames.next(), Err(NoFrame));
        }
    }
}
