//! Tokens as a tree.

use super::QueryError;
use super::lexer::{Kind, Token, tokens};
use std::ops::Range;

/// How deep brackets may nest: the parser calls itself for each, and without optimisation
/// takes 14 KiB of stack for it (`hostile.rs` of the console's tests).
const DEPTH: usize = 16;

/// How many operators a query may have: an evaluator calls itself for each, with 4 KiB.
const OPERATORS: usize = 50;

/// Operators from the loosest to the tightest, as in Python.
const PRECEDENCE: [char; 4] = ['|', '^', '&', '-'];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expr {
    pub(crate) kind: ExprKind,
    pub(crate) at: Range<usize>,
}

impl Expr {
    /// Visits every name that an expression begins with, from left to right.
    pub(crate) fn words(&self, visit: &mut dyn FnMut(&str, &Range<usize>)) {
        self.each(&mut |expr| {
            if let ExprKind::Word(word) | ExprKind::Call(word, _) = &expr.kind {
                let at = expr.at.start..expr.at.start.saturating_add(word.len());
                visit(word, &at);
            }
        });
    }

    /// Visits this and all expressions inside it.
    pub(crate) fn each(&self, visit: &mut dyn FnMut(&Expr)) {
        visit(self);
        let mut inside = |arguments: &[Argument]| {
            for argument in arguments {
                if let Given::Expr(expr) = &argument.value {
                    expr.each(visit);
                }
            }
        };
        match &self.kind {
            ExprKind::Word(_) => {}
            ExprKind::Call(_, arguments) => inside(arguments),
            ExprKind::Operator(_, left, right) => {
                left.each(visit);
                right.each(visit);
            }
            ExprKind::Steps(base, steps) => {
                base.each(visit);
                for step in steps {
                    if let StepKind::Call(_, arguments) = &step.kind {
                        for argument in arguments {
                            if let Given::Expr(expr) = &argument.value {
                                expr.each(visit);
                            }
                        }
                    }
                }
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ExprKind {
    /// A name at the beginning: a variable, `heap`, or a step from the whole heap.
    Word(String),
    /// A function.
    Call(String, Vec<Argument>),
    /// A set operator.
    Operator(char, Box<Expr>, Box<Expr>),
    /// A value and the steps taken from it.
    Steps(Box<Expr>, Vec<Step>),
}

/// One argument of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Argument {
    /// The keyword before `=`.
    pub(crate) keyword: Option<String>,
    pub(crate) value: Given,
    /// Where the value stands; a text's without its quotes.
    pub(crate) at: Range<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// In quotes, or a glob.
    Text(String),
    Expr(Box<Expr>),
}

/// A whole line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The variable that is set, and where its name stands.
    pub(crate) sets: Option<(String, Range<usize>)>,
    pub(crate) expr: Expr,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) kind: StepKind,
    pub(crate) at: Range<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StepKind {
    /// A name, or the number of a field.
    Name(String),
    Call(String, Vec<Argument>),
    Index(i64),
    /// A map's key.
    Key(String),
    Slice(Option<i64>, Option<i64>),
}

/// Reads a whole query.
pub(super) fn parse(text: &str) -> Result<Expr, QueryError> {
    let mut parser = Parser::new(text)?;
    parser.whole()
}

/// Reads a line: a query, or a name that is set to one.
pub(crate) fn line(text: &str) -> Result<Line, QueryError> {
    let mut parser = Parser::new(text)?;
    let sets = match (parser.tokens.first(), parser.tokens.get(1)) {
        (Some(name), Some(sign)) if sign.kind == Kind::Sign('=') => {
            let Kind::Name(word) = &name.kind else {
                return Err(parser.wrong("only a name can be set, such as x = heap()"));
            };
            Some((word.clone(), name.at.clone()))
        }
        _ => None,
    };
    if sets.is_some() {
        parser.at = 2;
    }
    let expr = parser.whole()?;
    Ok(Line { sets, expr })
}

/// What stands between quotes.
fn inside(at: &Range<usize>) -> Range<usize> {
    at.start.saturating_add(1)..at.end.saturating_sub(1)
}

struct Parser<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    /// Where the text ends, which is a token as well.
    end: Token,
    at: usize,
    operators: usize,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str) -> Result<Self, QueryError> {
        Ok(Parser {
            text,
            tokens: tokens(text)?,
            end: Token {
                kind: Kind::End,
                at: text.len()..text.len(),
            },
            at: 0,
            operators: 0,
        })
    }

    fn whole(&mut self) -> Result<Expr, QueryError> {
        let expr = self.operators(0, DEPTH)?;
        match self.peek() {
            Kind::End => Ok(expr),
            _ => Err(self.wrong("the query should end here; sets are joined by & | - ^")),
        }
    }

    fn token(&self) -> &Token {
        self.tokens.get(self.at).unwrap_or(&self.end)
    }

    fn pass(&mut self, tokens: usize) {
        self.at = self.at.saturating_add(tokens);
    }

    fn peek(&self) -> &Kind {
        &self.token().kind
    }

    fn next(&mut self) -> Token {
        let token = self.token().clone();
        self.pass(1);
        token
    }

    fn wrong(&self, message: impl Into<String>) -> QueryError {
        QueryError::new(self.text, self.token().at.clone(), message)
    }

    fn sign(&mut self, sign: char) -> bool {
        let found = *self.peek() == Kind::Sign(sign);
        if found {
            self.pass(1);
        }
        found
    }

    fn expect(&mut self, sign: char, after: &str) -> Result<usize, QueryError> {
        let end = self.token().at.end;
        if self.sign(sign) {
            Ok(end)
        } else {
            Err(self.wrong(format!("expected '{sign}' {after}")))
        }
    }

    fn operators(&mut self, level: usize, depth: usize) -> Result<Expr, QueryError> {
        let Some(&sign) = PRECEDENCE.get(level) else {
            return self.value(depth);
        };
        let mut left = self.operators(level.saturating_add(1), depth)?;
        while self.sign(sign) {
            self.operators = self.operators.saturating_add(1);
            if self.operators > OPERATORS {
                return Err(self.wrong(format!("more than {OPERATORS} operators")));
            }
            let right = self.operators(level.saturating_add(1), depth)?;
            let at = left.at.start..right.at.end;
            left = Expr {
                kind: ExprKind::Operator(sign, Box::new(left), Box::new(right)),
                at,
            };
        }
        Ok(left)
    }

    fn value(&mut self, depth: usize) -> Result<Expr, QueryError> {
        let start = self.token().at.clone();
        let mut steps = Vec::new();
        let base = match self.peek().clone() {
            Kind::Sign('(') if depth == 0 => {
                return Err(self.wrong("too many brackets within each other"));
            }
            Kind::Sign('(') => {
                self.next();
                let inner = self.operators(0, depth.saturating_sub(1))?;
                self.expect(')', "to close the bracket")?;
                inner
            }
            Kind::Name(name) => {
                self.next();
                if self.sign('(') {
                    let (arguments, end) = self.arguments(depth)?;
                    Expr {
                        kind: ExprKind::Call(name, arguments),
                        at: start.start..end,
                    }
                } else {
                    Expr {
                        kind: ExprKind::Word(name),
                        at: start.clone(),
                    }
                }
            }
            Kind::End => return Err(self.wrong("a set is missing here, such as bytype[0] or heap")),
            _ => {
                return Err(
                    self.wrong("a set begins with heap, a relation such as bytype, or a bracket")
                );
            }
        };
        loop {
            if self.sign('.') {
                steps.push(self.name(depth)?);
            } else if *self.peek() == Kind::Sign('[') {
                steps.push(self.index()?);
            } else {
                break;
            }
        }
        let Some(end) = steps.last().map(|step| step.at.end) else {
            return Ok(base);
        };
        Ok(Expr {
            kind: ExprKind::Steps(Box::new(base), steps),
            at: start.start..end,
        })
    }

    fn name(&mut self, depth: usize) -> Result<Step, QueryError> {
        let name = match self.peek().clone() {
            Kind::Name(name) => name,
            Kind::Number(number) => number.to_string(),
            _ => {
                return Err(self.wrong(format!(
                    "a name is missing here; there are {}",
                    super::eval::allowed()
                )));
            }
        };
        let token = self.next();
        if !self.sign('(') {
            return Ok(Step {
                kind: StepKind::Name(name),
                at: token.at,
            });
        }
        let (arguments, end) = self.arguments(depth)?;
        Ok(Step {
            kind: StepKind::Call(name, arguments),
            at: token.at.start..end,
        })
    }

    /// The arguments behind an opening bracket, and where the closing one ends.
    fn arguments(&mut self, depth: usize) -> Result<(Vec<Argument>, usize), QueryError> {
        let mut arguments = Vec::new();
        if depth == 0 {
            return Err(self.wrong("too many brackets within each other"));
        }
        let end = self.token().at.end;
        if self.sign(')') {
            return Ok((arguments, end));
        }
        loop {
            let ahead = self
                .tokens
                .get(self.at.saturating_add(1))
                .map(|token| &token.kind);
            let keyword = match (self.peek().clone(), ahead) {
                (Kind::Name(name), Some(Kind::Sign('='))) => {
                    self.pass(2);
                    Some(name)
                }
                _ => None,
            };
            let at = self.token().at.clone();
            let (value, at) = match self.peek().clone() {
                Kind::Text(text) => {
                    self.next();
                    (Given::Text(text), inside(&at))
                }
                Kind::Type(text) => {
                    self.next();
                    (Given::Text(text), at)
                }
                _ => {
                    let expr = self.operators(0, depth.saturating_sub(1))?;
                    let at = expr.at.clone();
                    (Given::Expr(Box::new(expr)), at)
                }
            };
            arguments.push(Argument { keyword, value, at });
            if !self.sign(',') {
                let end = self.expect(')', "after the text")?;
                return Ok((arguments, end));
            }
        }
    }

    fn index(&mut self) -> Result<Step, QueryError> {
        let start = self.next().at.start;
        if let Kind::Text(key) = self.peek().clone() {
            self.next();
            let end = self.expect(']', "after the key")?;
            return Ok(Step {
                kind: StepKind::Key(key),
                at: start..end,
            });
        }
        let from = self.integer()?;
        let kind =
            if self.sign(':') {
                StepKind::Slice(from, self.integer()?)
            } else {
                StepKind::Index(from.ok_or_else(|| {
                    self.wrong("a row number is missing here, such as [0] or [0:3]")
                })?)
            };
        let end = self.expect(']', "after the row number; rows are [0] or [0:3]")?;
        Ok(Step {
            kind,
            at: start..end,
        })
    }

    fn integer(&mut self) -> Result<Option<i64>, QueryError> {
        let negative = self.sign('-');
        match *self.peek() {
            Kind::Number(number) => {
                self.next();
                Ok(Some(if negative {
                    number.saturating_neg()
                } else {
                    number
                }))
            }
            _ if negative => Err(self.wrong("a number is missing after the minus")),
            _ => Ok(None),
        }
    }
}
