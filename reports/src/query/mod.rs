//! The query language: `bytype[0].bysite`, as one would type it in Heapy.
//!
//! ```text
//! line     := (NAME '=')? expr                       a console's: sets a variable
//! expr     := expr ('-' | '&' | '^' | '|') expr      sets, Python's precedence
//! expr     := '(' expr ')' step*  |  NAME step*  |  NAME '(' args ')' step*
//! step     := '.' NAME | '.' INT | '.' NAME '(' args ')' | '[' INT ']' | '[' INT? ':' INT? ']'
//!             | '[' TEXT ']'                         the value that a map has for a key
//! args     := (NAME '=')? (TEXT | GLOB | expr), …    by('type&age')  prefs(ignore=*Spider)
//! NAME     := bytype bysite … | more all top | oldest | count size | a variable | a field
//! ```
//!
//! A query begins at the whole heap by type; `heap.` can be left out. A set has the
//! relation that it is shown by, so a row (`[0]`) keeps its view's relation, as in
//! Heapy. Indices count from 0, negative ones from the end. Other values are
//! objects (`get_oldest('Page')`), whose fields are steps, numbers and texts.
//!
//! A console's lines are read in the process that is profiled, where a panic may be its
//! end: nothing here panics, whatever is typed, and nothing calls itself deeper than
//! brackets and operators are allowed.
//!
//! There is one evaluator: `endler query` has a scope of one heap, a console's session
//! ([`crate::console`]) one of several heaps, with variables and memory.

#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unwrap_used
    )
)]

mod error;
mod eval;
mod functions;
mod lexer;
mod objects;
mod parser;
mod referring;
mod scope;
mod steps;
pub(crate) mod types;
pub(crate) mod words;

pub use error::QueryError;
pub use eval::{Answer, check, query};
pub(crate) use eval::{Evaluator, Mode, check_expr, check_names};
pub(crate) use parser::{Expr, ExprKind, Given, Line, StepKind, line};
pub(crate) use scope::{Known, Look, NoContents, Object, Objects, Scope, Value, View};
