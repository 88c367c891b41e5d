//! Numbers, characters, names and texts.

use super::engine::{Engine, Spot};
use super::see::{Seen, mask, plain_name};
use crate::layout::Data;

/// The characters of a text that are shown.
const SHOWN: usize = 200;

/// What the bytes of a text must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// `str`: else the bytes are none.
    Utf8,
    /// What the system gives.
    Any,
}

impl Engine<'_> {
    /// A number, by the name that the file has for its type.
    pub(super) fn scalar(&mut self, spot: Spot, data: &Data) -> Seen {
        let size = data.size.unwrap_or(0);
        if size == 0 {
            let name = plain_name(&data.name);
            return Seen::Text(if name.is_empty() { "()" } else { name }.to_owned());
        }
        let is_address = data.name.starts_with(['*', '&'])
            || data.name.contains("fn(")
            || data.name.starts_with("core::ptr::");
        let known = matches!(
            &*data.name,
            "bool"
                | "char"
                | "f32"
                | "f64"
                | "i8"
                | "i16"
                | "i32"
                | "i64"
                | "i128"
                | "isize"
                | "u8"
                | "u16"
                | "u32"
                | "u64"
                | "u128"
                | "usize"
        );
        if !(known || is_address && size == 8) {
            return Seen::Bytes(size);
        }
        let Some(bytes) = self.bytes(spot.at, size) else {
            return Seen::NotReadable;
        };
        match number(&data.name, &bytes, is_address) {
            Some(text) => Seen::Text(text),
            None => Seen::NotReadable,
        }
    }

    /// The name of a value.
    pub(super) fn choice(&mut self, spot: Spot, data: &Data, names: &[(u64, Box<str>)]) -> Seen {
        let size = data.size.unwrap_or(0);
        let value = self.number(spot.at, size);
        let name = value.and_then(|value| {
            let mut names = names.iter();
            names.find(|(number, _)| number & mask(size) == value)
        });
        match name {
            Some((_, name)) => Seen::Text(name.to_string()),
            None => Seen::NotReadable,
        }
    }

    /// The first characters of a text. That its bytes may be read was checked.
    pub(super) fn text(&mut self, at: u64, len: u64, encoding: Encoding) -> Seen {
        let read = len.min(SHOWN as u64 * 4);
        let Some(bytes) = self.bytes(at, read) else {
            return Seen::NotReadable;
        };
        let is_cut = read < len;
        let text = match (std::str::from_utf8(&bytes), encoding) {
            (Ok(text), _) => text.to_owned(),
            // Only the last character can be cut through.
            (Err(e), _) if is_cut && e.error_len().is_none() => {
                let valid = bytes.get(..e.valid_up_to()).unwrap_or_default();
                String::from_utf8_lossy(valid).into_owned()
            }
            (Err(_), Encoding::Utf8) => return Seen::NotReadable,
            (Err(_), Encoding::Any) => String::from_utf8_lossy(&bytes).into_owned(),
        };
        match text.char_indices().nth(SHOWN) {
            None if !is_cut => Seen::Text(format!("{text:?}")),
            cut => {
                let end = cut.map_or(text.len(), |(at, _)| at);
                let shown = text.get(..end).unwrap_or_default();
                Seen::Text(format!("{shown:?}… ({len} bytes)"))
            }
        }
    }
}

/// A number as `{:?}` prints it; none if the bytes are not of that type.
fn number(name: &str, bytes: &[u8], is_address: bool) -> Option<String> {
    macro_rules! of {
        ($of:ty) => {
            format!("{:?}", <$of>::from_le_bytes(bytes.try_into().ok()?))
        };
    }
    if is_address {
        return Some(format!("{:#x}", u64::from_le_bytes(bytes.try_into().ok()?)));
    }
    Some(match name {
        "bool" => match bytes {
            [0] => "false".to_owned(),
            [1] => "true".to_owned(),
            _ => return None,
        },
        "char" => {
            let code = u32::from_le_bytes(bytes.try_into().ok()?);
            format!("{:?}", char::from_u32(code)?)
        }
        "f32" => of!(f32),
        "f64" => of!(f64),
        "i8" => of!(i8),
        "i16" => of!(i16),
        "i32" => of!(i32),
        "i64" | "isize" => of!(i64),
        "i128" => of!(i128),
        "u8" => of!(u8),
        "u16" => of!(u16),
        "u32" => of!(u32),
        "u64" | "usize" => of!(u64),
        "u128" => of!(u128),
        _ => return None,
    })
}
