//! Steps on a set: `.bysite`, `[0]`, `.more`, `.retained`.

use std::ops::Range;
use std::rc::Rc;

use super::QueryError;
use super::eval::{Evaluator, Mode, top};
use super::parser::{Argument, Given, Step, StepKind};
use super::scope::{Value, View};
use crate::diff::{Diff, diff_sets};
use crate::filter::Filter;
use crate::holding::Holding;
use crate::partition::{By, Set, by};
use crate::render::page::{Listing as _, Page, next, text};

impl<'a> Evaluator<'a, '_> {
    pub(super) fn view_step(&self, view: View<'a>, step: &Step) -> Result<Value<'a>, QueryError> {
        let View { set, by, page } = view;
        let top = |set, by| Ok(top(set, by));
        match &step.kind {
            StepKind::Name(name) => match name.as_str() {
                "more" => {
                    let page = Page::From(next(rows(&set, &by), page));
                    Ok(Value::View(View { set, by, page }))
                }
                "all" => {
                    let page = Page::All;
                    Ok(Value::View(View { set, by, page }))
                }
                "top" => top(set, by),
                "oldest" => top(oldest(&set), by::ID.into()),
                "outlived" => top(outlived(&set), by::TAG.into()),
                "rp" => self.referring(step, &set),
                "paths" => {
                    let by = self.by(&set, by::PATH.into(), &step.at)?;
                    top(set, by)
                }
                "retained" | "dominos" => top(self.held(step, &set, |h| h.retained(&set))?, by),
                "dominators" => top(self.held(step, &set, |h| h.dominators(&set))?, by),
                "referrers" => top(self.held(step, &set, |h| h.holders(&set))?, by),
                "referents" => top(self.held(step, &set, |h| h.held(&set))?, by),
                "count" => Ok(Value::Number(set.count() as u64)),
                "size" => Ok(Value::Number(set.size().0)),
                name => match by::ALL.iter().find(|r| r.name == name) {
                    Some(&relation) => {
                        let by = self.by(&set, relation.into(), &step.at)?;
                        top(set, by)
                    }
                    None => Err(self.unknown(name, &step.at)),
                },
            },
            StepKind::Call(name, arguments) => match name.as_str() {
                "by" => {
                    let (text, at) = self.one_text(arguments, &step.at)?;
                    let by = By::parse(text).map_err(|e| {
                        let from = at.start.saturating_add(e.offset);
                        self.wrong(from..from.saturating_add(e.word.len()), e.to_string())
                    })?;
                    let by = self.by(&set, by, at)?;
                    top(set, by)
                }
                "where" => {
                    let (text, at) = self.one_text(arguments, &step.at)?;
                    let filter: Filter = text
                        .parse()
                        .map_err(|e| self.wrong(at.clone(), format!("{e}")))?;
                    top(filter.apply(&set), by)
                }
                "diff" => self.difference(&set, by, arguments, &step.at),
                name => Err(self.wrong(
                    step.at.clone(),
                    format!("'{name}' takes no text; only by and where do"),
                )),
            },
            StepKind::Index(index) => {
                let rows = rows(&set, &by);
                let at = position(*index, rows);
                if at >= rows && self.mode == Mode::Answer {
                    return Err(self.wrong(
                        step.at.clone(),
                        format!("there is no row {index}; there are {rows} rows"),
                    ));
                }
                top(range(&set, &by, at, at.saturating_add(1)), by)
            }
            StepKind::Key(_) => {
                let message = "rows have numbers, such as [0] or [0:3]; a map's values have keys";
                Err(self.wrong(step.at.clone(), message))
            }
            StepKind::Slice(from, to) => {
                let range_of = bounds(*from, *to, rows(&set, &by));
                top(range(&set, &by, range_of.start, range_of.end), by)
            }
        }
    }

    /// The one argument, which is a text.
    pub(super) fn one_text<'x>(
        &self,
        arguments: &'x [Argument],
        call: &Range<usize>,
    ) -> Result<(&'x str, &'x Range<usize>), QueryError> {
        const MISSING: &str = "a text in quotes is missing here, such as 'type&age'";
        match arguments {
            [
                Argument {
                    keyword: None,
                    value: Given::Text(text),
                    at,
                },
            ] => Ok((text, at)),
            [only] => Err(self.wrong(only.at.clone(), MISSING)),
            [_, second, ..] => Err(self.wrong(second.at.clone(), "one text is enough")),
            [] => Err(self.wrong(call.end.saturating_sub(1)..call.end, MISSING)),
        }
    }

    /// `x.diff(y)`: rows of one name are subtracted, as in `endler diff`.
    fn difference(
        &self,
        set: &Set<'a>,
        by: By,
        arguments: &[Argument],
        call: &Range<usize>,
    ) -> Result<Value<'a>, QueryError> {
        let [
            Argument {
                keyword: None,
                value: Given::Expr(other),
                ..
            },
        ] = arguments
        else {
            let message = "diff takes the set that is subtracted, such as x.diff(y)";
            return Err(self.wrong(call.clone(), message));
        };
        if by.names_blocks() {
            let message = "rows are subtracted by name, and single blocks have none; \
                           x - y subtracts blocks";
            return Err(self.wrong(call.clone(), message));
        }
        let Some(other) = self.view(other)? else {
            return Ok(Value::Anything);
        };
        let diff = diff_sets(&[&other.set, set], &by);
        Ok(Value::Difference(Rc::new(diff), Page::Top))
    }

    pub(super) fn difference_step(
        &self,
        diff: &Rc<Diff>,
        page: Page,
        step: &Step,
    ) -> Result<Value<'a>, QueryError> {
        let page = match &step.kind {
            StepKind::Name(name) if name == "more" => {
                Page::From(next(diff.table(["A", "B"]).len(), page))
            }
            StepKind::Name(name) if name == "all" => Page::All,
            StepKind::Name(name) if name == "top" => Page::Top,
            _ => {
                let message = "of a table of differences there are .more, .all and .top";
                return Err(self.wrong(step.at.clone(), message));
            }
        };
        Ok(Value::Difference(diff.clone(), page))
    }

    /// A relation that the heap has what it takes for.
    fn by(&self, set: &Set<'a>, by: By, at: &Range<usize>) -> Result<By, QueryError> {
        match by.needs_references(set.heap()) {
            Some(relation) if self.mode == Mode::Answer => Err(self.wrong(
                at.clone(),
                format!("{} {}", relation.name, crate::NO_REFERENCES),
            )),
            _ => Ok(by),
        }
    }

    /// A set that the reference graph of `set`'s heap gives.
    fn held(
        &self,
        step: &Step,
        set: &Set<'a>,
        of: impl FnOnce(&Holding<'a>) -> Set<'a>,
    ) -> Result<Set<'a>, QueryError> {
        Ok(self.of_graph(step, set, of)?.unwrap_or_else(|| set.clone()))
    }

    /// What the reference graph of `set`'s heap gives; none while a line is only checked.
    pub(super) fn of_graph<T>(
        &self,
        step: &Step,
        set: &Set<'a>,
        of: impl FnOnce(&Holding<'a>) -> T,
    ) -> Result<Option<T>, QueryError> {
        match self
            .scope
            .known(set.heap())
            .and_then(|known| known.holding())
        {
            Some(holding) => Ok(Some(of(holding))),
            None if self.mode == Mode::Check => Ok(None),
            None => {
                let StepKind::Name(name) = &step.kind else {
                    return Ok(None);
                };
                let message = format!("{name} {}", crate::NO_REFERENCES);
                Err(self.wrong(step.at.clone(), message))
            }
        }
    }
}

/// A page of a table of differences.
pub(super) fn difference(diff: &Diff, page: Page) -> String {
    text(&diff.table(["A", "B"]), page)
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
pub(super) fn position(index: i64, rows: usize) -> usize {
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

/// The rows that a slice means.
pub(super) fn bounds(from: Option<i64>, to: Option<i64>, rows: usize) -> Range<usize> {
    let clamp = |index: Option<i64>, default| index.map_or(default, |i| slice_end(i, rows));
    let (from, to) = (clamp(from, 0), clamp(to, rows));
    from..to.max(from)
}
