//! How values of a type lie in memory, from debug information.
//!
//! ```text
//! modules ─► files:  the DWARF of each          index: one pass, type names wanted,
//!                                                      statics, thread-locals, vtables
//! type    ─► read:   size, fields, variants     names: its path, as tables print it
//!            places: `buf.inner.ptr` ─► offset  containers: where each keeps its elements
//! ```
//!
//! rustc writes structure types from `debug = 2` on. A type is read when it is
//! first asked for, and once; what is kept of it is a row in an arena, so that
//! recursive types are loops of ids. Every offset comes from the file: rustc
//! reorders fields. The shipped std has no structure types, but its generic
//! types are described where a user's crate instantiates them.
//!
//! Not for: reading values. That is `scan`.
//!
//! Sources: DWARF 4 sections 5.5 to 5.10, rustc's
//! `rustc_codegen_llvm/src/debuginfo/metadata`, and dumps of what it writes.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod compiler;
pub(crate) mod containers;
pub(crate) mod files;
pub(crate) mod index;
pub(crate) mod locals;
mod names;
pub(crate) mod places;
mod read;

use std::rc::Rc;

use crate::resolve::strings::FixedMap;
use crate::resolve::units::Entry;

use self::files::File;

/// A type of [`Layouts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TypeIx(u32);

/// How a pointer owns what it points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Way {
    Box,
    Reference,
    Raw,
}

/// One field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: Box<str>,
    pub(crate) offset: u64,
    pub(crate) of: TypeIx,
}

/// One variant of an enum, or one state of an async function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variant {
    /// The discriminant's value; none for the one that holds otherwise.
    pub(crate) value: Option<u64>,
    /// Its fields, as a structure at the beginning of the enum.
    pub(crate) fields: Field,
}

/// What a type is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Nothing that points anywhere.
    Scalar,
    /// A number whose values have names: an enum without fields.
    Choice(Vec<(u64, Box<str>)>),
    Pointer {
        to: TypeIx,
        way: Way,
    },
    /// Also tuples, closures and fat pointers.
    Struct(Vec<Field>),
    Array {
        element: TypeIx,
        count: u64,
    },
    Enum {
        /// Offset and size; none if there is only one variant.
        discriminant: Option<(u64, u64)>,
        variants: Vec<Variant>,
    },
    Union(Vec<Field>),
    /// The file does not say.
    Unknown,
}

/// A type as the file describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Data {
    /// As the file has it: for structures the last segment of the path.
    pub(crate) name: Box<str>,
    /// In bytes; none for what has no size of its own.
    pub(crate) size: Option<u64>,
    pub(crate) shape: Shape,
    /// Its generic types by the names of the parameters.
    pub(crate) args: Vec<(Box<str>, TypeIx)>,
}

/// Where a type comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// A file and an entry there.
    File(u16, Entry),
    /// Put together here: arrays have no name to be found by.
    Made,
}

struct Slot {
    origin: Origin,
    data: Option<Rc<Data>>,
    path: Option<Rc<str>>,
    shown: Option<Rc<str>>,
}

/// The types of all modules of an image, read on demand.
pub(crate) struct Layouts<'a> {
    pub(crate) files: Vec<File<'a>>,
    slots: Vec<Slot>,
    known: FixedMap<(u16, Entry), TypeIx>,
    made: FixedMap<(TypeIx, u64), TypeIx>,
}

impl<'a> Layouts<'a> {
    pub(crate) fn new(files: Vec<File<'a>>) -> Layouts<'a> {
        Layouts {
            files,
            slots: Vec::new(),
            known: FixedMap::default(),
            made: FixedMap::default(),
        }
    }

    /// The type at an entry, read later.
    pub(crate) fn at(&mut self, file: u16, entry: Entry) -> TypeIx {
        if let Some(&ix) = self.known.get(&(file, entry)) {
            return ix;
        }
        let ix = self.add(Origin::File(file, entry), None);
        self.known.insert((file, entry), ix);
        ix
    }

    fn add(&mut self, origin: Origin, data: Option<Rc<Data>>) -> TypeIx {
        let ix = TypeIx(u32::try_from(self.slots.len()).unwrap_or(u32::MAX));
        self.slots.push(Slot {
            origin,
            data,
            path: None,
            shown: None,
        });
        ix
    }

    /// What a type is.
    pub(crate) fn data(&mut self, ix: TypeIx) -> Rc<Data> {
        let slot = self.slots.get(ix.0 as usize);
        if let Some(data) = slot.and_then(|s| s.data.clone()) {
            return data;
        }
        let data = match slot.map(|s| s.origin) {
            Some(Origin::File(file, entry)) => Rc::new(self.read(file, entry)),
            _ => Rc::new(read::unknown()),
        };
        if let Some(slot) = self.slots.get_mut(ix.0 as usize) {
            slot.data = Some(data.clone());
        }
        data
    }

    /// The array of `count` elements.
    pub(crate) fn array(&mut self, element: TypeIx, count: u64) -> TypeIx {
        if let Some(&ix) = self.made.get(&(element, count)) {
            return ix;
        }
        let size = self.size(element).and_then(|s| s.checked_mul(count));
        let data = Data {
            name: "".into(),
            size,
            shape: Shape::Array { element, count },
            args: Vec::new(),
        };
        let ix = self.add(Origin::Made, Some(Rc::new(data)));
        self.made.insert((element, count), ix);
        ix
    }

    /// A type without anything to follow, of that size.
    pub(crate) fn scalar(&mut self, name: &str, size: u64) -> TypeIx {
        let data = Data {
            name: name.into(),
            size: Some(size),
            shape: Shape::Scalar,
            args: Vec::new(),
        };
        self.add(Origin::Made, Some(Rc::new(data)))
    }

    /// The size of a value in bytes, as far as it is known.
    pub(crate) fn size(&mut self, ix: TypeIx) -> Option<u64> {
        let mut times = 1u64;
        let mut at = ix;
        // Arrays of arrays nest as deep as they are written.
        for _ in 0..64 {
            let data = self.data(at);
            if let Some(size) = data.size {
                return size.checked_mul(times);
            }
            let Shape::Array { element, count } = data.shape else {
                return None;
            };
            times = times.checked_mul(count)?;
            at = element;
        }
        None
    }

    /// A generic type argument by its parameter's name.
    pub(crate) fn arg(&mut self, ix: TypeIx, name: &str) -> Option<TypeIx> {
        let data = self.data(ix);
        let found = data.args.iter().find(|(n, _)| &**n == name);
        found.map(|&(_, of)| of)
    }
}
