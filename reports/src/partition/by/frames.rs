//! `byframes`: the call stack with nothing folded away, innermost frame first, a
//! line a frame: std, containers, the C runtime's start and what was inlined too.
//! `bystack` is what one reads first.

use super::stack::classify_whole;
use crate::partition::{About, Relation};

/// By whole stack.
pub const RELATION: &Relation = &Relation {
    word: "frames",
    name: "byframes",
    header: "Frames",
    about: About::Block,
    classify: classify_whole,
};
