//! A single value as JSON (RFC 8259).
//!
//! Not by serde_json: what the recording library links, the profiled program
//! sees. serde_json lets numbers and texts be compared with its own values, and
//! programs whose types were inferred before, such as `assert_eq!(numbers, [])`,
//! would no longer compile (`tests/inference.rs`).

use std::io::{self, Write};

/// What a field can hold.
pub trait Value {
    /// Writes the value as JSON.
    ///
    /// # Errors
    /// Those of `out`.
    fn write(&self, out: &mut dyn Write) -> io::Result<()>;
}

impl Value for str {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b"\"")?;
        let mut rest = self;
        while let Some(at) = rest.find(|c: char| c < ' ' || c == '"' || c == '\\') {
            let (plain, from) = rest.split_at(at);
            out.write_all(plain.as_bytes())?;
            // All that is looked for is ASCII.
            let (escaped, after) = from.split_at(1);
            match escaped {
                "\n" => out.write_all(b"\\n")?,
                "\t" => out.write_all(b"\\t")?,
                "\r" => out.write_all(b"\\r")?,
                "\"" | "\\" => write!(out, "\\{escaped}")?,
                _ => write!(out, "\\u{:04x}", escaped.as_bytes()[0])?,
            }
            rest = after;
        }
        out.write_all(rest.as_bytes())?;
        out.write_all(b"\"")
    }
}

impl Value for String {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        self.as_str().write(out)
    }
}

impl<T: Value + ?Sized> Value for &T {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        (**self).write(out)
    }
}

/// Whole numbers; JSON sets no limit to their digits.
macro_rules! whole {
    ($($number:ty),*) => {$(
        impl Value for $number {
            fn write(&self, out: &mut dyn Write) -> io::Result<()> {
                write!(out, "{self}")
            }
        }
    )*};
}
whole!(i32, i64, u32, u64, usize);

/// `null` for what JSON has no number for.
impl Value for f64 {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.is_finite() {
            write!(out, "{self:?}")
        } else {
            out.write_all(b"null")
        }
    }
}

impl<T: Value> Value for Option<T> {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Some(value) => value.write(out),
            None => out.write_all(b"null"),
        }
    }
}

impl<T: Value> Value for [T] {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b"[")?;
        for (at, value) in self.iter().enumerate() {
            if at > 0 {
                out.write_all(b",")?;
            }
            value.write(out)?;
        }
        out.write_all(b"]")
    }
}
