//! In which order the blocks come, and what is done with those that nothing
//! that is known holds.

use endler_snapshot::{Evidence, Resolution};

use super::book::Book;
use super::edges::GUESS;
use super::labels::NONE;
use super::program::{FormIx, Inside, Title};
use super::rows::{Rows, Said};
use super::run::{Context, Item, Scanner, Source, uses};
use super::steps::item;

/// How much of a block of unknown type is read at once.
const CHUNK: u64 = 64 << 10;

impl Scanner<'_, '_> {
    /// What the stack said of a block, if it is not a guess.
    pub(super) fn said(&self, resolution: &Resolution, rows: &Rows, block: u32) -> Said {
        let row = resolution.block_type.get(block as usize);
        match row {
            Some(row) => rows.said(&self.book, row.0, self.heap.size(block)),
            None => Said::Nothing,
        }
    }

    fn blocks(&self) -> std::ops::Range<u32> {
        0..u32::try_from(self.heap.len()).unwrap_or(u32::MAX)
    }

    /// Scans every block whose edges have names of their own, and what they
    /// own. A vector's buffer waits for the vector, which knows its length.
    pub(super) fn typed_blocks(&mut self, resolution: &Resolution, rows: &Rows) {
        for block in self.blocks() {
            if self.done.get(block as usize) != Some(&false) {
                continue;
            }
            let evidence = resolution.block_evidence.get(block as usize);
            if !matches!(
                evidence,
                Some(Evidence::Stack | Evidence::Merged | Evidence::Field)
            ) {
                continue;
            }
            if let Said::Form(form) = self.said(resolution, rows, block)
                && let Some(count) = self.whole_count(block, form)
            {
                self.wait(item(block, form, NONE, count));
                self.drain();
            }
        }
    }

    /// The elements of a block that is full by its kind: a boxed value or
    /// slice, a hash table that says which buckets are occupied.
    fn whole_count(&self, block: u32, form: FormIx) -> Option<u64> {
        let form = self.book.get(form)?;
        match form.key.inside {
            Inside::One { .. } | Inside::Table | Inside::Tree(_) | Inside::List(_) => Some(1),
            Inside::Many { at, .. } if form.key.title == Title::FullRow => {
                let bytes = self.heap.size(block).checked_sub(at)?;
                bytes.checked_div(form.size)
            }
            Inside::Many { .. } | Inside::Ring => None,
        }
    }

    /// Scans what is only borrowed.
    pub(super) fn leaked(&mut self, resolution: &Resolution, rows: &Rows) {
        // What is found on the way may be borrowed again.
        while let Some((block, lent)) = self.lent.pop_first() {
            if self.first.get(block as usize) != Some(&NONE) {
                continue;
            }
            if let Said::Form(form) = self.said(resolution, rows, block) {
                for (label, count) in lent {
                    self.wait(item(block, form, label, count));
                }
                self.drain();
            }
        }
    }

    /// Scans what only guesses own, as what they say it is, where nothing else is known
    /// of it or the same. All that is found there is a guess.
    pub(super) fn presumed(&mut self, resolution: &Resolution, rows: &Rows) {
        // What is found on the way may own more.
        while let Some(item) = self.presumed.pop() {
            if self.first.get(item.block as usize) != Some(&NONE) {
                continue;
            }
            let is_so = match self.said(resolution, rows, item.block) {
                Said::Leaf => false,
                Said::Form(form) => self.is_alike(form, item.form),
                Said::Nothing => {
                    self.fields
                        .claim_as_guess(&mut self.book, item.block, item.form);
                    self.fields.guessed(item.block) == Some(item.form)
                }
            };
            if is_so {
                self.wait(Item {
                    guess: GUESS,
                    ..item
                });
                self.drain();
            }
        }
    }

    /// Whether two forms say the same of how a block is filled.
    fn is_alike(&mut self, one: FormIx, other: FormIx) -> bool {
        let key = |book: &Book<'_>, form| book.get(form).map(|f| (f.key.inside, f.key.of));
        let (Some((one, of)), Some((other, behind))) =
            (key(&self.book, one), key(&self.book, other))
        else {
            return false;
        };
        let mut same = |of, behind| of == behind || self.book.layouts.alike(of, behind);
        match (one, other) {
            // Each unit of a program describes the types inside anew.
            (Inside::Tree(one), Inside::Tree(other)) => {
                (one.leaf_size, one.inner_size) == (other.leaf_size, other.inner_size)
                    && same(one.key, other.key)
                    && same(one.value, other.value)
            }
            _ => one == other && same(of, behind),
        }
    }

    /// Scans what no edge with a name led to: typed blocks by their type with no
    /// name, all others word by word. Says which were scanned by layout.
    pub(super) fn left_over(&mut self, resolution: &Resolution, rows: &Rows) -> Vec<bool> {
        // Blocks that are full by their kind come first: they may own others.
        for full in [true, false] {
            for block in self.blocks() {
                let known = self.first.get(block as usize) != Some(&NONE);
                if known {
                    continue;
                }
                let Said::Form(form) = self.said(resolution, rows, block) else {
                    continue;
                };
                let count = self.whole_count(block, form);
                if full != count.is_some() {
                    continue;
                }
                let evidence = resolution.block_evidence.get(block as usize);
                let guess = match (count, evidence) {
                    (Some(_), Some(Evidence::Stack | Evidence::Merged | Evidence::Field)) => 0,
                    _ => GUESS,
                };
                self.unowned(block, form, count, guess);
            }
        }
        let mut by_layout = self.done.clone();
        self.look_anew();
        for block in self.blocks() {
            if self.done.get(block as usize) == Some(&true) {
                continue;
            }
            if self.said(resolution, rows, block) == Said::Leaf {
                if let Some(slot) = by_layout.get_mut(block as usize) {
                    *slot = true;
                }
                continue;
            }
            self.word_by_word(block);
        }
        by_layout
    }

    /// Scans a block that no field is known to own.
    pub(super) fn unowned(&mut self, block: u32, form: FormIx, count: Option<u64>, guess: u8) {
        let Some(ready) = self.book.ready(form) else {
            return;
        };
        if uses(ready) == (false, false) {
            if let Some(done) = self.done.get_mut(block as usize) {
                *done = true;
            }
            return;
        }
        self.wait(Item {
            guess,
            ..item(block, form, 0, count.unwrap_or(u64::MAX))
        });
        self.drain();
    }

    /// Every word of a block whose layout is not known.
    fn word_by_word(&mut self, block: u32) {
        let context = Context {
            source: Source::Block(block),
            label: NONE,
            always: true,
            guess: GUESS,
            again: false,
            local: false,
        };
        self.look_ahead(block);
        let (start, size) = (self.heap.start(block), self.heap.size(block));
        let mut from = 0;
        // Blocks are aligned to words, but hostile images need not be.
        let skew = start.wrapping_neg() % 8;
        while from < size {
            let len = CHUNK.min(size - from);
            let is_read = self.with_bytes(start.wrapping_add(from), len, |scanner, bytes| {
                scanner.words(bytes, skew, len, 0, &context);
            });
            self.unread += u64::from(!is_read);
            from += len;
        }
    }
}
