//! Text: Heapy's tables and trackref's, to the letter, and the lines above them.
//!
//! Everything here is a function from a view to a `String`. Whoever knows Heapy
//! or trackref reads these tables at sight, so the layout is not ours to
//! improve: `tests/guppy.rs` compares it with what guppy3 prints.

pub mod coverage;
pub mod fragmentation;
mod leaks;
pub mod live;
pub mod number;
pub mod origin;
pub mod page;
mod pattern;
mod roots;
pub mod series;
pub mod slack;
pub mod table;
mod totals;
pub mod view;
pub mod wrap;

pub use coverage::Coverage;
pub use page::{Listing, Page};
pub use table::Columns;
