//! Newtypes for addresses, amounts and table indices.
//!
//! Four kinds of code address exist and are never mixed: a **runtime address**
//! is where the process had the code mapped ([`Addr`]); a **file address** is
//! the same place as the ELF file names it (runtime address minus the module's
//! bias); a **return address** points at the instruction after a call; a
//! **look-up address** is a return address minus one, so that it lies inside
//! the call. The image stores return addresses; the resolver makes the others.

use std::fmt;

/// A runtime address in the profiled process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Addr(pub u64);

/// An amount of memory in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Bytes(pub u64);

/// A duration or a point in time in nanoseconds; the field says since when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Nanos(pub u64);

/// A coarse point in time: ticks since the profiler started. [`crate::Clock`]
/// turns ticks into seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Tick(pub u32);

/// The identity of a block across snapshots of one process: the index of its
/// slot (low 32 bits) and how often that slot was used before (high 32 bits).
/// An address is reused by later blocks, a serial never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Serial(pub u64);

macro_rules! index {
    ($(#[$doc:meta])* $name:ident($int:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct $name(pub $int);

        impl $name {
            /// The position in the table that this id indexes.
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

index! {
    /// A row of [`crate::Image::blocks`], dense, in address order.
    BlockId(u32)
}
index! {
    /// A row of [`crate::Image::contexts`]: a call stack and a tag.
    ContextId(u32)
}
index! {
    /// A node of [`crate::StackTrie`]; 0 is the empty stack.
    StackId(u32)
}
index! {
    /// A row of [`crate::Image::frames`].
    FrameId(u32)
}
index! {
    /// A row of [`crate::Image::modules`].
    ModuleId(u32)
}
index! {
    /// A row of [`crate::Image::threads`].
    ThreadId(u16)
}
index! {
    /// A row of [`crate::Image::tags`].
    TagId(u16)
}
index! {
    /// A row of [`crate::Image::phases`]; 0 is the time before the first phase.
    PhaseId(u16)
}
index! {
    /// A row of [`crate::Resolution::types`].
    TypeId(u32)
}
index! {
    /// A row of [`crate::Resolution::strings`].
    StrId(u32)
}
index! {
    /// A row of [`crate::Resolution::lines`].
    LineId(u32)
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}
index! {
    /// A row of [`crate::References::roots`].
    RootId(u32)
}
index! {
    /// A row of [`crate::References::labels`]; 0 is the empty text.
    LabelId(u32)
}
index! {
    /// A node of the reference graph: the blocks come first, then the roots.
    NodeId(u32)
}
