//! A query's text as tokens.

use super::QueryError;
use std::ops::Range;

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Name(String),
    Number(i64),
    Text(String),
    /// One of `. [ ] ( ) : & | - ^`.
    Sign(char),
    End,
}

/// A token and where it stands, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) at: Range<usize>,
}

/// Splits a query. The last token is [`Kind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, QueryError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let run = |of: fn(char) -> bool| rest.find(|c: char| !of(c)).unwrap_or(rest.len());
        let (kind, len) = match c {
            c if c.is_whitespace() => {
                at += c.len_utf8();
                continue;
            }
            '.' | '[' | ']' | '(' | ')' | ':' | '&' | '|' | '-' | '^' => (Kind::Sign(c), 1),
            '0'..='9' => {
                let len = run(|c| c.is_ascii_digit());
                let number = rest[..len].parse();
                let number = number
                    .map_err(|_| QueryError::new(text, at..at + len, "this number is too large"))?;
                (Kind::Number(number), len)
            }
            '\'' | '"' => {
                let end = rest[1..].find(c).ok_or_else(|| {
                    QueryError::new(
                        text,
                        at..text.len(),
                        format!("this text has no closing {c}"),
                    )
                })?;
                (Kind::Text(rest[1..=end].to_string()), end + 2)
            }
            c if c.is_alphabetic() || c == '_' => {
                let len = run(|c| c.is_alphanumeric() || c == '_');
                (Kind::Name(rest[..len].to_string()), len)
            }
            c => {
                let message =
                    format!("'{c}' means nothing here; a query is such as bytype[0].bysite");
                return Err(QueryError::new(text, at..at + c.len_utf8(), message));
            }
        };
        tokens.push(Token {
            kind,
            at: at..at + len,
        });
        at += len;
    }
    tokens.push(Token {
        kind: Kind::End,
        at: text.len()..text.len(),
    });
    Ok(tokens)
}
