//! The query language: `bytype[0].bysite`, as one would type it in Heapy.
//!
//! ```text
//! line     := (NAME '=')? expr                       a console's: sets a variable
//! expr     := expr ('-' | '&' | '^' | '|') expr      sets, Python's precedence
//! expr     := '(' expr ')' step*  |  NAME step*  |  NAME '(' args ')' step*
//! step     := '.' NAME | '.' INT | '.' NAME '(' args ')' | '[' INT ']' | '[' INT? ':' INT? ']'
//! args     := (NAME '=')? (TEXT | GLOB | expr), …    by('type&age')  prefs(ignore=*Spider)
//! NAME     := bytype bysite … | more all top | oldest | count size | a variable | a field
//! ```
//!
//! A query begins at the whole heap by type; `heap.` can be left out. A set has the
//! relation that it is shown by, so a row (`[0]`) keeps its view's relation, as in
//! Heapy. Indices count from 0, negative ones from the end. Other values are
//! objects (`get_oldest('Page')`), whose fields are steps, numbers and texts.
//!
//! There is one evaluator: `endler query` has a scope of one heap, a console's session
//! ([`crate::console`]) one of several heaps, with variables and memory.

mod error;
mod eval;
mod functions;
mod lexer;
mod objects;
mod parser;
mod referring;
mod scope;
mod steps;
mod types;
pub(crate) mod words;

pub use error::QueryError;
pub use eval::{Answer, check, query};
pub(crate) use eval::{Evaluator, Mode, check_expr, check_names};
pub(crate) use parser::{Expr, ExprKind, Given, Line, StepKind, line};
pub(crate) use scope::{Known, Look, Object, Objects, Scope, Value, View};
