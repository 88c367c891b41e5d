//! The relations, one file each. A new one is a file, a `mod` line and a line
//! in [`ALL`].

mod age;
mod evidence;
mod frames;
mod holder;
mod id;
mod module;
mod path;
mod phase;
mod referrer;
mod site;
mod size;
mod stack;
mod tag;
mod tag_state;
mod thread;
mod types;
mod via;

use super::Relation;

pub use age::{NAMES as AGES, RELATION as AGE};
pub use evidence::RELATION as EVIDENCE;
pub use frames::RELATION as FRAMES;
pub use holder::RELATION as HOLDER;
pub use id::RELATION as ID;
pub use module::RELATION as MODULE;
pub use path::RELATION as PATH;
pub use phase::RELATION as PHASE;
pub use referrer::RELATION as REFERRER;
pub use site::RELATION as SITE;
pub use size::RELATION as SIZE;
pub use stack::RELATION as STACK;
pub use tag::RELATION as TAG;
pub(crate) use tag_state::ENDED;
pub use tag_state::RELATION as TAG_STATE;
pub use thread::RELATION as THREAD;
pub use types::RELATION as TYPE;
pub use via::RELATION as VIA;
#[cfg(feature = "json")]
pub(crate) use via::vias;

/// All relations, in the order of help and reports.
pub const ALL: [&Relation; 17] = [
    TYPE, HOLDER, VIA, REFERRER, PATH, SITE, STACK, FRAMES, SIZE, AGE, THREAD, TAG, TAG_STATE,
    PHASE, MODULE, EVIDENCE, ID,
];
