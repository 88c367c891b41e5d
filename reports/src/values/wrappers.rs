//! Types of std that print what they are around, and those that print otherwise
//! than their fields would.
//!
//! **To add one**: an entry in [`AROUND`]: the definition path, and the field that
//! it shows instead of itself. What has no entry is shown field by field.

use std::ops::Range;
use std::time::Duration;

use super::engine::{Engine, Spot};
use super::scalars::Encoding;
use super::see::Seen;
use crate::layout::containers::container_of;
use crate::layout::{Data, Shape};

/// Definition paths, and the field that is shown instead of the whole.
const AROUND: &[(&str, &[&str])] = &[
    ("std::collections::hash::map::HashMap", &["base"]),
    ("std::collections::hash::set::HashSet", &["base"]),
    ("alloc::collections::binary_heap::BinaryHeap", &["data"]),
    ("core::cell::UnsafeCell", &["value"]),
    ("core::cell::SyncUnsafeCell", &["value"]),
    ("core::pin::Pin", &["pointer", "__pointer"]),
    ("core::ptr::non_null::NonNull", &["pointer"]),
    ("core::ptr::unique::Unique", &["pointer"]),
    ("core::num::nonzero::NonZero", &["__0"]),
    ("core::num::wrapping::Wrapping", &["__0"]),
    ("core::num::saturating::Saturating", &["__0"]),
    ("core::mem::maybe_dangling::MaybeDangling", &["__0"]),
    ("endler::trackref::tracked::Tracked", &["__0"]),
    ("endler::trackref::tracked::Inner", &["value"]),
];

/// Texts: definition path, and where the vector or boxed slice of bytes lies.
const TEXTS: &[(&str, &str, Encoding)] = &[
    ("alloc::string::String", "vec", Encoding::Utf8),
    ("std::ffi::os_str::OsString", "inner.inner", Encoding::Any),
    ("std::path::PathBuf", "inner.inner.inner", Encoding::Any),
];

impl Engine<'_> {
    /// A type that is known by its path; none for all others.
    pub(super) fn known(&mut self, spot: Spot, data: &Data, window: &Range<u64>) -> Option<Seen> {
        if data.size == Some(0) && matches!(&data.shape, Shape::Struct(fields) if fields.is_empty())
        {
            let name = self.book.layouts.shown(spot.of);
            return Some(Seen::Text(match name.strip_prefix("core::marker::") {
                Some(phantom) => phantom.to_owned(),
                None if name.starts_with('(') => "()".to_owned(),
                None => data.name.split('<').next().unwrap_or_default().to_owned(),
            }));
        }
        if !matches!(data.shape, Shape::Struct(_)) {
            return None;
        }
        let stem = self.book.layouts.stem(spot.of);
        if let Some((_, fields)) = AROUND.iter().find(|(path, _)| *path == &*stem) {
            let (offset, of) = self.book.layouts.any_place(spot.of, fields)?;
            let at = spot.at.checked_add(offset)?;
            return Some(Seen::Same(Spot { at, of }));
        }
        if let Some((_, place, encoding)) = TEXTS.iter().find(|(path, ..)| *path == &*stem) {
            return Some(match self.bytes_of_vector(spot, place) {
                Some((_, 0)) => Seen::Text("\"\"".to_owned()),
                Some((at, len)) => self.text(at, len, *encoding),
                None => Seen::NotReadable,
            });
        }
        if let Some(container) = container_of(&stem) {
            let seen = self.container(spot, container, window);
            return Some(seen.unwrap_or(Seen::NotReadable));
        }
        if let Some(seen) = self.once(spot, data, &stem) {
            return Some(seen);
        }
        match &*stem {
            "alloc::ffi::c_str::CString" => Some(self.c_string(spot).unwrap_or(Seen::NotReadable)),
            "core::time::Duration" => self.duration(spot),
            "core::cell::RefCell" => self.some_fields(spot, "RefCell", &[("value", "value")]),
            "std::sync::poison::mutex::Mutex" => self.locked(spot, "Mutex"),
            "std::sync::poison::rwlock::RwLock" => self.locked(spot, "RwLock"),
            stem if stem.starts_with("core::sync::atomic::Atomic") => self.atomic(spot),
            stem if stem.starts_with("core::num::niche_types::") => {
                let (offset, of) = self.book.layouts.place(spot.of, "__0")?;
                let at = spot.at.checked_add(offset)?;
                Some(Seen::Same(Spot { at, of }))
            }
            _ => None,
        }
    }

    /// Some fields of a type, under other names.
    fn some_fields(&mut self, spot: Spot, name: &str, fields: &[(&str, &str)]) -> Option<Seen> {
        let mut parts = Vec::new();
        for (name, place) in fields {
            let (offset, of) = self.book.layouts.place(spot.of, place)?;
            let at = spot.at.checked_add(offset)?;
            parts.push(((*name).to_owned(), Spot { at, of }));
        }
        Some(Seen::Struct {
            name: name.to_owned(),
            fields: parts,
            is_tuple: false,
        })
    }

    fn locked(&mut self, spot: Spot, name: &str) -> Option<Seen> {
        let fields = [("data", "data"), ("poisoned", "poison.failed")];
        self.some_fields(spot, name, &fields)
    }

    /// An atomic number shows its number; a flag is stored as a byte.
    fn atomic(&mut self, spot: Spot) -> Option<Seen> {
        let (offset, of) = self
            .book
            .layouts
            .any_place(spot.of, &["v.value", "p.value"])?;
        let at = spot.at.checked_add(offset)?;
        let stored = Spot { at, of };
        let shown = self.book.layouts.shown(spot.of);
        let is_flag = shown.ends_with("AtomicBool") || shown.ends_with("Atomic<bool>");
        if !is_flag {
            return Some(Seen::Same(stored));
        }
        Some(match self.number(at, 1) {
            Some(0) => Seen::Text("false".to_owned()),
            Some(1) => Seen::Text("true".to_owned()),
            _ => Seen::NotReadable,
        })
    }

    fn duration(&mut self, spot: Spot) -> Option<Seen> {
        let (seconds, _) = self.book.layouts.place(spot.of, "secs")?;
        let (nanos, _) = self.book.layouts.place(spot.of, "nanos")?;
        let seconds = self.number(spot.at.checked_add(seconds)?, 8);
        let nanos = self.number(spot.at.checked_add(nanos)?, 4);
        let nanos = nanos.and_then(|n| u32::try_from(n).ok());
        Some(match (seconds, nanos.filter(|&n| n < 1_000_000_000)) {
            (Some(seconds), Some(nanos)) => {
                Seen::Text(format!("{:?}", Duration::new(seconds, nanos)))
            }
            _ => Seen::NotReadable,
        })
    }

    /// Bytes with a zero behind them, which is not shown.
    fn c_string(&mut self, spot: Spot) -> Option<Seen> {
        let (offset, of) = self.book.layouts.place(spot.of, "inner")?;
        let fat = self.book.layouts.fat_pointer(of)?.moved(offset)?;
        let crate::layout::places::Fat::Length(length) = fat.fat else {
            return None;
        };
        let at = self.word(spot.at.checked_add(fat.offset)?)?;
        let len = self.word(spot.at.checked_add(length)?)?;
        if !self.is_block(at, len) {
            return None;
        }
        let len = len.checked_sub(1)?;
        Some(match len {
            0 => Seen::Text("\"\"".to_owned()),
            len => self.text(at, len, Encoding::Any),
        })
    }
}
