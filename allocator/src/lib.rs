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

mod clock;
mod contexts;
mod copy_arena;
pub mod freeze;
mod heap;
mod hook;
mod mode;
mod os;
mod phases;
mod rows;
mod shadow;
mod slots;
mod threads;
mod totals;
mod unwind;

pub use heap::Heap;
pub use hook::{Pause, pause};
pub use mode::Mode;

/// The mode that the process runs in; none before its first allocation.
#[must_use]
pub fn mode() -> Option<Mode> {
    match mode::state() {
        mode::OFF => Some(Mode::Off),
        mode::EXACT => Some(Mode::Exact),
        _ => None,
    }
}

/// Enters a named phase: blocks born from now on belong to it.
pub fn enter_phase(name: &str) {
    let _pause = pause();
    let recorder = &hook::RECORDER;
    recorder.phases.enter(name, recorder.start.tick());
}
