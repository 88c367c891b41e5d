//! `.rp`: Heapy's reference pattern, whose lines are sets again.

use std::rc::Rc;

use super::QueryError;
use super::eval::{Evaluator, Mode, top};
use super::parser::{Step, StepKind};
use super::scope::Value;
use super::steps::position;
use crate::graph::PatternLimit;
use crate::holding::ReferencePattern;
use crate::partition::{By, Heap, Set};
use crate::render::page::{Page, next, text};

/// A pattern, the heap that it is of, and the page that is shown.
#[derive(Clone, Debug)]
pub(crate) struct Referring<'a> {
    heap: Heap<'a>,
    pattern: Rc<ReferencePattern>,
    page: Page,
}

impl Referring<'_> {
    /// The page, without a line feed at the end.
    pub(crate) fn text(&self) -> String {
        text(&*self.pattern, self.page)
    }
}

impl<'a> Evaluator<'a, '_> {
    pub(super) fn referring(&self, step: &Step, set: &Set<'a>) -> Result<Value<'a>, QueryError> {
        let pattern = self.of_graph(step, set, |h| h.pattern(set, PatternLimit::default()))?;
        Ok(pattern.map_or(Value::Anything, |pattern| {
            Value::Pattern(Referring {
                heap: set.heap(),
                pattern: Rc::new(pattern),
                page: Page::Top,
            })
        }))
    }

    /// `.more`, `.all`, `.top`; `[2]` and `.a3b`, the blocks of a line.
    pub(super) fn pattern_step(
        &self,
        of: Referring<'a>,
        step: &Step,
    ) -> Result<Value<'a>, QueryError> {
        let lines = of.pattern.rows.len();
        let page = |page| Ok(Value::Pattern(Referring { page, ..of.clone() }));
        let row = match &step.kind {
            StepKind::Name(name) if name == "more" => {
                return page(Page::From(next(lines, of.page)));
            }
            StepKind::Name(name) if name == "all" => return page(Page::All),
            StepKind::Name(name) if name == "top" => return page(Page::Top),
            StepKind::Name(name) => of.pattern.rows.iter().find(|row| row.path == *name),
            StepKind::Index(index) => of.pattern.rows.get(position(*index, lines)),
            _ => None,
        };
        match row {
            Some(row) => Ok(top(of.pattern.blocks_of(of.heap, row), By::default())),
            None if self.mode == Mode::Check => Ok(Value::Anything),
            None => {
                let message = "of a reference pattern there are .more, .all, .top, and its lines: \
                               [2] by number, .a3b by name";
                Err(self.wrong(step.at.clone(), message))
            }
        }
    }
}
