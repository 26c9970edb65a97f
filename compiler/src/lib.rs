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
#![warn(clippy::self_named_module_files)]

pub mod source;
mod lexer;
pub mod problem;
mod suggest;
mod recognizer;
pub mod primitive;
mod syntax;
mod parser;
pub mod tree;
mod same;
pub mod scalar;
pub mod random;
mod builder;
mod tokens;
mod formula;
mod check;
mod file;
pub mod outline;
pub mod line;
pub mod plain;
#[cfg(feature = "render")]
pub mod render;
mod schedule;
pub mod format;
pub mod print;
pub mod canonical;
pub mod counterexample;
pub mod space;
pub mod dedup;
#[cfg(feature = "arbitrary")]
pub mod arbitrary;

pub use file::{CompileErrors, RuleFile};
pub use parser::MAX_NESTING;
pub use suggest::nearest;
pub use tree::Rule;
