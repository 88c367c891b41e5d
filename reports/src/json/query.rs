//! `query --json`.

use super::Object;
use super::report::view;
use crate::query::Answer;
use std::io::{self, Write};

/// The whole object. `snapshot` is the path as it was given. A number or a
/// text is the one row of its answer.
pub fn query(out: &mut dyn Write, snapshot: &str, answer: &Answer<'_>) -> io::Result<()> {
    let mut object = Object::new(out)?;
    object.field("snapshot", snapshot)?;
    match answer {
        Answer::View { set, by, .. } => {
            object.field("by", by.word())?;
            view(&mut object, "query", set, by, None)?;
        }
        Answer::Number(number) => {
            object.rows("query", [number], |out, number| {
                out.field("value", *number).map(|_| ())
            })?;
        }
        Answer::Text(text) => {
            object.rows("query", [text], |out, text| {
                out.text("text", text).map(|_| ())
            })?;
        }
    }
    object.end()?;
    out.write_all(b"\n")
}
