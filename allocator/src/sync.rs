//! What the structures that threads share are made of: atomics, and zeroed
//! memory that is mapped for ever.
//!
//! In a build these are core's atomics and the kernel's mappings, and nothing
//! else. Under `--cfg loom` the unit tests get loom's atomics instead, which run
//! through every order of the threads' steps and every value that the memory
//! model lets a load see (`tests/model.sh`; the models stand in `model/`).
//!
//! Not for what one thread writes alone (totals), and not for system calls.

#[cfg(not(all(test, loom)))]
mod plain {
    pub(crate) use core::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering, fence,
    };
    pub(crate) use std::thread::yield_now;

    pub(crate) use crate::os::{make_writable, map, map_readable, unmap};

    /// A table's length: a model has tables of a few entries.
    pub(crate) const fn sized(len: usize, _in_a_model: usize) -> usize {
        len
    }

    /// Tells a model that the memory behind `at`, which is no atomic, was
    /// written and is about to be published.
    #[inline(always)]
    pub(crate) fn wrote<T>(_at: *const T) {}

    /// Tells a model that the memory behind `at`, which is no atomic, is about
    /// to be read.
    #[inline(always)]
    pub(crate) fn reads<T>(_at: *const T) {}
}
#[cfg(not(all(test, loom)))]
pub(crate) use plain::*;

#[cfg(all(test, loom))]
pub(crate) mod checked;
#[cfg(all(test, loom))]
pub(crate) use checked::*;
