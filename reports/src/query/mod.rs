//! The query language: `bytype[0].bysite`, as one would type it in Heapy.
//!
//! ```text
//! expr    := expr ('-' | '&' | '^' | '|') expr      sets, Python's precedence
//! expr    := '(' expr ')' step*  |  'heap' step*  |  NAME step*
//! step    := '.' NAME | '.by(' TEXT ')' | '.where(' TEXT ')' | '[' INT ']' | '[' INT? ':' INT? ']'
//! NAME    := bytype bysite … | more all top | oldest | count size
//! ```
//!
//! A query begins at the whole heap by type; `heap.` can be left out. Every
//! value is a set with the relation that it is shown by, so a row (`[0]`) keeps
//! its view's relation, as in Heapy. Indices count from 0, negative ones from
//! the end.

mod error;
mod eval;
mod lexer;
mod parser;

pub use error::QueryError;
pub use eval::{Answer, check, query};
