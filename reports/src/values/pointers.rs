//! Where pointers lead: `Box`, references, `Rc`, `Arc`, slices, `dyn`.

use std::ops::Range;

use super::engine::{Engine, Spot};
use super::scalars::Encoding;
use super::see::Seen;
use crate::layout::containers::Places;
use crate::layout::places::Fat;
use crate::layout::{Data, TypeIx, Way};
use crate::scan::program::{Header, Holder, Inside};

/// What a fat pointer's bytes are.
enum Content {
    Text(Encoding),
    Row(TypeIx),
}

impl Engine<'_> {
    /// A thin pointer: what it leads to, or its address.
    pub(super) fn pointer(&mut self, spot: Spot, to: TypeIx, way: Way) -> Seen {
        let Some(at) = self.word(spot.at) else {
            return Seen::NotReadable;
        };
        let target = Spot { at, of: to };
        match (way, self.size(to)) {
            (Way::Box | Way::Reference, Some(0)) => Seen::Same(target),
            (Way::Box, Some(size)) if self.is_block(at, size) => Seen::Same(target),
            (Way::Box, Some(_)) => Seen::NotReadable,
            (Way::Reference, Some(size)) if self.is_reachable(at, size) => Seen::Same(target),
            (Way::Reference, _) => Seen::Text(format!("&{at:#x}")),
            _ => Seen::Text(format!("{at:#x}")),
        }
    }

    /// A fat pointer, if that is what the type is.
    pub(super) fn fat(&mut self, spot: Spot, data: &Data, window: &Range<u64>) -> Option<Seen> {
        let pointer = self.book.layouts.fat_pointer(spot.of)?;
        let Some(at) = self.word(spot.at.checked_add(pointer.offset)?) else {
            return Some(Seen::NotReadable);
        };
        match pointer.fat {
            Fat::Thin => None,
            Fat::Length(offset) => {
                let Some(len) = self.word(spot.at.checked_add(offset)?) else {
                    return Some(Seen::NotReadable);
                };
                let content = self.content(&data.name, pointer.to);
                let size = match content {
                    Content::Text(_) => Some(1),
                    Content::Row(element) => self.size(element),
                };
                let Some(whole) = size.and_then(|size| size.checked_mul(len)) else {
                    return Some(Seen::NotReadable);
                };
                let is_there = match pointer.way {
                    _ if whole == 0 => true,
                    Way::Box => self.is_block(at, whole),
                    Way::Reference => self.is_reachable(at, whole),
                    Way::Raw => return Some(Seen::Text(format!("{at:#x}"))),
                };
                Some(match is_there {
                    true => self.slice(at, len, &content, window),
                    false if pointer.way == Way::Reference => {
                        Seen::Text(format!("&{at:#x} ({len})"))
                    }
                    false => Seen::NotReadable,
                })
            }
            Fat::Vtable(offset) => {
                let table = self.word(spot.at.checked_add(offset)?);
                let Some(table) = table else {
                    return Some(Seen::NotReadable);
                };
                Some(match pointer.way {
                    Way::Box => self.object(at, table, Header::Plain, Holder::Box),
                    Way::Reference => self.object(at, table, Header::Plain, Holder::None),
                    Way::Raw => Seen::Text(format!("{at:#x}")),
                })
            }
        }
    }

    /// What the bytes behind a fat pointer of this name are.
    fn content(&mut self, name: &str, to: TypeIx) -> Content {
        let holders = ["alloc::boxed::Box<", "&mut ", "&", "*const ", "*mut "];
        let inside = holders.iter().find_map(|holder| name.strip_prefix(holder));
        let inside = inside.unwrap_or(name);
        let end = inside.find([',', '>']).unwrap_or(inside.len());
        match inside.get(..end).unwrap_or(inside) {
            "str" => Content::Text(Encoding::Utf8),
            "std::path::Path" | "std::ffi::os_str::OsStr" => Content::Text(Encoding::Any),
            _ => Content::Row(to),
        }
    }

    fn slice(&mut self, at: u64, len: u64, content: &Content, window: &Range<u64>) -> Seen {
        match *content {
            Content::Text(_) if len == 0 => Seen::Text("\"\"".to_owned()),
            Content::Text(encoding) => self.text(at, len, encoding),
            Content::Row(of) => match self.row(Spot { at, of }, len, window) {
                Some(items) => Seen::List { items, len },
                None => Seen::NotReadable,
            },
        }
    }

    /// The value behind a pointer with a table of methods.
    fn object(&mut self, at: u64, table: u64, header: Header, holder: Holder) -> Seen {
        let concrete = self
            .vtables
            .get(&mut self.book, self.memory, table, header, holder);
        let Some(concrete) = concrete else {
            // Also a value without bytes, which has no block.
            return Seen::Text(format!("<dyn at {at:#x}>"));
        };
        let is_there = match holder {
            Holder::None => self.is_reachable(at, concrete.whole),
            _ => self.is_block(at, concrete.whole),
        };
        if !is_there {
            return Seen::NotReadable;
        }
        let form = concrete.form.and_then(|ix| self.book.get(ix));
        match form.map(|form| form.key) {
            Some(key) => match key.inside {
                Inside::One { at: inside, .. } => Seen::Same(Spot {
                    at: at.saturating_add(inside),
                    of: key.of,
                }),
                _ => Seen::Bytes(concrete.whole),
            },
            None => Seen::Bytes(concrete.whole),
        }
    }

    /// `Rc` and `Arc`: the value behind the counts.
    pub(super) fn counted(
        &mut self,
        spot: Spot,
        places: Places,
        window: &Range<u64>,
    ) -> Option<Seen> {
        let path = self.book.layouts.path(spot.of);
        let holder = if path.starts_with("alloc::rc") {
            Holder::Rc
        } else {
            Holder::Arc
        };
        let (offset, field) = self.book.layouts.any_place(spot.of, places)?;
        let pointer = self.book.layouts.pointer_in(field)?.moved(offset)?;
        let Some(at) = self.word(spot.at.checked_add(pointer.offset)?) else {
            return Some(Seen::NotReadable);
        };
        if let Fat::Vtable(offset) = pointer.fat {
            let Some(table) = self.word(spot.at.checked_add(offset)?) else {
                return Some(Seen::NotReadable);
            };
            return Some(self.object(at, table, Header::Counts, holder));
        }
        let layouts = &mut self.book.layouts;
        let (inside, value) = layouts.any_place(pointer.to, &["value", "data"])?;
        let begin = at.checked_add(inside)?;
        if let Fat::Length(offset) = pointer.fat {
            let Some(len) = self.word(spot.at.checked_add(offset)?) else {
                return Some(Seen::NotReadable);
            };
            let name = path.split_once('<').map_or("", |(_, rest)| rest);
            let content = match name.split([',', '>']).next() {
                Some("str") => Content::Text(Encoding::Utf8),
                Some("std::path::Path" | "std::ffi::os_str::OsStr") => Content::Text(Encoding::Any),
                _ => Content::Row(value),
            };
            let size = match content {
                Content::Text(_) => 1,
                Content::Row(of) => self.size(of)?,
            };
            let whole = size.checked_mul(len)?.checked_add(inside)?;
            let block = self.heap.begins(at);
            // The block is rounded up to the alignment of the counts.
            let is_there = block.is_some_and(|block| {
                let room = self.heap.size(block);
                whole <= room && room - whole < 16
            });
            return Some(match is_there {
                true => self.slice(begin, len, &content, window),
                false => Seen::NotReadable,
            });
        }
        let whole = self.size(pointer.to)?;
        Some(match self.is_block(at, whole) {
            true => Seen::Same(Spot {
                at: begin,
                of: value,
            }),
            false => Seen::NotReadable,
        })
    }
}
