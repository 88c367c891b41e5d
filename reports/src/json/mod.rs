//! JSON, by the shapes in the README: written as it is computed, so that ten
//! million rows need no memory, and in the order of keys given there.

mod object;
mod report;

pub use object::Object;
pub use report::{identity, partition, report};
