//! Leaks without leaks: where the process's resident memory is, and who keeps it.
//!
//! ```text
//!  mappings ──► heap (owned.rs) ──► account: lines that sum to the process's Rss
//!  pages ─────► occupancy ────────► how full the heap's resident pages are
//!  blocks ────► pins ─────────────► whose few blocks keep pages that are else free
//!  two or more accounts ──────────► verdict: live bytes, fragmentation, or neither
//! ```
//!
//! A process can grow while what lives on its heap does not: the allocator keeps
//! what was freed, since it can give back whole pages only, and a page with one
//! live block on it is not whole. Here the memory is accounted for to the byte,
//! and the blocks that stand alone on their pages are named.
//!
//! Not for: what holds a block. Rows of [`Pins`] are cut by the relations of
//! [`PINNED_BY`]; another relation there is another column.

mod account;
mod family;
mod occupancy;
mod owned;
mod pins;
mod verdict;

pub use account::{Account, Line, account};
pub use family::Family;
pub use occupancy::{BUCKETS, Occupancy, bucket_name};
pub use pins::{PINNED_BY, PinRow, Pins};
pub use verdict::{Cause, Verdict, verdict};
