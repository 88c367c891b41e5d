//! Types that fields give to blocks.
//!
//! An edge that passed its test states what its target is. For a vector that
//! is capacity times element size, for a boxed slice the length: that is
//! stronger than a stack, since an in-place `collect` or `into_boxed_slice`
//! makes no call that a stack could show. Another pointer only names what the
//! stack left unknown.

use std::collections::BTreeMap;

use endler_snapshot::{BlockId, Evidence, Resolution};

use super::book::Book;
use super::labels::FastMap;
use super::program::{FormIx, Header, Inside};

/// The type of a block by a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldType {
    /// The block.
    pub block: BlockId,
    /// What tables print: `Vec<crawl::Page>`.
    pub name: String,
    /// How Rust owns it: `Vec`.
    pub holder: String,
    /// What it holds: `crawl::Page`.
    pub held: String,
    /// [`Evidence::Field`], or [`Evidence::Neighbour`] where it is a guess.
    pub evidence: Evidence,
}

/// What the edges said so far.
pub(super) struct Fields<'s> {
    resolution: &'s Resolution,
    claims: BTreeMap<u32, FormIx>,
    /// Those of variables on stacks, and of fields that may not be in use.
    guesses: BTreeMap<u32, FormIx>,
    /// Whether a form gives blocks the name that their row has.
    agree: FastMap<(u32, u32), bool>,
}

impl<'s> Fields<'s> {
    pub(super) fn new(resolution: &'s Resolution) -> Fields<'s> {
        Fields {
            resolution,
            claims: BTreeMap::new(),
            guesses: BTreeMap::new(),
            agree: FastMap::default(),
        }
    }

    pub(super) fn row(&self, block: u32) -> Option<u32> {
        self.resolution.block_type.get(block as usize).map(|t| t.0)
    }

    /// A field says what a block is. The first one counts.
    pub(super) fn claim(&mut self, book: &mut Book<'_>, block: u32, form: FormIx) {
        let Some(row) = self.row(block) else {
            return;
        };
        let agrees = self.is_agreed(book, row, form);
        if agrees || self.claims.contains_key(&block) {
            return;
        }
        if self.is_open(block) || is_measured(book, form) {
            self.claims.insert(block, form);
        }
    }

    /// A variable on a stack, or a field that may not be in use, says what a block is;
    /// whether the block is known to be that already.
    pub(super) fn claim_as_guess(&mut self, book: &mut Book<'_>, block: u32, form: FormIx) -> bool {
        let Some(row) = self.row(block) else {
            return false;
        };
        let is_open = self.is_open(block);
        if self.is_agreed(book, row, form) {
            return !is_open;
        }
        if is_open && is_measured(book, form) {
            self.guesses.entry(block).or_insert(form);
        }
        false
    }

    /// Whether the stack does not say for certain what a block is.
    fn is_open(&self, block: u32) -> bool {
        let evidence = self.resolution.block_evidence.get(block as usize);
        matches!(
            evidence,
            Some(Evidence::Unknown | Evidence::Neighbour) | None
        )
    }

    fn is_agreed(&mut self, book: &mut Book<'_>, row: u32, form: FormIx) -> bool {
        if let Some(&agrees) = self.agree.get(&(form.0, row)) {
            return agrees;
        }
        let agrees = self.agrees(book, row, form);
        self.agree.insert((form.0, row), agrees);
        agrees
    }

    fn agrees(&self, book: &mut Book<'_>, row: u32, form: FormIx) -> bool {
        let Some(title) = book.get(form).map(|f| f.key.title) else {
            return true;
        };
        let Some((name, ..)) = book.title(title) else {
            return true;
        };
        let row = self.resolution.types.get(row as usize);
        row.is_some_and(|r| self.resolution.str(r.name) == name)
    }

    /// What a field said a block is, where the stack did not.
    pub(super) fn claimed(&self, block: u32) -> Option<FormIx> {
        self.claims.get(&block).copied()
    }

    /// What a guess said a block is, where nothing else did.
    pub(super) fn guessed(&self, block: u32) -> Option<FormIx> {
        self.guesses.get(&block).copied()
    }

    /// The types that fields gave, by block.
    pub(super) fn types(&self, book: &mut Book<'_>) -> Vec<FieldType> {
        let mut types = Vec::with_capacity(self.claims.len() + self.guesses.len());
        let certain = self.claims.iter().map(|claim| (claim, Evidence::Field));
        let guesses = self.guesses.iter();
        let guesses = guesses.filter(|(block, _)| !self.claims.contains_key(block));
        let guesses = guesses.map(|claim| (claim, Evidence::Neighbour));
        let mut all: Vec<_> = certain.chain(guesses).collect();
        all.sort_unstable_by_key(|((block, _), _)| **block);
        for ((&block, &form), evidence) in all {
            let title = book.get(form).map(|f| f.key.title);
            if let Some((name, holder, held)) = title.and_then(|t| book.title(t)) {
                types.push(FieldType {
                    block: BlockId(block),
                    name,
                    holder,
                    held,
                    evidence,
                });
            }
        }
        types
    }
}

/// Whether an edge of this form compared a capacity or length with the block's size.
fn is_measured(book: &Book<'_>, form: FormIx) -> bool {
    book.get(form).is_some_and(|f| match f.key.inside {
        Inside::Many { header, .. } => header == Header::Counts || f.size > 0,
        _ => false,
    })
}
