//! The console's language: what a line asks for, and the session that answers it.
//!
//! ```text
//! line ─► parse ─► Statement ─► needs: nothing, a heap, a new heap, the host
//!                      │
//!   image, contents ─► Session::run ─► text       (in the copy; variables, `_`, setref)
//!                      Session::save ─► bytes ─► Session::restore   (in the next copy)
//! ```
//!
//! Expressions are those of [`crate::query`], whose grammar stands there. Sockets,
//! copies and limits on time are not this module's business, and it knows no
//! process: what only the host can tell comes through [`Outside`].

use std::time::Duration;

use endler_snapshot::{Addr, Bytes, Image};

use crate::query::QueryError;
use crate::values::Contents;

/// One line, read.
#[derive(Clone, Debug)]
pub struct Statement {}

/// What a statement cannot be answered without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: [`Statement::alone`] answers.
    Nothing,
    /// The session's newest heap; a new one if it has none.
    Heap,
    /// A heap of now.
    NewHeap,
    /// The host process does it.
    Host(HostCall),
}

/// What the host process does itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostCall {
    /// Enters a phase of this name.
    Phase(String),
    /// Writes a snapshot: to this path, or into this directory.
    Dump(String),
}

/// What only the process knows.
pub trait Outside {
    /// The rows of the table of tracked objects, in any order.
    fn tracked(&self) -> Vec<TrackedType> {
        Vec::new()
    }

    /// The live tracked objects of types that this name or glob may mean. Which of
    /// them it does mean, and whether they lie in live blocks, is found out here.
    fn tracked_objects(&self, name: &str) -> Vec<TrackedObject> {
        let _ = name;
        Vec::new()
    }
}

/// Nothing is known but the heap.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeapAlone;

impl Outside for HeapAlone {}

/// A type of tracked objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackedType {
    /// The whole name: `crawl::http::Response`.
    pub name: String,
    /// Live objects.
    pub count: u64,
    /// The age of the oldest.
    pub oldest: Duration,
}

/// A tracked object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackedObject {
    /// The whole name of its type.
    pub type_name: String,
    /// Where the value begins.
    pub address: Addr,
    /// The value's bytes.
    pub size: Bytes,
}

/// Reads a line. Cheap: no heap is looked at. An empty line and a line that begins
/// with `#` are statements that need nothing.
///
/// # Errors
/// What is written wrong whatever the heap, with its column.
pub fn parse(line: &str) -> Result<Statement, QueryError> {
    let _ = line;
    Ok(Statement {})
}

impl Statement {
    /// What it cannot be answered without.
    #[must_use]
    pub fn needs(&self) -> Needs {
        Needs::Nothing
    }

    /// The answer of a statement that needs nothing.
    #[must_use]
    pub fn alone(&self) -> Option<String> {
        None
    }

    /// The variable that it sets.
    #[must_use]
    pub fn assigns(&self) -> Option<&str> {
        None
    }

    /// Finds a name that is neither a word of the language nor one of `variables`,
    /// before a heap is taken for it.
    ///
    /// # Errors
    /// That name, with its column.
    pub fn check_names(&self, variables: &[String]) -> Result<(), QueryError> {
        let _ = variables;
        Ok(())
    }

    /// The names and globs whose tracked objects it will ask [`Outside`] for, so
    /// that they can be looked up in the host.
    #[must_use]
    pub fn tracked_names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Why a saved session cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSession(pub(crate) String);

impl std::fmt::Display for BadSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadSession {}

/// What a connection has so far: heaps, variables, `_`, the reference of `setref`.
#[derive(Default)]
pub struct Session<'a> {
    heaps: Vec<&'a Image>,
    contents: Option<&'a dyn Contents>,
}

impl<'a> Session<'a> {
    /// Without heaps and variables.
    #[must_use]
    pub fn new() -> Self {
        Session::default()
    }

    /// Adds the newest heap. Only this one's contents can be read: those of the heap
    /// before it are forgotten.
    pub fn add_heap(&mut self, image: &'a Image, contents: Option<&'a dyn Contents>) {
        self.heaps.push(image);
        self.contents = contents;
    }

    /// Answers a statement: text without a line feed at its end, at most
    /// [`MAX_ANSWER`] bytes; empty for an assignment. Heaps and variables are as
    /// before after an error.
    ///
    /// # Errors
    /// What cannot be answered, with its column.
    pub fn run(
        &mut self,
        statement: &Statement,
        outside: &dyn Outside,
    ) -> Result<String, QueryError> {
        let _ = (statement, outside);
        Ok(String::new())
    }

    /// The names of the variables, in the order of the alphabet.
    #[must_use]
    pub fn variables(&self) -> Vec<String> {
        Vec::new()
    }

    /// The heaps that something still refers to, in the order in which
    /// [`Session::restore`] wants them. Others need not be kept.
    #[must_use]
    pub fn images(&self) -> Vec<&'a Image> {
        self.heaps.clone()
    }

    /// Variables, `_` and the reference as bytes, without the images.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        Vec::new()
    }

    /// The session that [`Session::save`] wrote, with the images that
    /// [`Session::images`] gave, without contents.
    ///
    /// # Errors
    /// The bytes are of another version, damaged, or do not fit the images.
    pub fn restore(images: Vec<&'a Image>, saved: &[u8]) -> Result<Self, BadSession> {
        let _ = saved;
        Ok(Session {
            heaps: images,
            contents: None,
        })
    }
}

/// The most bytes of one answer. What is beyond is cut, and a line says so.
pub const MAX_ANSWER: usize = 1 << 20;
/// The most variables of a session.
pub const MAX_VARIABLES: usize = 64;

/// What `help` prints.
#[must_use]
pub fn help() -> String {
    String::new()
}

/// Words that may stand at the end of a line that is being typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// Where the word that they replace begins, in bytes of the line.
    pub from: usize,
    /// The whole words, in the order of the alphabet.
    pub words: Vec<String>,
}

/// Completes the last word of a line: words of the language, variables, and inside
/// quotes the names of types.
#[must_use]
pub fn complete(line: &str, variables: &[String], types: &[String]) -> Completion {
    let _ = (variables, types);
    Completion {
        from: line.len(),
        words: Vec::new(),
    }
}
