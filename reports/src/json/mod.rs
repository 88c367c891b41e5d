//! JSON, by the shapes in the README: written as it is computed, so that ten
//! million rows need no memory, and in the order of keys given there.

mod diff;
mod fragmentation;
mod object;
mod query;
mod report;
mod totals;

pub use diff::diff;
pub use fragmentation::fragmentation;
pub use object::Object;
pub use query::query;
pub use report::{report, report_retained};
pub use totals::totals;
