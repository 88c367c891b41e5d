//! A query's text as tokens.

use super::QueryError;
use std::ops::Range;

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Name(String),
    Number(i64),
    Text(String),
    /// A type's name or glob without quotes: `*Spider`, `crawl::Page`.
    Type(String),
    /// One of `. [ ] ( ) : & | - ^ , =`.
    Sign(char),
    End,
}

/// A token and where it stands, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) at: Range<usize>,
}

/// The longest query in bytes: what is read nests as deep as it is long.
const LONGEST: usize = 16 << 10;

/// Splits a query; where the text ends there is [`Kind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, QueryError> {
    if text.len() > LONGEST {
        let mut shown = text.to_owned();
        shown.truncate(text.floor_char_boundary(60));
        let end = shown.len();
        let message = format!("this is {} bytes long; 16 KiB are allowed", text.len());
        return Err(QueryError::new(&shown, 0..end, message));
    }
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let from = text.len().saturating_sub(rest.len());
        let run = |of: fn(char) -> bool| rest.find(|c: char| !of(c)).unwrap_or(rest.len());
        let first = |len: usize| rest.get(..len).unwrap_or(rest);
        let to = |len: usize| from..from.saturating_add(len);
        let (kind, len) = match c {
            c if c.is_whitespace() => {
                rest = behind(rest, c.len_utf8());
                continue;
            }
            '.' | '[' | ']' | '(' | ')' | ':' | '&' | '|' | '-' | '^' | ',' | '=' => {
                (Kind::Sign(c), 1)
            }
            '0'..='9' => {
                let len = run(|c| c.is_ascii_digit());
                let number = first(len).parse();
                let number = number
                    .map_err(|_| QueryError::new(text, to(len), "this number is too large"))?;
                (Kind::Number(number), len)
            }
            '\'' | '"' => {
                let inside = behind(rest, 1);
                let inside = inside.split_once(c).map(|(inside, _)| inside);
                let inside = inside.ok_or_else(|| {
                    let message = format!("this text has no closing {c}");
                    QueryError::new(text, from..text.len(), message)
                })?;
                (
                    Kind::Text(inside.to_owned()),
                    inside.len().saturating_add(2),
                )
            }
            c if c.is_alphabetic() || c == '_' => {
                let len = run(|c| c.is_alphanumeric() || c == '_');
                match type_end(rest, len) {
                    end if end > len => (Kind::Type(first(end).to_owned()), end),
                    _ => (Kind::Name(first(len).to_owned()), len),
                }
            }
            '*' | '?' => {
                let end = type_end(rest, 0);
                (Kind::Type(first(end).to_owned()), end)
            }
            c => {
                let message =
                    format!("{c:?} means nothing here; a query is such as bytype[0].bysite");
                return Err(QueryError::new(text, to(c.len_utf8()), message));
            }
        };
        tokens.push(Token { kind, at: to(len) });
        rest = behind(rest, len);
    }
    tokens.push(Token {
        kind: Kind::End,
        at: text.len()..text.len(),
    });
    Ok(tokens)
}

/// A text without its first bytes.
fn behind(text: &str, bytes: usize) -> &str {
    text.get(bytes..).unwrap_or_default()
}

/// Where a type's name or glob ends whose first `from` bytes are letters: it goes on
/// with `*`, `?` or a path.
fn type_end(text: &str, from: usize) -> usize {
    let mut end = from;
    loop {
        let rest = behind(text, end);
        let word = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '*' | '?')));
        end = end.saturating_add(word.unwrap_or(rest.len()));
        match behind(text, end).strip_prefix("::") {
            Some(path) if path.starts_with(|c: char| c.is_alphabetic() || "_*?".contains(c)) => {
                end = end.saturating_add(2);
            }
            _ => return end,
        }
    }
}
