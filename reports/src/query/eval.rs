//! A tree's value.

use super::QueryError;
use super::parser::{Expr, ExprKind, Step, StepKind, parse};
use crate::filter::Filter;
use crate::holding::Holding;
use crate::partition::{By, Heap, Set, by};
use crate::render::page::{Page, next};
use crate::render::{Columns, view};
use endler_snapshot::Image;
use std::cell::OnceCell;

/// What a query answers.
#[derive(Clone, Debug)]
pub enum Answer<'a> {
    /// A set, the relation that it is shown by, and the page.
    View {
        /// The blocks.
        set: Set<'a>,
        /// The relation of its table.
        by: By,
        /// Which rows its table shows.
        page: Page,
    },
    /// `.count` or `.size`.
    Number(u64),
}

impl Answer<'_> {
    /// As text, without a line feed at the end.
    #[must_use]
    pub fn text(&self, columns: Columns) -> String {
        match self {
            Answer::View { set, by, page } => view::set(set, by, columns, *page).0,
            Answer::Number(number) => number.to_string(),
        }
    }
}

/// Answers a query on a heap.
///
/// ```
/// use endler_reports::{partition::Heap, query::query, render::Columns};
/// let image = endler_snapshot::Image::default();
/// let answer = query(Heap::new(&image), "bytype.count")?;
/// assert_eq!(answer.text(Columns::Heapy), "0");
/// # Ok::<(), endler_reports::query::QueryError>(())
/// ```
pub fn query<'a>(heap: Heap<'a>, text: &str) -> Result<Answer<'a>, QueryError> {
    let expr = parse(text)?;
    let evaluator = Evaluator {
        heap,
        text,
        rows: Rows::Existing,
        holding: OnceCell::new(),
    };
    evaluator.expr(&expr)
}

/// Finds what is wrong with a query whatever the heap: everything but a row
/// that is not there.
pub fn check(text: &str) -> Result<(), QueryError> {
    let image = Image::default();
    let evaluator = Evaluator {
        heap: Heap::new(&image),
        text,
        rows: Rows::Any,
        holding: OnceCell::new(),
    };
    evaluator.expr(&parse(text)?).map(|_| ())
}

/// Names that a query may use, for messages.
pub(super) fn allowed() -> String {
    let relations: Vec<&str> = by::ALL.iter().map(|r| r.name).collect();
    format!(
        "{} by('type&age') where('age>=10s') more all top oldest count size \
         retained dominators referrers referents paths outlived",
        relations.join(" ")
    )
}

struct Evaluator<'a, 't> {
    heap: Heap<'a>,
    text: &'t str,
    rows: Rows,
    /// The reference graph, once a step asked for it.
    holding: OnceCell<Option<Holding<'a>>>,
}

/// Which row numbers are right.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rows {
    Existing,
    Any,
}

impl<'a> Evaluator<'a, '_> {
    fn wrong(&self, at: std::ops::Range<usize>, message: impl Into<String>) -> QueryError {
        QueryError::new(self.text, at, message)
    }

    fn expr(&self, expr: &Expr) -> Result<Answer<'a>, QueryError> {
        match &expr.kind {
            ExprKind::Heap => Ok(Answer::View {
                set: self.heap.all(),
                by: By::default(),
                page: Page::Top,
            }),
            ExprKind::Steps(base, steps) => steps
                .iter()
                .try_fold(self.expr(base)?, |value, step| self.step(value, step)),
            ExprKind::Operator(sign, left, right) => {
                let (a, by) = self.set(left)?;
                let (b, _) = self.set(right)?;
                let set = match sign {
                    '&' => &a & &b,
                    '|' => &a | &b,
                    '^' => &a ^ &b,
                    _ => &a - &b,
                };
                Ok(Answer::View {
                    set,
                    by,
                    page: Page::Top,
                })
            }
        }
    }

    fn set(&self, expr: &Expr) -> Result<(Set<'a>, By), QueryError> {
        match self.expr(expr)? {
            Answer::View { set, by, .. } => Ok((set, by)),
            Answer::Number(_) => {
                Err(self.wrong(expr.at.clone(), "this is a number; & | - ^ join sets"))
            }
        }
    }

    fn step(&self, value: Answer<'a>, step: &Step) -> Result<Answer<'a>, QueryError> {
        let Answer::View { set, by, page } = value else {
            return Err(self.wrong(step.at.clone(), "a number has no parts"));
        };
        let top = |set, by| {
            Ok(Answer::View {
                set,
                by,
                page: Page::Top,
            })
        };
        match &step.kind {
            StepKind::Name(name) => match name.as_str() {
                "more" => {
                    let rows = rows(&set, &by);
                    Ok(Answer::View {
                        page: Page::From(next(rows, page)),
                        set,
                        by,
                    })
                }
                "all" => Ok(Answer::View {
                    set,
                    by,
                    page: Page::All,
                }),
                "top" => top(set, by),
                "oldest" => top(oldest(&set), by::ID.into()),
                "outlived" => top(outlived(&set), by::TAG.into()),
                "paths" => top(set, self.by(by::PATH.into(), &step.at)?),
                "retained" | "dominos" => top(self.held(step, |h| h.retained(&set))?, by),
                "dominators" => top(self.held(step, |h| h.dominators(&set))?, by),
                "referrers" => top(self.held(step, |h| h.holders(&set))?, by),
                "referents" => top(self.held(step, |h| h.held(&set))?, by),
                "count" => Ok(Answer::Number(set.count() as u64)),
                "size" => Ok(Answer::Number(set.size().0)),
                name => match by::ALL.iter().find(|r| r.name == name) {
                    Some(&relation) => top(set, self.by(relation.into(), &step.at)?),
                    None => Err(self.unknown(name, step)),
                },
            },
            StepKind::Call(name, argument, at) => match name.as_str() {
                "by" => {
                    let by = By::parse(argument).map_err(|e| {
                        let from = at.start + e.offset;
                        self.wrong(from..from + e.word.len(), e.to_string())
                    })?;
                    top(set, self.by(by, at)?)
                }
                "where" => {
                    let filter: Filter = argument
                        .parse()
                        .map_err(|e| self.wrong(at.clone(), format!("{e}")))?;
                    top(filter.apply(&set), by)
                }
                name => Err(self.wrong(
                    step.at.clone(),
                    format!("'{name}' takes no text; only by and where do"),
                )),
            },
            StepKind::Index(index) => {
                let rows = rows(&set, &by);
                let at = position(*index, rows);
                if at >= rows && self.rows == Rows::Existing {
                    return Err(self.wrong(
                        step.at.clone(),
                        format!("there is no row {index}; there are {rows} rows"),
                    ));
                }
                top(range(&set, &by, at, at.saturating_add(1)), by)
            }
            StepKind::Slice(from, to) => {
                let rows = rows(&set, &by);
                let clamp =
                    |index: Option<i64>, default| index.map_or(default, |i| slice_end(i, rows));
                let (from, to) = (clamp(*from, 0), clamp(*to, rows));
                top(range(&set, &by, from, to.max(from)), by)
            }
        }
    }

    /// A relation that the heap has what it takes for.
    fn by(&self, by: By, at: &std::ops::Range<usize>) -> Result<By, QueryError> {
        match by.needs_references(self.heap) {
            Some(relation) if self.rows == Rows::Existing => Err(self.wrong(
                at.clone(),
                format!("{} {}", relation.name, crate::NO_REFERENCES),
            )),
            _ => Ok(by),
        }
    }

    /// A set that the reference graph gives.
    fn held(
        &self,
        step: &Step,
        of: impl FnOnce(&Holding<'a>) -> Set<'a>,
    ) -> Result<Set<'a>, QueryError> {
        match self.holding.get_or_init(|| Holding::new(self.heap)) {
            Some(holding) => Ok(of(holding)),
            None if self.rows == Rows::Any => Ok(self.heap.all()),
            None => {
                let StepKind::Name(name) = &step.kind else {
                    return Ok(self.heap.all());
                };
                let message = format!("{name} {}", crate::NO_REFERENCES);
                Err(self.wrong(step.at.clone(), message))
            }
        }
    }

    fn unknown(&self, name: &str, step: &Step) -> QueryError {
        let allowed = allowed();
        let message = format!("there is no {name}; there are {allowed}");
        self.wrong(step.at.clone(), message)
    }
}

fn rows(set: &Set<'_>, by: &By) -> usize {
    if by.is_id() {
        set.count()
    } else {
        set.by(by).len()
    }
}

fn range<'a>(set: &Set<'a>, by: &By, from: usize, to: usize) -> Set<'a> {
    if by.is_id() {
        set.by_id().range(from..to)
    } else {
        set.by(by).range(from..to)
    }
}

fn oldest<'a>(set: &Set<'a>) -> Set<'a> {
    let oldest = set.oldest();
    set.filter(|block| oldest.is_some_and(|o| o.index() == block))
}

/// The blocks whose tag has ended.
fn outlived<'a>(set: &Set<'a>) -> Set<'a> {
    let states = (by::TAG_STATE.classify)(set.heap());
    let mut classes = 0..u32::try_from(states.len()).unwrap_or(u32::MAX);
    let ended = classes.find(|c| states.name(*c) == by::ENDED);
    set.filter(|block| Some(states.of_block(block)) == ended)
}

/// Python's index: negative ones count from the end. Past the end if too small.
fn position(index: i64, rows: usize) -> usize {
    let at = if index < 0 {
        index.checked_add_unsigned(rows as u64)
    } else {
        Some(index)
    };
    at.and_then(|at| usize::try_from(at).ok())
        .unwrap_or(usize::MAX)
}

/// Python's end of a slice: clamped to what is there.
fn slice_end(index: i64, rows: usize) -> usize {
    match position(index, rows) {
        usize::MAX => 0,
        at => at.min(rows),
    }
}
