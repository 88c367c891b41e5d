//! The frozen heap: ids, columns, and the `.endler` file.
//!
//! This crate is the narrow waist of endler. The allocator freezes a live
//! process into an [`Image`]; everything after it (type resolution, tables,
//! differences) reads an [`Image`] and a [`Memory`] and does not know whether
//! they come from a file, a forked child or a test that built them by hand.
//!
//! * [`image`]: the columns of a frozen heap, one row a live block.
//! * [`residency`]: where the process's resident memory lies.
//! * [`resolution`]: what debug information adds: names, types, sites.
//! * [`references`]: which block refers to which, by which field.
//! * [`ids`]: the newtypes that index them.
//! * [`mod@format`]: the file that holds an image.
//! * [`memory`]: reading the frozen process's words.
//!
//! It is not for: knowing that a live process exists, or how a table looks.

#![forbid(unsafe_code)]

pub mod error;
pub mod format;
pub mod ids;
pub mod image;
pub mod memory;
pub mod references;
pub mod residency;
pub mod resolution;

pub use error::Error;
pub use ids::*;
pub use image::*;
pub use memory::{Memory, NoMemory, Unreadable};
pub use references::*;
pub use residency::*;
pub use resolution::*;
