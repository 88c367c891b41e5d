//! A tracked object of which only the name of its type was asked for.

use std::fmt;
use std::time::Duration;

use super::Tracked;
use super::registry::{AnyArc, Kind};
use super::tracked::Inner;

/// A tracked object whose type is known at run time. It keeps the object alive.
#[derive(Clone)]
pub struct Object {
    pub(super) handle: AnyArc,
    pub(super) made: u64,
    pub(super) kind: Kind,
}

impl Object {
    /// The whole name of its type, as Rust prints it: `crawl::Response`.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        self.kind.name
    }

    /// Where the value (not the block that it lies in) begins. Nothing else lies
    /// there as long as this object is held.
    #[must_use]
    pub fn address(&self) -> usize {
        std::sync::Arc::as_ptr(&self.handle).addr() + self.kind.offset
    }

    /// The value's bytes, without what it owns elsewhere.
    #[must_use]
    pub fn size(&self) -> usize {
        self.kind.size
    }

    /// How long it has been registered.
    #[must_use]
    pub fn age(&self) -> Duration {
        age(self.made)
    }

    /// The object itself, if it is of this type.
    #[must_use]
    pub fn downcast<T: Send + Sync + 'static>(self) -> Option<Tracked<T>> {
        let inner = self.handle.downcast::<Inner<T>>().ok()?;
        Some(Tracked::of(inner))
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} at {:#x}>", self.type_name(), self.address())
    }
}

/// The age of what was made at this time.
pub(super) fn age(made: u64) -> Duration {
    Duration::from_nanos(endler_allocator::coarse_nanos().saturating_sub(made))
}
