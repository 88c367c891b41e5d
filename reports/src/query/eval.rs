//! A tree's value.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

use endler_snapshot::{Image, Serial};

use super::QueryError;
use super::parser::{Expr, ExprKind, Step, StepKind, parse};
use super::scope::{Known, Scope, Value, View, same_heap};
use super::words;
use crate::console::{HeapAlone, Outside};
use crate::partition::{By, Heap, Set, by};
use crate::render::page::Page;
use crate::render::{Columns, view};

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
    /// What is no set of blocks: `prefs()`.
    Text(String),
}

impl Answer<'_> {
    /// As text, without a line feed at the end.
    #[must_use]
    pub fn text(&self, columns: Columns) -> String {
        match self {
            Answer::View { set, by, page } => view::set(set, by, columns, *page).0,
            Answer::Number(number) => number.to_string(),
            Answer::Text(text) => text.clone(),
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
    let scope = Scope::of(heap.image());
    let evaluator = Evaluator::new(&scope, &HeapAlone, text, Mode::Answer);
    match evaluator.expr(&expr)? {
        Value::View(View { set, by, page }) => Ok(Answer::View { set, by, page }),
        Value::Number(number) => Ok(Answer::Number(number)),
        other => Ok(Answer::Text(evaluator.text(&other, expr.at)?)),
    }
}

/// Finds what is wrong with a query whatever the heap: everything but a row
/// that is not there.
pub fn check(text: &str) -> Result<(), QueryError> {
    let expr = parse(text)?;
    check_expr(&expr, text)?;
    check_names(&expr, text, &[])
}

/// The same of a tree; variables may be anything.
pub(crate) fn check_expr(expr: &Expr, text: &str) -> Result<(), QueryError> {
    let image = Image::default();
    let scope = Scope::of(&image);
    let evaluator = Evaluator::new(&scope, &HeapAlone, text, Mode::Check);
    evaluator.expr(expr).map(|_| ())
}

/// Finds a name at the beginning of an expression that means nothing.
pub(crate) fn check_names(expr: &Expr, text: &str, variables: &[String]) -> Result<(), QueryError> {
    let is_variable = |word: &str| variables.iter().any(|name| name == word);
    let mut unknown = None;
    expr.words(&mut |word, at| {
        if unknown.is_none() && !words::is_word(word) && !is_variable(word) {
            let mut error = unknown_name(word, at.clone(), text);
            error.message.push_str(&beginnings(variables));
            unknown = Some(error);
        }
    });
    unknown.map_or(Ok(()), Err)
}

fn unknown_name(name: &str, at: Range<usize>, text: &str) -> QueryError {
    let message = format!("there is no {name}; there are {}", allowed());
    QueryError::new(text, at, message)
}

/// So many variables are listed in a message.
const LISTED: usize = 20;

/// What else may stand at the beginning of an expression.
fn beginnings(variables: &[String]) -> String {
    let mut text = String::from("; the functions");
    let functions = words::FUNCTIONS.iter();
    for function in functions.filter(|function| function.asks != words::Asks::Host) {
        text.push_str(&format!(" {}()", function.name));
    }
    if !variables.is_empty() {
        text.push_str("; the variables");
    }
    for name in variables.iter().take(LISTED) {
        text.push_str(&format!(" {name}"));
    }
    if variables.len() > LISTED {
        text.push_str(" …");
    }
    text
}

/// Names that a query may use, for messages.
pub(super) fn allowed() -> String {
    let relations: Vec<&str> = by::ALL.iter().map(|r| r.name).collect();
    format!(
        "{} by('type&age') where('age>=10s') more all top oldest count size \
         retained dominators referrers referents paths rp outlived",
        relations.join(" ")
    )
}

/// What is asked of the evaluator.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Answer,
    /// Only whether a line is well formed: rows and objects are not looked at.
    Check,
}

pub(crate) struct Evaluator<'a, 's> {
    pub(super) scope: &'s Scope<'a>,
    pub(super) outside: &'s dyn Outside,
    pub(super) text: &'s str,
    pub(super) mode: Mode,
    /// What `setref` sets when the line is done.
    pub(crate) reference: RefCell<Option<Rc<[Serial]>>>,
}

impl<'a, 's> Evaluator<'a, 's> {
    pub(crate) fn new(
        scope: &'s Scope<'a>,
        outside: &'s dyn Outside,
        text: &'s str,
        mode: Mode,
    ) -> Self {
        Evaluator {
            scope,
            outside,
            text,
            mode,
            reference: RefCell::new(None),
        }
    }

    pub(super) fn wrong(&self, at: Range<usize>, message: impl Into<String>) -> QueryError {
        QueryError::new(self.text, at, message)
    }

    /// The newest heap.
    pub(super) fn newest(&self, at: &Range<usize>) -> Result<&'s Known<'a>, QueryError> {
        let none = || self.wrong(at.clone(), "there is no heap yet; heap() takes one");
        self.scope.newest().ok_or_else(none)
    }

    pub(super) fn whole(&self, at: &Range<usize>) -> Result<Value<'a>, QueryError> {
        Ok(top(self.newest(at)?.heap.all(), By::default()))
    }

    pub(crate) fn expr(&self, expr: &Expr) -> Result<Value<'a>, QueryError> {
        match &expr.kind {
            ExprKind::Word(word) => self.word(word, &expr.at),
            ExprKind::Call(name, arguments) => self.function(name, arguments, &expr.at),
            ExprKind::Steps(base, steps) => steps
                .iter()
                .try_fold(self.expr(base)?, |value, step| self.step(value, step)),
            ExprKind::Operator(sign, left, right) => {
                let (Some(a), Some(b)) = (self.view(left)?, self.view(right)?) else {
                    return Ok(Value::Anything);
                };
                if !same_heap(&a.set, &b.set) {
                    return self.across(*sign, &a, &b, &expr.at);
                }
                let set = match sign {
                    '&' => &a.set & &b.set,
                    '|' => &a.set | &b.set,
                    '^' => &a.set ^ &b.set,
                    _ => std::ops::Sub::sub(&a.set, &b.set),
                };
                Ok(top(set, a.by))
            }
        }
    }

    /// Sets of two heaps: by the identity of their blocks.
    fn across(
        &self,
        sign: char,
        a: &View<'a>,
        b: &View<'a>,
        at: &Range<usize>,
    ) -> Result<Value<'a>, QueryError> {
        let wanted = match sign {
            '&' => true,
            '-' => false,
            _ => {
                let message = "blocks of two heaps can only be subtracted, or kept where they are \
                               in both (&)";
                return Err(self.wrong(at.clone(), message));
            }
        };
        let serial = |heap: Heap<'_>, block: usize| heap.image().blocks.serial.get(block).copied();
        let heap = b.set.heap();
        let mut others: Vec<Serial> = b.set.iter().filter_map(|i| serial(heap, i)).collect();
        others.sort_unstable();
        let heap = a.set.heap();
        let kept = a.set.filter(|block| {
            serial(heap, block).is_some_and(|s| others.binary_search(&s).is_ok() == wanted)
        });
        Ok(top(kept, a.by.clone()))
    }

    fn word(&self, word: &str, at: &Range<usize>) -> Result<Value<'a>, QueryError> {
        if let Some(value) = self.scope.variables.get(word) {
            return Ok(value.clone());
        }
        match word {
            "_" if self.mode == Mode::Check => Ok(Value::Anything),
            "_" => match &self.scope.last {
                Some(value) => Ok(value.clone()),
                None => self.whole(at),
            },
            "heap" => self.whole(at),
            "hpy" => Ok(Value::Hpy),
            word if words::is_step(word) => {
                let step = Step {
                    kind: StepKind::Name(word.to_owned()),
                    at: at.clone(),
                };
                self.step(self.whole(at)?, &step)
            }
            word => match words::function_of(word) {
                Some(function) => {
                    let message = format!("{word} is called as in {}", function.call);
                    Err(self.wrong(at.clone(), message))
                }
                None if self.mode == Mode::Check => Ok(Value::Anything),
                None => Err(self.unknown(word, at)),
            },
        }
    }

    /// A set; none where it is not known before there is a heap.
    pub(super) fn view(&self, expr: &Expr) -> Result<Option<View<'a>>, QueryError> {
        let message = match self.expr(expr)? {
            Value::View(view) => return Ok(Some(view)),
            Value::Anything => return Ok(None),
            Value::Object(object) if object.steps.is_empty() => {
                let set = self.block_of(&object, &expr.at)?;
                return Ok(set.map(|set| View {
                    set,
                    by: By::default(),
                    page: Page::Top,
                }));
            }
            Value::Objects(objects) if objects.steps.is_empty() => {
                return Ok(Some(View {
                    set: self.blocks_of(&objects, &expr.at)?,
                    by: By::default(),
                    page: Page::Top,
                }));
            }
            Value::Number(_) => "this is a number; & | - ^ join sets",
            _ => "this is no set of blocks; & | - ^ join sets",
        };
        Err(self.wrong(expr.at.clone(), message))
    }

    fn step(&self, value: Value<'a>, step: &Step) -> Result<Value<'a>, QueryError> {
        match value {
            Value::View(view) => self.view_step(view, step),
            Value::Object(object) => self.object_step(object, step),
            Value::Objects(objects) => self.objects_step(objects, step),
            Value::Difference(diff, page) => self.difference_step(&diff, page, step),
            Value::Pattern(pattern) => self.pattern_step(pattern, step),
            Value::Hpy => match &step.kind {
                StepKind::Call(name, arguments)
                    if matches!(name.as_str(), "heap" | "setref" | "setrelheap") =>
                {
                    self.function(name, arguments, &step.at)
                }
                _ => Err(self.wrong(
                    step.at.clone(),
                    "there are hpy.heap() and hpy.setref(); the rest is asked of a heap",
                )),
            },
            Value::Number(_) => Err(self.wrong(step.at.clone(), "a number has no parts")),
            Value::Text(_) => Err(self.wrong(step.at.clone(), "a text has no parts")),
            Value::Anything => Ok(Value::Anything),
        }
    }

    pub(super) fn unknown(&self, name: &str, at: &Range<usize>) -> QueryError {
        unknown_name(name, at.clone(), self.text)
    }

    /// A value as text, without a line feed at the end; what is wrong with it stands
    /// at `at`.
    pub(crate) fn text(&self, value: &Value<'a>, at: Range<usize>) -> Result<String, QueryError> {
        match value {
            Value::View(View { set, by, page }) => Ok(view::set(set, by, Columns::Heapy, *page).0),
            Value::Number(number) => Ok(number.to_string()),
            Value::Text(text) => Ok(text.to_string()),
            Value::Difference(diff, page) => Ok(super::steps::difference(diff, *page)),
            Value::Pattern(pattern) => Ok(pattern.text()),
            Value::Object(object) => self.object_text(object, &at),
            Value::Objects(objects) => self.objects_text(objects, &at),
            Value::Hpy => {
                Ok("hpy.heap() takes a heap, hpy.setref() makes later ones relative".into())
            }
            Value::Anything => Ok(String::new()),
        }
    }
}

/// A set from its first row on.
pub(super) fn top<'a>(set: Set<'a>, by: By) -> Value<'a> {
    Value::View(View {
        set,
        by,
        page: Page::Top,
    })
}
