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

/// Splits a query. The last token is [`Kind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, QueryError> {
    if text.len() > LONGEST {
        let mut shown = text.to_owned();
        shown.truncate(text.floor_char_boundary(60));
        let end = shown.len();
        let message = format!("this is {} bytes long; 16 KiB are allowed", text.len());
        return Err(QueryError::new(&shown, 0..end, message));
    }
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
            '.' | '[' | ']' | '(' | ')' | ':' | '&' | '|' | '-' | '^' | ',' | '=' => {
                (Kind::Sign(c), 1)
            }
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
                match type_end(rest, len) {
                    end if end > len => (Kind::Type(rest[..end].to_string()), end),
                    _ => (Kind::Name(rest[..len].to_string()), len),
                }
            }
            '*' | '?' => {
                let end = type_end(rest, 0);
                (Kind::Type(rest[..end].to_string()), end)
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

/// Where a type's name or glob ends whose first `from` bytes are letters: it goes on
/// with `*`, `?` or a path.
fn type_end(text: &str, from: usize) -> usize {
    let mut end = from;
    loop {
        let rest = &text[end..];
        let word = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '*' | '?')));
        end += word.unwrap_or(rest.len());
        match text[end..].strip_prefix("::") {
            Some(path) if path.starts_with(|c: char| c.is_alphabetic() || "_*?".contains(c)) => {
                end += 2;
            }
            _ => return end,
        }
    }
}
