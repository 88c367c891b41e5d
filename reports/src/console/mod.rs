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

#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unwrap_used
    )
)]

mod names;
mod save;
mod session;
mod statement;
mod words;

use std::time::Duration;

use endler_snapshot::{Addr, Bytes};

pub use self::names::Names;
pub use self::session::Session;
pub use self::statement::{Statement, parse};
pub use self::words::{Completion, complete, help};

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
    /// Writes a snapshot: into a file of this name or path; without one as a signal
    /// does.
    Dump(Option<String>),
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

/// Why a saved session cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSession(pub(crate) String);

impl std::fmt::Display for BadSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadSession {}

/// The most bytes of one answer. What is beyond is cut, and a line says so.
pub const MAX_ANSWER: usize = 1 << 20;
/// The most variables of a session.
pub const MAX_VARIABLES: usize = 64;
/// The most heaps that variables and `_` keep.
pub const MAX_HEAPS: usize = 8;
