//! Functions at the beginning of an expression: `heap()`, `prefs()`, `oldest('X')`.

use std::ops::Range;

use endler_snapshot::Serial;

use super::QueryError;
use super::eval::{Evaluator, Mode, top};
use super::parser::{Argument, ExprKind, Given, Step, StepKind};
use super::scope::{Look, Value};
use super::types::{means, subject};
use super::words::{self, Asks};
use crate::fragmentation::account;
use crate::partition::{By, by};
use crate::render::Page;
use crate::render::fragmentation::fragmentation;
use crate::render::live::{self, Source};

impl<'a> Evaluator<'a, '_> {
    pub(super) fn function(
        &self,
        name: &str,
        arguments: &[Argument],
        at: &Range<usize>,
    ) -> Result<Value<'a>, QueryError> {
        let nothing = |value: Value<'a>| match arguments.first() {
            None => Ok(value),
            Some(first) => {
                let message = format!("{name} takes nothing in its brackets");
                Err(self.wrong(first.at.clone(), message))
            }
        };
        match name {
            "hpy" => nothing(Value::Hpy),
            "heap" => nothing(self.heap(at)?),
            "setref" | "setrelheap" => {
                let value = nothing(Value::Text("".into()))?;
                let mut serials: Vec<Serial> = self.newest(at)?.serials().to_vec();
                serials.sort_unstable();
                *self.reference.borrow_mut() = Some(serials.into());
                Ok(value)
            }
            "prefs" | "print_live_refs" => self.live_references(arguments, at),
            "oldest" | "get_oldest" | "iter_all" => {
                let (pattern, at) = self.type_name(arguments, at)?;
                if self.mode == Mode::Check {
                    return Ok(Value::Anything);
                }
                match name {
                    "oldest" => self.oldest_of(pattern, Look::Origin, at),
                    "get_oldest" => self.oldest_of(pattern, Look::Value, at),
                    _ => self.all_of(pattern, at),
                }
            }
            "fragmentation" => {
                let account = account(self.newest(at)?.heap);
                let text = fragmentation(&[account], None, Page::Top);
                nothing(Value::Text(text.trim_end().into()))
            }
            "help" => nothing(Value::Text(crate::console::help().into())),
            // Steps from the whole heap.
            "by" | "where" => {
                let step = Step {
                    kind: StepKind::Call(name.to_owned(), arguments.to_vec()),
                    at: at.clone(),
                };
                match self.whole(at)? {
                    Value::View(view) => self.view_step(view, &step),
                    other => Ok(other),
                }
            }
            name => Err(match words::function_of(name) {
                Some(function) if function.asks == Asks::Host => {
                    let message = format!("{} stands alone on a line of a console", function.call);
                    self.wrong(at.clone(), message)
                }
                _ => self.no_function(name, at),
            }),
        }
    }

    fn no_function(&self, name: &str, at: &Range<usize>) -> QueryError {
        let names = words::FUNCTIONS.iter().map(|function| function.name);
        let names: Vec<&str> = names.collect();
        let at = at.start..at.start.saturating_add(name.len());
        if words::is_step(name) {
            return self.wrong(at, format!("'{name}' takes no text; only by and where do"));
        }
        let message = format!("there is no {name}(); there are {}", names.join("() "));
        self.wrong(at, format!("{message}()"))
    }

    /// The newest heap; what is newer than the reference, if there is one.
    fn heap(&self, at: &Range<usize>) -> Result<Value<'a>, QueryError> {
        let known = self.newest(at)?;
        let all = known.heap.all();
        let Some(reference) = &self.scope.reference else {
            return Ok(top(all, By::default()));
        };
        let serials = known.serials();
        let newer = all.filter(|block| {
            serials
                .get(block)
                .is_some_and(|serial| reference.binary_search(serial).is_err())
        });
        Ok(top(newer, By::default()))
    }

    /// The one argument: a type in quotes, a glob, or a bare name.
    fn type_name<'x>(
        &self,
        arguments: &'x [Argument],
        call: &'x Range<usize>,
    ) -> Result<(&'x str, &'x Range<usize>), QueryError> {
        const MISSING: &str = "the name of a type is missing here, such as 'HtmlResponse'";
        match arguments {
            [] => Err(self.wrong(call.end.saturating_sub(1)..call.end, MISSING)),
            [_, second, ..] => Err(self.wrong(second.at.clone(), "one type is enough")),
            [one] => self.pattern(one, MISSING).map(|text| (text, &one.at)),
        }
    }

    fn pattern<'x>(&self, argument: &'x Argument, missing: &str) -> Result<&'x str, QueryError> {
        match &argument.value {
            Given::Text(text) => Ok(text),
            Given::Expr(expr) => match &expr.kind {
                ExprKind::Word(word) => Ok(word),
                _ => Err(self.wrong(argument.at.clone(), missing)),
            },
        }
    }

    /// trackref's table: tracked types, and every type of the heap besides.
    fn live_references(
        &self,
        arguments: &[Argument],
        at: &Range<usize>,
    ) -> Result<Value<'a>, QueryError> {
        let mut ignored: Vec<&str> = Vec::new();
        for argument in arguments {
            if argument.keyword.as_deref() != Some("ignore") {
                let message = "write prefs(ignore='*Spider')";
                return Err(self.wrong(argument.at.clone(), message));
            }
            ignored.push(self.pattern(argument, "a type or a glob is missing here")?);
        }
        let heap = self.newest(at)?.heap;
        let is_ignored = |name: &str| ignored.iter().any(|glob| means(glob, name));
        let mut rows: Vec<live::Row> = Vec::new();
        let tracked = self.outside.tracked();
        for of in &tracked {
            if !is_ignored(&of.name) {
                rows.push(live::Row {
                    name: of.name.clone(),
                    count: of.count,
                    seconds: of.oldest.as_secs(),
                    source: Source::Tracked,
                });
            }
        }
        let types = heap.all().by(&by::TYPE.into());
        for row in types.rows() {
            let name = types.name(row);
            let Some(first) = types.type_row(row) else {
                continue;
            };
            let held = heap.str(first.held);
            let value = subject(heap.str(first.holder), held);
            // A tracked object's block is in the table as the object.
            let is_listed = value.is_some_and(|value| {
                value.len() < held.len() && tracked.iter().any(|of| of.name == value)
            });
            if is_listed || is_ignored(&name) || value.is_some_and(is_ignored) {
                continue;
            }
            rows.push(live::Row {
                name: name.into_owned(),
                count: row.count,
                seconds: row.oldest.0 / 1_000_000_000,
                source: Source::Heap,
            });
        }
        Ok(Value::Text(live::table(rows).trim_end().into()))
    }
}
