//! From the layout of a type to the steps that scan a value of it.
//!
//! The walk goes through everything that lies inside the value itself. It
//! carries the name that an edge from here would have: entering a struct or
//! enum of the user's begins a new name, std's types are passed through, and
//! what follows a pointer is another block's program.

use super::book::Book;
use super::edges::Kind;
use super::program::{FormKey, Header, Holder, Inside, Named, Op, Program, Title};
use crate::layout::containers::{self, Split};
use crate::layout::places::Fat;
use crate::layout::{Data, Field, Shape, TypeIx, Way};
use crate::resolve::owner;

/// The deepest nesting inside one value that is followed.
const MAX_DEPTH: usize = 96;
/// The most steps of one type; beyond, its words are followed one by one.
const MAX_OPS: usize = 50_000;
/// The most values inside one that are gone into. A type that is said to hold itself
/// twice has more than any number of them, and need not have a single step.
const MAX_VISITS: usize = 200_000;

/// A name under construction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Via {
    /// The name of the field that owns the block, and this suffix.
    After(String),
    /// This.
    Always(String),
}

impl Via {
    pub(super) fn with(&self, suffix: &str) -> Via {
        match self {
            Via::After(text) => Via::After(format!("{text}{suffix}")),
            Via::Always(text) => Via::Always(format!("{text}{suffix}")),
        }
    }
}

/// Where the walk stands.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    pub(super) via: Via,
    /// The type that blocks from here are called after.
    pub(super) holder: Option<TypeIx>,
    /// Whether this is one of many that may not be there.
    pub(super) in_array: bool,
    pub(super) depth: usize,
}

impl Spot {
    pub(super) fn after(suffix: &str) -> Spot {
        Spot::new(Via::After(suffix.to_owned()))
    }

    pub(super) fn new(via: Via) -> Spot {
        Spot {
            via,
            holder: None,
            in_array: false,
            depth: 0,
        }
    }

    /// One step further in.
    pub(super) fn inner(&self) -> Spot {
        Spot {
            depth: self.depth + 1,
            ..self.clone()
        }
    }

    pub(super) fn with(&self, suffix: &str) -> Spot {
        Spot {
            via: self.via.with(suffix),
            ..self.inner()
        }
    }

    fn owner(&self, name: &str) -> Spot {
        Spot {
            via: Via::Always(name.to_owned()),
            holder: None,
            ..self.inner()
        }
    }
}

impl Book<'_> {
    /// The steps for a value of type `of`.
    pub(super) fn program(&mut self, of: TypeIx, spot: &Spot, split: Split) -> Program {
        let size = self.layouts.size(of).unwrap_or(0);
        let mut ops = Vec::new();
        self.visited = 0;
        match split {
            Split::All => self.value(of, 0, spot, &mut ops),
            Split::Parts(parts) => {
                for (field, suffix) in parts {
                    if let Some((offset, part)) = self.layouts.place(of, field) {
                        self.value(part, offset, &spot.with(suffix), &mut ops);
                    }
                }
            }
        }
        if self.visited > MAX_VISITS || count(&ops, MAX_OPS).is_none() {
            ops = vec![Op::Words { at: 0, len: size }];
        }
        let mut program = Program {
            size,
            ..Program::default()
        };
        survey(&ops, &mut program);
        program.ops = ops.into();
        program
    }

    /// Appends the steps for a value at `at`.
    pub(super) fn value(&mut self, of: TypeIx, at: u64, spot: &Spot, ops: &mut Vec<Op>) {
        let data = self.layouts.data(of);
        let size = self.layouts.size(of);
        if size == Some(0) {
            return;
        }
        self.visited += 1;
        if spot.depth > MAX_DEPTH || ops.len() > MAX_OPS || self.visited > MAX_VISITS {
            ops.extend(size.map(|len| Op::Words { at, len }));
            return;
        }
        match &data.shape {
            Shape::Scalar | Shape::Choice(_) => {}
            Shape::Unknown => ops.extend(size.map(|len| Op::Words { at, len })),
            Shape::Pointer { to, way } => self.pointer(of, *to, *way, at, spot, ops),
            Shape::Array { element, count } => {
                let Some(stride) = self.layouts.size(*element) else {
                    return;
                };
                let inner = Spot {
                    in_array: true,
                    ..spot.with("[*]")
                };
                let body = self.body(*element, 0, &inner);
                if !body.is_empty() {
                    ops.push(Op::Repeat {
                        at,
                        stride,
                        count: *count,
                        length: None,
                        body,
                    });
                }
            }
            Shape::Struct(fields) => self.structure(of, &data, fields, at, spot, ops),
            Shape::Enum {
                discriminant,
                variants,
            } => self.enumeration(of, &data, *discriminant, variants, at, spot, ops),
            Shape::Union(fields) => {
                let (spot, owned) = self.enter(of, spot);
                for field in fields {
                    let name = if owned {
                        field_name(&field.name)
                    } else {
                        String::new()
                    };
                    let body =
                        self.body(field.of, at.saturating_add(field.offset), &spot.with(&name));
                    if body.is_empty() {
                        continue;
                    }
                    // std's own `MaybeUninit` outside arrays is nearly always
                    // there, or zero: what it points to is checked.
                    if owned || spot.in_array {
                        ops.push(Op::Guess { body });
                    } else {
                        ops.extend(body);
                    }
                }
            }
        }
    }

    pub(super) fn body(&mut self, of: TypeIx, at: u64, spot: &Spot) -> Box<[Op]> {
        let mut ops = Vec::new();
        self.value(of, at, spot, &mut ops);
        ops.into()
    }

    /// The spot inside a struct, enum or union, and whether it is one of the
    /// user's: then its fields have names.
    pub(super) fn enter(&mut self, of: TypeIx, spot: &Spot) -> (Spot, bool) {
        if self.is_users(of) {
            let name = self.layouts.shown(of);
            return (spot.owner(&name), true);
        }
        let mut inner = spot.inner();
        let stem = self.layouts.stem(of);
        if inner.holder.is_none() && containers::HOLDERS.contains(&&*stem) {
            inner.holder = Some(of);
        }
        (inner, false)
    }

    /// Whether a type is the user's or a dependency's, and no container.
    fn is_users(&mut self, of: TypeIx) -> bool {
        let path = self.layouts.path(of);
        let krate = path.split("::").next().unwrap_or_default();
        krate.len() < path.len()
            && !path.starts_with(['(', '&', '*', '['])
            && owner::of(krate, "", true) == endler_snapshot::LineOwner::User
    }

    fn structure(
        &mut self,
        of: TypeIx,
        data: &Data,
        fields: &[Field],
        at: u64,
        spot: &Spot,
        ops: &mut Vec<Op>,
    ) {
        if self.fat(of, at, spot, ops).is_some() {
            return;
        }
        let stem = self.layouts.stem(of);
        let (inner, owned) = self.enter(of, spot);
        if !owned && let Some(container) = containers::container_of(&stem) {
            if self.container(of, container, at, &inner, ops).is_none() {
                let len = data.size.unwrap_or(0);
                ops.push(Op::Words { at, len });
            }
            for place in container.also {
                if let Some((offset, of)) = self.layouts.place(of, place) {
                    self.value(of, at.saturating_add(offset), &inner, ops);
                }
            }
            return;
        }
        if !owned && let Some(tagged) = containers::TAGGED.iter().find(|t| *t.path == *stem) {
            let mut otherwise = Vec::new();
            self.fields(data, fields, at, (&inner, owned), &mut otherwise);
            match self.tagged(of, tagged, at, &inner, otherwise) {
                Ok(op) => ops.push(op),
                Err(fields) => ops.extend(fields),
            }
            return;
        }
        self.fields(data, fields, at, (&inner, owned), ops);
    }

    /// The fields of a struct, one by one.
    fn fields(
        &mut self,
        data: &Data,
        fields: &[Field],
        at: u64,
        (inner, owned): (&Spot, bool),
        ops: &mut Vec<Op>,
    ) {
        let is_tuple = data.name.starts_with('(');
        for field in fields {
            let at = at.saturating_add(field.offset);
            let spot = if owned || is_tuple {
                Spot {
                    holder: None,
                    ..inner.with(&field_name(&field.name))
                }
            } else {
                inner.clone()
            };
            self.value(field.of, at, &spot, ops);
        }
    }

    /// A thin pointer.
    fn pointer(
        &mut self,
        of: TypeIx,
        to: TypeIx,
        way: Way,
        at: u64,
        spot: &Spot,
        ops: &mut Vec<Op>,
    ) {
        let size = self.layouts.size(to);
        if size == Some(0) {
            return;
        }
        let named = self.label(&spot.via);
        match (way, size) {
            (Way::Box, Some(whole)) => {
                let to = self.form(FormKey {
                    inside: Inside::One {
                        at: 0,
                        whole,
                        header: Header::Plain,
                    },
                    of: to,
                    split: Split::All,
                    title: Title::Type(spot.holder.unwrap_or(of)),
                });
                ops.push(Op::Owner {
                    at,
                    to,
                    kind: Kind::Own,
                    named,
                    elsewhere: false,
                });
            }
            (Way::Reference, _) => ops.push(Op::Loose {
                at,
                to_size: size.unwrap_or(0),
                lends: !self.is_users(to),
                kind: Kind::Borrow,
                named,
            }),
            _ => ops.push(Op::Loose {
                at,
                to_size: size.unwrap_or(0),
                lends: !self.is_users(to),
                kind: Kind::Raw,
                named,
            }),
        }
    }

    /// A fat pointer, if that is what the type is.
    fn fat(&mut self, of: TypeIx, at: u64, spot: &Spot, ops: &mut Vec<Op>) -> Option<()> {
        let pointer = self.layouts.fat_pointer(of)?.moved(at)?;
        let named = self.label(&spot.via);
        let kind = match pointer.way {
            Way::Box => Kind::Own,
            Way::Reference => Kind::Borrow,
            Way::Raw => Kind::Raw,
        };
        match pointer.fat {
            Fat::Length(length) => {
                let element = self.layouts.size(pointer.to).unwrap_or(0);
                let to = (pointer.way == Way::Box).then(|| {
                    self.form(FormKey {
                        inside: Inside::Many {
                            at: 0,
                            header: Header::Plain,
                        },
                        of: pointer.to,
                        split: Split::All,
                        title: Title::Type(spot.holder.unwrap_or(of)),
                    })
                });
                ops.push(Op::Slice {
                    at: pointer.offset,
                    length,
                    element,
                    to,
                    kind,
                    named,
                });
            }
            Fat::Vtable(vtable) => ops.push(Op::Dyn {
                at: pointer.offset,
                vtable,
                header: Header::Plain,
                kind,
                named,
                holder: if pointer.way == Way::Box {
                    Holder::Box
                } else {
                    Holder::None
                },
            }),
            Fat::Thin => return None,
        }
        Some(())
    }
}

/// How a field is written behind its owner: tuples by number.
pub(super) fn field_name(name: &str) -> String {
    let number = name
        .strip_prefix("__")
        .filter(|n| n.bytes().all(|b| b.is_ascii_digit()));
    let plain = number.or_else(|| name.strip_prefix("_ref__"));
    format!(".{}", plain.unwrap_or(name))
}

/// The number of steps, or none if there are more than `limit`. Steps nest as
/// deep as [`MAX_DEPTH`].
fn count(ops: &[Op], limit: usize) -> Option<usize> {
    let mut left = limit.checked_sub(ops.len())?;
    for op in ops {
        for body in bodies(op) {
            let inside = count(body, left)?;
            left = left.checked_sub(inside)?;
        }
    }
    Some(limit - left)
}

/// The steps inside a step.
fn bodies(op: &Op) -> Vec<&[Op]> {
    match op {
        Op::Switch {
            cases, otherwise, ..
        } => cases
            .iter()
            .map(|(_, body)| &**body)
            .chain(otherwise.as_deref())
            .collect(),
        Op::Repeat { body, .. } | Op::Guess { body } => vec![body],
        Op::Above {
            then, otherwise, ..
        } => vec![then, otherwise],
        Op::Tagged { otherwise, .. } => vec![otherwise],
        _ => Vec::new(),
    }
}

/// Notes which kinds of names the steps use.
fn survey(ops: &[Op], program: &mut Program) {
    for op in ops {
        for body in bodies(op) {
            survey(body, program);
        }
        match op {
            Op::Owner { named, .. }
            | Op::Loose { named, .. }
            | Op::Slice { named, .. }
            | Op::Dyn { named, .. }
            | Op::Sequence { named, .. }
            | Op::Ring { named, .. }
            | Op::Rest { named, .. }
            | Op::Table { named, .. }
            | Op::Tagged { named, .. }
            | Op::Node { named, .. } => match named {
                Named::After(_) => program.after = true,
                Named::Always(_) => program.always = true,
            },
            // They have no name at all.
            Op::Words { .. } => program.always = true,
            Op::Switch { .. } | Op::Repeat { .. } | Op::Above { .. } | Op::Guess { .. } => {}
        }
    }
}
