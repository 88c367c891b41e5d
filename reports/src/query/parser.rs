//! Tokens as a tree.

use super::QueryError;
use super::lexer::{Kind, Token, tokens};
use std::ops::Range;

/// How deep brackets may nest: the parser calls itself for each.
const DEPTH: usize = 64;

/// Operators from the loosest to the tightest, as in Python.
const PRECEDENCE: [char; 4] = ['|', '^', '&', '-'];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expr {
    pub(super) kind: ExprKind,
    pub(super) at: Range<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ExprKind {
    /// The whole heap.
    Heap,
    /// A set operator.
    Operator(char, Box<Expr>, Box<Expr>),
    /// A value and the steps taken from it.
    Steps(Box<Expr>, Vec<Step>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) kind: StepKind,
    pub(super) at: Range<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StepKind {
    Name(String),
    /// A name with a text in brackets, and where the text stands.
    Call(String, String, Range<usize>),
    Index(i64),
    Slice(Option<i64>, Option<i64>),
}

/// Reads a whole query.
pub(super) fn parse(text: &str) -> Result<Expr, QueryError> {
    let mut parser = Parser {
        text,
        tokens: tokens(text)?,
        at: 0,
    };
    let expr = parser.operators(0, DEPTH)?;
    match parser.peek() {
        Kind::End => Ok(expr),
        _ => Err(parser.wrong("the query should end here; sets are joined by & | - ^")),
    }
}

struct Parser<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    at: usize,
}

impl Parser<'_> {
    fn token(&self) -> &Token {
        // The last token is the end, and it is never passed.
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn peek(&self) -> &Kind {
        &self.token().kind
    }

    fn next(&mut self) -> Token {
        let token = self.token().clone();
        self.at += 1;
        token
    }

    fn wrong(&self, message: impl Into<String>) -> QueryError {
        QueryError::new(self.text, self.token().at.clone(), message)
    }

    fn sign(&mut self, sign: char) -> bool {
        let found = *self.peek() == Kind::Sign(sign);
        if found {
            self.at += 1;
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
        let mut left = self.operators(level + 1, depth)?;
        while self.sign(sign) {
            let right = self.operators(level + 1, depth)?;
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
                let inner = self.operators(0, depth - 1)?;
                self.expect(')', "to close the bracket")?;
                inner
            }
            Kind::Name(name) => {
                if name == "heap" || name == "_" {
                    self.next();
                } else {
                    steps.push(self.name()?);
                }
                Expr {
                    kind: ExprKind::Heap,
                    at: start.clone(),
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
                steps.push(self.name()?);
            } else if *self.peek() == Kind::Sign('[') {
                steps.push(self.index()?);
            } else {
                break;
            }
        }
        let end = steps.last().map_or(base.at.end, |step| step.at.end);
        Ok(Expr {
            kind: ExprKind::Steps(Box::new(base), steps),
            at: start.start..end,
        })
    }

    fn name(&mut self) -> Result<Step, QueryError> {
        let Kind::Name(name) = self.peek().clone() else {
            return Err(self.wrong(format!(
                "a name is missing here; there are {}",
                super::eval::allowed()
            )));
        };
        let token = self.next();
        if !self.sign('(') {
            return Ok(Step {
                kind: StepKind::Name(name),
                at: token.at,
            });
        }
        let Kind::Text(text) = self.peek().clone() else {
            return Err(self.wrong("a text in quotes is missing here, such as 'type&age'"));
        };
        let argument = self.next().at;
        let end = self.expect(')', "after the text")?;
        let kind = StepKind::Call(name, text, argument.start + 1..argument.end - 1);
        Ok(Step {
            kind,
            at: token.at.start..end,
        })
    }

    fn index(&mut self) -> Result<Step, QueryError> {
        let start = self.next().at.start;
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
                Ok(Some(if negative { -number } else { number }))
            }
            _ if negative => Err(self.wrong("a number is missing after the minus")),
            _ => Ok(None),
        }
    }
}
