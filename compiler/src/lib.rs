//! From the text of an update rule to its canonical form.
//!
//! ```text
//! .nos text ─► tokens ─► syntax ─► tree (checked rule) ─► canonical rule ─► key
//!   lexer      parser     check, formula, tokens          canonical
//! ```
//!
//! A [`Rule`] is what was written, with names resolved. [`primitive`] is the one table of operands and
//! functions; [`problem`] has every mistake that can be made. No I/O, no clock, no `unsafe`: the same
//! text gives the same result everywhere.

#![forbid(unsafe_code)]

#[cfg(feature = "arbitrary")]
pub mod arbitrary;
mod builder;
pub mod canonical;
mod check;
mod file;
mod formula;
mod lexer;
mod parser;
pub mod primitive;
pub mod print;
pub mod problem;
mod same;
pub mod scalar;
mod slip;
pub mod source;
mod suggest;
mod syntax;
mod tokens;
pub mod tree;

pub use file::{CompileErrors, RuleFile};
pub use parser::MAX_NESTING;
pub use suggest::nearest;
pub use tree::Rule;
