//! An object that is written field by field.

use serde_json::Value;
use std::io::{self, Write};

/// Writes one JSON object. Keys come out in the order of the calls.
///
/// ```
/// use endler_reports::json::Object;
/// let mut out = Vec::new();
/// let mut object = Object::new(&mut out)?;
/// object.field("name", "a\"b")?.field("count", 2)?;
/// object.end()?;
/// assert_eq!(out, br#"{"name":"a\"b","count":2}"#);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Object<'w> {
    out: &'w mut dyn Write,
    empty: bool,
}

impl std::fmt::Debug for Object<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Object")
            .field("empty", &self.empty)
            .finish_non_exhaustive()
    }
}

impl<'w> Object<'w> {
    /// Opens the brace.
    pub fn new(out: &'w mut dyn Write) -> io::Result<Self> {
        out.write_all(b"{")?;
        Ok(Object { out, empty: true })
    }

    fn key(&mut self, key: &str) -> io::Result<()> {
        if !self.empty {
            self.out.write_all(b",")?;
        }
        self.empty = false;
        serde_json::to_writer(&mut *self.out, key)?;
        self.out.write_all(b":")
    }

    /// Writes a key and a value.
    pub fn field(&mut self, key: &str, value: impl Into<Value>) -> io::Result<&mut Self> {
        self.key(key)?;
        serde_json::to_writer(&mut *self.out, &value.into())?;
        Ok(self)
    }

    /// Writes a key and a text, which [`Object::field`] would copy.
    pub fn text(&mut self, key: &str, value: &str) -> io::Result<&mut Self> {
        self.key(key)?;
        serde_json::to_writer(&mut *self.out, value)?;
        Ok(self)
    }

    /// Writes a key and an object that `fill` fills.
    pub fn object(
        &mut self,
        key: &str,
        fill: impl FnOnce(&mut Object<'_>) -> io::Result<()>,
    ) -> io::Result<&mut Self> {
        self.key(key)?;
        let mut object = Object::new(&mut *self.out)?;
        fill(&mut object)?;
        object.end()?;
        Ok(self)
    }

    /// Writes a key and an array with an object for each item, one a line.
    pub fn rows<T>(
        &mut self,
        key: &str,
        items: impl IntoIterator<Item = T>,
        mut fill: impl FnMut(&mut Object<'_>, T) -> io::Result<()>,
    ) -> io::Result<&mut Self> {
        self.key(key)?;
        self.out.write_all(b"[")?;
        for (at, item) in items.into_iter().enumerate() {
            self.out.write_all(if at == 0 { b"\n" } else { b",\n" })?;
            let mut object = Object::new(&mut *self.out)?;
            fill(&mut object, item)?;
            object.end()?;
        }
        self.out.write_all(b"\n]")?;
        Ok(self)
    }

    /// Closes the brace.
    pub fn end(self) -> io::Result<()> {
        self.out.write_all(b"}")
    }
}
