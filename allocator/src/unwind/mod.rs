//! Stack walks without compiler flags: rule cache and memo.
//!
//! x86-64 programs are built without frame pointers, so a return address is
//! unwound by the rule that `.eh_frame` gives for it. The rule is a function
//! of the address alone; it is read once ([`cfi`]) and kept in a process-wide
//! cache ([`cache`]). Each thread remembers its last walk ([`walk`]): as soon
//! as a frame equals a remembered one, the rest is only compared, not unwound.
//!
//! Not for: symbol names (the reports crate), or other processes.

pub(crate) mod cache;
pub(crate) mod cfi;
pub(crate) mod objects;
pub(crate) mod rule;
pub(crate) mod stacks;
pub(crate) mod walk;
