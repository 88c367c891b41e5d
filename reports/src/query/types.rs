//! Which types a name means: `HtmlResponse`, `crawl::HtmlResponse`,
//! `Arc<crawl::HtmlResponse>`, `*Response`.
//!
//! A name is compared with what a block is called, and with what it holds if it
//! holds one value (`Box`, `Rc`, `Arc` of it, or a tracked object). Paths may be cut
//! at their beginning, and generic arguments left out. What is in a container is
//! meant only where the container is spelled: `Vec<HtmlResponse>`.

use endler_snapshot::Image;

use crate::filter::glob;
use crate::render::live::short;

/// Names that are listed where none matches.
const CLOSE: usize = 5;
/// The most characters of a name that are compared with a wrong one.
const COMPARED: usize = 64;

/// The path of what a tracked object's block holds.
const TRACKED: &str = "endler::trackref::tracked::Inner<";

/// The type of the value in a block; none if it is a container's.
pub(crate) fn subject<'n>(holder: &str, held: &'n str) -> Option<&'n str> {
    match holder {
        "Box" | "Rc" | "Arc" | "Raw" if !held.is_empty() => Some(untracked(held)),
        _ => None,
    }
}

/// The type of a tracked object, by that of its block's content.
pub(crate) fn untracked(held: &str) -> &str {
    let inner = held.strip_prefix(TRACKED).and_then(|h| h.strip_suffix('>'));
    inner.unwrap_or(held)
}

/// Whether `pattern` means the type of this whole name.
pub(crate) fn means(pattern: &str, name: &str) -> bool {
    if pattern.contains(['*', '?']) {
        return glob(pattern, name) || glob(pattern, &short(name, 1));
    }
    let same = |name: &str| {
        name == pattern
            || short(name, 1) == pattern
            || name
                .strip_suffix(pattern)
                .is_some_and(|path| path.ends_with("::") && !path.contains('<'))
    };
    let bare = |name: &str| match name.split_once('<') {
        Some((stem, _)) if !pattern.contains('<') => same(stem),
        _ => false,
    };
    !pattern.is_empty() && (same(name) || bare(name))
}

/// For each type of an image, whether the name means it.
pub(crate) fn meant(image: &Image, pattern: &str) -> Vec<bool> {
    let Some(names) = &image.resolution else {
        return Vec::new();
    };
    let of = |row: &endler_snapshot::TypeRow| {
        let (name, holder, held) = (
            names.str(row.name),
            names.str(row.holder),
            names.str(row.held),
        );
        means(pattern, name) || subject(holder, held).is_some_and(|held| means(pattern, held))
    };
    names.types.iter().map(of).collect()
}

/// Names of types that are like this one, the most like first.
pub(crate) fn close(image: &Image, pattern: &str) -> Vec<String> {
    let Some(names) = &image.resolution else {
        return Vec::new();
    };
    let wanted: Vec<char> = plain(pattern);
    let mut found: Vec<(usize, String)> = Vec::new();
    for row in &names.types {
        let (name, held) = (names.str(row.name), names.str(row.held));
        let whole = subject(names.str(row.holder), held).unwrap_or(name);
        // A third of the letters may be wrong.
        let most = wanted.len().max(3) / 3;
        let distance = distance(&wanted, &plain(&short(whole, 1)), most);
        if distance <= most && !found.iter().any(|f| f.1 == whole) {
            found.push((distance, whole.to_owned()));
        }
    }
    found.sort();
    found.truncate(CLOSE);
    found.into_iter().map(|(_, name)| name).collect()
}

/// A name as it is compared: letters of one case, without arguments and globs.
fn plain(name: &str) -> Vec<char> {
    let stem = name.split('<').next().unwrap_or_default();
    let last = stem.rsplit("::").next().unwrap_or_default();
    let letters = last.chars().filter(|c| !matches!(c, '*' | '?'));
    letters
        .flat_map(char::to_lowercase)
        .take(COMPARED)
        .collect()
}

/// How many letters have to be added, removed or exchanged, or more than `most`; a
/// name that contains the other is one step away.
fn distance(a: &[char], b: &[char], most: usize) -> usize {
    let (long, part) = if a.len() < b.len() { (b, a) } else { (a, b) };
    if part.len() > 2 && long.windows(part.len()).any(|w| w == part) {
        return usize::from(a != b);
    }
    if long.len().saturating_sub(part.len()) > most {
        return usize::MAX;
    }
    let mut before: Vec<usize> = (0..=b.len()).collect();
    for (row, x) in a.iter().enumerate() {
        let mut left = row.saturating_add(1);
        let mut now = vec![left];
        for (y, pair) in b.iter().zip(before.windows(2)) {
            let &[diagonal, above] = pair else {
                break;
            };
            let exchanged = diagonal.saturating_add(usize::from(x != y));
            left = exchanged.min(above.min(left).saturating_add(1));
            now.push(left);
        }
        before = now;
    }
    before.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_a_type_with_or_without_its_path() {
        let check = |pattern: &str, name: &str, expect: bool| {
            assert_eq!(means(pattern, name), expect, "{pattern} on {name}");
        };
        let name = "crawl::http::Response<crawl::Text>";
        for pattern in [
            "crawl::http::Response<crawl::Text>",
            "Response<Text>",
            "Response",
            "http::Response",
            "crawl::http::Response",
            "*Response*",
            "*::Response<*>",
            "Resp?nse<Text>",
            "Response<*",
        ] {
            check(pattern, name, true);
        }
        for pattern in [
            "",
            "response",
            "esponse",
            "Text",
            "p::Response",
            "crawl::Response",
            "Text>",
            "Response<String>",
            "*Response",
        ] {
            check(pattern, name, false);
        }
        check("Vec<Page>", "Vec<crawl::Page>", true);
        check("Page", "Vec<crawl::Page>", false);
        check("Vec", "Vec<crawl::Page>", true);
    }

    #[test]
    fn what_a_block_holds() {
        let tracked = "endler::trackref::tracked::Inner<crawl::Page>";
        assert_eq!(subject("Arc", tracked), Some("crawl::Page"));
        assert_eq!(subject("Rc", "crawl::Page"), Some("crawl::Page"));
        assert_eq!(subject("Vec", "crawl::Page"), None);
        assert_eq!(subject("unknown", ""), None);
    }

    #[test]
    fn distances() {
        let check = |a: &str, b: &str, expect: usize| {
            assert_eq!(distance(&plain(a), &plain(b), 3), expect, "{a} {b}");
        };
        check("HtmlResponse", "HtmlResponse", 0);
        check("HtmlRespones", "HtmlResponse", 2);
        check("Html", "HtmlResponse", 1);
        check("crawl::Page", "other::page<u8>", 0);
        check("kitten", "sitting", 3);
        check("", "abc", 3);
        check("", "abcd", usize::MAX);
    }
}
