//! Stack walks without compiler flags: rule cache and memo.
//!
//! x86-64 programs are built without frame pointers, so a return address is
//! unwound by the rule that `.eh_frame` gives for it. The rule is a function
//! of the address alone; it is read once ([`cfi`]) and kept in a process-wide
//! cache ([`cache`]) and made a step of ([`walk`]). Each thread remembers its
//! walks ([`memo`], [`twigs`]): what was walked before is only compared.
//!
//! Not for: symbol names (the reports crate), or other processes.

pub(crate) mod cache;
pub(crate) mod cfi;
mod identity;
pub(crate) mod marks;
pub(crate) mod memo;
pub(crate) mod objects;
pub(crate) mod rule;
pub(crate) mod stacks;
pub(crate) mod twigs;
pub(crate) mod walk;
