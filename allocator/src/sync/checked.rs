//! Atomics and mapped memory for the models: the same names over loom's.
//!
//! ```text
//!  mapping ──► word ──► loom's atomic           made with the mapping, by the
//!              word ──► loom's atomic           thread that maps it
//! ```
//!
//! The structures are zeroed memory, which loom's atomics cannot be. So an
//! atomic here is one word that points to loom's; [`map`] sets the words. That
//! the mapping thread makes them has a use: a thread that comes to a mapping
//! through a pointer that was not published in order is found out.
//!
//! All atomics are loom's `AtomicU64` underneath, so that a word's kind need
//! not be known when it is mapped.
//!
//! **Planted defects.** A model that cannot fail proves nothing, so each runs
//! again with a defect ([`Fault`]) in one kind of operation of one file, found
//! by the place of the call, and must then fail. The code under test stays as
//! it is.

use core::cell::Cell;
use core::marker::PhantomData;
use core::panic::Location;
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::cell::RefCell;
use std::collections::HashMap;

pub(crate) use core::sync::atomic::Ordering;
use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicU64 as Checked;
pub(crate) use loom::sync::atomic::fence;
pub(crate) use loom::thread::yield_now;

/// Mappings are aligned as the structures with lines of their own want it.
const ALIGN: usize = 4096;

/// A kind of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Load,
    Store,
    Swap,
    Exchange,
}

/// What a planted defect does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing is published or acquired by these operations.
    Relaxed(Op),
    /// Nor by any operation.
    Unordered,
    /// Compares and stores in two steps.
    Torn,
    /// The upper half of the word, the tag of a shared stack, stays 0.
    Untagged,
}

/// A defect in all operations of that kind that a file makes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planted {
    /// The end of the file's path.
    pub(crate) file: &'static str,
    pub(crate) fault: Fault,
}

/// What one run of a model has made. All threads of a model are one thread of
/// the system, so they share it.
#[derive(Default)]
struct Run {
    mappings: Vec<(*mut u8, Layout)>,
    /// The boxes stand where they are while the words point to them.
    atomics: Vec<Box<Checked>>,
    /// Memory that is no atomic, by its address.
    plain: HashMap<usize, UnsafeCell<()>>,
}

thread_local! {
    static RUN: RefCell<Run> = RefCell::default();
    static PLANTED: Cell<Option<Planted>> = const { Cell::new(None) };
}

/// Plants a defect on this thread, or takes it out.
pub(crate) fn plant(defect: Option<Planted>) {
    PLANTED.set(defect);
}

fn has(at: &Location<'_>, fault: Fault) -> bool {
    PLANTED
        .get()
        .is_some_and(|planted| planted.fault == fault && at.file().ends_with(planted.file))
}

fn order(at: &Location<'_>, op: Op, order: Ordering) -> Ordering {
    if has(at, Fault::Relaxed(op)) || has(at, Fault::Unordered) {
        Ordering::Relaxed
    } else {
        order
    }
}

/// Forgets what the last run of a model made. At the beginning of the next, as
/// a run that fails does not come to its end.
pub(crate) fn begin() {
    let run = RUN.take();
    for (at, layout) in run.mappings {
        // SAFETY: made by `map` with this layout, for a run that is over.
        unsafe { dealloc(at, layout) };
    }
}

/// As `os::map`, with an atomic in every word.
pub(crate) fn map(len: usize) -> *mut u8 {
    let layout = Layout::from_size_align(len.next_multiple_of(8), ALIGN).expect("a layout");
    // SAFETY: the length is not zero.
    let at = unsafe { alloc_zeroed(layout) };
    assert!(!at.is_null());
    let atomics: Vec<_> = (0..layout.size() / 8)
        .map(|_| Box::new(Checked::new(0)))
        .collect();
    for (i, atomic) in atomics.iter().enumerate() {
        let word = at.cast::<*const Checked>().wrapping_add(i);
        // SAFETY: within the memory just made.
        unsafe { word.write(&raw const **atomic) };
    }
    RUN.with_borrow_mut(|run| {
        run.mappings.push((at, layout));
        run.atomics.extend(atomics);
    });
    at
}

/// As `os::unmap`. The memory stays until the run is over.
///
/// # Safety
/// 1. As there.
pub(crate) unsafe fn unmap(_at: *mut u8, _len: usize) {}

pub(crate) fn map_readable(len: usize) -> *mut u8 {
    map(len)
}

pub(crate) fn make_writable(_at: *mut u8, _len: usize) -> bool {
    true
}

/// A structure that is zero at the start, made by this thread.
pub(crate) fn zeroed<T>() -> &'static T {
    assert!(align_of::<T>() <= ALIGN);
    let at: *const T = map(size_of::<T>()).cast();
    // SAFETY: the structures of the recorder are valid when they are zero, and
    // no model keeps one beyond its run.
    unsafe { &*at }
}

/// The short length.
pub(crate) const fn sized(_len: usize, in_a_model: usize) -> usize {
    in_a_model
}

/// Memory that is no atomic was written: nobody may read it at the same time.
pub(crate) fn wrote<T>(at: *const T) {
    RUN.with_borrow_mut(|run| run.plain.entry(at as usize).or_default().with_mut(|_| {}));
}

/// Memory that is no atomic is read: nobody may have written it but before.
pub(crate) fn reads<T>(at: *const T) {
    RUN.with_borrow_mut(|run| run.plain.entry(at as usize).or_default().with(|_| {}));
}

/// One word: see the module's drawing.
#[repr(transparent)]
struct Word(Cell<*const Checked>);

impl Word {
    const fn new() -> Self {
        Word(Cell::new(core::ptr::null()))
    }

    fn checked(&self) -> &Checked {
        // SAFETY: null, or an atomic of this run, which stands until it is over.
        unsafe { self.0.get().as_ref() }.expect("a model's structures are made by `zeroed`")
    }

    #[track_caller]
    fn load(&self, wanted: Ordering) -> u64 {
        let at = Location::caller();
        self.checked().load(order(at, Op::Load, wanted))
    }

    #[track_caller]
    fn store(&self, value: u64, wanted: Ordering) {
        let at = Location::caller();
        self.checked().store(value, order(at, Op::Store, wanted));
    }

    #[track_caller]
    fn swap(&self, value: u64, wanted: Ordering) -> u64 {
        let at = Location::caller();
        self.checked().swap(value, order(at, Op::Swap, wanted))
    }

    #[track_caller]
    fn exchange(
        &self,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        let at = Location::caller();
        let success = order(at, Op::Exchange, success);
        let failure = order(at, Op::Exchange, failure);
        let mask = u64::MAX >> (32 * u32::from(has(at, Fault::Untagged)));
        if !has(at, Fault::Torn) {
            let checked = self.checked();
            return checked.compare_exchange(current, new & mask, success, failure);
        }
        match self.checked().load(failure) {
            there if there == current => {
                self.checked().store(new, Ordering::Release);
                Ok(current)
            }
            there => Err(there),
        }
    }

    #[track_caller]
    fn add(&self, amount: u64, wanted: Ordering) -> u64 {
        let at = Location::caller();
        self.checked()
            .fetch_add(amount, order(at, Op::Swap, wanted))
    }
}

/// A kind of atomic over a [`Word`].
macro_rules! atomic {
    // A macro, since core's atomics are types of their own with methods of one name.
    ($name:ident $(<$t:ident>)?, $value:ty, $to:expr, $from:expr) => {
        #[repr(transparent)]
        pub(crate) struct $name $(<$t>)? (Word, PhantomData<$value>);

        // SAFETY: loom runs one thread at a time.
        unsafe impl $(<$t>)? Send for $name $(<$t>)? {}
        // SAFETY: as above.
        unsafe impl $(<$t>)? Sync for $name $(<$t>)? {}

        #[allow(dead_code, reason = "no structure uses every method of every kind")]
        impl $(<$t>)? $name $(<$t>)? {
            /// Zero; another value would be lost.
            pub(crate) const fn new(_zero: $value) -> Self {
                $name(Word::new(), PhantomData)
            }

            #[track_caller]
            pub(crate) fn load(&self, order: Ordering) -> $value {
                $from(self.0.load(order))
            }

            #[track_caller]
            pub(crate) fn store(&self, value: $value, order: Ordering) {
                self.0.store($to(value), order);
            }

            #[track_caller]
            pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                $from(self.0.swap($to(value), order))
            }

            #[track_caller]
            pub(crate) fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                let result = self.0.exchange($to(current), $to(new), success, failure);
                result.map($from).map_err($from)
            }

            /// Does not fail for nothing: loom would turn for ever.
            #[track_caller]
            pub(crate) fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.compare_exchange(current, new, success, failure)
            }

            #[track_caller]
            pub(crate) fn fetch_update(
                &self,
                set: Ordering,
                fetch: Ordering,
                mut f: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                let mut now = self.load(fetch);
                while let Some(next) = f(now) {
                    match self.compare_exchange(now, next, set, fetch) {
                        Ok(before) => return Ok(before),
                        Err(there) => now = there,
                    }
                }
                Err(now)
            }
        }
    };
}

atomic!(AtomicU64, u64, |v| v, |w: u64| w);
atomic!(AtomicU32, u32, u64::from, |w: u64| w as u32);
atomic!(AtomicBool, bool, u64::from, |w: u64| w != 0);
atomic!(AtomicPtr<T>, *mut T, |p: *mut T| p as u64, |w: u64| w
    as *mut T);

impl AtomicU64 {
    #[track_caller]
    pub(crate) fn fetch_add(&self, amount: u64, order: Ordering) -> u64 {
        self.0.add(amount, order)
    }
}

impl AtomicU32 {
    /// No model counts beyond 32 bits.
    #[track_caller]
    pub(crate) fn fetch_add(&self, amount: u32, order: Ordering) -> u32 {
        self.0.add(u64::from(amount), order) as u32
    }

    #[track_caller]
    pub(crate) fn fetch_sub(&self, amount: u32, order: Ordering) -> u32 {
        self.0.add(u64::from(amount).wrapping_neg(), order) as u32
    }
}
