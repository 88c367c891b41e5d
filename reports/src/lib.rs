//! From a frozen heap to tables.
//!
//! * [`load()`] reads a snapshot file.
//! * [`partition`]: views, that is sets of blocks cut by a relation.
//! * [`graph`]: who holds what: dominators, retained sizes, paths, leaks.
//! * [`render`]: Heapy's and trackref's tables, as text.
//! * [`diff`]: what changed between snapshots, and the sentence on what grew.
//! * [`fragmentation`]: where the resident memory lies, and who keeps it.
//! * [`json`]: the same views as JSON; `export`: heaps in the formats of other tools.
//! * [`console`]: a session of lines on a live process, or on a file; [`values`]: what lies in its blocks.
//! * [`query`]: views by a text such as `bytype[0].bysite`; [`filter`]: `--where`.
//! * [`totals`]: what was allocated since the start.
//! * [`tables`](tables()): the text file that a signal writes.
//!
//! Nothing here knows that a live process exists; an image from a file, a
//! forked child or a test is one and the same.

#![warn(missing_docs)]

pub mod console;
pub mod diff;
mod error;
#[cfg(feature = "json")]
pub mod export;
pub mod filter;
pub mod fragmentation;
pub mod graph;
pub mod holding;
#[cfg(feature = "json")]
pub mod json;
mod large_pages;
mod layout;
mod load;
pub mod partition;
mod prefetch;
pub mod query;
pub mod render;
mod tables;
pub mod totals;

pub use error::Error;
pub use large_pages::LargePages;

/// Why a relation to referrers has nothing to say, behind its name.
pub const NO_REFERENCES: &str = "needs references between blocks, and this snapshot has none: \
     it was written without names and types, or by an older endler";

pub use load::{load, load_from};
pub use tables::{tables, write_tables};
pub mod resolve;
pub mod scan;
pub mod values;
