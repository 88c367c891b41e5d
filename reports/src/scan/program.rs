//! What a scan does with a value of one type: a list of steps, made once a type.
//!
//! All that a layout tells is spent when the list is made: where pointers
//! stand, what must hold before one is believed, how the edge is called. The
//! scan itself reads words and compares numbers.

use std::rc::Rc;

use super::edges::Kind;
use super::labels::Label;
use crate::layout::TypeIx;
use crate::layout::containers::Split;

/// A row of the table of forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FormIx(pub(crate) u32);

/// How an edge is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Named {
    /// After the field that owns the block: its name and this suffix.
    After(Label),
    /// Always so.
    Always(Label),
}

/// What begins the block that a counted or plain pointer points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Header {
    /// Nothing.
    Plain,
    /// The two counts of `Rc` and `Arc`.
    Counts,
}

/// One step. Offsets are from the value's first byte.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// A pointer that owns one block of a known size.
    Owner {
        at: u64,
        to: FormIx,
        kind: Kind,
        named: Named,
        /// Whether another allocator than the global one gave what it owns.
        elsewhere: bool,
    },
    /// A reference or raw pointer: anywhere into a block, a reference at least
    /// the size of what it is to before its end.
    Loose {
        at: u64,
        to_size: u64,
        /// Whether what it is to may contain what is named after its owner.
        lends: bool,
        kind: Kind,
        named: Named,
    },
    /// A pointer and a length.
    Slice {
        at: u64,
        length: u64,
        element: u64,
        /// None for a reference.
        to: Option<FormIx>,
        kind: Kind,
        named: Named,
    },
    /// A pointer and a table of methods.
    Dyn {
        at: u64,
        vtable: u64,
        header: Header,
        kind: Kind,
        named: Named,
        /// What the pointer is called: `Box`, `Rc`, `Arc`.
        holder: Holder,
    },
    Sequence {
        pointer: u64,
        capacity: u64,
        length: u64,
        to: FormIx,
        named: Named,
    },
    Ring {
        pointer: u64,
        capacity: u64,
        head: u64,
        length: u64,
        to: FormIx,
        named: Named,
    },
    Rest {
        buffer: u64,
        capacity: u64,
        from: u64,
        until: u64,
        to: FormIx,
        named: Named,
    },
    Table {
        control: u64,
        mask: u64,
        /// Where the number of its elements stands.
        items: Option<u64>,
        to: FormIx,
        named: Named,
    },
    /// The first node of a tree or list.
    Node {
        at: u64,
        to: FormIx,
        kind: Kind,
        named: Named,
    },
    /// By the value of a discriminant.
    Switch {
        at: u64,
        size: u64,
        cases: Box<[(u64, Box<[Op]>)]>,
        otherwise: Option<Box<[Op]>>,
    },
    /// For each element of an array inside the value, or of its first
    /// elements, as many as the number at `length` says.
    Repeat {
        at: u64,
        stride: u64,
        count: u64,
        length: Option<(u64, u64)>,
        body: Box<[Op]>,
    },
    /// If the number at `at` is more than `limit` the first, else the second.
    Above {
        at: u64,
        limit: u64,
        then: Box<[Op]>,
        otherwise: Box<[Op]>,
    },
    /// If the lowest bit at `data` is set, the block that begins there, the bit left
    /// out, is owned, and the bytes from `pointer` on are its last; else the steps.
    Tagged {
        data: u64,
        pointer: u64,
        length: u64,
        to: FormIx,
        named: Named,
        otherwise: Box<[Op]>,
    },
    /// What may not be there.
    Guess { body: Box<[Op]> },
    /// Bytes of which nothing is known: word by word.
    Words { at: u64, len: u64 },
}

/// The pointer type around a `dyn`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    Box,
    Rc,
    Arc,
    /// Not one that owns.
    None,
}

impl Holder {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Holder::Box | Holder::None => "Box",
            Holder::Rc => "Rc",
            Holder::Arc => "Arc",
        }
    }
}

/// The steps for a value.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) ops: Box<[Op]>,
    /// Whether some step is named after the field that owns the block.
    pub(crate) after: bool,
    /// Whether some step has a name of its own.
    pub(crate) always: bool,
    /// Its size in bytes.
    pub(crate) size: u64,
}

impl Program {
    pub(crate) fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }
}

/// Where the nodes of a tree keep what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Tree {
    pub(crate) leaf_size: u64,
    pub(crate) inner_size: u64,
    /// Two bytes.
    pub(crate) length: u64,
    pub(crate) keys: u64,
    pub(crate) key: TypeIx,
    pub(crate) keys_suffix: &'static str,
    pub(crate) values: u64,
    pub(crate) value: TypeIx,
    pub(crate) values_suffix: &'static str,
    pub(crate) edges: u64,
    pub(crate) parent: u64,
}

/// Where the nodes of a list keep what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct List {
    pub(crate) size: u64,
    pub(crate) next: u64,
    pub(crate) previous: u64,
    pub(crate) element: u64,
}

/// How a block is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Inside {
    /// One value, `at` bytes in, of a block of `whole` bytes.
    One {
        at: u64,
        whole: u64,
        header: Header,
    },
    /// Values one behind the other from `at` on.
    Many {
        at: u64,
        header: Header,
    },
    /// A ring of values.
    Ring,
    /// Buckets before control bytes.
    Table,
    Tree(Tree),
    List(List),
}

/// What a block is called: the whole name of a type, or a holder around one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Title {
    Type(TypeIx),
    Of(&'static str, TypeIx),
    /// A name that only the row of the type table has.
    Row,
    /// The same, of a block that is full: a boxed slice.
    FullRow,
}

/// What is known of a form before its program is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FormKey {
    pub(crate) inside: Inside,
    /// The value or element.
    pub(crate) of: TypeIx,
    pub(crate) split: Split,
    pub(crate) title: Title,
}

/// What a block is.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub(crate) key: FormKey,
    /// Bytes of one value or element.
    pub(crate) size: u64,
    /// The steps for each; made when the first block is met.
    pub(crate) program: Option<Rc<Program>>,
    /// A tree's values; the keys' steps are in `program`.
    pub(crate) values: Option<Rc<Program>>,
}
