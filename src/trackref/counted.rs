//! A field by which the value that holds it is counted.

use std::any::{Any, TypeId};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use super::registry::{self, Kind, Place};

/// A field that counts: a value of type `T` that holds an `ObjectRef<T>` stands in
/// the table of live references while it lives.
///
/// For types whose values lie in memory of their owner. They may move, so they are
/// not handed back. The field takes no part in comparisons and hashes, and a clone
/// of the value is counted as one more, so `#[derive]`s on `T` go on working.
///
/// ```
/// use endler::trackref::{ObjectRef, live_refs};
///
/// #[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
/// struct Item {
///     title: String,
///     counted: ObjectRef<Item>,
/// }
///
/// let items = vec![Item::default(); 3];
/// assert_eq!(live_refs().rows()[0].count, 3);
/// # drop(items);
/// ```
pub struct ObjectRef<T: Any> {
    place: Place,
    of: PhantomData<fn() -> T>,
}

impl<T: Any> ObjectRef<T> {
    /// Counts one more.
    #[must_use]
    pub fn new() -> Self {
        ObjectRef {
            place: registry::enter(None, kind::<T>),
            of: PhantomData,
        }
    }
}

fn kind<T: Any>() -> Kind {
    Kind {
        id: TypeId::of::<T>(),
        name: std::any::type_name::<T>(),
        size: size_of::<T>(),
        offset: 0,
    }
}

impl<T: Any> Drop for ObjectRef<T> {
    fn drop(&mut self) {
        registry::leave(self.place);
    }
}

impl<T: Any> Default for ObjectRef<T> {
    fn default() -> Self {
        ObjectRef::new()
    }
}

impl<T: Any> Clone for ObjectRef<T> {
    fn clone(&self) -> Self {
        ObjectRef::new()
    }
}

impl<T: Any> fmt::Debug for ObjectRef<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ObjectRef")
    }
}

impl<T: Any> PartialEq for ObjectRef<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T: Any> Eq for ObjectRef<T> {}

impl<T: Any> PartialOrd for ObjectRef<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Any> Ord for ObjectRef<T> {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

impl<T: Any> Hash for ObjectRef<T> {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}
