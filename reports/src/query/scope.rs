//! What a query is asked of: heaps, variables, and the values that it goes through.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use endler_snapshot::{BlockId, Image, Serial};

use super::referring::Referring;
use crate::diff::Diff;
use crate::holding::Holding;
use crate::partition::{By, Heap, Set};
use crate::render::Page;
use crate::values::{Contents, FieldStep};

/// A set, the relation that it is shown by, and the page.
#[derive(Clone, Debug)]
pub(crate) struct View<'a> {
    pub(crate) set: Set<'a>,
    pub(crate) by: By,
    pub(crate) page: Page,
}

/// What an object shows of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Value,
    /// And the stack that allocated it, and what keeps it.
    Origin,
}

/// A value in a block, or in what it leads to. It is found again in each heap by
/// its block's identity, so its contents are always those of the newest heap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) serial: Serial,
    /// What its block was called when it was found.
    pub(crate) name: Rc<str>,
    pub(crate) steps: Vec<FieldStep>,
    pub(crate) look: Look,
}

/// Several, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Objects {
    pub(crate) serials: Rc<[Serial]>,
    pub(crate) name: Rc<str>,
    pub(crate) steps: Vec<FieldStep>,
    pub(crate) page: Page,
}

/// What an expression gives.
#[derive(Clone, Debug)]
pub(crate) enum Value<'a> {
    View(View<'a>),
    Number(u64),
    Text(Rc<str>),
    /// A table of differences.
    Difference(Rc<Diff>, Page),
    /// Who refers to a set, and who to those.
    Pattern(Referring<'a>),
    Object(Object),
    Objects(Objects),
    /// `hpy`, of which heaps are asked.
    Hpy,
    /// While a line is only checked: what is not known before a heap is there.
    Anything,
}

/// A heap, with what was computed of it.
pub(crate) struct Known<'a> {
    pub(crate) heap: Heap<'a>,
    holding: OnceCell<Option<Holding<'a>>>,
    /// Rows by identity.
    rows: OnceCell<Vec<(Serial, u32)>>,
}

impl<'a> Known<'a> {
    pub(crate) fn new(image: &'a Image) -> Self {
        Known {
            heap: Heap::new(image),
            holding: OnceCell::new(),
            rows: OnceCell::new(),
        }
    }

    /// The reference graph, once a step asks for it.
    pub(crate) fn holding(&self) -> Option<&Holding<'a>> {
        self.holding
            .get_or_init(|| Holding::new(self.heap))
            .as_ref()
    }

    pub(crate) fn serials(&self) -> &'a [Serial] {
        let serials = &self.heap.image().blocks.serial;
        serials.get(..self.heap.len()).unwrap_or(serials)
    }

    /// The block with an identity, if it is alive in this heap.
    pub(crate) fn block(&self, serial: Serial) -> Option<BlockId> {
        let rows = self.rows.get_or_init(|| {
            let mut rows: Vec<_> = self.serials().iter().copied().zip(0u32..).collect();
            rows.sort_unstable();
            rows
        });
        let at = rows.partition_point(|row| row.0 < serial);
        let row = rows.get(at).filter(|row| row.0 == serial)?;
        Some(BlockId(row.1))
    }
}

/// Why a heap has no contents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum NoContents {
    /// It is a file.
    #[default]
    Snapshot,
    /// Whoever asks does not want them written where the answers go.
    Withheld,
}

impl NoContents {
    /// What is said in the place of a value.
    pub(crate) fn message(self) -> &'static str {
        match self {
            NoContents::Snapshot => "a snapshot holds no contents; ask on the live process",
            NoContents::Withheld => "(values are not written to a file: --with-values)",
        }
    }
}

/// Everything that a session knows.
#[derive(Default)]
pub(crate) struct Scope<'a> {
    /// The newest is the last.
    pub(crate) heaps: Vec<Known<'a>>,
    /// The newest heap's.
    pub(crate) contents: Option<&'a dyn Contents>,
    /// Why there are none.
    pub(crate) no_contents: NoContents,
    pub(crate) variables: BTreeMap<String, Value<'a>>,
    /// `_`: what was shown last.
    pub(crate) last: Option<Value<'a>>,
    /// What was alive at `setref`, rising.
    pub(crate) reference: Option<Rc<[Serial]>>,
}

impl<'a> Scope<'a> {
    pub(crate) fn of(image: &'a Image) -> Self {
        Scope {
            heaps: vec![Known::new(image)],
            ..Scope::default()
        }
    }

    pub(crate) fn newest(&self) -> Option<&Known<'a>> {
        self.heaps.last()
    }

    /// The heap that a set is of.
    pub(crate) fn known(&self, heap: Heap<'a>) -> Option<&Known<'a>> {
        let image = heap.image();
        let mut heaps = self.heaps.iter();
        heaps.find(|known| std::ptr::eq(known.heap.image(), image))
    }
}

/// Whether two sets are of one heap.
pub(crate) fn same_heap(a: &Set<'_>, b: &Set<'_>) -> bool {
    std::ptr::eq(a.heap().image(), b.heap().image())
}
