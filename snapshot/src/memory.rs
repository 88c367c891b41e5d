//! Reading the words of the frozen process.
//!
//! The forked child reads its own (copied) memory, the fallback reads through
//! `process_vm_readv`, a saved file has none, and a test has an array: all of
//! them are a [`Memory`].

use crate::ids::Addr;

/// The memory of the frozen process.
pub trait Memory {
    /// Fills `into` from `at` onwards, whole or not at all.
    fn read(&self, at: Addr, into: &mut [u8]) -> Result<(), Unreadable>;
}

/// Memory that was not mapped, or that the snapshot does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

/// A saved snapshot: it holds no memory contents, so nothing is readable.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMemory;

impl Memory for NoMemory {
    fn read(&self, _at: Addr, _into: &mut [u8]) -> Result<(), Unreadable> {
        Err(Unreadable)
    }
}
