//! Help, and the words that complete a line.

use crate::console::MAX_VARIABLES;
use crate::partition::by;
use crate::query::words::{CALLS, FUNCTIONS, STEPS};

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
    let (first, second) = names.split_at(half);
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

/// Completes the last word of a line: words of the language, variables, and inside
/// quotes the names of types.
#[must_use]
pub fn complete(line: &str, variables: &[String], types: &[String]) -> Completion {
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
        Some((at, _)) => at + 1,
        None => line.len() - line.len().min(tail(line, is_letter)),
    };
    let (before, word) = line.split_at(from);
    let mut words: Vec<String> = if open.is_some() {
        types.to_vec()
    } else {
        let relations = by::ALL.iter().map(|r| r.name);
        let steps = relations.chain(STEPS);
        let before = before.trim_end();
        if before.ends_with('.') && !before.ends_with("hpy.") && !before.ends_with("hpy().") {
            steps.chain(CALLS).map(str::to_owned).collect()
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

/// Bytes of the letters that a text ends in.
fn tail(text: &str, is_letter: impl Fn(char) -> bool) -> usize {
    let letters = text.chars().rev().take_while(|&c| is_letter(c));
    letters.map(char::len_utf8).sum()
}
