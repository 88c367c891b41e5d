//! Line wrapping as Python's `textwrap.wrap` does it with its default options
//! (CPython 3.11, `Lib/textwrap.py`), which is how Heapy breaks long rows.
//!
//! Widths are counted in characters, not in columns of a terminal.

/// Wraps `text` at `width`. The first line is indented by `initial` blanks,
/// every other by `subsequent`; both count towards the width.
#[must_use]
pub fn wrap(text: &str, width: usize, initial: usize, subsequent: usize) -> Vec<String> {
    let mut chunks = split(&munge(text));
    chunks.reverse();
    let mut lines: Vec<String> = Vec::new();
    while !chunks.is_empty() {
        let indent = if lines.is_empty() {
            initial
        } else {
            subsequent
        };
        let room = width.saturating_sub(indent);
        let mut line: Vec<Vec<char>> = Vec::new();
        let mut used = 0;
        if !lines.is_empty() && chunks.last().is_some_and(|c| is_blank(c)) {
            chunks.pop();
        }
        while let Some(chunk) = chunks.pop_if(|c| used + c.len() <= room) {
            used += chunk.len();
            line.push(chunk);
        }
        if let Some(chunk) = chunks.last_mut().filter(|c| c.len() > room) {
            let left = if room < 1 { 1 } else { room - used };
            let rest = chunk.split_off(break_at(chunk, left));
            line.push(std::mem::replace(chunk, rest));
        }
        if line.last().is_some_and(|c| is_blank(c)) {
            line.pop();
        }
        if !line.is_empty() {
            let text = line.into_iter().flatten();
            lines.push(std::iter::repeat_n(' ', indent).chain(text).collect());
        }
    }
    lines
}

/// Where a word longer than a line is cut: after the last hyphen that fits and
/// is not at its beginning, else where the line is full.
fn break_at(chunk: &[char], left: usize) -> usize {
    let fits = &chunk[..left.min(chunk.len())];
    if chunk.len() > left
        && let Some(hyphen) = fits.iter().rposition(|&c| c == '-')
        && fits[..hyphen].iter().any(|&c| c != '-')
    {
        return hyphen + 1;
    }
    fits.len()
}

/// Expands tabs to multiples of eight and turns other white space into blanks.
fn munge(text: &str) -> Vec<char> {
    let mut out = Vec::with_capacity(text.len());
    let mut column = 0;
    for c in text.chars() {
        match c {
            '\t' => {
                let blanks = 8 - column % 8;
                out.extend(std::iter::repeat_n(' ', blanks));
                column += blanks;
            }
            '\n' | '\r' => {
                out.push(' ');
                column = 0;
            }
            '\x0b' | '\x0c' => {
                out.push(' ');
                column += 1;
            }
            c => {
                out.push(c);
                column += 1;
            }
        }
    }
    out
}

/// Splits into chunks that a line may not divide: runs of blanks, words, the
/// parts of hyphenated words, and dashes between words. This is `wordsep_re`.
fn split(text: &[char]) -> Vec<Vec<char>> {
    let mut chunks = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let end = chunk_end(text, at);
        chunks.push(text[at..end].to_vec());
        at = end;
    }
    chunks
}

fn chunk_end(text: &[char], at: usize) -> usize {
    let run = |from: usize, c: char| text[from..].iter().take_while(|&&x| x == c).count();
    if text[at] == ' ' {
        return at + run(at, ' ');
    }
    let before = at.checked_sub(1).map(|i| text[i]);
    let dashes = run(at, '-');
    if dashes >= 2
        && before.is_some_and(is_word_punct)
        && text.get(at + dashes).copied().is_some_and(is_word)
    {
        return at + dashes;
    }
    for end in at + 1..text.len() {
        if text[end] == '-' && hyphenates(text, end) {
            return end + 1;
        }
        if text[end] == ' ' {
            return end;
        }
        let dashes = run(end, '-');
        if dashes >= 2
            && is_word_punct(text[end - 1])
            && text.get(end + dashes).copied().is_some_and(is_word)
        {
            return end;
        }
    }
    text.len()
}

/// Whether a line may end after the hyphen at `at`.
fn hyphenates(text: &[char], at: usize) -> bool {
    let letter = |i: Option<usize>| i.and_then(|i| text.get(i)).copied().is_some_and(is_letter);
    let hyphen = |i: Option<usize>| i.and_then(|i| text.get(i)) == Some(&'-');
    let before = letter(at.checked_sub(1))
        && (letter(at.checked_sub(2)) || hyphen(at.checked_sub(2)) && letter(at.checked_sub(3)));
    let after = letter(Some(at + 1))
        && (letter(Some(at + 2)) || hyphen(Some(at + 2)) && letter(Some(at + 3)));
    before && after
}

fn is_blank(chunk: &[char]) -> bool {
    chunk
        .iter()
        .all(|&c| c.is_whitespace() || matches!(c, '\x1c'..='\x1f'))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_letter(c: char) -> bool {
    is_word(c) && !c.is_ascii_digit()
}

fn is_word_punct(c: char) -> bool {
    is_word(c) || matches!(c, '!' | '"' | '\'' | '&' | '.' | ',' | '?')
}
