//! A session as bytes, for the next copy of the process.
//!
//! ```text
//! "endler session 1"  images  reference?  last?  variables: (name, value)…
//! value:  tag 0 view (heap, relation, page, all | blocks)   1 number   2 text
//!             3 object   4 objects   5 hpy
//! ```
//!
//! Numbers are LEB128; rising lists are stored as differences. What is read is
//! not believed: every list is as long as its bytes at the most, every block and
//! heap is looked for.

use std::collections::BTreeMap;
use std::rc::Rc;

use endler_snapshot::{Image, Serial};

use super::{BadSession, MAX_VARIABLES};
use crate::partition::{By, Heap, Set};
use crate::query::{Known, Look, Object, Objects, Scope, Value, View};
use crate::render::Page;
use crate::values::FieldStep;

const MAGIC: &[u8] = b"endler session 1";
/// The most steps of one object that are believed.
const MAX_STEPS: u64 = 1 << 14;

struct Writer<'i, 'a> {
    out: Vec<u8>,
    images: &'i [&'a Image],
}

pub(super) fn write<'a>(scope: &Scope<'a>, images: &[&'a Image]) -> Vec<u8> {
    let mut to = Writer {
        out: MAGIC.to_vec(),
        images,
    };
    to.number(images.len() as u64);
    match &scope.reference {
        Some(reference) => {
            to.number(1);
            to.rising(reference.iter().map(|serial| serial.0));
        }
        None => to.number(0),
    }
    match &scope.last {
        Some(value) => {
            to.number(1);
            to.value(value);
        }
        None => to.number(0),
    }
    to.number(scope.variables.len() as u64);
    for (name, value) in &scope.variables {
        to.text(name);
        to.value(value);
    }
    to.out
}

impl<'a> Writer<'_, 'a> {
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.out.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.out.push(number as u8);
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.out.extend_from_slice(text.as_bytes());
    }

    fn rising(&mut self, numbers: impl ExactSizeIterator<Item = u64>) {
        self.number(numbers.len() as u64);
        let mut before = 0u64;
        for number in numbers {
            self.number(number.wrapping_sub(before));
            before = number;
        }
    }

    fn page(&mut self, page: Page) {
        let (tag, rows) = match page {
            Page::Top => (0, 0),
            Page::All => (1, 0),
            Page::First(rows) => (2, rows),
            Page::From(row) => (3, row),
        };
        self.number(tag);
        self.number(rows as u64);
    }

    fn steps(&mut self, steps: &[FieldStep]) {
        self.number(steps.len() as u64);
        for step in steps {
            match step {
                FieldStep::Name(name) => {
                    self.number(0);
                    self.text(name);
                }
                FieldStep::Index(index) => {
                    self.number(1);
                    self.number(index.cast_unsigned());
                }
                FieldStep::Key(key) => {
                    self.number(2);
                    self.text(key);
                }
            }
        }
    }

    fn value(&mut self, value: &Value<'a>) {
        match value {
            Value::View(View { set, by, page }) => {
                let image = set.heap().image();
                let mut images = self.images.iter();
                let heap = images.position(|of| std::ptr::eq(*of, image));
                self.number(0);
                self.number(heap.unwrap_or(usize::MAX) as u64);
                self.text(&by.word());
                self.page(*page);
                if set.is_whole() {
                    self.number(0);
                } else {
                    self.number(1);
                    let blocks: Vec<u64> = set.iter().map(|block| block as u64).collect();
                    self.rising(blocks.into_iter());
                }
            }
            Value::Number(number) => {
                self.number(1);
                self.number(*number);
            }
            Value::Text(text) => {
                self.number(2);
                self.text(text);
            }
            // Its tables are of heaps that need not be kept.
            Value::Difference(diff, page) => {
                self.number(2);
                self.text(&crate::render::page::text(&diff.table(["A", "B"]), *page));
            }
            Value::Pattern(pattern) => {
                self.number(2);
                self.text(&pattern.text());
            }
            Value::Object(object) => {
                self.number(3);
                self.number(object.serial.0);
                self.text(&object.name);
                self.number(u64::from(object.look == Look::Origin));
                self.steps(&object.steps);
            }
            Value::Objects(objects) => {
                self.number(4);
                self.number(objects.serials.len() as u64);
                for serial in &*objects.serials {
                    self.number(serial.0);
                }
                self.text(&objects.name);
                self.page(objects.page);
                self.steps(&objects.steps);
            }
            Value::Hpy | Value::Anything => self.number(5),
        }
    }
}

struct Reader<'s, 'a> {
    rest: &'s [u8],
    heaps: Vec<Heap<'a>>,
}

pub(super) fn read<'a>(images: Vec<&'a Image>, saved: &[u8]) -> Result<Scope<'a>, BadSession> {
    let rest = saved
        .strip_prefix(MAGIC)
        .ok_or_else(|| bad("it is no session of this version"))?;
    let heaps: Vec<Known<'a>> = images.iter().map(|image| Known::new(image)).collect();
    let mut from = Reader {
        rest,
        heaps: heaps.iter().map(|known| known.heap).collect(),
    };
    if from.number()? != heaps.len() as u64 {
        return Err(bad("it is a session of other heaps"));
    }
    let mut scope = Scope {
        heaps,
        ..Scope::default()
    };
    if from.number()? == 1 {
        let serials = from.rising(u64::MAX)?;
        scope.reference = Some(serials.into_iter().map(Serial).collect());
    }
    if from.number()? == 1 {
        scope.last = Some(from.value()?);
    }
    let many = from.number()?;
    if many > MAX_VARIABLES as u64 {
        return Err(bad("it has too many variables"));
    }
    let mut variables = BTreeMap::new();
    for _ in 0..many {
        let name = from.text()?.to_owned();
        variables.insert(name, from.value()?);
    }
    scope.variables = variables;
    match from.rest {
        [] => Ok(scope),
        _ => Err(bad("it goes on behind its end")),
    }
}

fn bad(why: &str) -> BadSession {
    BadSession(format!("the saved session cannot be read: {why}"))
}

impl<'a> Reader<'_, 'a> {
    fn number(&mut self) -> Result<u64, BadSession> {
        let mut number = 0u64;
        for shift in (0..64u32).step_by(7) {
            let (&byte, rest) = self.rest.split_first().ok_or_else(|| bad("it is cut"))?;
            self.rest = rest;
            number |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(bad("a number has no end"))
    }

    /// A length: what it counts takes at least a byte each.
    fn length(&mut self) -> Result<usize, BadSession> {
        let length = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        if length > self.rest.len() {
            return Err(bad("it is cut"));
        }
        Ok(length)
    }

    fn text(&mut self) -> Result<&str, BadSession> {
        let length = self.length()?;
        let (text, rest) = self.rest.split_at(length);
        self.rest = rest;
        std::str::from_utf8(text).map_err(|_| bad("a text is none"))
    }

    /// A list that rises strictly, below `end`.
    fn rising(&mut self, end: u64) -> Result<Vec<u64>, BadSession> {
        let length = self.length()?;
        let mut numbers = Vec::with_capacity(length);
        let mut at = 0u64;
        for row in 0..length {
            let by = self.number()?;
            let next = at.checked_add(by).filter(|_| by > 0 || row == 0);
            at = next
                .filter(|&n| n < end)
                .ok_or_else(|| bad("a list does not rise"))?;
            numbers.push(at);
        }
        Ok(numbers)
    }

    fn page(&mut self) -> Result<Page, BadSession> {
        let tag = self.number()?;
        let rows = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        match tag {
            0 => Ok(Page::Top),
            1 => Ok(Page::All),
            2 => Ok(Page::First(rows)),
            3 => Ok(Page::From(rows)),
            _ => Err(bad("a page is none")),
        }
    }

    fn steps(&mut self) -> Result<Vec<FieldStep>, BadSession> {
        let length = self.number()?;
        if length > MAX_STEPS {
            return Err(bad("an object has too many steps"));
        }
        let mut steps = Vec::new();
        for _ in 0..length {
            steps.push(match self.number()? {
                0 => FieldStep::Name(self.text()?.to_owned()),
                1 => FieldStep::Index(self.number()?.cast_signed()),
                2 => FieldStep::Key(self.text()?.to_owned()),
                _ => return Err(bad("a step is none")),
            });
        }
        Ok(steps)
    }

    fn value(&mut self) -> Result<Value<'a>, BadSession> {
        match self.number()? {
            0 => {
                let heap = usize::try_from(self.number()?).unwrap_or(usize::MAX);
                let heap = *self
                    .heaps
                    .get(heap)
                    .ok_or_else(|| bad("a heap is missing"))?;
                let by = By::parse(self.text()?).map_err(|_| bad("a relation is none"))?;
                let page = self.page()?;
                let set = match self.number()? {
                    0 => heap.all(),
                    1 => {
                        let blocks = self.rising(heap.len() as u64)?;
                        let blocks = blocks.into_iter().map(|block| block as u32);
                        Set::from_sorted(heap, blocks.collect())
                    }
                    _ => return Err(bad("a set is none")),
                };
                Ok(Value::View(View { set, by, page }))
            }
            1 => Ok(Value::Number(self.number()?)),
            2 => Ok(Value::Text(self.text()?.into())),
            3 => {
                let serial = Serial(self.number()?);
                let name: Rc<str> = self.text()?.into();
                let look = match self.number()? {
                    0 => Look::Value,
                    1 => Look::Origin,
                    _ => return Err(bad("an object is none")),
                };
                let steps = self.steps()?;
                Ok(Value::Object(Object {
                    serial,
                    name,
                    steps,
                    look,
                }))
            }
            4 => {
                let length = self.length()?;
                let mut serials = Vec::with_capacity(length);
                for _ in 0..length {
                    serials.push(Serial(self.number()?));
                }
                let name: Rc<str> = self.text()?.into();
                let page = self.page()?;
                let steps = self.steps()?;
                Ok(Value::Objects(Objects {
                    serials: serials.into(),
                    name,
                    steps,
                    page,
                }))
            }
            5 => Ok(Value::Hpy),
            _ => Err(bad("a value is none")),
        }
    }
}
