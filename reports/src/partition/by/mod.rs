//! The relations, one file each. A new one is a file, a `mod` line and a line
//! in [`ALL`].

mod age;
mod evidence;
mod holder;
mod id;
mod module;
mod phase;
mod site;
mod size;
mod stack;
mod thread;
mod types;

use super::Relation;

pub use age::{NAMES as AGES, RELATION as AGE};
pub use evidence::RELATION as EVIDENCE;
pub use holder::RELATION as HOLDER;
pub use id::RELATION as ID;
pub use module::RELATION as MODULE;
pub use phase::RELATION as PHASE;
pub use site::RELATION as SITE;
pub use size::RELATION as SIZE;
pub use stack::RELATION as STACK;
pub use thread::RELATION as THREAD;
pub use types::RELATION as TYPE;

/// All relations, in the order of help and reports.
pub const ALL: [&Relation; 11] = [
    TYPE, HOLDER, SITE, STACK, SIZE, AGE, THREAD, PHASE, MODULE, EVIDENCE, ID,
];
