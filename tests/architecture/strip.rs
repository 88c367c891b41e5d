//! A source text without its comments and strings.

/// The text without comments, and with the contents of strings and characters
/// blotted out; line ends stay.
pub(crate) fn code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let token = token_length(rest, out.chars().next_back());
        let (token, after) = rest.split_at(token);
        rest = after;
        match c {
            '/' if token.len() > 1 => out.extend(token.chars().filter(|&c| c == '\n')),
            _ if token.len() > c.len_utf8() => {
                out.extend(
                    token
                        .chars()
                        .map(|c| if c.is_whitespace() { c } else { '"' }),
                );
            }
            _ => out.push_str(token),
        }
    }
    out
}

/// The length of the comment, string or character that `text` begins with,
/// else of its first character.
fn token_length(text: &str, before: Option<char>) -> usize {
    let until = |start: usize, end: &str| {
        text[start..]
            .find(end)
            .map_or(text.len(), |found| start + found + end.len())
    };
    let bytes = text.as_bytes();
    let first = text.chars().next().map_or(0, char::len_utf8);
    match bytes {
        [b'/', b'/', ..] => text.find('\n').unwrap_or(text.len()),
        [b'/', b'*', ..] => block_comment(bytes),
        [b'"', ..] => quoted(bytes, b'"'),
        [b'\'', b'\\', ..] => quoted(bytes, b'\''),
        [b'\'', ..] => {
            // `'x'` is a character, `'x` alone a lifetime.
            let mut chars = text.char_indices().skip(2);
            if chars.next().is_some_and(|(_, c)| c == '\'') {
                until(1, "'")
            } else {
                1
            }
        }
        [b'r', ..]
            if before.is_none_or(|c| !c.is_alphanumeric() && c != '_' || "bc".contains(c)) =>
        {
            let hashes = bytes[1..].iter().take_while(|&&byte| byte == b'#').count();
            if bytes.get(1 + hashes) == Some(&b'"') {
                until(hashes + 2, &format!("\"{}", "#".repeat(hashes)))
            } else {
                1
            }
        }
        _ => first,
    }
}

fn block_comment(bytes: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

fn quoted(bytes: &[u8], end: u8) -> usize {
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            byte if byte == end => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}
