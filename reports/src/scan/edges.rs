//! Edges, as columns.

/// How a block is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// The holder frees it: `Box`, `Vec`, a hash table, a node of a tree.
    Own = 0,
    /// One of several: `Rc`, `Arc`.
    Shared = 1,
    /// `rc::Weak`, `sync::Weak`: does not keep its contents.
    Weak = 2,
    /// `&T`, `&mut T`.
    Borrow = 3,
    /// `*const T`, `NonNull<T>`, and the way back inside a tree or list.
    Raw = 4,
    /// A word of memory of which nothing is known.
    Word = 5,
}

impl Kind {
    /// All, in the order of their numbers.
    pub const ALL: [Kind; 6] = [
        Kind::Own,
        Kind::Shared,
        Kind::Weak,
        Kind::Borrow,
        Kind::Raw,
        Kind::Word,
    ];
}

/// Set in an edge's flags where the field may not be in use: a word of unknown
/// memory, a slot whose owner is not known, a union, what does not fit the
/// block it points to.
pub const GUESS: u8 = 0x80;

/// Edges from one table to the blocks. Rows are in the order of the scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edges {
    /// The block, or the root, that holds.
    pub source: Vec<u32>,
    /// The block that is held.
    pub target: Vec<u32>,
    /// The via name; 0 is none.
    pub label: Vec<u32>,
    /// The [`Kind`]'s number, and [`GUESS`].
    pub flags: Vec<u8>,
}

impl Edges {
    /// Number of edges.
    #[must_use]
    pub fn len(&self) -> usize {
        self.target.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.target.is_empty()
    }

    /// How an edge holds.
    #[must_use]
    pub fn kind(&self, edge: usize) -> Kind {
        let flags = self.flags.get(edge).copied().unwrap_or(0);
        let number = usize::from(flags & !GUESS);
        Kind::ALL.get(number).copied().unwrap_or(Kind::Word)
    }

    /// Whether an edge is a guess.
    #[must_use]
    pub fn is_guess(&self, edge: usize) -> bool {
        self.flags.get(edge).is_none_or(|f| f & GUESS != 0)
    }

    /// Of the edges from a row on, keeps those that `keep` says, by source, target and
    /// kind.
    pub(super) fn retain_from(&mut self, first: usize, keep: impl Fn(u32, u32, Kind) -> bool) {
        let rows: Vec<bool> = (0..self.len())
            .map(|edge| {
                let ends = self.source.get(edge).zip(self.target.get(edge));
                edge < first
                    || ends.is_some_and(|(&source, &target)| keep(source, target, self.kind(edge)))
            })
            .collect();
        fn filter<T>(column: &mut Vec<T>, rows: &[bool]) {
            let mut keep = rows.iter();
            column.retain(|_| keep.next() == Some(&true));
        }
        filter(&mut self.source, &rows);
        filter(&mut self.target, &rows);
        filter(&mut self.label, &rows);
        filter(&mut self.flags, &rows);
    }

    pub(super) fn push(&mut self, source: u32, target: u32, label: u32, kind: Kind, guess: u8) {
        self.source.push(source);
        self.target.push(target);
        self.label.push(label);
        self.flags.push(kind as u8 | guess);
    }
}
