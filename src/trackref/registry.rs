//! The lists of live objects, one for each of 64 groups of threads.
//!
//! ```text
//!  thread ──► list: Mutex [ entry | entry | vacant ─┐ | entry ]
//!                             ▲        first vacant ◄┘
//!  Object { place ────────────┘ }     entry = weak handle, when made, which type
//! ```
//!
//! An entry is made when an object is, and removed by the object's end, whatever
//! thread that is on. The lock of a list is held for a few instructions, by its
//! threads, by who ends one of its objects, and by who asks.
//!
//! Invariants of a list:
//! * `made` of its entries rises strictly with the order of registering;
//! * `live` entries are not vacant; with `live == 0` it holds little memory;
//! * nothing is dropped under the lock that could run a host's `drop`.

use std::any::{Any, TypeId};
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::object::Object;

const LISTS: usize = 64;
/// Entries for which a list that is empty keeps memory.
const KEPT: usize = 64;
const NONE: u32 = u32::MAX;

/// A handle of unknown type.
pub(super) type AnyArc = Arc<dyn Any + Send + Sync>;

/// What is known of a type.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    pub(super) id: TypeId,
    pub(super) name: &'static str,
    pub(super) size: usize,
    /// Where the value stands, from the first byte of what a handle leads to.
    pub(super) offset: usize,
}

/// Where an object is registered.
#[derive(Clone, Copy)]
pub(super) struct Place {
    list: u32,
    index: u32,
}

impl Place {
    pub(super) fn to_bits(self) -> u64 {
        u64::from(self.list) << 32 | u64::from(self.index)
    }

    pub(super) fn from_bits(bits: u64) -> Self {
        Place {
            list: (bits >> 32) as u32,
            index: bits as u32,
        }
    }
}

/// Field by field, and no enum: one that is put together and then copied into its place
/// waits for its parts, a third of the time of registering. Two to a cache line.
#[repr(align(32))]
struct Slot {
    /// None for an object that is only counted, and in a vacant slot.
    handle: Option<Weak<dyn Any + Send + Sync>>,
    /// None in a vacant slot.
    kind: Option<fn() -> Kind>,
    /// When the object was made; in a vacant slot, the next such one.
    made: u64,
}
const _: () = assert!(size_of::<Slot>() == 32);

struct List {
    slots: Vec<Slot>,
    vacant: u32,
    live: u32,
    last_made: u64,
}

/// Lists of different threads share no cache line.
#[repr(align(128))]
struct Padded(Mutex<List>);

static REGISTRY: [Padded; LISTS] = [const {
    Padded(Mutex::new(List {
        slots: Vec::new(),
        vacant: NONE,
        live: 0,
        last_made: 0,
    }))
}; LISTS];
static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The thread's list; [`LISTS`] for none yet.
    static OWN: Cell<usize> = const { Cell::new(LISTS) };
}

fn lock(list: &Padded) -> MutexGuard<'_, List> {
    list.0.lock().unwrap_or_else(PoisonError::into_inner)
}

fn own_list() -> usize {
    OWN.with(|own| {
        if own.get() == LISTS {
            own.set(NEXT.fetch_add(1, Ordering::Relaxed) % LISTS);
        }
        own.get()
    })
}

/// Registers an object.
pub(super) fn enter(handle: Option<Weak<dyn Any + Send + Sync>>, kind: fn() -> Kind) -> Place {
    let now = endler_allocator::coarse_nanos();
    let at = own_list();
    let mut list = lock(&REGISTRY[at]);
    let made = now.max(list.last_made + 1);
    list.last_made = made;
    list.live += 1;
    let mut index = list.vacant;
    if index == NONE {
        index = list.slots.len() as u32;
        if list.slots.len() == list.slots.capacity() {
            grow(&mut list.slots);
        }
        list.slots.push(Slot {
            handle: None,
            kind: None,
            made: u64::from(NONE),
        });
    }
    if let Some(slot) = list.slots.get_mut(index as usize) {
        let vacant = slot.made as u32;
        slot.handle = handle;
        slot.kind = Some(kind);
        slot.made = made;
        list.vacant = vacant;
    }
    Place {
        list: at as u32,
        index,
    }
}

/// The registry's memory is not the host's.
#[cold]
fn grow(slots: &mut Vec<Slot>) {
    let _pause = endler_allocator::pause();
    slots.reserve(KEPT);
}

/// Ends what [`enter`] began.
pub(super) fn leave(place: Place) {
    let mut list = lock(&REGISTRY[place.list as usize]);
    let vacant = list.vacant;
    let Some(slot) = list.slots.get_mut(place.index as usize) else {
        return;
    };
    let left = slot.handle.take();
    slot.kind = None;
    slot.made = u64::from(vacant);
    list.vacant = place.index;
    list.live -= 1;
    if list.live == 0 && list.slots.capacity() > KEPT {
        list.slots = Vec::new();
        list.vacant = NONE;
    }
    drop(list);
    drop(left);
}

fn each_entry(mut visit: impl FnMut(&Slot, Kind)) {
    for list in &REGISTRY {
        for slot in &lock(list).slots {
            if let Some(kind) = slot.kind {
                visit(slot, kind());
            }
        }
    }
}

/// For every type: how many are alive, and when the oldest was made.
pub(super) fn counts() -> Vec<(Kind, u64, u64)> {
    let mut counts: HashMap<TypeId, (Kind, u64, u64)> = HashMap::new();
    each_entry(|entry, kind| {
        let row = counts.entry(kind.id).or_insert((kind, 0, u64::MAX));
        row.1 += 1;
        row.2 = row.2.min(entry.made);
    });
    let mut counts: Vec<_> = counts.into_values().collect();
    counts.sort_by_key(|(kind, ..)| (kind.name, kind.id));
    counts
}

/// The type that a name means, if any of its objects is alive.
pub(super) fn named(name: &str) -> Option<TypeId> {
    let kinds = counts().into_iter().map(|(kind, ..)| kind);
    let mut kinds = kinds.filter(|kind| kind.name == name || last(kind.name) == name);
    let first = kinds.next()?;
    let whole = kinds.find(|kind| kind.name == name && first.name != name);
    Some(whole.unwrap_or(first).id)
}

/// A type's name without its path: `Page<a::B>` of `crawl::Page<a::B>`.
pub(super) fn last(name: &str) -> &str {
    let arguments = name.find('<').unwrap_or(name.len());
    let path = name[..arguments].rfind("::");
    path.map_or(name, |at| &name[at + 2..])
}

/// The oldest live object of a type.
pub(super) fn oldest(id: TypeId) -> Option<Object> {
    // Those that were the oldest so far are dropped when no lock is held.
    let mut found: Vec<Object> = Vec::new();
    each_entry(|entry, kind| {
        let older = found.last().is_none_or(|best| entry.made < best.made);
        if older && let Some(object) = alive(entry, kind, id) {
            found.push(object);
        }
    });
    found.pop()
}

/// All live objects of a type, the oldest first.
pub(super) fn all(id: TypeId) -> Vec<Object> {
    let mut found = Vec::new();
    each_entry(|entry, kind| found.extend(alive(entry, kind, id)));
    found.sort_by_key(|object: &Object| (object.made, object.address()));
    found
}

fn alive(entry: &Slot, kind: Kind, id: TypeId) -> Option<Object> {
    if kind.id != id {
        return None;
    }
    Some(Object {
        handle: entry.handle.as_ref()?.upgrade()?,
        made: entry.made,
        kind,
    })
}
