//! The path of a function from its symbol alone.
//!
//! Some functions have no entry in debug information: those of crates that std
//! was built from, and with line tables alone all into which nothing was
//! inlined. Their symbols still tell module, type and name; generic arguments
//! they have mostly lost.

/// A symbol's path without generic arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SymbolPath {
    /// `alloc::raw_vec`.
    pub(super) module: String,
    /// `RawVecInner`, empty for a free function.
    pub(super) around: String,
    /// `finish_grow`.
    pub(super) base: String,
}

/// Takes a demangled name apart: `alloc::vec::Vec<T,A>::push`,
/// `<alloc::vec::Vec<u8>>::push`, `<crawl::Page as core::clone::Clone>::clone`.
pub(super) fn path_of(demangled: &str) -> SymbolPath {
    let (owner, rest) = match qualified(demangled) {
        Some((of, rest)) => (Some(of), rest),
        None => (None, demangled),
    };
    let mut segments = Vec::new();
    if let Some(of) = owner {
        // A method of a type parameter is named after the trait.
        let (of, of_trait) = split_outside(of, " as ").unwrap_or((of, of));
        let path = if of.contains("::") { of } else { of_trait };
        let path = path.trim_start_matches(['&', '*']);
        let word = ["mut ", "const ", "dyn "]
            .iter()
            .find_map(|w| path.strip_prefix(w));
        segments.extend(segments_of(word.unwrap_or(path)));
    }
    segments.extend(segments_of(rest));
    let base = segments.pop().unwrap_or_default().to_owned();
    let is_type = |s: &&str| owner.is_some() || s.starts_with(char::is_uppercase);
    let around = segments
        .last()
        .copied()
        .filter(is_type)
        .unwrap_or_default()
        .to_owned();
    if !around.is_empty() {
        segments.pop();
    }
    SymbolPath {
        module: segments.join("::"),
        around,
        base,
    }
}

/// The crate that a symbol's function belongs to.
pub(super) fn crate_of(path: &SymbolPath) -> &str {
    let all = if path.module.is_empty() {
        &path.base
    } else {
        &path.module
    };
    all.split("::").next().unwrap_or_default()
}

/// The inside of the leading `<…>` and what stands behind its `::`.
fn qualified(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('<')?;
    let end = closing(inside)?;
    let rest = inside.get(end + 1..)?.strip_prefix("::")?;
    Some((inside.get(..end)?, rest))
}

/// Where the bracket closes that was opened before `text`.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '<' => depth += 1,
            // The arrow of a function type closes nothing.
            '>' if before != '-' => match depth.checked_sub(1) {
                Some(outer) => depth = outer,
                None => return Some(at),
            },
            _ => {}
        }
        before = c;
    }
    None
}

/// Splits at the first `by` that stands in no bracket.
fn split_outside<'t>(text: &'t str, by: &str) -> Option<(&'t str, &'t str)> {
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        match c {
            '<' | '(' | '[' => depth += 1,
            '>' | ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0
            && let Some(rest) = text.get(at..).and_then(|t| t.strip_prefix(by))
        {
            return Some((text.get(..at)?, rest));
        }
    }
    None
}

/// The segments of a path, without generic arguments.
fn segments_of(path: &str) -> Vec<&str> {
    let mut segments = Vec::new();
    let mut rest = path;
    loop {
        let (segment, more) = split_outside(rest, "::").unwrap_or((rest, ""));
        let name = segment.split('<').next().unwrap_or_default();
        if !name.is_empty() {
            segments.push(name);
        }
        if more.is_empty() {
            return segments;
        }
        rest = more;
    }
}

#[cfg(test)]
mod tests {
    use super::{crate_of, path_of};

    #[test]
    fn paths_of_symbols() {
        for (symbol, krate, module, around, base) in [
            (
                "alloc::raw_vec::RawVecInner<A>::finish_grow",
                "alloc",
                "alloc::raw_vec",
                "RawVecInner",
                "finish_grow",
            ),
            (
                "<alloc::raw_vec::RawVecInner>::finish_grow",
                "alloc",
                "alloc::raw_vec",
                "RawVecInner",
                "finish_grow",
            ),
            (
                "<alloc::vec::Vec<fn(u8) -> u8>>::push",
                "alloc",
                "alloc::vec",
                "Vec",
                "push",
            ),
            ("crawl::net::parse", "crawl", "crawl::net", "", "parse"),
            ("crawl::parse::<u8>", "crawl", "crawl", "", "parse"),
            (
                "<crawl::Page as core::clone::Clone>::clone",
                "crawl",
                "crawl",
                "Page",
                "clone",
            ),
            (
                "<T as alloc::string::ToString>::to_string",
                "alloc",
                "alloc::string",
                "ToString",
                "to_string",
            ),
            (
                "<&mut crawl::Page as crawl::Rule>::check",
                "crawl",
                "crawl",
                "Page",
                "check",
            ),
            (
                "crawl::main::{{closure}}",
                "crawl",
                "crawl::main",
                "",
                "{{closure}}",
            ),
            ("malloc", "malloc", "", "", "malloc"),
            ("", "", "", "", ""),
        ] {
            let path = path_of(symbol);
            let got = (
                crate_of(&path),
                path.module.as_str(),
                path.around.as_str(),
                path.base.as_str(),
            );
            assert_eq!(got, (krate, module, around, base), "{symbol}");
        }
        for odd in ["<<<", ">", "a::", "<a>", "<a as >::b", "-> ", "::::"] {
            let _ = path_of(odd);
        }
    }
}
