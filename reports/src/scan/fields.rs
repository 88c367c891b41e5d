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
    /// Always [`Evidence::Field`].
    pub evidence: Evidence,
}

/// What the edges said so far.
pub(super) struct Fields<'s> {
    resolution: &'s Resolution,
    claims: BTreeMap<u32, FormIx>,
    /// Whether a form gives blocks the name that their row has.
    agree: FastMap<(u32, u32), bool>,
}

impl<'s> Fields<'s> {
    pub(super) fn new(resolution: &'s Resolution) -> Fields<'s> {
        Fields {
            resolution,
            claims: BTreeMap::new(),
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
        let agrees = match self.agree.get(&(form.0, row)) {
            Some(&agrees) => agrees,
            None => {
                let agrees = self.agrees(book, row, form);
                self.agree.insert((form.0, row), agrees);
                agrees
            }
        };
        if agrees || self.claims.contains_key(&block) {
            return;
        }
        let evidence = self.resolution.block_evidence.get(block as usize);
        let is_open = matches!(
            evidence,
            Some(Evidence::Unknown | Evidence::Neighbour) | None
        );
        let is_measured = book.get(form).is_some_and(|f| match f.key.inside {
            Inside::Many { header, .. } => header == Header::Counts || f.size > 0,
            _ => false,
        });
        if is_open || is_measured {
            self.claims.insert(block, form);
        }
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

    /// The types that fields gave, by block.
    pub(super) fn types(&self, book: &mut Book<'_>) -> Vec<FieldType> {
        let mut types = Vec::with_capacity(self.claims.len());
        for (&block, &form) in &self.claims {
            let title = book.get(form).map(|f| f.key.title);
            if let Some((name, holder, held)) = title.and_then(|t| book.title(t)) {
                types.push(FieldType {
                    block: BlockId(block),
                    name,
                    holder,
                    held,
                    evidence: Evidence::Field,
                });
            }
        }
        types
    }
}
