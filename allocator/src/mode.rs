//! The modes a program can choose.

/// What the allocator does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Mode {
    /// Nothing is recorded; requests go straight to the inner allocator.
    Off = 0,
    /// Every allocation is recorded.
    Exact = 2,
}
