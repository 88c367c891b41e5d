//! How full the block of a container is, and which texts are equal.
//!
//! A length is known from the value that owns the block, never from the block. A
//! text is hashed in the copied process; what leaves it is how many are equal.

use std::hash::{DefaultHasher, Hasher};

use endler_snapshot::{BlockId, Bytes, Fill, Repeat};

use super::labels::FastMap;
use super::program::{FormIx, Inside};
use super::run::{Context, Scanner};

/// How much of a text is read at once.
const CHUNK: u64 = 64 << 10;
/// The most texts that are listed with how often they are there.
const MAX_REPEATS: usize = 1000;

/// What the blocks that hold a text are called.
const TEXTS: [&str; 12] = [
    "String",
    "PathBuf",
    "OsString",
    "CString",
    "Box<str>",
    "Rc<str>",
    "Arc<str>",
    "Box<core::ffi::c_str::CStr>",
    "Arc<core::ffi::c_str::CStr>",
    "Box<std::path::Path>",
    "Arc<std::path::Path>",
    "Box<std::ffi::os_str::OsStr>",
];

/// The block holds something else.
const NO_TEXT: u16 = u16::MAX;
/// Nothing was said of the block.
const NO_ROW: u32 = u32::MAX;

/// What the scan met.
#[derive(Default)]
pub(super) struct Fills {
    rows: Vec<Said>,
    /// Whether the blocks of a form hold a text.
    is_text: FastMap<u32, bool>,
}

/// What one value said of a block.
#[derive(Clone, Copy)]
struct Said {
    block: u32,
    /// Where in the block a text begins, or [`NO_TEXT`].
    begins: u16,
    length: u64,
    unused: u64,
}

const _: () = assert!(size_of::<Said>() == size_of::<Fill>());

/// The first row of each block, with a text if any row says so, in the order of blocks. Rows come in
/// a few long runs, so they are distributed and not sorted.
fn in_order(mut rows: Vec<Said>, blocks: u32) -> Vec<Said> {
    let mut first = vec![NO_ROW; blocks as usize];
    let mut count = 0;
    for at in 0..rows.len() {
        let Some(&Said { block, begins, .. }) = rows.get(at) else {
            break;
        };
        let Some(first) = first.get_mut(block as usize) else {
            continue;
        };
        if *first == NO_ROW {
            *first = u32::try_from(at).unwrap_or(NO_ROW);
            count += 1;
        } else if let Some(first) = rows.get_mut(*first as usize) {
            first.begins = first.begins.min(begins);
        }
    }
    let mut ordered = Vec::with_capacity(count);
    ordered.extend(first.iter().filter_map(|&row| rows.get(row as usize)));
    ordered
}

impl Scanner<'_, '_> {
    /// Notes how full a block is; `unused` is none where it cannot be otherwise than
    /// full. Where several values say it, the first counts.
    pub(super) fn fill(
        &mut self,
        context: &Context,
        block: u32,
        form: FormIx,
        length: u64,
        unused: Option<u64>,
    ) {
        // A variable that was moved out of has the old length; an owner came before it.
        if context.guess != 0 && !context.local {
            return;
        }
        let is_text = match self.full.is_text.get(&form.0) {
            Some(&is_text) => is_text,
            None => {
                let title = self.book.get(form).map(|f| f.key.title);
                let name = title.and_then(|t| self.book.title(t));
                let is_text = name.is_some_and(|(name, ..)| TEXTS.contains(&name.as_str()));
                self.full.is_text.insert(form.0, is_text);
                is_text
            }
        };
        if !is_text && unused.is_none() {
            return;
        }
        let begins = match self.book.get(form).map(|f| f.key.inside) {
            _ if !is_text => NO_TEXT,
            Some(Inside::Many { at, .. }) => u16::try_from(at).unwrap_or(0),
            _ => 0,
        };
        self.full.rows.push(Said {
            block,
            begins,
            length,
            unused: unused.unwrap_or(0),
        });
    }

    /// How full the blocks are, with equal texts marked; and what equal texts there
    /// are.
    pub(super) fn fills(&mut self) -> (Vec<Fill>, Vec<Repeat>) {
        let said = in_order(std::mem::take(&mut self.full.rows), self.heap.rows());
        let is_text = |said: &Said| said.begins != NO_TEXT && said.length > 0;
        let texts = said.iter().filter(|said| is_text(said)).count();
        let mut hashes: Vec<(u64, u32)> = Vec::with_capacity(texts);
        for (row, said) in (0u32..).zip(&said).filter(|(_, said)| is_text(said)) {
            if let Some(hash) = self.hash(said.block, u64::from(said.begins), said.length) {
                hashes.push((hash, row));
            }
        }
        // As large as before, so this takes no memory.
        let fill = |said: Said| Fill {
            block: BlockId(said.block),
            length: said.length,
            unused: Bytes(said.unused),
            is_copy: false,
        };
        let mut rows: Vec<Fill> = said.into_iter().map(fill).collect();
        hashes.sort_unstable();
        let mut repeats = Vec::new();
        for equal in hashes.chunk_by(|a, b| a.0 == b.0) {
            let [(_, first), copies @ ..] = equal else {
                continue;
            };
            if copies.is_empty() {
                continue;
            }
            let Some(block) = rows.get(*first as usize).map(|row| row.block) else {
                continue;
            };
            let mut size = self.heap.size(block.0);
            for (_, copy) in copies {
                if let Some(row) = rows.get_mut(*copy as usize) {
                    size = size.saturating_add(self.heap.size(row.block.0));
                    row.is_copy = true;
                }
            }
            repeats.push(Repeat {
                block,
                count: equal.len() as u64,
                size: Bytes(size),
            });
        }
        repeats.sort_unstable_by_key(|repeat| (std::cmp::Reverse(repeat.size), repeat.block));
        repeats.truncate(MAX_REPEATS);
        repeats.sort_unstable_by_key(|repeat| repeat.block);
        (rows, repeats)
    }

    /// A number that equal texts share. Two of ten million that differ share one with
    /// a chance of one in 400,000.
    fn hash(&mut self, block: u32, at: u64, length: u64) -> Option<u64> {
        let end = self.heap.size(block);
        let until = at.checked_add(length).filter(|&until| until <= end)?;
        let start = self.heap.start(block);
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(length);
        let mut from = at;
        while from < until {
            let len = CHUNK.min(until - from);
            let mut is_read = false;
            self.with_bytes(start.wrapping_add(from), len, |_, bytes| {
                hasher.write(bytes);
                is_read = true;
            });
            if !is_read {
                return None;
            }
            from += len;
        }
        Some(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::{NO_TEXT, Said, in_order};

    #[test]
    fn rows_come_in_the_order_of_blocks_and_the_first_counts() {
        let mut state = 1u64;
        let mut next = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) % below
        };
        for _ in 0..200 {
            let rows: Vec<Said> = (0..next(60))
                .map(|length| Said {
                    block: next(40) as u32,
                    begins: if next(2) == 0 {
                        NO_TEXT
                    } else {
                        next(3) as u16
                    },
                    length,
                    unused: 0,
                })
                .collect();
            let mut sorted = rows.clone();
            sorted.sort_by_key(|said| said.block);
            sorted.dedup_by(|later, first| {
                let is_same = later.block == first.block;
                if is_same {
                    first.begins = first.begins.min(later.begins);
                }
                is_same
            });
            let shown = |rows: Vec<Said>| -> Vec<(u32, u16, u64)> {
                let row = |said: &Said| (said.block, said.begins, said.length);
                rows.iter().map(row).collect()
            };
            assert_eq!(shown(in_order(rows, 40)), shown(sorted));
        }
    }
}
