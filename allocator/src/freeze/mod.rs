//! Freezing: an [`endler_snapshot::Image`] of this process, while it goes on.
//!
//! [`freeze`] makes a copy of the process by a raw `clone` and runs the given
//! work on the image there. The host is held for that call alone. Where no copy
//! can be made (seccomp, memory) the work runs in the process itself, and the
//! image says that it is not one instant.
//!
//! * [`copy`]: the clone, the copy's life, what the host makes of its end.
//! * [`stay`]: a copy that stays, for work that is asked for later.
//! * [`shared`]: the page by which the host and its copy know of each other.
//! * [`gather`]: what the host reads of itself before.
//! * [`descriptors`]: none of the host's in the copy, at once.
//! * [`precautions`]: signals, priority, the copy's own end.
//! * [`wait`]: the host's wait with a deadline.
//! * [`notes`]: where the other threads' stacks stand.
//! * [`extract`]: from the recorder's tables to the columns of an image.
//! * [`tags`]: the image's tags.
//! * [`memory`]: reading the frozen memory, and where stacks stand in it.
//! * [`figures`]: the process's own numbers.
//! * [`mappings`], [`pages`]: where its resident memory lies.
//! * [`inner`]: what glibc's allocator says of itself.
//!
//! Not for: deciding where the result goes. That is the caller's work.

mod copy;
mod descriptors;
mod extract;
mod figures;
mod gather;
pub mod inner;
mod mappings;
mod memory;
mod notes;
mod pages;
mod precautions;
mod shared;
mod stay;
mod tags;
mod wait;

pub use copy::{freeze, freeze_with_memory};
pub use stay::{Running, freeze_to_stay, work_at_most};
