//! Views: a set of blocks, cut by a relation.
//!
//! [`Heap::all`] is the first set; [`Set::by`] cuts a set into the rows of a
//! [`Partition`]; [`Partition::row`] gives a set again, which can be cut by
//! another relation: "the largest type; who allocated it?" The model is
//! Heapy's (`guppy3`, Sverker Nilsson's thesis, 2006).
//!
//! A relation is one file in [`by`] and one line in its list. Relations see
//! the image only; how a table looks is `render`'s business.

pub mod by;
mod heap;
mod identity;
mod incoming;
pub(crate) mod names;
pub(crate) mod product;
mod relation;
mod set;
mod table;

pub use heap::Heap;
pub use identity::{IdRow, Identity};
pub use names::{NONE, UNKNOWN};
pub use relation::{About, By, Classes, Relation, UnknownRelation, words};
pub use set::Set;
pub use table::{Partition, Row};
