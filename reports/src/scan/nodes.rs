//! Blocks that a container fills in its own way: rows of elements, hash
//! tables, nodes of trees and lists.

use std::ops::Range;
use std::rc::Rc;

use super::ahead::WINDOW;
use super::edges::Kind;
use super::labels::{Label, NONE};
use super::program::{FormIx, Inside, List, Program, Tree};
use super::run::{Context, Item, Scanner};
use super::steps::{item, number, word};

/// How much of a long row of elements is read at once.
const CHUNK: u64 = 64 << 10;
/// The slots of a B-tree node.
const TREE_SLOTS: u64 = 11;
/// Control bytes that hashbrown reads at once (SSE2), and its tables' alignment.
const GROUP: u64 = 16;
/// Set in the control byte of a bucket that is empty or was emptied.
const EMPTY: u8 = 0x80;

/// How many elements fit into so many buckets: one in eight stays empty.
pub(super) fn table_room(buckets: u64) -> u64 {
    match buckets {
        0..8 => buckets.saturating_sub(1),
        _ => buckets / 8 * 7,
    }
}

/// Bytes before the control bytes and of the whole block, of a table of so many
/// buckets.
pub(crate) fn table_size(buckets: u64, element: u64) -> Option<(u64, u64)> {
    if !buckets.is_power_of_two() {
        return None;
    }
    let data = buckets
        .checked_mul(element)?
        .checked_next_multiple_of(GROUP)?;
    let whole = data.checked_add(buckets)?.checked_add(GROUP)?;
    Some((data, whole))
}

/// The number of buckets of a table that has so many bytes.
pub(super) fn buckets_of(whole: u64, element: u64) -> Option<u64> {
    (0..48)
        .map(|shift| 1u64 << shift)
        .find(|&buckets| table_size(buckets, element).is_some_and(|(_, size)| size == whole))
}

impl Scanner<'_, '_> {
    /// The elements of a range, from `at` on.
    pub(super) fn many(
        &mut self,
        item: &Item,
        program: &Rc<Program>,
        at: u64,
        range: Range<u64>,
        context: &Context,
    ) {
        let size = program.size;
        if program.is_empty() || size == 0 {
            return;
        }
        let chunk = (CHUNK / size).max(1);
        let start = self.heap.start(item.block).wrapping_add(at);
        let mut from = range.start;
        while from < range.end {
            let count = chunk.min(range.end - from);
            let (Some(offset), Some(len)) = (from.checked_mul(size), count.checked_mul(size))
            else {
                return;
            };
            self.with_bytes(start.wrapping_add(offset), len, |scanner, bytes| {
                let mut due = 0;
                for i in 0..count {
                    let at = usize::try_from(i * size).unwrap_or(usize::MAX);
                    if at >= due {
                        due = scanner.look_into(bytes, at);
                    }
                    scanner.steps(&program.ops, bytes, i * size, context);
                }
            });
            from += count;
        }
    }

    /// The occupied buckets of a hash table. Bucket i lies i + 1 elements before
    /// the control bytes.
    ///
    /// ```text
    /// [ … | bucket 1 | bucket 0 ][ control 0, 1, … ][ the first 16 again ]
    ///                            ^ control
    /// ```
    pub(super) fn table(&mut self, item: &Item, program: &Rc<Program>, context: &Context) {
        let size = program.size;
        let Some(buckets) = buckets_of(self.heap.size(item.block), size) else {
            return;
        };
        let Some((data, _)) = table_size(buckets, size) else {
            return;
        };
        if program.is_empty() || size == 0 {
            return;
        }
        let control = self.heap.start(item.block).wrapping_add(data);
        let chunk = (CHUNK / size).max(1);
        let mut control_bytes = Vec::new();
        let mut from = 0;
        while from < buckets {
            let count = chunk.min(buckets - from);
            let mut used: Vec<u64> = Vec::new();
            control_bytes.resize(usize::try_from(count).unwrap_or(0), 0);
            let at = endler_snapshot::Addr(control.wrapping_add(from));
            if self.memory.read(at, &mut control_bytes).is_err() {
                return;
            }
            used.extend(
                (0..)
                    .zip(&control_bytes)
                    .filter(|(_, c)| **c & EMPTY == 0)
                    .map(|(i, _)| i),
            );
            let end = from + count;
            let first = control.wrapping_sub(end.saturating_mul(size));
            if !used.is_empty() {
                self.with_bytes(first, count * size, |scanner, bytes| {
                    let mut due = bytes.len();
                    for i in used {
                        // Buckets come from the last to the first.
                        let end = usize::try_from((count - i) * size).unwrap_or(0);
                        if end <= due {
                            due = end.saturating_sub(WINDOW as usize);
                            scanner.look_into(bytes, due);
                        }
                        scanner.steps(&program.ops, bytes, (count - 1 - i) * size, context);
                    }
                });
            }
            from = end;
        }
    }

    /// A pointer to a node of a tree or list.
    pub(super) fn node(
        &mut self,
        address: u64,
        to: FormIx,
        kind: Kind,
        label: Label,
        context: &Context,
    ) {
        let Some(inside) = self.book.get(to).map(|f| f.key.inside) else {
            return;
        };
        let fits = |size: u64| match inside {
            Inside::Tree(tree) => size == tree.leaf_size || size == tree.inner_size,
            Inside::List(list) => size == list.size,
            _ => false,
        };
        match self.heap.begins(address) {
            Some(block) if fits(self.heap.size(block)) => {
                self.hold(context, kind, item(block, to, label, 1));
            }
            _ => self.doubtful(context, address, label, kind),
        }
    }

    /// A node of a B-tree: `length` keys and values, and one child more if it is
    /// an inner node.
    pub(super) fn tree_node(
        &mut self,
        item: &Item,
        tree: &Tree,
        keys: &Rc<Program>,
        values: &Rc<Program>,
        context: &Context,
    ) {
        let size = self.heap.size(item.block);
        let to = item.form;
        self.with_bytes(self.heap.start(item.block), size, |scanner, bytes| {
            let Some(length) = number(bytes, tree.length, 2).filter(|&n| n <= TREE_SLOTS) else {
                return;
            };
            for i in 0..length {
                scanner.steps(&keys.ops, bytes, tree.keys + i * keys.size, context);
                scanner.steps(&values.ops, bytes, tree.values + i * values.size, context);
            }
            if context.label == NONE {
                return;
            }
            let label = context.label;
            if size == tree.inner_size {
                for i in 0..=length {
                    if let Some(child) = word(bytes, tree.edges + i * 8) {
                        scanner.node(child, to, Kind::Own, label, context);
                    }
                }
            }
            if let Some(parent) = word(bytes, tree.parent) {
                scanner.node(parent, to, Kind::Raw, label, context);
            }
        });
    }

    /// A node of a list.
    pub(super) fn list_node(
        &mut self,
        item: &Item,
        list: &List,
        element: &Rc<Program>,
        context: &Context,
    ) {
        let to = item.form;
        self.with_bytes(self.heap.start(item.block), list.size, |scanner, bytes| {
            scanner.steps(&element.ops, bytes, list.element, context);
            if context.label == NONE {
                return;
            }
            for (at, kind) in [(list.next, Kind::Own), (list.previous, Kind::Raw)] {
                if let Some(address) = word(bytes, at) {
                    scanner.node(address, to, kind, context.label, context);
                }
            }
        });
    }
}
