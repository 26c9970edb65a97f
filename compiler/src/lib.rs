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
//!
//! # Example
//!
//! ```
//! use nosc_compiler::canonical::{CanonicalRule, Level, equivalent};
//! use nosc_compiler::{Rule, RuleFile};
//!
//! let rule = Rule::parse("exp(sign(g) * sign(m)) * g")?;
//! let other = Rule::parse("g * exp(sign(m) * sign(g))")?;
//! assert_eq!(CanonicalRule::new(&rule).key, CanonicalRule::new(&other).key); // the same bits
//! assert!(equivalent(&Rule::parse("g*(m + w)")?, &Rule::parse("m*g + g*w")?, Level::Real));
//!
//! let file = RuleFile::parse("rules.nos", "rule mine = sgn(g)\nrule other = m / v");
//! assert_eq!((file.rules.len(), file.problems.len()), (1, 1)); // all mistakes at once, each with its place
//! # Ok::<(), nosc_compiler::CompileErrors>(())
//! ```
//!
//! # Where to look
//!
//! | what | where |
//! |---|---|
//! | reading rules | [`Rule::parse`], [`Rule::from_tokens`], [`RuleFile`] |
//! | writing them | [`Rule::to_text`], [`Rule::to_tokens`], [`format`](format::format) |
//! | are two the same? | [`canonical`]; where do they differ? [`counterexample`]; how many are there really? [`dedup`] |
//! | random rules of a space | [`space`] |
//!
//! # Features
//!
//! * `render`: problems as a terminal shows them.
//! * `arbitrary`: generators of valid rules, for property tests and fuzzing.
//!
//! # What may change
//!
//! Enums of errors and of what came about may get more variants, structs of results more fields: they are
//! `non_exhaustive`. The enums of the language itself ([`primitive`], [`tree::Node`]) are not, so that whoever gives
//! them a meaning is told of a new one by the compiler: a new primitive is a new major version.

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
