//! Values of a live process, read through the layouts of their types.
//!
//! ```text
//! block, its type row ─► base:  where its value begins, and of what type
//! steps `.url` `[0]`  ─► walk:  field by field, through pointers and wrappers
//! type, address       ─► see:   one level of a value   (shape, containers, std's own)
//! see, see, …         ─► print: as `{:?}` would print it, cut where it is long
//! ```
//!
//! Nothing that is read is believed: a pointer is followed to a live block of the
//! size that its type, capacity or length asks for (a reference also into the loaded
//! files), texts are UTF-8, a discriminant is one that the enum has. What is not so
//! is `<not readable>`; what has no known layout is `<N bytes>`, and never guessed.
//!
//! Limits: 64 KiB a value, structures to a depth of 4, 8 elements, 200 characters.
//!
//! Not for: edges between blocks. That is `scan`, whose forms are used here.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod collections;
mod engine;
mod keys;
mod once;
mod pointers;
mod print;
mod scalars;
mod see;
mod walk;
mod wrappers;

use std::cell::RefCell;

use endler_snapshot::{BlockId, Image, Memory};

use self::engine::Engine;
use crate::layout::files::{Opened, Source};
use crate::resolve::Options;

/// A way into a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldStep {
    /// A field, `0` for a tuple's first.
    Name(String),
    /// An element; negative ones count from the end. Of a map the value of this number.
    Index(i64),
    /// The value that a map has for a key, which is named as it is printed, with its
    /// quotes or without.
    Key(String),
}

/// Why there is no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoValue {
    /// What is missing, and what is there.
    pub message: String,
}

impl NoValue {
    fn new(message: impl Into<String>) -> NoValue {
        NoValue {
            message: message.into(),
        }
    }
}

/// The contents of one heap: its memory, and how the types there lie in it. Made by
/// [`with_contents`].
pub trait Contents {
    /// Whether the value in a block has what the steps lead to.
    ///
    /// # Errors
    /// Why not, and which fields there are.
    fn has(&self, block: BlockId, steps: &[FieldStep]) -> Result<(), NoValue>;

    /// The value in one line, as `{:?}` prints it.
    ///
    /// # Errors
    /// As for [`Contents::has`].
    fn line(&self, block: BlockId, steps: &[FieldStep]) -> Result<String, NoValue>;

    /// The value, a structure with a line for each field.
    ///
    /// # Errors
    /// As for [`Contents::has`].
    fn fields(&self, block: BlockId, steps: &[FieldStep]) -> Result<String, NoValue>;

    /// The names of the fields that a further step may have; empty where there are none.
    fn names(&self, block: BlockId, steps: &[FieldStep]) -> Vec<String>;
}

struct Reader<'r> {
    image: &'r Image,
    memory: &'r dyn Memory,
    sources: &'r [Source<'r>],
    /// Made when the first value is asked for.
    engine: RefCell<Option<Engine<'r>>>,
}

impl<'r> Reader<'r> {
    fn with<R>(&self, ask: impl FnOnce(&mut Engine<'r>) -> R) -> R {
        let mut engine = self.engine.borrow_mut();
        ask(engine.get_or_insert_with(|| Engine::new(self.image, self.memory, self.sources)))
    }
}

impl Contents for Reader<'_> {
    fn has(&self, block: BlockId, steps: &[FieldStep]) -> Result<(), NoValue> {
        self.with(|engine| engine.place(block, steps).map(|_| ()))
    }

    fn line(&self, block: BlockId, steps: &[FieldStep]) -> Result<String, NoValue> {
        self.with(|engine| {
            let place = engine.place(block, steps)?;
            Ok(engine.line(&place))
        })
    }

    fn fields(&self, block: BlockId, steps: &[FieldStep]) -> Result<String, NoValue> {
        self.with(|engine| {
            let place = engine.place(block, steps)?;
            Ok(engine.fields(&place))
        })
    }

    fn names(&self, block: BlockId, steps: &[FieldStep]) -> Vec<String> {
        self.with(|engine| match engine.place(block, steps) {
            Ok(place) => engine.names(&place),
            Err(_) => Vec::new(),
        })
    }
}

/// Opens the debug information of `image`'s modules and gives what a session reads
/// values with. The pass over that information is made when the first value is
/// asked for, and once.
pub fn with_contents<R>(
    image: &Image,
    memory: &dyn Memory,
    options: &Options,
    then: impl FnOnce(&dyn Contents) -> R,
) -> R {
    let opened = Opened::new(image, options);
    let sources = opened.sources(image);
    let reader = Reader {
        image,
        memory,
        sources: &sources,
        engine: RefCell::new(None),
    };
    then(&reader)
}
