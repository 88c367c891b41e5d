//! A line that was read, and what it takes to answer it.

use std::ops::Range;

use crate::console::{HostCall, MAX_VARIABLES, Needs};
use crate::query::words::{self, Asks};
use crate::query::{
    Expr, ExprKind, Given, Line, QueryError, StepKind, check_expr, check_names, line,
};

/// One line, read.
#[derive(Clone, Debug)]
pub struct Statement {
    pub(super) text: String,
    pub(super) what: What,
    needs: Needs,
    /// Where the argument of a [`HostCall`] stands.
    argument: Range<usize>,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Nothing,
    Help,
    /// `del x`
    Forget(String),
    Line(Line),
}

/// Reads a line. Cheap: no heap is looked at. An empty line and a line that begins
/// with `#` are statements that need nothing.
///
/// # Errors
/// What is written wrong whatever the heap, with its column.
pub fn parse(text: &str) -> Result<Statement, QueryError> {
    let trimmed = text.trim();
    let made = |what, needs| {
        Ok(Statement {
            text: text.to_owned(),
            what,
            needs,
            argument: 0..0,
        })
    };
    if trimmed.is_empty() || trimmed.starts_with('#') {
        return made(What::Nothing, Needs::Nothing);
    }
    if matches!(trimmed, "help" | "help()" | "?") {
        return made(What::Help, Needs::Nothing);
    }
    if let Some(name) = trimmed.strip_prefix("del ").map(str::trim)
        && name.chars().all(|c| c.is_alphanumeric() || c == '_')
    {
        return made(What::Forget(name.to_owned()), Needs::Heap);
    }
    let line = line(text)?;
    if let Some((name, at)) = &line.sets
        && words::is_word(name)
    {
        let message = format!("{name} is a word of the language; set another name");
        return Err(QueryError::new(text, at.clone(), message));
    }
    if let Some((call, argument)) = host_call(&line, text)? {
        let statement = made(What::Nothing, Needs::Host(call))?;
        return Ok(Statement {
            argument,
            ..statement
        });
    }
    check_expr(&line.expr, text)?;
    let needs = needs(&line.expr);
    made(What::Line(line), needs)
}

/// What a line asks of the host, if it stands alone on it, and where its argument is.
fn host_call(line: &Line, text: &str) -> Result<Option<(HostCall, Range<usize>)>, QueryError> {
    let ExprKind::Call(name, arguments) = &line.expr.kind else {
        return Ok(None);
    };
    let function = words::function_of(name).filter(|f| f.asks == Asks::Host);
    let (Some(function), None) = (function, &line.sets) else {
        return Ok(None);
    };
    let wrong = |at: Range<usize>| {
        let message = format!("one text in quotes, such as {}", function.call);
        Err(QueryError::new(text, at, message))
    };
    match &arguments[..] {
        [only] => match (&only.value, &only.keyword) {
            (Given::Text(given), None) => {
                let call = match &**name {
                    "phase" => HostCall::Phase(given.clone()),
                    _ => HostCall::Dump(Some(given.clone())),
                };
                Ok(Some((call, only.at.clone())))
            }
            _ => wrong(only.at.clone()),
        },
        [] if name == "dump" => Ok(Some((HostCall::Dump(None), line.expr.at.clone()))),
        [] => wrong(line.expr.at.end.saturating_sub(1)..line.expr.at.end),
        [_, second, ..] => wrong(second.at.clone()),
    }
}

fn needs(expr: &Expr) -> Needs {
    let mut now = false;
    let is_now = |name: &str| words::function_of(name).is_some_and(|f| f.asks == Asks::Now);
    expr.each(&mut |expr| match &expr.kind {
        ExprKind::Call(name, _) => now |= is_now(name),
        ExprKind::Steps(base, steps) => {
            let of_hpy = match &base.kind {
                ExprKind::Word(name) | ExprKind::Call(name, _) => name == "hpy",
                _ => false,
            };
            let mut calls = steps.iter().filter_map(|step| match &step.kind {
                StepKind::Call(name, _) => Some(name),
                _ => None,
            });
            now |= of_hpy && calls.any(|name| is_now(name));
        }
        _ => {}
    });
    if now { Needs::NewHeap } else { Needs::Heap }
}

impl Statement {
    /// What it cannot be answered without.
    #[must_use]
    pub fn needs(&self) -> Needs {
        self.needs.clone()
    }

    /// The answer of a statement that needs nothing.
    #[must_use]
    pub fn alone(&self) -> Option<String> {
        match &self.what {
            What::Help => Some(super::help()),
            What::Nothing if self.needs == Needs::Nothing => Some(String::new()),
            _ => None,
        }
    }

    /// An error that points at what [`HostCall`] was given.
    #[must_use]
    pub fn refused(&self, why: &str) -> QueryError {
        QueryError::new(&self.text, self.argument.clone(), why)
    }

    /// The variable that it sets.
    #[must_use]
    pub fn assigns(&self) -> Option<&str> {
        match &self.what {
            What::Line(line) => line.sets.as_ref().map(|(name, _)| name.as_str()),
            _ => None,
        }
    }

    /// Finds a name that is neither a word of the language nor one of `variables`,
    /// before a heap is taken for it; and a variable too many.
    ///
    /// # Errors
    /// That name, with its column.
    pub fn check_names(&self, variables: &[String]) -> Result<(), QueryError> {
        let is_variable = |name: &str| variables.iter().any(|v| v == name);
        match &self.what {
            What::Forget(name) if !is_variable(name) => Err(self.no_variable(name)),
            What::Line(line) => {
                check_names(&line.expr, &self.text, variables)?;
                match &line.sets {
                    Some((name, at)) if !is_variable(name) && variables.len() >= MAX_VARIABLES => {
                        let message =
                            format!("there are {MAX_VARIABLES} variables already; del x forgets x");
                        Err(QueryError::new(&self.text, at.clone(), message))
                    }
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    pub(super) fn no_variable(&self, name: &str) -> QueryError {
        let from = self.text.rfind(name).unwrap_or(0);
        let at = from..from.saturating_add(name.len());
        QueryError::new(&self.text, at, format!("there is no variable {name}"))
    }

    /// The names and globs whose tracked objects it will ask
    /// [`Outside`](super::Outside) for, so that they can be looked up in the host.
    #[must_use]
    pub fn tracked_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        if let What::Line(line) = &self.what {
            line.expr.each(&mut |expr| {
                let ExprKind::Call(function, arguments) = &expr.kind else {
                    return;
                };
                if !matches!(function.as_str(), "oldest" | "get_oldest" | "iter_all") {
                    return;
                }
                names.extend(
                    arguments
                        .iter()
                        .filter_map(|argument| match &argument.value {
                            Given::Text(text) => Some(text.clone()),
                            Given::Expr(expr) => match &expr.kind {
                                ExprKind::Word(word) => Some(word.clone()),
                                _ => None,
                            },
                        }),
                );
            });
        }
        names
    }
}
