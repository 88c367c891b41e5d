//! Our tables against what guppy3 itself prints for the same rows, letter for
//! letter. `guppy_golden.py` made the goldens; its head says how to run it.

use endler_reports::diff::{Diff, Point, subtract};
use endler_reports::partition::By;
use endler_reports::render::page::{Listing, Page, show};
use endler_reports::render::table::{Cells, Columns, IdTable, Rows, SetTable};
use endler_reports::render::wrap::wrap;
use serde_json::Value;
use std::borrow::Cow;

const AGAIN: &str =
    "to make the goldens again: python3 reports/tests/guppy_golden.py reports/tests/golden";

/// Rows as the goldens have them: count, size, name.
struct Given(Vec<(i64, i64, String)>);

impl Given {
    fn new(rows: &Value) -> Self {
        let row = |row: &Value| {
            let number = |i: usize| row[i].as_i64().expect("a number");
            (
                number(0),
                number(1),
                row[2].as_str().expect("a name").to_string(),
            )
        };
        Given(rows.as_array().expect("rows").iter().map(row).collect())
    }

    fn count(&self) -> i64 {
        self.0.iter().map(|row| row.0).sum()
    }

    fn size(&self) -> i64 {
        self.0.iter().map(|row| row.1).sum()
    }

    fn points(&self) -> Vec<(String, Point)> {
        let point = |row: &(i64, i64, String)| Point {
            count: row.0 as u64,
            size: row.1 as u64,
        };
        self.0
            .iter()
            .map(|row| (row.2.clone(), point(row)))
            .collect()
    }
}

impl Rows for Given {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn cells(&self, index: usize) -> Cells<'_> {
        let (count, size, ref name) = self.0[index];
        let cumulative = self.0[..=index].iter().map(|row| row.1).sum();
        Cells {
            count,
            size,
            cumulative,
            oldest: None,
            name: Cow::Borrowed(name),
        }
    }
}

/// Every case of a golden file: what was given and the text expected.
fn cases(file: &str) -> Vec<(Value, String)> {
    let path = format!("{}/tests/golden/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}; {AGAIN}"));
    let mut cases: Vec<(Value, String)> = Vec::new();
    for line in text
        .split('\n')
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        match (line.strip_prefix('|'), cases.last_mut()) {
            (Some(line), Some((_, expect))) => {
                expect.push_str(line);
                expect.push('\n');
            }
            _ => cases.push((
                serde_json::from_str(line).expect("a case is a line of JSON"),
                String::new(),
            )),
        }
    }
    for (_, expect) in &mut cases {
        expect.pop();
    }
    assert!(!cases.is_empty(), "{path} has no case; {AGAIN}");
    cases
}

/// Checks all pages of all cases of a file.
fn check(file: &str, listing: impl Fn(&Value) -> Box<dyn Listing>) {
    let mut next = 0;
    let mut rows = Value::Null;
    for (given, expect) in cases(file) {
        if given["page"] == "top" {
            rows = given.clone();
        }
        let page = match given["page"].as_str() {
            Some("top") => Page::Top,
            Some("more") => Page::From(next),
            _ => Page::All,
        };
        let (text, after) = show(&*listing(&rows), page);
        next = after;
        assert_eq!(text, expect, "{file}: {page:?} of {rows}\n{AGAIN}");
    }
}

#[test]
fn sets() {
    check("guppy-sets.txt", |given| {
        let rows = Given::new(&given["rows"]);
        Box::new(SetTable {
            count: rows.count(),
            size: rows.size(),
            kind_header: given["header"].as_str().expect("a header").to_string(),
            columns: Columns::Heapy,
            rows,
        })
    });
}

#[test]
fn lists_of_blocks() {
    check("guppy-ids.txt", |given| {
        let rows = Given::new(&given["rows"]);
        Box::new(IdTable {
            count: rows.count(),
            size: rows.size(),
            kind_name: given["kind"].as_str().expect("a kind").to_string(),
            kind_header: given["header"].as_str().expect("a header").to_string(),
            rows,
        })
    });
}

#[test]
fn differences() {
    check("guppy-diffs.txt", |given| {
        let (a, b) = (Given::new(&given["a"]), Given::new(&given["b"]));
        let rows = subtract(&[b.points(), a.points()]);
        let diff = Diff {
            by: By::default(),
            rows,
        };
        let table = diff.table(["A", "B"]);
        let rows = (0..table.rows.len()).map(|i| table.rows.cells(i));
        // The header is the case's own, and the table must not borrow.
        let rows = rows
            .map(|c| (c.count, c.size, c.name.into_owned()))
            .collect();
        Box::new(endler_reports::render::table::DiffTable {
            letters: table.letters,
            count: table.count,
            size: table.size,
            b_count: table.b_count,
            b_size: table.b_size,
            kind_header: given["header"].as_str().expect("a header").to_string(),
            rows: Given(rows),
        })
    });
}

#[test]
fn wrapping_is_textwrap() {
    for (given, _) in cases("guppy-wraps.txt") {
        let number = |key: &str| given[key].as_u64().expect("a number") as usize;
        let text = given["text"].as_str().expect("a text");
        let lines = wrap(text, number("width"), number("first"), number("rest"));
        assert_eq!(serde_json::json!(lines), given["lines"], "{given}\n{AGAIN}");
    }
}
