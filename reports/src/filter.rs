//! `--where`: the blocks that a condition holds for.
//!
//! ```text
//! WORD=GLOB  WORD!=GLOB      the name in the partition by WORD (type, site, thread, …);
//!                            * is any text, ? one character
//! age OP 10s                 OP is < <= > >= = !=; s m h d
//! size OP 1KiB               bytes, or KiB MiB GiB
//! ```
//!
//! Conditions of a console's lines are read in the process that is profiled: nothing
//! here panics.

#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unwrap_used
    )
)]

use crate::partition::{By, Heap, Set, words};
use std::fmt;

/// A condition on blocks.
#[derive(Clone, Debug)]
pub struct Filter(Test);

#[derive(Clone, Debug)]
enum Test {
    Name {
        by: By,
        glob: Vec<char>,
        equal: bool,
    },
    Age(Compare, f64),
    Size(Compare, f64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compare {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

const OPERATORS: [(&str, Compare); 6] = [
    ("<=", Compare::LessOrEqual),
    (">=", Compare::GreaterOrEqual),
    ("!=", Compare::NotEqual),
    ("<", Compare::Less),
    (">", Compare::Greater),
    ("=", Compare::Equal),
];

/// A condition that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadFilter(String);

impl fmt::Display for BadFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadFilter {}

impl std::str::FromStr for Filter {
    type Err = BadFilter;

    fn from_str(text: &str) -> Result<Filter, BadFilter> {
        let at = text.find(['<', '>', '=', '!']);
        let parts = at.and_then(|at| text.split_at_checked(at));
        let read = parts.and_then(|(word, rest)| {
            OPERATORS.iter().find_map(|&(sign, compare)| {
                let value = rest.strip_prefix(sign)?;
                Some((word.trim(), compare, value.trim()))
            })
        });
        let Some((word, compare, value)) = read else {
            return Err(BadFilter(format!(
                "'{text}' compares nothing; write type=GLOB, site=GLOB, age>=10s or size>=1KiB"
            )));
        };
        match (word, compare) {
            ("age", compare) => amount(value, &AGE_UNITS)
                .map(|seconds| Filter(Test::Age(compare, seconds)))
                .ok_or_else(|| {
                    BadFilter(format!("'{value}' is not an age; write 10s, 5m, 2h or 1d"))
                }),
            ("size", compare) => amount(value, &SIZE_UNITS)
                .map(|bytes| Filter(Test::Size(compare, bytes)))
                .ok_or_else(|| {
                    BadFilter(format!(
                        "'{value}' is not a size; write 4096, 4KiB, 1MiB or 1GiB"
                    ))
                }),
            (word, Compare::Equal | Compare::NotEqual) => {
                let by = By::parse(word).ok().filter(|by| !by.is_id());
                let by = by.ok_or_else(|| {
                    BadFilter(format!(
                        "there is nothing called '{word}'; there are {}",
                        words().replace(" id", "")
                    ))
                })?;
                Ok(Filter(Test::Name {
                    by,
                    glob: value.chars().collect(),
                    equal: compare == Compare::Equal,
                }))
            }
            (word, _) => Err(BadFilter(format!(
                "only age and size have an order; write {word}=GLOB or {word}!=GLOB"
            ))),
        }
    }
}

const AGE_UNITS: [(&str, f64); 5] = [
    ("ms", 0.001),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
    ("d", 86_400.0),
];
const SIZE_UNITS: [(&str, f64); 5] = [
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("B", 1.0),
    ("", 1.0),
];

fn amount(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.get(digits.len()..)?;
    let (_, scale) = units
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    let number: f64 = digits.trim().parse().ok()?;
    (number.is_finite() && number >= 0.0).then_some(number * scale)
}

impl Compare {
    fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Compare::Less => left < right,
            Compare::LessOrEqual => left <= right,
            Compare::Greater => left > right,
            Compare::GreaterOrEqual => left >= right,
            Compare::Equal => left == right,
            Compare::NotEqual => left != right,
        }
    }
}

impl Filter {
    /// The blocks of `set` that the condition holds for. O(blocks).
    #[must_use]
    pub fn apply<'a>(&self, set: &Set<'a>) -> Set<'a> {
        let heap: Heap<'a> = set.heap();
        match &self.0 {
            Test::Age(compare, seconds) => {
                set.filter(|block| compare.holds(heap.age(block).0 as f64 / 1e9, *seconds))
            }
            Test::Size(compare, bytes) => {
                set.filter(|block| compare.holds(heap.size(block).0 as f64, *bytes))
            }
            Test::Name { by, glob, equal } => {
                let classes = by.classify(heap);
                // Every class is a u32, and names are made once a class.
                let names = 0..u32::try_from(classes.len()).unwrap_or(u32::MAX);
                let wanted: Vec<bool> = names
                    .map(|c| matches(glob, &classes.name(c)) == *equal)
                    .collect();
                set.filter(|block| wanted.get(classes.of_block(block) as usize) == Some(&true))
            }
        }
    }
}

/// Whether a glob matches a whole name: `*` is any text, `?` one character.
#[must_use]
pub fn glob(glob: &str, name: &str) -> bool {
    matches(&glob.chars().collect::<Vec<_>>(), name)
}

/// Whether a glob of `*` and `?` matches a whole name; blanks around the name
/// do not count.
fn matches(glob: &[char], name: &str) -> bool {
    let name: Vec<char> = name.trim().chars().collect();
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    let next = |at: usize| at.saturating_add(1);
    while let Some(&letter) = name.get(from) {
        match glob.get(at) {
            Some('*') => {
                star = Some((at, from));
                at = next(at);
            }
            Some(&c) if c == '?' || c == letter => {
                at = next(at);
                from = next(from);
            }
            _ => match star {
                // Let the last star take one character more.
                Some((back, taken)) => {
                    star = Some((back, next(taken)));
                    at = next(back);
                    from = next(taken);
                }
                None => return false,
            },
        }
    }
    glob.iter().skip(at).all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        let check = |glob: &str, name: &str, expect: bool| {
            let chars: Vec<char> = glob.chars().collect();
            assert_eq!(matches(&chars, name), expect, "{glob} on {name}");
        };
        check("String", "String", true);
        check("String", "Box<String>", false);
        check("*String*", "Box<String>", true);
        check("Vec<*>", "Vec<Vec<u8>>", true);
        check("Vec<*>", "Vec<u8> ", true);
        check("V?c<u8>", "Vec<u8>", true);
        check("*a*b", "xaxbxab", true);
        check("*a*b", "xaxbxa", false);
        check("*", "", true);
        check("", "x", false);
        check("24", "       24", true);
    }

    #[test]
    fn what_cannot_be_read_says_what_can() {
        let check = |text: &str, expect: &str| {
            let error = text.parse::<Filter>().expect_err(text);
            assert!(error.to_string().contains(expect), "{error}");
        };
        check("String", "write type=GLOB");
        check(
            "typ=String",
            "there is nothing called 'typ'; there are type holder via referrer path site",
        );
        check("age>=10", "write 10s");
        check("size>big", "write 4096");
        check("type<String", "only age and size have an order");
        check("id=0x10", "there is nothing called 'id'");
    }
}
