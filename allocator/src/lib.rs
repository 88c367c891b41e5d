//! The recording half of endler: a global allocator that knows every live
//! block, and the copy that freezes what it knows.
//!
//! ```text
//!  Heap ─► hook ─► unwind (rules, memo) ─► contexts        one word per stack
//!            └───► slots, shadow, rows                     one record per block
//!  freeze ─► a raw clone ─► extract ─► Image               in the copy
//! ```
//!
//! * [`Heap`] forwards all four methods of the inner allocator and calls the hook.
//! * the hook walks the stack, interns it, and records the block: no lock, no
//!   hash of addresses, no allocation from the host.
//! * [`freeze`] copies the process and gives an [`endler_snapshot::Image`] to
//!   code that runs in the copy.
//!
//! It is not for: names, types, tables, files. It never imports the reports.
//!
//! Linux on x86-64 only; elsewhere `Heap` forwards and records nothing.

mod freeze_types;
mod mode;

/// The recorder, where it has been run: Linux on x86-64.
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(endler_elsewhere)))]
#[path = "."]
mod recorder {
    pub(crate) mod clock;
    pub(crate) mod contexts;
    pub(crate) mod copy_arena;
    pub(crate) mod depot;
    pub(crate) mod epochs;
    pub(crate) mod freeze;
    #[cfg(test)]
    mod full_tables;
    pub(crate) mod heap;
    pub(crate) mod hook;
    pub(crate) mod inner_name;
    pub(crate) mod late;
    pub(crate) mod live;
    pub(crate) mod look;
    #[cfg(all(test, loom))]
    mod model;
    pub(crate) mod nulls;
    pub(crate) mod os;
    pub(crate) mod parking;
    pub(crate) mod pause;
    pub(crate) mod phases;
    pub(crate) mod rows;
    pub(crate) mod scopes;
    pub(crate) mod shadow;
    pub(crate) mod slots;
    pub(crate) mod state;
    pub(crate) mod sync;
    pub(crate) mod tagging;
    pub(crate) mod tags;
    pub(crate) mod threads;
    pub(crate) mod time_page;
    pub(crate) mod totals;
    pub(crate) mod unwind;
    pub(crate) mod vdso;

    pub use clock::coarse_nanos;
    pub use heap::Heap;
    pub use hook::{enter_phase, inner_allocator, mode, notice_fork};
    pub use live::live_bytes;
    pub use nulls::on_null;
    pub use pause::{Pause, pause};
    pub use tagging::{Kept, Scope, Tag};
}
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(endler_elsewhere)))]
pub(crate) use recorder::*;

/// Everywhere else requests are forwarded and nothing is recorded. (The flag
/// `--cfg endler_elsewhere` builds this on the platform that is tested.)
#[cfg(not(all(target_os = "linux", target_arch = "x86_64", not(endler_elsewhere))))]
#[path = "elsewhere.rs"]
mod recorder;

pub use mode::Mode;
pub use recorder::{
    Heap, Kept, Pause, Scope, Tag, coarse_nanos, enter_phase, inner_allocator, live_bytes, mode,
    notice_fork, on_null, pause,
};

/// Freezing: an image of this process, while it goes on.
pub mod freeze {
    pub use crate::freeze_types::{
        Cost, Error, Frozen, Keep, Options, ReadInner, ThreadStack, Work, WorkOnMemory,
    };
    #[cfg(all(target_os = "linux", target_arch = "x86_64", not(endler_elsewhere)))]
    pub use crate::recorder::freeze::{Running, freeze_to_stay, work_at_most};
    pub use crate::recorder::freeze::{freeze, freeze_with_memory, inner};
}
