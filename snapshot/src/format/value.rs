//! How the values of one column stand in a section. The tables of encodings
//! are in the docs of [`crate::format`].

use super::varint::{Bad, Plain, put_varint, unzigzag, zigzag};
use crate::ids::*;
use crate::image::{Cut, FrameKind, Mode, StackEnd};
use crate::references::{EdgeKind, RootKind};
use crate::residency::{Access, MappingKind};
use crate::resolution::{DebugLevel, Evidence, LineOwner};

/// Appends a 32-bit column as zigzag varints of its wrapping differences.
pub(super) fn put_differences(values: impl Iterator<Item = u32>, out: &mut Vec<u8>) {
    let mut before = 0;
    for value in values {
        Tick(value).put(&mut before, out);
    }
}

/// Reads what [`put_differences`] wrote, one value for each call.
pub(super) fn take_difference(before: &mut u64, from: &mut Plain<'_>) -> Result<u32, Bad> {
    let mut value = Tick(0);
    value.take(before, from)?;
    Ok(value.0)
}

/// A value of a column. `before` is the column's state, 0 at its first row;
/// differences keep the previous row in it.
pub(super) trait Value {
    fn put(&self, before: &mut u64, out: &mut Vec<u8>);
    fn take(&mut self, before: &mut u64, from: &mut Plain<'_>) -> Result<(), Bad>;

    /// Bytes of text in it, which no row count bounds.
    fn text(&self) -> usize {
        0
    }
}

/// Appends a column.
pub(super) fn put_column<'a, V: Value + 'a>(
    values: impl IntoIterator<Item = &'a V>,
    out: &mut Vec<u8>,
) {
    let mut before = 0;
    for value in values {
        value.put(&mut before, out);
    }
}

/// Fills a column.
pub(super) fn take_column<'a, V: Value + 'a>(
    values: impl IntoIterator<Item = &'a mut V>,
    from: &mut Plain<'_>,
) -> Result<(), Bad> {
    let mut before = 0;
    for value in values {
        value.take(&mut before, from)?;
    }
    Ok(())
}

/// Appends `rows` default rows to `table` and gives them out to be filled.
pub(super) fn grow<T: Default>(table: &mut Vec<T>, rows: usize) -> &mut [T] {
    let old = table.len();
    table.resize_with(old.saturating_add(rows), T::default);
    table.get_mut(old..).unwrap_or_default()
}

// The impls below differ in the type's name alone, and a blanket impl over a
// conversion trait would also take in the types that are written otherwise.
macro_rules! numbers {
    ($($type:ty),*; $($id:ident($int:ty)),*) => {
        $(impl Value for $type {
            #[inline]
            fn put(&self, _: &mut u64, out: &mut Vec<u8>) {
                put_varint(u64::from(*self), out);
            }
            #[inline]
            fn take(&mut self, _: &mut u64, from: &mut Plain<'_>) -> Result<(), Bad> {
                *self = <$type>::try_from(from.varint()?)
                    .map_err(|_| Bad("a number does not fit its column"))?;
                Ok(())
            }
        })*
        $(impl Value for $id {
            #[inline]
            fn put(&self, before: &mut u64, out: &mut Vec<u8>) {
                self.0.put(before, out);
            }
            #[inline]
            fn take(&mut self, before: &mut u64, from: &mut Plain<'_>) -> Result<(), Bad> {
                self.0.take(before, from)
            }
        })*
    };
}
numbers! {
    u16, u32, u64;
    Bytes(u64), Nanos(u64), ContextId(u32), FrameId(u32), ModuleId(u32), ThreadId(u16),
    TagId(u16), PhaseId(u16), TypeId(u32), StrId(u32), LineId(u32), LabelId(u32), Access(u16)
}

macro_rules! differences32 {
    ($($id:ident),*) => {
        $(impl Value for $id {
            #[inline]
            fn put(&self, before: &mut u64, out: &mut Vec<u8>) {
                let difference = self.0.wrapping_sub(*before as u32) as i32;
                put_varint(u64::from(zigzag(i64::from(difference) as u64) as u32), out);
                *before = u64::from(self.0);
            }
            #[inline]
            fn take(&mut self, before: &mut u64, from: &mut Plain<'_>) -> Result<(), Bad> {
                let difference = unzigzag(u64::from(from.varint32()?)) as u32;
                self.0 = (*before as u32).wrapping_add(difference);
                *before = u64::from(self.0);
                Ok(())
            }
        })*
    };
}
differences32!(Tick, StackId, NodeId, BlockId);

impl Value for Addr {
    fn put(&self, before: &mut u64, out: &mut Vec<u8>) {
        put_varint(zigzag(self.0.wrapping_sub(*before)), out);
        *before = self.0;
    }

    fn take(&mut self, before: &mut u64, from: &mut Plain<'_>) -> Result<(), Bad> {
        *before = before.wrapping_add(unzigzag(from.varint()?));
        self.0 = *before;
        Ok(())
    }
}

// The variants' numbers are the file's, so they are listed here and not taken
// from the order in which the enum happens to be declared.
macro_rules! enums {
    ($($type:ident { $($variant:ident = $number:literal),+ })*) => {
        $(impl Value for $type {
            #[inline]
            fn put(&self, _: &mut u64, out: &mut Vec<u8>) {
                out.push(match self { $($type::$variant => $number),+ });
            }
            #[inline]
            fn take(&mut self, _: &mut u64, from: &mut Plain<'_>) -> Result<(), Bad> {
                *self = match from.byte()? {
                    $($number => $type::$variant,)+
                    _ => return Err(Bad(concat!("a byte is no ", stringify!($type)))),
                };
                Ok(())
            }
        })*
    };
}
enums! {
    Mode { Off = 0, Exact = 1 }
    Cut { Atomic = 0, Racing = 1 }
    StackEnd { Complete = 0, Truncated = 1, Stuck = 2 }
    FrameKind { Call = 0, Interrupted = 1 }
    Evidence { Stack = 0, Merged = 1, Field = 2, Neighbour = 3, Unknown = 4 }
    MappingKind {
        Heap = 0, Anonymous = 1, Stack = 2, File = 3, Own = 4, Kernel = 5, Shared = 6
    }
    LineOwner { User = 0, Std = 1, Container = 2, Profiler = 3 }
    RootKind { Static = 0, ThreadLocal = 1, Stack = 2 }
    EdgeKind { Owned = 0, Borrowed = 1, Weak = 2, Conservative = 3 }
    DebugLevel { Full = 0, Limited = 1, Symbols = 2, Nothing = 3 }
}

impl Value for bool {
    fn put(&self, _: &mut u64, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn take(&mut self, _: &mut u64, from: &mut Plain<'_>) -> Result<(), Bad> {
        *self = match from.byte()? {
            0 => false,
            1 => true,
            _ => return Err(Bad("a byte is neither yes nor no")),
        };
        Ok(())
    }
}

impl Value for f64 {
    fn put(&self, _: &mut u64, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_bits().to_le_bytes());
    }

    fn take(&mut self, _: &mut u64, from: &mut Plain<'_>) -> Result<(), Bad> {
        let mut bits = [0; 8];
        bits.copy_from_slice(from.slice(8)?);
        *self = f64::from_bits(u64::from_le_bytes(bits));
        Ok(())
    }
}

impl Value for Vec<u8> {
    fn put(&self, _: &mut u64, out: &mut Vec<u8>) {
        put_varint(self.len() as u64, out);
        out.extend_from_slice(self);
    }

    fn take(&mut self, _: &mut u64, from: &mut Plain<'_>) -> Result<(), Bad> {
        let len = from.varint()?;
        *self = from.slice(len)?.to_vec();
        Ok(())
    }

    fn text(&self) -> usize {
        self.len()
    }
}

impl Value for String {
    fn put(&self, _: &mut u64, out: &mut Vec<u8>) {
        put_varint(self.len() as u64, out);
        out.extend_from_slice(self.as_bytes());
    }

    fn take(&mut self, _: &mut u64, from: &mut Plain<'_>) -> Result<(), Bad> {
        let len = from.varint()?;
        let text = std::str::from_utf8(from.slice(len)?).map_err(|_| Bad("a text is no UTF-8"))?;
        *self = text.to_owned();
        Ok(())
    }

    fn text(&self) -> usize {
        self.len()
    }
}

impl<V: Value + Default> Value for Option<V> {
    fn put(&self, before: &mut u64, out: &mut Vec<u8>) {
        self.is_some().put(before, out);
        if let Some(value) = self {
            value.put(before, out);
        }
    }

    fn take(&mut self, before: &mut u64, from: &mut Plain<'_>) -> Result<(), Bad> {
        let mut is_some = false;
        is_some.take(before, from)?;
        let mut value = V::default();
        if is_some {
            value.take(before, from)?;
        }
        *self = is_some.then_some(value);
        Ok(())
    }

    fn text(&self) -> usize {
        self.as_ref().map_or(0, V::text)
    }
}

impl<V: Value, const N: usize> Value for [V; N] {
    fn put(&self, before: &mut u64, out: &mut Vec<u8>) {
        for value in self {
            value.put(before, out);
        }
    }

    fn take(&mut self, before: &mut u64, from: &mut Plain<'_>) -> Result<(), Bad> {
        for value in self {
            value.take(before, from)?;
        }
        Ok(())
    }
}
