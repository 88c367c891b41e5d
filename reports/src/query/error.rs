//! Errors that point at the place.

use std::fmt;

/// A query that cannot be read or answered. `Display` repeats the query and
/// points at the part that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    /// The query.
    pub text: String,
    /// Where the wrong part begins and ends, in characters.
    pub columns: (usize, usize),
    /// What is wrong and what is allowed.
    pub message: String,
}

impl QueryError {
    /// From a range of bytes.
    pub(crate) fn new(
        text: &str,
        range: std::ops::Range<usize>,
        message: impl Into<String>,
    ) -> Self {
        let column = |at: usize| text.char_indices().take_while(|&(i, _)| i < at).count();
        let from = column(range.start);
        let to = column(range.end).max(from.saturating_add(1));
        QueryError {
            text: text.to_string(),
            columns: (from, to),
            message: message.into(),
        }
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = self.columns;
        // One line whatever was typed, so that the mark stands below its place.
        let line: String = self
            .text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        writeln!(f, "{line}")?;
        writeln!(
            f,
            "{}{}",
            " ".repeat(from),
            "^".repeat(to.saturating_sub(from))
        )?;
        write!(f, "{}", self.message)
    }
}

impl std::error::Error for QueryError {}
