//! Finding a field of a field: `buf.inner.ptr`.

use super::{Layouts, Shape, TypeIx, Way};

/// The deepest nesting that is followed inside one value.
const MAX_DEPTH: usize = 32;

/// A pointer found inside a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pointer {
    pub(crate) offset: u64,
    pub(crate) to: TypeIx,
    /// Where the length or the vtable stands, if it is fat.
    pub(crate) fat: Fat,
    pub(crate) way: Way,
}

/// What stands beside a pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Fat {
    Thin,
    Length(u64),
    Vtable(u64),
}

impl Layouts<'_> {
    /// The offset and type of the field at a path of names. In an enum a name
    /// is that of a variant.
    pub(crate) fn place(&mut self, ix: TypeIx, path: &str) -> Option<(u64, TypeIx)> {
        let mut at = (0u64, ix);
        for name in path.split('.').filter(|n| !n.is_empty()) {
            let data = self.data(at.1);
            let field = match &data.shape {
                Shape::Struct(fields) | Shape::Union(fields) => {
                    fields.iter().find(|f| &*f.name == name)?
                }
                Shape::Enum { variants, .. } => variants
                    .iter()
                    .map(|v| &v.fields)
                    .find(|f| &*f.name == name)?,
                _ => return None,
            };
            at = (at.0.checked_add(field.offset)?, field.of);
        }
        Some(at)
    }

    /// The first of several paths that the type has: std's fields move
    /// between releases.
    pub(crate) fn any_place(&mut self, ix: TypeIx, paths: &[&str]) -> Option<(u64, TypeIx)> {
        paths.iter().find_map(|path| self.place(ix, path))
    }

    /// The pointer that a wrapper such as `Unique<T>` or `Option<NonNull<T>>` is around.
    pub(crate) fn pointer_in(&mut self, ix: TypeIx) -> Option<Pointer> {
        let mut at = (0u64, ix);
        for _ in 0..MAX_DEPTH {
            let data = self.data(at.1);
            match &data.shape {
                Shape::Pointer { to, way } => {
                    return Some(Pointer {
                        offset: at.0,
                        to: *to,
                        fat: Fat::Thin,
                        way: *way,
                    });
                }
                Shape::Struct(fields) => {
                    if let Some(fat) = self.fat_pointer(at.1) {
                        return fat.moved(at.0);
                    }
                    let next = fields
                        .iter()
                        .find(|f| self.size(f.of).is_none_or(|size| size > 0))?;
                    at = (at.0.checked_add(next.offset)?, next.of);
                }
                Shape::Enum { variants, .. } => {
                    let next = variants
                        .iter()
                        .map(|v| &v.fields)
                        .find(|f| &*f.name == "Some")?;
                    at = (at.0.checked_add(next.offset)?, next.of);
                }
                _ => return None,
            }
        }
        None
    }

    /// A structure that is a fat pointer: its data pointer, and what is beside it.
    pub(crate) fn fat_pointer(&mut self, ix: TypeIx) -> Option<Pointer> {
        let data = self.data(ix);
        let Shape::Struct(fields) = &data.shape else {
            return None;
        };
        let [first, second] = fields.as_slice() else {
            return None;
        };
        let (pointer, beside) = match (&*first.name, &*second.name) {
            ("data_ptr", "length") => (first, Fat::Length(second.offset)),
            ("pointer", "vtable") => (first, Fat::Vtable(second.offset)),
            _ => return None,
        };
        let pointee = self.data(pointer.of);
        let Shape::Pointer { to, .. } = pointee.shape else {
            return None;
        };
        Some(Pointer {
            offset: pointer.offset,
            to,
            fat: beside,
            way: super::read::way(&data.name),
        })
    }

    /// The offset of the number that a wrapper is around.
    pub(crate) fn number_in(&mut self, ix: TypeIx) -> Option<(u64, u64)> {
        let mut at = (0u64, ix);
        for _ in 0..MAX_DEPTH {
            let data = self.data(at.1);
            match &data.shape {
                Shape::Scalar | Shape::Choice(_) => return Some((at.0, data.size?)),
                Shape::Struct(fields) => {
                    let next = fields
                        .iter()
                        .find(|f| self.size(f.of).is_some_and(|size| size > 0))?;
                    at = (at.0.checked_add(next.offset)?, next.of);
                }
                _ => return None,
            }
        }
        None
    }
}

impl Pointer {
    /// The same inside a value that begins `by` bytes further in.
    pub(crate) fn moved(self, by: u64) -> Option<Pointer> {
        Some(Pointer {
            offset: self.offset.checked_add(by)?,
            fat: match self.fat {
                Fat::Thin => Fat::Thin,
                Fat::Length(at) => Fat::Length(at.checked_add(by)?),
                Fat::Vtable(at) => Fat::Vtable(at.checked_add(by)?),
            },
            ..self
        })
    }
}
