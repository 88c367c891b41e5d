//! Setting tags on the calling thread: what the program calls.

use core::fmt;
use core::marker::PhantomData;
use core::sync::atomic::Ordering;

use crate::hook::{RECORDER, row, row_if_any};
use crate::pause::pause;
use crate::rows::Row;
use crate::scopes::Open;
use crate::state;
use crate::tags::{Name, TOO_MANY};

/// A tag that scopes can be opened of. Copying and entering it is cheaper than making
/// it anew from its name.
#[derive(Clone, Copy)]
pub struct Tag(Kind);

#[derive(Clone, Copy)]
enum Kind {
    /// Nothing is recorded.
    Off,
    /// The empty name: blocks of such a scope have no tag.
    Without,
    Named(&'static Name),
    /// There are too many names.
    TooMany,
}

impl Tag {
    /// The tag of that name, of which at most 256 bytes are kept; the empty name is
    /// no tag. A new name is allocated, which signal handlers must not do.
    #[must_use]
    pub fn new(name: &str) -> Tag {
        Tag(if state::now() != state::EXACT {
            Kind::Off
        } else if name.is_empty() {
            Kind::Without
        } else {
            let known = RECORDER.tags.known(name);
            let name = known.or_else(|| {
                let _pause = pause();
                RECORDER.tags.name(name)
            });
            name.map_or(Kind::TooMany, Kind::Named)
        })
    }

    /// Opens a scope on the calling thread: what it allocates bears this tag, until the
    /// scope is dropped or another is opened in it.
    pub fn enter(self) -> Scope {
        let tag = match self.0 {
            Kind::Off => return Scope::none(),
            Kind::Without => 0,
            Kind::Named(name) => name.number(),
            Kind::TooMany => TOO_MANY,
        };
        let Some(row) = row() else {
            untold();
            return Scope::none();
        };
        let open = row.scopes.innermost().filter(|open| open.tag == tag);
        let number = match open {
            Some(open) => open.number,
            None => number(row, tag),
        };
        let Some(at) = row.open_scope(Open { tag, number }) else {
            untold();
            return Scope::none();
        };
        Scope {
            at,
            of_one_thread: PhantomData,
        }
    }

    /// Says that the tag is in use until the value is dropped, whether or not a scope of it
    /// is open: by a future or a span, which move between threads.
    pub fn keep(self) -> Kept {
        Kept(match self.0 {
            Kind::Named(name) => {
                name.keep();
                Some(name)
            }
            _ => None,
        })
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tag")
    }
}

/// What blocks of the thread bear under a tag.
fn number(row: &Row, tag: u16) -> u16 {
    let own = row.own();
    if tag == 0 {
        return own;
    }
    let (tags, threads) = (&RECORDER.tags, &RECORDER.threads);
    if tag != TOO_MANY
        && let Some(number) = tags.pair(own, tag, threads)
    {
        return number;
    }
    untold();
    tags.pair(own, TOO_MANY, threads).unwrap_or(own)
}

#[cold]
fn untold() {
    RECORDER.tags.untold.fetch_add(1, Ordering::Relaxed);
}

/// An open scope, of the thread that opened it.
#[must_use = "the scope ends when this is dropped"]
pub struct Scope {
    /// Its place; `u32::MAX` for none.
    at: u32,
    of_one_thread: PhantomData<*mut ()>,
}

impl Scope {
    fn none() -> Self {
        Scope {
            at: u32::MAX,
            of_one_thread: PhantomData,
        }
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        if self.at != u32::MAX
            && let Some(row) = row_if_any()
        {
            row.close_scope(self.at);
        }
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scope")
    }
}

/// A tag in use.
#[must_use = "the use ends when this is dropped"]
pub struct Kept(Option<&'static Name>);

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(name) = self.0 {
            name.release();
        }
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}
