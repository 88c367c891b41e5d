//! Where nothing is recorded: an allocator that forwards, and honest answers.

use std::alloc::{GlobalAlloc, Layout, System};

use crate::mode::Mode;

/// A global allocator that forwards to the inner one; it records on Linux on
/// x86-64 only.
#[derive(Debug)]
pub struct Heap<A: GlobalAlloc = System> {
    inner: A,
}

impl Heap<System> {
    /// The system allocator.
    #[must_use]
    pub const fn system() -> Self {
        Heap::wrapping(System)
    }
}

impl<A: GlobalAlloc> Heap<A> {
    /// Any allocator.
    pub const fn wrapping(inner: A) -> Self {
        Heap { inner }
    }

    /// Without effect here.
    #[must_use]
    pub const fn mode(self, _mode: Mode) -> Self {
        self
    }
}

// SAFETY: every request goes to the inner allocator as it is.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Heap<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract.
        unsafe { self.inner.alloc(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract.
        unsafe { self.inner.dealloc(block, layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract.
        unsafe { self.inner.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's contract.
        unsafe { self.inner.realloc(block, layout, size) }
    }
}

/// Without effect here.
#[derive(Debug)]
pub struct Pause(());

/// Without effect here.
#[must_use]
pub fn pause() -> Pause {
    Pause(())
}

/// A clock in nanoseconds, from an unknown start.
#[must_use]
pub fn coarse_nanos() -> u64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let start = START.get_or_init(std::time::Instant::now);
    start.elapsed().as_nanos().try_into().unwrap_or(u64::MAX)
}

/// Not noted here.
#[must_use]
pub fn inner_allocator() -> &'static str {
    ""
}

/// Always off.
#[must_use]
pub fn mode() -> Option<Mode> {
    Some(Mode::Off)
}

/// Without effect here.
#[derive(Clone, Copy, Debug)]
pub struct Tag(());

impl Tag {
    /// Without effect here.
    #[must_use]
    pub fn new(_name: &str) -> Tag {
        Tag(())
    }

    /// Without effect here.
    pub fn enter(self) -> Scope {
        Scope(std::marker::PhantomData)
    }

    /// Without effect here.
    #[must_use]
    pub fn keep(self) -> Kept {
        Kept(())
    }
}

/// Without effect here.
#[derive(Debug)]
pub struct Scope(std::marker::PhantomData<*mut ()>);

/// Without effect here.
#[derive(Debug)]
pub struct Kept(());

/// Without effect here.
pub fn enter_phase(_name: &str) {}

/// Nothing is recorded here.
#[must_use]
pub fn live_bytes() -> Option<endler_snapshot::Bytes> {
    None
}

/// Without effect here.
pub fn on_null(_function: fn()) {}

/// Without effect here.
pub fn notice_fork() {}

pub(crate) mod freeze {
    use crate::freeze_types::{Cost, Error, Options, Work, WorkOnMemory};
    /// What an allocator says of itself.
    pub mod inner {
        /// Nothing is asked for here.
        #[must_use]
        pub fn system() -> Option<endler_snapshot::InnerStatistics> {
            None
        }
    }

    /// There is nothing to freeze.
    ///
    /// # Errors
    /// Always [`Error::Platform`].
    pub fn freeze(_options: &Options, _work: &mut Work<'_>) -> Result<Cost, Error> {
        Err(Error::Platform)
    }

    /// There is nothing to freeze.
    ///
    /// # Errors
    /// Always [`Error::Platform`].
    pub fn freeze_with_memory(
        _options: &Options,
        _work: &mut WorkOnMemory<'_>,
    ) -> Result<Cost, Error> {
        Err(Error::Platform)
    }
}
