//! The steps for a container, from its entry in the list and its type's fields.

use super::book::Book;
use super::compile::Spot;
use super::edges::Kind as EdgeKind;
use super::program::{FormIx, FormKey, Header, Holder, Inside, List, Op, Title, Tree};
use crate::layout::containers::{CONTROL, Container, ITEMS, Kind, MASK, Places, Split, Tagged};
use crate::layout::places::Fat;
use crate::layout::{Shape, TypeIx};

impl Book<'_> {
    /// Appends the steps for the container at `at`; none if its fields are not
    /// where the entry says.
    pub(super) fn container(
        &mut self,
        of: TypeIx,
        container: &Container,
        at: u64,
        spot: &Spot,
        ops: &mut Vec<Op>,
    ) -> Option<()> {
        let named = self.label(&spot.via);
        let title = Title::Type(spot.holder.unwrap_or(of));
        match container.kind {
            Kind::Nothing => {}
            Kind::Sequence {
                pointer,
                capacity,
                length,
                split,
            } => {
                let element = self.element(of, pointer)?;
                if self.layouts.size(element)? == 0 {
                    return Some(());
                }
                let to = self.many(element, split, title);
                ops.push(Op::Sequence {
                    pointer: self.pointer_at(of, pointer, at)?,
                    capacity: self.number_at(of, capacity, at)?,
                    length: self.number_at(of, length, at)?,
                    to,
                    named,
                });
            }
            Kind::Ring {
                pointer,
                capacity,
                head,
                length,
            } => {
                let element = self.element(of, pointer)?;
                if self.layouts.size(element)? == 0 {
                    return Some(());
                }
                let to = self.form(FormKey {
                    inside: Inside::Ring,
                    of: element,
                    split: Split::All,
                    title,
                });
                ops.push(Op::Ring {
                    pointer: self.pointer_at(of, pointer, at)?,
                    capacity: self.number_at(of, capacity, at)?,
                    head: self.number_at(of, head, at)?,
                    length: self.number_at(of, length, at)?,
                    to,
                    named,
                });
            }
            Kind::Rest {
                buffer,
                capacity,
                from,
                to: until,
            } => {
                let element = self.layouts.arg(of, "T")?;
                if self.layouts.size(element)? == 0 {
                    return Some(());
                }
                let to = self.many(element, Split::All, Title::Of("Vec", element));
                ops.push(Op::Rest {
                    buffer: self.pointer_at(of, buffer, at)?,
                    capacity: self.number_at(of, capacity, at)?,
                    from: self.pointer_at(of, from, at)?,
                    until: self.pointer_at(of, until, at)?,
                    to,
                    named,
                });
            }
            Kind::Table { table, split } => {
                let (offset, table) = self.layouts.any_place(of, table)?;
                let at = at.checked_add(offset)?;
                let element = self.layouts.arg(table, "T")?;
                let to = self.form(FormKey {
                    inside: Inside::Table,
                    of: element,
                    split,
                    title,
                });
                ops.push(Op::Table {
                    control: self.pointer_at(table, CONTROL, at)?,
                    mask: self.number_at(table, MASK, at)?,
                    items: self.number_at(table, ITEMS, at),
                    to,
                    named,
                });
            }
            Kind::Tree { root, keys, values } => {
                let (offset, root) = self.layouts.any_place(of, root)?;
                let (node_at, node) = self.layouts.place(root, "node")?;
                let pointer = self.layouts.pointer_in(node)?;
                let tree = self.tree(pointer.to, keys, values)?;
                let to = self.form(FormKey {
                    inside: Inside::Tree(tree),
                    of: tree.key,
                    split: Split::All,
                    title,
                });
                ops.push(Op::Node {
                    at: at
                        .checked_add(offset)?
                        .checked_add(node_at)?
                        .checked_add(pointer.offset)?,
                    to,
                    kind: EdgeKind::Own,
                    named,
                });
            }
            Kind::List { head, tail } => {
                let (offset, head) = self.layouts.any_place(of, head)?;
                let first = self.layouts.pointer_in(head)?.moved(offset)?.moved(at)?;
                let (list, element) = self.list(first.to)?;
                let to = self.form(FormKey {
                    inside: Inside::List(list),
                    of: element,
                    split: Split::All,
                    title,
                });
                let tail = self.pointer_at(of, tail, at)?;
                for (at, kind) in [(first.offset, EdgeKind::Own), (tail, EdgeKind::Raw)] {
                    ops.push(Op::Node {
                        at,
                        to,
                        kind,
                        named,
                    });
                }
            }
            Kind::Strong { pointer } => {
                self.counted(of, pointer, EdgeKind::Shared, at, spot, ops)?;
            }
            Kind::Weak { pointer } => {
                let weak = Spot {
                    via: spot.via.with(" (weak)"),
                    ..spot.clone()
                };
                self.counted(of, pointer, EdgeKind::Weak, at, &weak, ops)?;
            }
            Kind::Inline { length, elements } => {
                let (offset, array) = self.layouts.any_place(of, elements)?;
                let start = at.checked_add(offset)?;
                let length = self.sized_number_at(of, length, at)?;
                ops.extend(self.inline(array, start, length, spot)?);
            }
            Kind::Small {
                capacity,
                inline,
                pointer,
                length,
            } => {
                let (offset, array) = self.layouts.any_place(of, inline)?;
                let start = at.checked_add(offset)?;
                let capacity = self.sized_number_at(of, capacity, at)?;
                let inside = self.inline(array, start, capacity, spot)?;
                let (element, count) = self.inner_array(array)?;
                // Its own name says how many elements it holds inline.
                let title = Title::Type(spot.holder.unwrap_or(of));
                let to = self.many(element, Split::All, title);
                let heap = Op::Sequence {
                    pointer: self.pointer_at(of, pointer, at)?,
                    capacity: capacity.0,
                    length: self.number_at(of, length, at)?,
                    to,
                    named,
                };
                ops.push(Op::Above {
                    at: capacity.0,
                    limit: count,
                    then: [heap].into(),
                    otherwise: inside.into_iter().collect(),
                });
            }
        }
        Some(())
    }

    /// The step for a handle of bytes; `otherwise` again if its fields are not where
    /// the entry says.
    pub(super) fn tagged(
        &mut self,
        of: TypeIx,
        tagged: &Tagged,
        at: u64,
        spot: &Spot,
        otherwise: Vec<Op>,
    ) -> Result<Op, Vec<Op>> {
        let places = (
            self.pointer_at(of, tagged.data, at),
            self.pointer_at(of, tagged.pointer, at),
            self.number_at(of, tagged.length, at),
        );
        let (Some(data), Some(pointer), Some(length)) = places else {
            return Err(otherwise);
        };
        let byte = self.layouts.scalar("u8", 1);
        let title = Title::Type(spot.holder.unwrap_or(of));
        Ok(Op::Tagged {
            data,
            pointer,
            length,
            to: self.many(byte, Split::All, title),
            named: self.label(&spot.via),
            otherwise: otherwise.into(),
        })
    }

    fn many(&mut self, of: TypeIx, split: Split, title: Title) -> FormIx {
        self.form(FormKey {
            inside: Inside::Many {
                at: 0,
                header: Header::Plain,
            },
            of,
            split,
            title,
        })
    }

    /// The element type of a sequence: the `T` of the vector that the pointer
    /// belongs to.
    pub(crate) fn element(&mut self, of: TypeIx, pointer: Places) -> Option<TypeIx> {
        for path in pointer {
            let prefix = path.find("buf").and_then(|end| path.get(..end))?;
            if let Some((_, vector)) = self.layouts.place(of, prefix.trim_end_matches('.'))
                && let Some(element) = self.layouts.arg(vector, "T")
            {
                return Some(element);
            }
        }
        None
    }

    pub(crate) fn pointer_at(&mut self, of: TypeIx, places: Places, at: u64) -> Option<u64> {
        let (offset, field) = self.layouts.any_place(of, places)?;
        let pointer = self.layouts.pointer_in(field)?;
        at.checked_add(offset)?.checked_add(pointer.offset)
    }

    /// Where a number of eight bytes stands.
    pub(crate) fn number_at(&mut self, of: TypeIx, places: Places, at: u64) -> Option<u64> {
        let (at, size) = self.sized_number_at(of, places, at)?;
        (size == 8).then_some(at)
    }

    pub(crate) fn sized_number_at(
        &mut self,
        of: TypeIx,
        places: Places,
        at: u64,
    ) -> Option<(u64, u64)> {
        let (offset, field) = self.layouts.any_place(of, places)?;
        let (inside, size) = self.layouts.number_in(field)?;
        let at = at.checked_add(offset)?.checked_add(inside)?;
        matches!(size, 1 | 2 | 4 | 8).then_some((at, size))
    }

    /// The array inside wrappers such as `MaybeUninit<[T; N]>`, with the
    /// element inside such wrappers.
    pub(crate) fn inner_array(&mut self, of: TypeIx) -> Option<(TypeIx, u64)> {
        let array = self.unwrapped(of);
        match self.layouts.data(array).shape {
            Shape::Array { element, count } => Some((self.unwrapped(element), count)),
            _ => None,
        }
    }

    fn unwrapped(&mut self, of: TypeIx) -> TypeIx {
        let is_wrapper = self
            .layouts
            .stem(of)
            .starts_with("core::mem::maybe_uninit::MaybeUninit");
        let inner = is_wrapper.then(|| self.layouts.arg(of, "T")).flatten();
        inner.unwrap_or(of)
    }

    /// The elements of an array inside the value, as many as a number says.
    fn inline(
        &mut self,
        array: TypeIx,
        at: u64,
        length: (u64, u64),
        spot: &Spot,
    ) -> Option<Option<Op>> {
        let (element, count) = self.inner_array(array)?;
        let stride = self.layouts.size(element)?;
        let mut body = Vec::new();
        let spot = Spot {
            via: spot.via.with("[*]"),
            holder: None,
            depth: spot.depth + 1,
            in_array: false,
        };
        self.value(element, 0, &spot, &mut body);
        Some((!body.is_empty()).then(|| Op::Repeat {
            at,
            stride,
            count,
            length: Some(length),
            body: body.into(),
        }))
    }

    /// Whether a smart pointer has an allocator of its own, as the handle of a thread
    /// has: what it owns is no block, and may hold some.
    pub(super) fn is_elsewhere(&mut self, of: TypeIx) -> bool {
        let allocator = self.layouts.arg(of, "A");
        allocator.is_some_and(|of| &*self.layouts.stem(of) != "alloc::alloc::Global")
    }

    /// `Rc`, `Arc` and their `Weak`.
    fn counted(
        &mut self,
        of: TypeIx,
        places: Places,
        kind: EdgeKind,
        at: u64,
        spot: &Spot,
        ops: &mut Vec<Op>,
    ) -> Option<()> {
        let named = self.label(&spot.via);
        let holder = if self.layouts.stem(of).starts_with("alloc::rc") {
            Holder::Rc
        } else {
            Holder::Arc
        };
        let (offset, field) = self.layouts.any_place(of, places)?;
        let pointer = self.layouts.pointer_in(field)?.moved(offset)?.moved(at)?;
        if let Fat::Vtable(vtable) = pointer.fat {
            ops.push(Op::Dyn {
                at: pointer.offset,
                vtable,
                header: Header::Counts,
                kind,
                named,
                holder,
            });
            return Some(());
        }
        let (inner_at, value) = self.layouts.any_place(pointer.to, &["value", "data"])?;
        let header = Header::Counts;
        if let Fat::Length(length) = pointer.fat {
            let element = self.layouts.size(value)?;
            let to = self.form(FormKey {
                inside: Inside::Many {
                    at: inner_at,
                    header,
                },
                of: value,
                split: Split::All,
                title: Title::Type(of),
            });
            ops.push(Op::Slice {
                at: pointer.offset,
                length,
                element,
                to: Some(to),
                kind,
                named,
            });
            return Some(());
        }
        let whole = self.layouts.size(pointer.to)?;
        let to = self.form(FormKey {
            inside: Inside::One {
                at: inner_at,
                whole,
                header,
            },
            of: value,
            split: Split::All,
            title: Title::Of(holder.name(), value),
        });
        let elsewhere = self.is_elsewhere(of);
        ops.push(Op::Owner {
            at: pointer.offset,
            to,
            kind,
            named,
            elsewhere,
        });
        Some(())
    }

    /// Where the nodes of a tree keep what, from the type of its leaves.
    pub(crate) fn tree(
        &mut self,
        leaf: TypeIx,
        keys_suffix: &'static str,
        values_suffix: &'static str,
    ) -> Option<Tree> {
        let (length, _) = self.sized_number_at(leaf, &["len"], 0)?;
        let (keys, _) = self.layouts.place(leaf, "keys")?;
        let (values, _) = self.layouts.place(leaf, "vals")?;
        let (parent, up) = self.layouts.place(leaf, "parent")?;
        let up = self.layouts.pointer_in(up)?;
        let (0, _) = self.layouts.place(up.to, "data")? else {
            return None;
        };
        let (edges, _) = self.layouts.place(up.to, "edges")?;
        Some(Tree {
            leaf_size: self.layouts.size(leaf)?,
            inner_size: self.layouts.size(up.to)?,
            length,
            keys,
            key: self.layouts.arg(leaf, "K")?,
            keys_suffix,
            values,
            value: self.layouts.arg(leaf, "V")?,
            values_suffix,
            edges,
            parent: parent.checked_add(up.offset)?,
        })
    }

    /// The same of a list, from the type of its nodes; and its elements' type.
    pub(crate) fn list(&mut self, node: TypeIx) -> Option<(List, TypeIx)> {
        let (element, of) = self.layouts.place(node, "element")?;
        let list = List {
            size: self.layouts.size(node)?,
            next: self.pointer_at(node, &["next"], 0)?,
            previous: self.pointer_at(node, &["prev"], 0)?,
            element,
        };
        Some((list, of))
    }
}
