//! What containers hold: where each keeps its elements stands in
//! `layout::containers`.

use std::ops::Range;

use super::engine::{Engine, Spot};
use super::see::Seen;
use crate::layout::TypeIx;
use crate::layout::containers::{CONTROL, Container, ITEMS, Kind, MASK, Places, Split};
use crate::layout::places::Fat;
use crate::scan::nodes::table_size;
use crate::scan::program::Tree;

/// Control bytes that are looked at: a table can be large and empty.
const CONTROLS: u64 = 1 << 20;
/// Set in the control byte of a bucket that is empty or was emptied.
const EMPTY: u8 = 0x80;
/// The slots of a B-tree node, and how high a tree may be.
const SLOTS: u64 = 11;
const HEIGHT: u64 = 32;

impl Engine<'_> {
    fn place_of(&mut self, spot: Spot, places: Places) -> Option<u64> {
        let offset = self.book.pointer_at(spot.of, places, 0)?;
        spot.at.checked_add(offset)
    }

    fn word_in(&mut self, spot: Spot, places: Places) -> Option<u64> {
        let at = self.place_of(spot, places)?;
        self.word(at)
    }

    fn number_of(&mut self, spot: Spot, places: Places) -> Option<u64> {
        let (offset, size) = self.book.sized_number_at(spot.of, places, 0)?;
        self.number(spot.at.checked_add(offset)?, size)
    }

    /// A container's elements; none if it is not what its type says.
    pub(super) fn container(
        &mut self,
        spot: Spot,
        container: &Container,
        window: &Range<u64>,
    ) -> Option<Seen> {
        match container.kind {
            Kind::Nothing => Some(self.unknown(spot)),
            Kind::Sequence {
                pointer,
                capacity,
                length,
                split,
            } => {
                let element = self.book.element(spot.of, pointer)?;
                let len = self.number_of(spot, length)?;
                let at = self.word_in(spot, pointer)?;
                let size = self.size(element)?;
                if size > 0 && len > 0 {
                    let capacity = self.number_of(spot, capacity)?;
                    if len > capacity || !self.is_block(at, capacity.checked_mul(size)?) {
                        return None;
                    }
                }
                let items = self.row(Spot { at, of: element }, len, window)?;
                self.split(items, split, len)
            }
            Kind::Ring {
                pointer,
                capacity,
                head,
                length,
            } => {
                let element = self.book.element(spot.of, pointer)?;
                let len = self.number_of(spot, length)?;
                let at = self.word_in(spot, pointer)?;
                let size = self.size(element)?;
                let capacity = self.number_of(spot, capacity)?;
                let head = self.number_of(spot, head)?;
                if size > 0 && len > 0 {
                    let fits = len <= capacity && head < capacity;
                    if !fits || !self.is_block(at, capacity.checked_mul(size)?) {
                        return None;
                    }
                }
                let mut items = Vec::new();
                for index in window.start..window.end.min(len) {
                    let slot = match capacity {
                        0 => 0,
                        _ => head.checked_add(index)?.checked_rem(capacity)?,
                    };
                    let at = at.checked_add(slot.checked_mul(size)?)?;
                    items.push(Spot { at, of: element });
                }
                Some(Seen::List { items, len })
            }
            Kind::Rest {
                buffer,
                capacity,
                from,
                to,
            } => {
                let element = self.book.layouts.arg(spot.of, "T")?;
                let size = self.size(element)?;
                if size == 0 {
                    return Some(self.unknown(spot));
                }
                let (at, until) = (self.word_in(spot, from)?, self.word_in(spot, to)?);
                let len = until.checked_sub(at)?;
                if len > 0 {
                    let buffer = self.word_in(spot, buffer)?;
                    let whole = self.number_of(spot, capacity)?.checked_mul(size)?;
                    let inside = buffer <= at && until <= buffer.checked_add(whole)?;
                    if !inside || !len.is_multiple_of(size) || !self.is_block(buffer, whole) {
                        return None;
                    }
                }
                let len = len.checked_div(size)?;
                let items = self.row(Spot { at, of: element }, len, window)?;
                Some(Seen::List { items, len })
            }
            Kind::Table { table, split } => self.table(spot, table, split, window),
            Kind::Tree { root, values, .. } => self.tree(spot, root, values, window),
            Kind::List { head, .. } => self.linked(spot, head, window),
            Kind::Strong { pointer } => self.counted(spot, pointer, window),
            Kind::Weak { .. } => Some(Seen::Text("(Weak)".to_owned())),
            Kind::Inline { length, elements } => {
                let (offset, array) = self.book.layouts.any_place(spot.of, elements)?;
                let (element, room) = self.book.inner_array(array)?;
                let len = self.number_of(spot, length)?;
                if len > room {
                    return None;
                }
                let at = spot.at.checked_add(offset)?;
                let items = self.row(Spot { at, of: element }, len, window)?;
                Some(Seen::List { items, len })
            }
            Kind::Small {
                capacity,
                inline,
                pointer,
                length,
            } => {
                let (offset, array) = self.book.layouts.any_place(spot.of, inline)?;
                let (element, room) = self.book.inner_array(array)?;
                let capacity = self.number_of(spot, capacity)?;
                let (at, len) = if capacity <= room {
                    (spot.at.checked_add(offset)?, capacity)
                } else {
                    let len = self.number_of(spot, length)?;
                    let at = self.word_in(spot, pointer)?;
                    let whole = capacity.checked_mul(self.size(element)?)?;
                    if len > capacity || !self.is_block(at, whole) {
                        return None;
                    }
                    (at, len)
                };
                let items = self.row(Spot { at, of: element }, len, window)?;
                Some(Seen::List { items, len })
            }
        }
    }

    /// Where the bytes of a vector are, and how many; checked as any sequence.
    pub(super) fn bytes_of_vector(&mut self, spot: Spot, place: &str) -> Option<(u64, u64)> {
        let (offset, of) = self.book.layouts.place(spot.of, place)?;
        let at = spot.at.checked_add(offset)?;
        let vector = Spot { at, of };
        let (pointer, capacity) = (&["buf.inner.ptr", "buf.ptr"], &["buf.inner.cap", "buf.cap"]);
        let len = self.number_of(vector, &["len"])?;
        let at = self.word_in(vector, pointer)?;
        let capacity = self.number_of(vector, capacity)?;
        let fits = len == 0 || len <= capacity && self.is_block(at, capacity);
        fits.then_some((at, len))
    }

    /// The parts of elements that are shown: a map's keys and values.
    fn split(&mut self, items: Vec<Spot>, split: Split, len: u64) -> Option<Seen> {
        let Split::Parts(parts) = split else {
            return Some(Seen::List { items, len });
        };
        let part = |engine: &mut Self, item: Spot, name: &str| {
            let (offset, of) = engine.book.layouts.place(item.of, name)?;
            let at = item.at.checked_add(offset)?;
            Some(Spot { at, of })
        };
        match parts {
            [(key, _), (value, _)] => {
                let mut pairs = Vec::new();
                for item in items {
                    pairs.push((part(self, item, key)?, part(self, item, value)?));
                }
                Some(Seen::Map { items: pairs, len })
            }
            [(key, _)] => {
                let mut keys = Vec::new();
                for item in items {
                    keys.push(part(self, item, key)?);
                }
                Some(Seen::Set { items: keys, len })
            }
            _ => None,
        }
    }

    /// The occupied buckets of a hash table; see `scan::nodes` for how it lies.
    fn table(
        &mut self,
        spot: Spot,
        table: Places,
        split: Split,
        window: &Range<u64>,
    ) -> Option<Seen> {
        let (offset, of) = self.book.layouts.any_place(spot.of, table)?;
        let at = spot.at.checked_add(offset)?;
        let table = Spot { at, of };
        let element = self.book.layouts.arg(of, "T")?;
        let size = self.size(element)?;
        let len = self.number_of(table, ITEMS)?;
        if len == 0 {
            return self.split(Vec::new(), split, 0);
        }
        let control = self.word_in(table, CONTROL)?;
        let buckets = self.number_of(table, MASK)?.checked_add(1)?;
        let (data, whole) = table_size(buckets, size)?;
        if len > buckets || !self.is_block(control.checked_sub(data)?, whole) {
            return None;
        }
        let bytes = self.bytes(control, buckets.min(CONTROLS))?;
        let used = (0u64..).zip(&bytes).filter(|(_, c)| **c & EMPTY == 0);
        let (skip, take) = (window.start, window.end.saturating_sub(window.start));
        let mut items = Vec::new();
        for (bucket, _) in used
            .skip(usize::try_from(skip).unwrap_or(usize::MAX))
            .take(usize::try_from(take).unwrap_or(usize::MAX))
        {
            let behind = bucket.checked_add(1)?.checked_mul(size)?;
            let at = control.checked_sub(behind)?;
            items.push(Spot { at, of: element });
        }
        self.split(items, split, len)
    }

    /// The first entries of a B-tree, from its lowest key on.
    fn tree(
        &mut self,
        spot: Spot,
        places: Places,
        values: &'static str,
        window: &Range<u64>,
    ) -> Option<Seen> {
        let set = values == "[*]" && places.iter().any(|place| place.starts_with("map."));
        let length: Places = if set { &["map.length"] } else { &["length"] };
        let len = self.number_of(spot, length)?;
        let mut found = Vec::new();
        if len > 0 {
            let (offset, root) = self.book.layouts.any_place(spot.of, places)?;
            let (node_at, node) = self.book.layouts.place(root, "node")?;
            let pointer = self.book.layouts.pointer_in(node)?;
            let tree = self.book.tree(pointer.to, "", "")?;
            let begin = spot.at.checked_add(offset)?;
            let root = Spot {
                at: begin,
                of: root,
            };
            let height = self.number_of(root, &["height"])?;
            let at = begin.checked_add(node_at)?.checked_add(pointer.offset)?;
            let node = self.word(at)?;
            let enough = usize::try_from(window.end).unwrap_or(usize::MAX);
            self.tree_node(node, height, &tree, enough, &mut found)?;
        }
        let skip = usize::try_from(window.start).unwrap_or(usize::MAX);
        let found = found.into_iter().skip(skip);
        Some(if set {
            let items = found.map(|(key, _)| key).collect();
            Seen::Set { items, len }
        } else {
            Seen::Map {
                items: found.collect(),
                len,
            }
        })
    }

    fn tree_node(
        &mut self,
        node: u64,
        height: u64,
        tree: &Tree,
        enough: usize,
        found: &mut Vec<(Spot, Spot)>,
    ) -> Option<()> {
        let size = if height == 0 {
            tree.leaf_size
        } else {
            tree.inner_size
        };
        if height > HEIGHT || !self.is_block(node, size) {
            return None;
        }
        let len = self.number(node.checked_add(tree.length)?, 2)?;
        if len > SLOTS || len == 0 {
            return None;
        }
        let (key, value) = (self.size(tree.key)?, self.size(tree.value)?);
        for slot in 0..=len {
            if found.len() >= enough {
                return Some(());
            }
            if height > 0 {
                let edge = node.checked_add(tree.edges)?.checked_add(slot * 8)?;
                let child = self.word(edge)?;
                self.tree_node(child, height - 1, tree, enough, found)?;
            }
            if slot < len && found.len() < enough {
                let at = |part: u64, size: u64| {
                    node.checked_add(part)?.checked_add(slot.checked_mul(size)?)
                };
                let key = Spot {
                    at: at(tree.keys, key)?,
                    of: tree.key,
                };
                let value = Spot {
                    at: at(tree.values, value)?,
                    of: tree.value,
                };
                found.push((key, value));
            }
        }
        Some(())
    }

    /// The first elements of a linked list.
    fn linked(&mut self, spot: Spot, head: Places, window: &Range<u64>) -> Option<Seen> {
        let len = self.number_of(spot, &["len"])?;
        let mut items = Vec::new();
        if len > 0 {
            let (_, head_of): (u64, TypeIx) = self.book.layouts.any_place(spot.of, head)?;
            let first = self.book.layouts.pointer_in(head_of)?;
            if first.fat != Fat::Thin {
                return None;
            }
            let (list, element) = self.book.list(first.to)?;
            let mut node = self.word_in(spot, head)?;
            for index in 0..window.end.min(len) {
                if !self.is_block(node, list.size) {
                    return None;
                }
                if window.contains(&index) {
                    let at = node.checked_add(list.element)?;
                    items.push(Spot { at, of: element });
                }
                node = self.word(node.checked_add(list.next)?)?;
            }
        }
        Some(Seen::List { items, len })
    }
}
