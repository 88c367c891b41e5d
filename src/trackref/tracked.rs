//! The shared handle whose object can be asked for.

use std::any::{Any, TypeId};
use std::fmt;
use std::mem::offset_of;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use super::registry::{self, Kind, Place};

/// What a handle leads to.
pub(super) struct Inner<T> {
    /// A [`Place`]. Written once, by the thread that made the object, which holds a
    /// handle until then: so whoever drops the last one sees it.
    place: AtomicU64,
    value: T,
}

impl<T> Drop for Inner<T> {
    fn drop(&mut self) {
        registry::leave(Place::from_bits(*self.place.get_mut()));
    }
}

/// A shared handle, as `Arc`, whose object is registered while any handle lives.
///
/// The registry itself keeps nothing alive. The object is handed back to whoever
/// asks, on any thread, so it must be `Send` and `Sync`.
pub struct Tracked<T: Send + Sync + 'static>(Arc<Inner<T>>);

impl<T: Send + Sync + 'static> Tracked<T> {
    /// Moves a value to the heap and registers it.
    pub fn new(value: T) -> Self {
        let inner = Arc::new(Inner {
            place: AtomicU64::new(0),
            value,
        });
        let handle: Weak<Inner<T>> = Arc::downgrade(&inner);
        let place = registry::enter(Some(handle), kind::<T>);
        inner.place.store(place.to_bits(), Ordering::Relaxed);
        Tracked(inner)
    }

    pub(super) fn of(inner: Arc<Inner<T>>) -> Self {
        Tracked(inner)
    }

    /// Whether two handles are of one object.
    #[must_use]
    pub fn ptr_eq(one: &Self, other: &Self) -> bool {
        Arc::ptr_eq(&one.0, &other.0)
    }
}

/// Asked for when someone asks for the table: an entry holds this function alone.
fn kind<T: Any>() -> Kind {
    Kind {
        id: TypeId::of::<T>(),
        name: std::any::type_name::<T>(),
        size: size_of::<T>(),
        offset: offset_of!(Inner<T>, value),
    }
}

impl<T: Send + Sync + 'static> Deref for Tracked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T: Send + Sync + 'static> Clone for Tracked<T> {
    fn clone(&self) -> Self {
        Tracked(Arc::clone(&self.0))
    }
}

impl<T: Send + Sync + 'static> From<T> for Tracked<T> {
    fn from(value: T) -> Self {
        Tracked::new(value)
    }
}

impl<T: fmt::Debug + Send + Sync + 'static> fmt::Debug for Tracked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.value.fmt(f)
    }
}
