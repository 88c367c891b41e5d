//! Live references, as in Scrapy's `trackref`: which objects are alive, how
//! many of each type, and how old the oldest is.
//!
//! Every heap block has its type from the allocator, with no change to the code.
//! This module is for what the program wants to get *back*: an object that is
//! made as [`Tracked`] can be asked for as long as any handle of it lives.
//!
//! ```
//! use endler::trackref::{Tracked, get_oldest, iter_all, live_refs};
//!
//! #[derive(Debug)]
//! struct Response {
//!     url: String,
//! }
//!
//! let first = Tracked::new(Response { url: "http://books.test/1".into() });
//! let second = Tracked::new(Response { url: "http://books.test/2".into() });
//! assert_eq!(get_oldest::<Response>().map(|r| r.url.clone()), Some(first.url.clone()));
//! assert_eq!(iter_all::<Response>().count(), 2);
//! println!("{}", live_refs()); // … Response        2   oldest: 0s ago
//! drop(first);
//! assert_eq!(get_oldest::<Response>().map(|r| r.url.clone()), Some(second.url.clone()));
//! ```
//!
//! A type whose values lie in memory of their owner (in a `Vec`, in a field) has an
//! [`ObjectRef`] as a field instead: such values are counted, and not handed back.
//!
//! **By name**, for a console: [`LiveRefs::rows`] lists the types, [`get_oldest_named`]
//! and [`iter_all_named`] hand back an [`Object`], which keeps the value alive and
//! tells its address, so that its fields can be read through debug information.
//!
//! Ages come from a clock that moves once a scheduler tick (4 ms). Objects made on
//! one thread are in the order in which they were made; of two that different
//! threads made within one tick, either may be called the older.
//!
//! There is no global lock: a thread registers in one of 64 lists, and an object
//! leaves the list that it was registered in. A type leaves nothing behind when
//! its last object is gone. Not for signal handlers, and not for a process that was
//! forked while another thread was registering.

mod counted;
mod object;
mod registry;
mod table;
mod tracked;

pub use counted::ObjectRef;
pub use object::Object;
pub use table::{LiveRef, LiveRefs, Source};
pub use tracked::Tracked;

use std::any::TypeId;

/// The live references of all tracked types: `print!("{}", live_refs())` prints
/// trackref's table. [`LiveRefs::with_heap`] adds every type of the heap.
#[must_use]
pub fn live_refs() -> LiveRefs {
    live_refs_ignoring(&[])
}

/// [`live_refs`] without the types whose name, or whose name without its path,
/// matches one of `globs`: `*` is any text, `?` one character.
#[must_use]
pub fn live_refs_ignoring(globs: &[&str]) -> LiveRefs {
    LiveRefs::tracked(globs)
}

/// The oldest live object of a type; none if none is alive.
///
/// The object may lose its other handles meanwhile: then it is dropped where the
/// caller drops what this gave.
#[must_use]
pub fn get_oldest<T: Send + Sync + 'static>() -> Option<Tracked<T>> {
    registry::oldest(TypeId::of::<T>())?.downcast()
}

/// All live objects of a type, the oldest first.
pub fn iter_all<T: Send + Sync + 'static>() -> impl Iterator<Item = Tracked<T>> {
    let objects = registry::all(TypeId::of::<T>());
    objects.into_iter().filter_map(|object| object.downcast())
}

/// [`get_oldest`] of the type with this name: `crawl::Response`, or `Response`.
///
/// Of several types that end in the name, the first in the order of their whole
/// names is meant. None for a type of which none is alive, or whose objects are
/// only counted ([`ObjectRef`]).
#[must_use]
pub fn get_oldest_named(name: &str) -> Option<Object> {
    registry::oldest(registry::named(name)?)
}

/// [`iter_all`] of the type with this name, as in [`get_oldest_named`].
pub fn iter_all_named(name: &str) -> impl Iterator<Item = Object> {
    let kind = registry::named(name);
    kind.map_or_else(Vec::new, registry::all).into_iter()
}

/// The live objects of every type that this name may mean: its whole name, the end of
/// it, or a glob of either.
pub(crate) fn all_like(name: &str) -> Vec<Object> {
    let means = |whole: &str| {
        let end = whole.strip_suffix(name);
        end.is_some_and(|before| before.is_empty() || before.ends_with("::"))
            || endler_reports::filter::glob(name, whole)
            || endler_reports::filter::glob(name, registry::last(whole))
    };
    let kinds = registry::counts().into_iter().map(|(kind, ..)| kind);
    kinds
        .filter(|kind| means(kind.name))
        .flat_map(|kind| registry::all(kind.id))
        .collect()
}
