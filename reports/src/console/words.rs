//! Help, and the words that complete a line.

use super::Names;
use crate::console::MAX_VARIABLES;
use crate::partition::by;
use crate::query::words::{CALLS, FUNCTIONS, STEPS};
use crate::render::live::short;

/// What `help` prints, without a line feed at its end.
#[must_use]
pub fn help() -> String {
    let mut out = String::from("Ask as in Heapy and Scrapy's trackref:\n\n");
    for function in FUNCTIONS.iter().filter(|f| f.name != "hpy") {
        out.push_str(&format!("  {:<31} {}\n", function.call, function.does));
    }
    let relations: Vec<&str> = by::ALL.iter().map(|r| r.name).collect();
    out.push_str(&format!(
        "\nOf a heap x, and of each of its rows: x[0]  x[0:3]  x.more  x.all  x.count  x.size\n\
         \x20 by another relation: {}\n\
         \x20 by('type&age')  where('age>=10s')  oldest  retained  dominators  referrers  referents  paths\n\
         \x20 x & y  x | y  x - y  x ^ y        blocks of both, either, the first only, exactly one\n\
         \x20 x.diff(y)                       rows of one name subtracted\n\n\
         x = … sets a variable (at most {MAX_VARIABLES}), del x forgets it, _ is what was shown last.\n\
         A type is named with or without its path: HtmlResponse, crawl::HtmlResponse,\n\
         Arc<crawl::HtmlResponse>, *Response. Values are those of the newest heap.",
        wrapped(&relations)
    ));
    out
}

/// Two lines of names.
fn wrapped(names: &[&str]) -> String {
    let half = names.len().div_ceil(2);
    let (first, second) = names.split_at_checked(half).unwrap_or((names, &[]));
    format!("{}\n    {}", first.join(" "), second.join(" "))
}

/// Words that may stand at the end of a line that is being typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// Where the word that they replace begins, in bytes of the line.
    pub from: usize,
    /// The whole words, in the order of the alphabet.
    pub words: Vec<String>,
}

/// Completes the last word of a line: words of the language, variables, fields of
/// objects, and inside quotes the names of types, with their path or without it.
#[must_use]
pub fn complete(line: &str, variables: &[String], names: &Names) -> Completion {
    let mut open = None;
    for (at, c) in line.char_indices().filter(|(_, c)| matches!(c, '\'' | '"')) {
        open = match open {
            None => Some((at, c)),
            Some((_, quote)) if quote == c => None,
            other => other,
        };
    }
    let is_letter = |c: char| c.is_alphanumeric() || c == '_';
    let from = match open {
        Some((at, quote)) => at.saturating_add(quote.len_utf8()),
        None => line.len().saturating_sub(tail(line, is_letter)),
    };
    let (before, word) = line.split_at_checked(from).unwrap_or((line, ""));
    let is_key = open.is_some_and(|(at, _)| line.get(..at).is_some_and(|l| l.ends_with('[')));
    let mut words: Vec<String> = if is_key {
        // Of a map's keys nothing is known here.
        Vec::new()
    } else if open.is_some() {
        let types = names.types.iter();
        types
            .flat_map(|name| [name.clone(), short(name, 1)])
            .collect()
    } else {
        let relations = by::ALL.iter().map(|r| r.name);
        let steps = relations.chain(STEPS);
        let before = before.trim_end();
        if before.ends_with('.') && !before.ends_with("hpy.") && !before.ends_with("hpy().") {
            let fields = fields_before(before, names).map(str::to_owned);
            fields
                .chain(steps.chain(CALLS).map(str::to_owned))
                .collect()
        } else if before.ends_with('.') {
            vec!["heap".into(), "setref".into()]
        } else {
            let functions = FUNCTIONS.iter().map(|f| f.name);
            let words = steps.chain(functions).map(str::to_owned);
            words.chain(variables.iter().cloned()).collect()
        }
    };
    words.retain(|w| w.starts_with(word));
    words.sort();
    words.dedup();
    Completion { from, words }
}

/// The fields of what stands before a dot at the end of a line.
fn fields_before<'n>(line: &str, names: &'n Names) -> impl Iterator<Item = &'n str> {
    let place = line.strip_suffix('.').unwrap_or_default();
    let is_place = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '[' | ']' | '-');
    let from = place.len().saturating_sub(tail(place, is_place));
    let mut plain = String::new();
    // Each element has what the first has.
    for c in place.get(from..).unwrap_or_default().chars() {
        if !(plain.ends_with('[') && (c.is_ascii_digit() || c == '-')) {
            plain.push(c);
        }
    }
    let found = names.fields.iter().filter(move |(of, _)| *of == plain);
    found.flat_map(|(_, fields)| fields.iter().map(String::as_str))
}

/// Bytes of the letters that a text ends in.
fn tail(text: &str, is_letter: impl Fn(char) -> bool) -> usize {
    let letters = text.chars().rev().take_while(|&c| is_letter(c));
    letters.map(char::len_utf8).sum()
}
